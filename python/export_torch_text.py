"""Exports a torchTextClassifiers model for `codif model import`: weights, tokenizer, mappings, golden cases.

    pip install safetensors        # beside torch and the torchTextClassifiers that trained the model
    python export_torch_text.py MODEL FOLDER [--mappings FILE] [--tokenizer FILE] [--texts FILE]

Take torch_text_parts.py along, in the same folder. MODEL is the folder that `classifier.save()` wrote, or a file in
which torch pickled the whole model. Reading a pickle runs what it holds: export only models that you trust. Where the
model is at hand: `export(classifier, Path("FOLDER"))`.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch_text_parts import (
    COVARIATE,
    EMBEDDING,
    FIELDS,
    HEAD,
    Refused,
    covariate_dims,
    mappings_of,
    network,
    tensors_of,
    write_tokenizer,
)

TEXTS = ["Boulangerie-pâtisserie", "COIFFURE A DOMICILE", "loueur en meublé non professionnel", "LMNP", "a",
         "Café-théâtre, bar à vins", "main-d'œuvre n° 1", "zzzz qqqq 日本 🙂", "vente de vêtements " * 40]  # fmt: skip


def load(path: Path) -> Any:
    """The classifier of a folder that the library saved, or the object of a pickled file."""
    if path.is_file():
        return torch.load(path, map_location="cpu", weights_only=False)
    if not path.is_dir():
        raise Refused(f"{path} is neither a folder nor a file")
    try:
        from torchTextClassifiers import torchTextClassifiers
    except ImportError as error:
        raise Refused(f"install torchTextClassifiers in the version that saved the model ({error})") from error
    if not hasattr(torchTextClassifiers, "load"):
        raise Refused("this torchTextClassifiers cannot load a folder; give the file of the pickled model instead")
    classifier = torchTextClassifiers.load(path, device="cpu")
    if not (hasattr(classifier, "lightning_module") or getattr(classifier, "_custom_model", False)):
        raise Refused(f"{path} holds no weights: saved before it was trained, or its checkpoint is missing")
    return classifier


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """The real tokens of a text, as the model's own tokenizer gives them."""
    if not hasattr(tokenizer, "tokenize"):
        return tokenizer.encode(text).ids
    output = tokenizer.tokenize([text])
    return output.input_ids[0][output.attention_mask[0] == 1].tolist()


def surface_class(surface: float | None, bins: list[float]) -> str:
    if surface is None or not bins[0] < surface <= bins[3]:
        return "0"
    return str(1 + sum(surface >= bound for bound in bins[1:3]))


def covariate_ids(form: dict[str, Any], mappings: dict[str, Any], bins: list[float]) -> list[int]:
    """The index of each covariate of a form; a missing or unknown value is NaN."""
    ids = []
    for name in mappings["feature_order"]:
        known, value = mappings["categorical"][name], form.get(FIELDS[name])
        value = surface_class(value, bins) if name == "SRF" else value
        ids.append(known[value] if value in known else known.get("NaN", known.get("0")))
    return ids


def expected_logits(tensors: dict[str, torch.Tensor], dims: Any, ids: list[int], covariates: list[int]) -> torch.Tensor:
    """What codif computes: normed tokens, their mean, the covariates, the norm of the whole, the layer."""
    norm = lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + torch.finfo(torch.float32).eps)  # noqa: E731
    text = norm(tensors[EMBEDDING][ids]).mean(0)
    vectors = [tensors[f"{COVARIATE}{i}.weight"][value] for i, value in enumerate(covariates)]
    if dims is None:
        hidden = text + sum(vectors)
    else:
        hidden = torch.cat([text, *vectors] if isinstance(dims, list) else [text, torch.stack(vectors).mean(0)])
    return tensors[f"{HEAD}weight"] @ norm(hidden) + tensors[f"{HEAD}bias"]


def forms(file: Path | None, mappings: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The forms of the golden cases: lines of the file, each a text or a JSON form, or those built in."""
    lines = TEXTS if file is None else file.read_text(encoding="utf-8").splitlines()
    for i, line in enumerate(lines):
        if line.startswith("{"):
            yield json.loads(line)
            continue
        values = {name: list(known)[i % len(known)] for name, known in mappings["categorical"].items() if name != "SRF"}
        drawn = {FIELDS[name]: None if value == "NaN" else value for name, value in values.items()}
        yield {"description_activity": line, "surface": [None, 50.0, 120.0, 400.0][i % 4], **drawn}


@torch.no_grad()
def golden_case(model: Any, tensors: dict[str, torch.Tensor], config: dict[str, Any], tokenizer: Any,
                mappings: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:  # fmt: skip
    """What the model itself answers; refuses when codif's computation gives other logits."""
    text = form["description_activity"]
    ids, covariates = token_ids(tokenizer, text), covariate_ids(form, mappings, config["surface_bins"])
    tokens = torch.tensor([ids])
    logits = model(tokens, torch.ones_like(tokens), torch.tensor([covariates], dtype=torch.long))[0]
    expected = expected_logits(tensors, config["categorical_embedding_dims"], ids, covariates)
    if not torch.allclose(logits, expected, rtol=1e-4, atol=1e-4):
        raise Refused(
            "the model computes otherwise than codif, as versions before 1.0.4 do: no norm before the last layer"
        )
    codes = {index: code for code, index in mappings["labels"].items()}
    best = torch.softmax(logits, 0).topk(min(5, len(codes)))
    return {
        "form": form,
        "text": text,
        "categorical_ids": covariates,
        "input_ids": ids,
        "top5_full_precision": [[codes[i], p] for i, p in zip(best.indices.tolist(), best.values.tolist())],
        "logits_first8": logits[:8].tolist(),
    }


def export(loaded: Any, folder: Path, mappings: Path | None = None, tokenizer: Any = None, texts: Path | None = None,
           bins: tuple[float, ...] = (0.0, 120, 400, 2499)) -> int:  # fmt: skip
    """Writes the folder; the number of golden cases."""
    model = network(loaded)
    tensors = tensors_of(model)
    if getattr(loaded, "ragged_multilabel", False):
        raise Refused("a multi-label model (ragged_multilabel) is not exported")
    tokenizer = tokenizer or getattr(loaded, "tokenizer", None) or getattr(model, "tokenizer", None)
    if tokenizer is None:
        raise Refused("the file holds no tokenizer: give --tokenizer FILE")
    known = mappings_of(loaded, mappings, tensors)
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "embedding_dim": tensors[EMBEDDING].shape[1],
        "categorical_embedding_dims": covariate_dims(model),
        "aggregation": "mean",
        "num_classes": len(tensors[f"{HEAD}bias"]),
        "padding_idx": getattr(tokenizer, "padding_idx", None),
        "vocab_size": len(tensors[EMBEDDING]),
        "surface_bins": list(bins),
        "tokenizer": write_tokenizer(tokenizer, folder),
    }
    cases = [golden_case(model, tensors, config, tokenizer, known, form) for form in forms(texts, known)]
    longest = getattr(tokenizer, "output_dim", None)
    if longest is not None:
        print(f"warning: the model cuts texts after {longest} tokens, codif does not", file=sys.stderr)
        cases = [case for case in cases if len(case["input_ids"]) < longest]
    save_file(tensors, str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    (folder / "mappings.json").write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
    lines = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
    (folder / "golden.jsonl").write_text(lines, encoding="utf-8")
    return len(cases)


def read_tokenizer(path: Path) -> Any:
    """A Hugging Face tokenizer.json, or a pickled tokenizer of the library."""
    if path.suffix == ".json":
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(path))
    with path.open("rb") as file:
        return pickle.load(file)


def main() -> None:
    parser = argparse.ArgumentParser(description="Exports a torchTextClassifiers model for `codif model import`.")
    parser.add_argument("model", type=Path, help="folder of classifier.save(), or file of a pickled model")
    parser.add_argument("folder", type=Path, help="where to write")
    parser.add_argument("--mappings", type=Path, help="JSON; default: the value encoder's")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json or pickle, when the model holds none")
    parser.add_argument("--texts", type=Path, help="golden cases, a text or a JSON form a line")
    parser.add_argument("--surface-bins", type=float, nargs=4, default=(0.0, 120, 400, 2499), metavar="M2")
    given = parser.parse_args()
    try:
        tokenizer = read_tokenizer(given.tokenizer) if given.tokenizer else None
        count = export(
            load(given.model), given.folder, given.mappings, tokenizer, given.texts, tuple(given.surface_bins)
        )
    except (Refused, OSError, ImportError, AttributeError, pickle.UnpicklingError) as reason:
        sys.exit(f"refused: {reason}")
    print(f"{given.folder}: {count} golden cases")


if __name__ == "__main__":
    main()
