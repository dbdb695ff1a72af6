"""Makes tiny fastText models of every kind that codif reads, and the golden answers of fastText itself.

    pip install fasttext-numpy2-wheel numpy
    python python/golden_fasttext.py

writes tests/data/fasttext/NAME.bin or NAME.ftz and NAME.golden.jsonl, a line an input: {input, ids, top5, hidden,
all}. `ids` are the rows of the input matrix in order, found here from the file alone and checked against the hidden
vector of fastText; `hidden` is left out of a quantised model; `all`, every label that fastText gives, stands on some
lines of `hs`. Probabilities are fastText's own, unchanged. The models are trained on titles of NAF rév. 2: they are
not accurate.
"""

from __future__ import annotations

import csv
import ctypes
import json
import random
import re
import struct
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
from fasttext_rows import Dictionary

ROOT = Path(__file__).resolve().parent.parent
TITLES = ROOT / "nomenclature" / "naf2008.csv"
FOLDER = ROOT / "tests" / "data" / "fasttext"
SEED = 20250101


@dataclass
class Kind:
    """One model to make: its file, the number of its labels, and what fastText is told."""

    file: str
    labels: int
    training: dict[str, Any]
    prefix: str = "__label__"
    quantised: dict[str, Any] = field(default_factory=dict)
    version: int | None = None


HASHED = {"wordNgrams": 2, "minn": 3, "maxn": 4}
KINDS = [
    Kind("hs.bin", 60, {"loss": "hs", "dim": 8, "bucket": 800, **HASHED}),
    Kind("ns.bin", 30, {"loss": "ns", "dim": 7, "bucket": 701, "wordNgrams": 3, "minn": 2, "maxn": 3}),
    Kind("ova_prefix.bin", 30, {"loss": "ova", "epoch": 40, "dim": 9, "bucket": 500, **HASHED}, prefix="__ape__"),
    Kind("plain.bin", 40, {"loss": "softmax", "dim": 10, "bucket": 0, "wordNgrams": 1, "minn": 0, "maxn": 0}),
    Kind("minn1.bin", 30, {"loss": "softmax", "dim": 7, "bucket": 997, "wordNgrams": 2, "minn": 1, "maxn": 2}),
    Kind("version11.bin", 30, {"loss": "softmax", "dim": 12, "bucket": 400, **HASHED}, version=11),
    Kind("hs.ftz", 60, {"loss": "hs", "dim": 8, "bucket": 2000, **HASHED}, quantised={"dsub": 2}),
    Kind(
        "softmax_qout.ftz",
        300,
        {"loss": "softmax", "dim": 7, "bucket": 2000, "wordNgrams": 2, "minn": 3, "maxn": 3, "minCount": 6},
        quantised={"qout": True, "qnorm": True, "dsub": 2},
    ),
    Kind(
        "ova_cut.ftz",
        40,
        {"loss": "ova", "epoch": 40, "dim": 11, "bucket": 2000, **HASHED},
        quantised={"cutoff": 400, "retrain": True, "epoch": 5, "dsub": 3},
    ),
]


def sub_classes(count: int) -> list[dict[str, str]]:
    """As many sub-classes as asked, spread over the nomenclature."""
    with TITLES.open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["level"] == "sous-classe"]
    return [lines[i * len(lines) // count] for i in range(count)]


def training_text(kind: Kind) -> str:
    """Lines of a label, a title in lower case without punctuation, and covariates as tokens."""
    chance = random.Random(SEED)
    lines = []
    for sub_class in sub_classes(kind.labels):
        for title in (sub_class["title"], sub_class["title_65"], sub_class["title_40"]):
            words = " ".join(re.findall(r"\w+", title.lower()))
            covariates = f"AUTO_{chance.choice('ACLM')} NAT_SICORE_{chance.choice(['04', '10', 'NaN'])}"
            lines.extend([f"{kind.prefix}{sub_class['code']} {words} {covariates}"] * chance.choice([1, 2, 3]))
    chance.shuffle(lines)
    return "\n".join(lines) + "\n"


def inputs() -> list[str]:
    """The texts that are coded: some of inputs.txt, some titles, and odd ones."""
    lines = (FOLDER / "inputs.txt").read_text(encoding="utf-8").split("\n")[:-1]
    titles = [line["title"].lower() for line in sub_classes(60)][::6]
    return (
        lines[0:60:5]
        + lines[60:]
        + titles
        + [
            "boulangerie \U0001f950 pâtisserie \U0001f468\u200d\U0001f373",
            "cafe\u0301 cre\u0300me",
            "ŒUVRE Straße ﬁn",
            "日本料理 レストラン",
            "commerce\vde\vdétail",
            "commerce\u00a0de détail",
            "commerce\0de\0\0détail\r\f",
            "extraordinairement" * 18,
            "culture " * 40,
            "0111Z",
            "__label__0111Z",
            "__ape__0111Z culture de céréales",
            "__label__inconnu culture",
            "__ape__inconnu culture",
            "x__label__0111Z",
            "culture </s> de céréales",
            "culture </s>de céréales",
            "</s>",
            "< > <> </",
            "e\u0301",
            "\u0301",
            "\ufeffculture",
            "culture\u2028riz\u0085",
            "\t \v\r ",
        ]
    )


def number(value: float) -> float:
    return float(f"{value:.9g}")


def start_from_zeros() -> None:
    """Makes glibc clear what it hands out: with one thread fastText initialises but a tenth of its table."""
    m_perturb, complement_of_zero = -6, 0xFF
    ctypes.CDLL(None).mallopt(m_perturb, complement_of_zero)


def make_model(kind: Kind, lines: Path) -> Path:
    """Trains the model with one thread and a fixed seed, gives every row a little noise, and writes its file."""
    settings = {"epoch": 150, "lr": 0.5, "minCount": 1, "thread": 1, "seed": SEED, "verbose": 0, **kind.training}
    model = fasttext.train_supervised(str(lines), label=kind.prefix, **settings)
    table = model.get_input_matrix()
    noise = np.random.default_rng(SEED).uniform(-0.2, 0.2, table.shape).astype(np.float32)
    model.set_matrices(table + noise, model.get_output_matrix())
    if kind.quantised:
        model.quantize(input=str(lines), thread=1, verbose=0, **kind.quantised)
    path = FOLDER / kind.file
    model.save_model(str(path))
    if kind.version is not None:
        content = path.read_bytes()
        path.write_bytes(content[:4] + struct.pack("<i", kind.version) + content[8:])
    return path


def golden_case(model: Any, dictionary: Dictionary, text: str, dense: bool) -> dict[str, Any]:
    """What fastText answers, with the rows it takes; stops when those do not give its hidden vector."""
    ids, hidden = dictionary.text_rows(text), model.get_sentence_vector(text)
    mean = np.mean([model.get_input_vector(row) for row in ids], axis=0) if ids else np.zeros_like(hidden)
    if not np.allclose(mean, hidden, rtol=1e-5, atol=1e-6):
        sys.exit(f"the rows of {text[:60]!r} do not give fastText's hidden vector")
    labels, probabilities = model.predict(text, k=5)
    case = {"input": text, "ids": ids, "top5": [[la, number(p)] for la, p in zip(labels, probabilities)]}
    return {**case, "hidden": [number(value) for value in hidden]} if dense else case


def main() -> None:
    start_from_zeros()
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            lines = Path(folder) / "lines.txt"
            lines.write_text(training_text(kind), encoding="utf-8")
            path = make_model(kind, lines)
        model, dictionary = fasttext.load_model(str(path)), Dictionary(path.read_bytes())
        cases = [golden_case(model, dictionary, text, dense=path.suffix == ".bin") for text in inputs()]
        if kind.file == "hs.bin":
            for case in cases[::12]:
                case["all"] = [[la, number(p)] for la, p in zip(*model.predict(case["input"], k=-1))]
        golden = "".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n" for case in cases)
        golden_path = path.with_name(f"{kind.file}.golden.jsonl")
        golden_path.write_text(golden, encoding="utf-8")
        print(f"{kind.file}: {path.stat().st_size} bytes, {len(dictionary.words)} words, {len(cases)} cases checked")


if __name__ == "__main__":
    main()
