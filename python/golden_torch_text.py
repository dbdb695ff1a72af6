"""Makes two tiny torch-text models with weights drawn at random, and their golden answers, computed here in numpy.

    pip install numpy tokenizers
    python python/golden_torch_text.py

It first answers the cases of tests/data/torch-text/wordpiece-average, which another program computed, and stops where
it differs. Then it writes, beside it, ngram-concatenate (n-gram tokenizer, covariates appended one by one) and
wordpiece-sum (WordPiece, covariates added to the text).
"""

from __future__ import annotations

import csv
import json
import random
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch_text import Export, Ngrams, write_export

ROOT = Path(__file__).resolve().parent.parent
TITLES = ROOT / "nomenclature" / "naf2008.csv"
FOLDER = ROOT / "tests" / "data" / "torch-text"
SEED = 20250102
DIMENSION = 12
SURFACE_BINS = [0.0, 120, 400, 2499]
SPECIAL = ["[UNK]", "[PAD]", "[CLS]", "[SEP]"]
COVARIATES = {
    "CJ": ["NaN", "5710", "5499", "1000", "9220", "6540"],
    "NAT": ["99", "NaN", "04", "10", "12"],
    "TYP": ["C", "A", "M", "L", "NaN"],
    "SRF": ["0", "1", "2", "3"],
    "CRT": ["NaN", "P", "S"],
}
WORKED = """3 19 28 54 58 23 34 92 84 47 34 34 89 74 12 61 76 92 84 85 7 15 87 51 80 75 67 60 42 25 37 87 89 34 38
53 21 39 58 47 99 64 55 39 40 32 89 26 42 49 36 50 39 48 15 7 106 23 53 37 44 1 1 35 27 31 105 45 105 56 30 2"""
ODD_TEXTS = [
    "", "   ", "!!! … ---", "\U0001f950\U0001f468\u200d\U0001f373", "日本料理 レストラン", "a", "à b c",
    "œuvre d'art, Œnologie", "Straße ﬁnition n° 1 ½ ²", "cafe\u0301 cre\u0300me", "COIFFURE À DOMICILE",
    "commerce\u00a0de\u2003détail\tde\nfleurs", "commerce\0de\u200bdétail\ufffd", "extraordinairement" * 12,
    "culture de céréales " * 60, "boulangerie [PAD] [SEP] pâtisserie", "</s> [UNK] culture", "İstanbul ΑΣ",
]  # fmt: skip


def sub_classes() -> list[dict[str, str]]:
    with TITLES.open(encoding="utf-8", newline="") as file:
        return [line for line in csv.DictReader(file) if line["level"] == "sous-classe"]


def wordpiece(titles: list[str]) -> Tokenizer:
    """A WordPiece tokenizer of letters, frequent endings and frequent words; `[CLS]` is first, `[SEP]` last."""
    words = Counter(word for title in titles for word in re.findall(r"[a-z]+", Ngrams.cleaned(title)))
    endings = Counter(
        {f"##{word[-n:]}": count for word, count in words.items() for n in (2, 3, 4) if len(word) > n + 2}
    )
    letters = sorted({letter for word in words for letter in word})
    pieces = SPECIAL + list("',-.0123456789()") + letters + [f"##{letter}" for letter in letters]
    pieces += [word for word, _ in words.most_common(200) if len(word) > 1] + [
        end for end, _ in endings.most_common(100)
    ]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.enable_padding(pad_id=1, pad_token="[PAD]")
    return tokenizer


def ngrams(titles: list[str]) -> Ngrams:
    """An n-gram tokenizer that knows the most frequent words."""
    words = Counter(word for title in titles for word in Ngrams.cleaned(title).split())
    known = sorted(word for word, _ in words.most_common(120))
    return Ngrams(min_n=3, max_n=5, num_tokens=300, word_to_id={word: 3 + i for i, word in enumerate(known)})


def weights(rows: int, widths: list[int], sizes: list[int], classes: int, hidden: int) -> dict[str, np.ndarray]:
    """Weights of a model, drawn at random, by their names in the state_dict."""
    chance = np.random.default_rng(SEED)
    shapes = {f"categorical_variable_net.categorical_embedding_{i}.weight": s for i, s in enumerate(zip(sizes, widths))}
    shapes["token_embedder.embedding_layer.weight"] = (rows, DIMENSION)
    shapes["classification_head.net.weight"] = (classes, hidden)
    drawn = {name: chance.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return {**drawn, "classification_head.net.bias": chance.normal(size=classes).astype(np.float32)}


def forms() -> list[dict[str, Any]]:
    """What is coded: odd texts, then titles with covariates drawn at random, unknown values among them."""
    chance = random.Random(SEED)
    titles = [line["title"] for line in sub_classes()][::36]
    drawn = [
        {
            "description_activity": text,
            "type_form": chance.choice([None, "C", "A", "M", "Z"]),
            "nature": chance.choice([None, "99", "04", "inconnu"]),
            "surface": chance.choice([None, 0.0, 1.0, 119.5, 120.0, 399.0, 400.0, 2499.0]),
            "cj": chance.choice([None, "5710", "5499", "0000"]),
            "activity_permanence_status": chance.choice([None, "P", "S"]),
        }
        for text in titles + ODD_TEXTS[-8:]
    ]
    return [{"description_activity": text} for text in ODD_TEXTS] + drawn


def make_export(name: str, tokenizer: Tokenizer | Ngrams, features: list[str], dims: list[int] | None) -> Path:
    """Writes the model and its golden cases."""
    shuffled = [line["code"] for line in sub_classes()][::18]
    random.Random(SEED).shuffle(shuffled)
    hashed = isinstance(tokenizer, Ngrams)
    rows = tokenizer.size() if hashed else tokenizer.get_vocab_size()
    config = {
        "embedding_dim": DIMENSION,
        "categorical_embedding_dims": dims,
        "aggregation": "mean",
        "num_classes": len(shuffled),
        "padding_idx": 0 if hashed else 1,
        "vocab_size": rows,
        "surface_bins": SURFACE_BINS,
        "tokenizer": "ngram" if hashed else "wordpiece",
    }
    mappings = {
        "feature_order": features,
        "categorical": {name: {value: i for i, value in enumerate(COVARIATES[name])} for name in features},
        "labels": {code: i for i, code in enumerate(shuffled)},
    }
    sizes = [len(COVARIATES[name]) for name in features]
    hidden = DIMENSION + sum(dims or [])
    tensors = weights(rows, dims or [DIMENSION] * len(features), sizes, len(shuffled), hidden)
    write_export(FOLDER / name, config, mappings, tokenizer, tensors)
    export = Export.read(FOLDER / name)
    cases = [export.answer(form, form["description_activity"]) for form in forms()]
    text = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
    (FOLDER / name / "golden.jsonl").write_text(text, encoding="utf-8")
    return FOLDER / name


def check_worked_example() -> None:
    """Stops when a text does not give the tokens that were that another program worked out."""
    words = {word: 3 + i for i, word in enumerate(["boulanger", "coiffeur", "boucherie", "charcuterie"])}
    ids = Ngrams(min_n=3, max_n=6, num_tokens=100, word_to_id=words).ids("Boulanger-pâtissier n°1 œuvre")
    if ids != [int(i) for i in WORKED.split()]:
        sys.exit(f"the worked example gives {ids}")


def check_against(folder: Path) -> int:
    """Answers the golden cases of another program; stops at the first that differs."""
    export, count = Export.read(folder), 0
    for line in (folder / "golden.jsonl").read_text(encoding="utf-8").splitlines():
        case, count = json.loads(line), count + 1
        answer = export.answer(case["form"], case["text"])
        if any(answer[key] != case[key] for key in ("input_ids", "categorical_ids")):
            sys.exit(f"line {count} of {folder.name}: other tokens or covariates")
        pairs = list(zip(answer["top5_full_precision"], case["top5_full_precision"]))
        if not all(a == b and abs(p - q) < 1e-5 for (a, p), (b, q) in pairs):
            sys.exit(f"line {count} of {folder.name}: other codes or probabilities")
        if not np.allclose(answer["logits_first8"], case["logits_first8"], atol=1e-4):
            sys.exit(f"line {count} of {folder.name}: other logits")
    return count


def main() -> None:
    check_worked_example()
    count = check_against(FOLDER / "wordpiece-average")
    print(f"wordpiece-average: {count} cases of another program answered alike")
    titles = [line["title"] for line in sub_classes()]
    made = [
        make_export("ngram-concatenate", ngrams(titles), ["SRF", "CJ", "TYP"], [3, 5, 2]),
        make_export("wordpiece-sum", wordpiece(titles), ["CJ", "NAT", "TYP", "SRF", "CRT"], None),
    ]
    for folder in made:
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{folder.name}: {check_against(folder)} cases, {size} bytes")


if __name__ == "__main__":
    main()
