"""What a torch-text export answers, in numpy, and how such a folder is written. numpy and tokenizers only."""

from __future__ import annotations

import json
import re
import struct
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

FIELDS = {"CJ": "cj", "NAT": "nature", "TYP": "type_form", "SRF": "surface", "CRT": "activity_permanence_status"}
MARKS = dict.fromkeys(range(0x300, 0x370))
UNKNOWN, END, FIRST_WORD = 1, 2, 3


@dataclass
class Ngrams:
    """The n-gram tokenizer: a known word's own id, then its n-grams hashed into buckets, shorter ones first."""

    min_n: int
    max_n: int
    num_tokens: int
    word_to_id: dict[str, int]

    def size(self) -> int:
        return FIRST_WORD + len(self.word_to_id) + self.num_tokens

    @staticmethod
    def cleaned(text: str) -> str:
        plain = unicodedata.normalize("NFKD", text.lower()).translate(MARKS)
        return re.sub(r"[^a-z0-9]+", " ", plain).strip()

    def word_ids(self, word: str) -> list[int]:
        whole = f"<{word}>"
        spans = [whole[i : i + n] for n in range(self.min_n, self.max_n + 1) for i in range(len(whole) - n + 1)]
        grams = [gram for gram in spans if gram not in (word, whole)]
        own = [self.word_to_id[word]] if word in self.word_to_id else []
        first_bucket = FIRST_WORD + len(self.word_to_id)
        return own + [first_bucket + fnv1a(gram) % self.num_tokens for gram in grams] or [UNKNOWN]

    def ids(self, text: str) -> list[int]:
        return [i for word in self.cleaned(text).split() for i in self.word_ids(word)] + [END]


def fnv1a(text: str) -> int:
    """32-bit FNV-1a over code points."""
    value = 2166136261
    for character in text:
        value = ((value ^ ord(character)) * 16777619) % 2**32
    return value


def normed(values: np.ndarray) -> np.ndarray:
    """RMSNorm without weights, over the last axis."""
    return values / np.sqrt(np.mean(values**2, axis=-1, keepdims=True) + np.finfo(np.float32).eps)


@dataclass
class Export:
    """A folder of an exported model, ready to answer."""

    config: dict[str, Any]
    mappings: dict[str, Any]
    tokenizer: Tokenizer | Ngrams
    tensors: dict[str, np.ndarray]

    @staticmethod
    def read(folder: Path) -> Export:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        mappings = json.loads((folder / "mappings.json").read_text(encoding="utf-8"))
        if config.get("tokenizer") == "ngram":
            tokenizer: Tokenizer | Ngrams = Ngrams(**json.loads((folder / "ngram.json").read_text(encoding="utf-8")))
        else:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        return Export(config, mappings, tokenizer, read_tensors(folder / "model.safetensors"))

    def covariate_id(self, name: str, form: dict[str, Any]) -> int:
        known, value = self.mappings["categorical"][name], form.get(FIELDS[name])
        if name == "SRF":
            return known[str(surface_class(value, self.config["surface_bins"]))]
        return known.get(value, known["NaN"])

    def logits(self, ids: list[int], covariates: list[int]) -> np.ndarray:
        tensors = self.tensors
        text = normed(tensors["token_embedder.embedding_layer.weight"][ids]).mean(axis=0)
        names = [f"categorical_variable_net.categorical_embedding_{i}.weight" for i in range(len(covariates))]
        vectors = [tensors[name][value] for name, value in zip(names, covariates)]
        dims = self.config["categorical_embedding_dims"]
        if dims is None:
            hidden = text + sum(vectors)
        else:
            hidden = np.concatenate([text, *vectors] if isinstance(dims, list) else [text, np.mean(vectors, axis=0)])
        return tensors["classification_head.net.weight"] @ normed(hidden) + tensors["classification_head.net.bias"]

    def answer(self, form: dict[str, Any], text: str) -> dict[str, Any]:
        """A golden case."""
        ids = self.tokenizer.ids(text) if isinstance(self.tokenizer, Ngrams) else self.tokenizer.encode(text).ids
        covariates = [self.covariate_id(name, form) for name in self.mappings["feature_order"]]
        logits = self.logits(ids, covariates)
        exponentials = np.exp(logits - logits.max())
        probabilities = exponentials / exponentials.sum()
        codes = {index: code for code, index in self.mappings["labels"].items()}
        best = np.argsort(-probabilities, kind="stable")[:5]
        return {
            "form": form,
            "text": text,
            "categorical_ids": covariates,
            "input_ids": ids,
            "top5_full_precision": [[codes[int(i)], float(probabilities[i])] for i in best],
            "logits_first8": [float(value) for value in logits[:8]],
        }


def surface_class(surface: float | None, bins: list[float]) -> int:
    """The class of a surface, 0 when it is missing or outside the bins: the old rule, which ends at the last bin."""
    if surface is None or not bins[0] < surface <= bins[3]:
        return 0
    return 1 + sum(surface >= bound for bound in bins[1:3])


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The f32 tensors of a safetensors file, in f64."""
    content = path.read_bytes()
    start = 8 + struct.unpack_from("<Q", content)[0]
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, tensor in header.items():
        first, last = tensor["data_offsets"]
        values = np.frombuffer(content[start + first : start + last], "<f4")
        tensors[name] = values.reshape(tensor["shape"]).astype(np.float64)
    return tensors


def tensors_file(tensors: dict[str, np.ndarray]) -> bytes:
    """A safetensors file of f32 tensors in the order of their names."""
    header, data = {}, b""
    for name, tensor in sorted(tensors.items()):
        numbers = tensor.astype("<f4").tobytes()
        offsets = [len(data), len(data) + len(numbers)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        data += numbers
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def write_export(
    folder: Path,
    config: dict[str, Any],
    mappings: dict[str, Any],
    tokenizer: Tokenizer | Ngrams,
    tensors: dict[str, np.ndarray],
) -> None:
    """Writes a folder that `Export.read` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(tensors_file(tensors))
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (folder / "mappings.json").write_text(json.dumps(mappings) + "\n", encoding="utf-8")
    if isinstance(tokenizer, Ngrams):
        (folder / "ngram.json").write_text(json.dumps(asdict(tokenizer)) + "\n", encoding="utf-8")
    else:
        (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8")
