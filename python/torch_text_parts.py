"""What a torchTextClassifiers model is made of, in the form that codif imports; used by export_torch_text.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

FIELDS = {"CJ": "cj", "NAT": "nature", "TYP": "type_form", "SRF": "surface", "CRT": "activity_permanence_status"}
EMBEDDING, HEAD = "token_embedder.embedding_layer.weight", "classification_head.net."
COVARIATE = "categorical_variable_net.categorical_embedding_"


class Refused(Exception):
    """Why a model is not exported."""


def network(loaded: Any) -> torch.nn.Module:
    """The module with the classification head inside what was loaded."""
    if isinstance(loaded, dict):
        raise Refused("the file holds weights without their model: give the folder that classifier.save() wrote")
    for _ in range(4):
        if isinstance(loaded, torch.nn.Module) and hasattr(loaded, "classification_head"):
            return loaded.float().eval()
        loaded = getattr(loaded, "pytorch_model", None) or getattr(loaded, "model", None)
    raise Refused("no TextClassificationModel in it: multi-level and other custom architectures are not exported")


def tensors_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights by name; refuses the variants that codif does not compute, each by its name."""
    weights = model.state_dict()
    names = {name.replace("text_embedder.", "token_embedder.", 1): tensor for name, tensor in weights.items()}
    if any("label_attention" in name for name in names):
        raise Refused("label attention (n_heads_label_attention) is not exported")
    if any(".transformer." in name for name in names):
        raise Refused("self-attention (attention_config) is not exported")
    if EMBEDDING not in names:
        raise Refused("no token embedding: a tokenizer that gives vectors (output_vectorized) is not exported")
    if f"{HEAD}weight" not in names:
        raise Refused("the classification head is not a single linear layer (nn.Sequential is not exported)")
    others = [n for n in names if n != EMBEDDING and not n.startswith((HEAD, COVARIATE))]
    if others:
        raise Refused(f"weights that codif does not know: {', '.join(others[:5])}")
    aggregation = getattr(getattr(model, "sentence_embedder", None), "aggregation_method", "mean")
    if aggregation != "mean":
        raise Refused(f"aggregation {aggregation!r} is not exported, only the mean")
    return {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in names.items()}


def encoder_mapping(encoder: Any) -> dict[str, int]:
    """Value to index, of a DictEncoder or of a LabelEncoder."""
    if hasattr(encoder, "mapping"):
        return {str(value): int(index) for value, index in encoder.mapping.items()}
    if hasattr(encoder, "classes_"):
        return {str(value): index for index, value in enumerate(encoder.classes_)}
    raise Refused(f"encoder {type(encoder).__name__} is not known, give --mappings")


def mappings_of(loaded: Any, file: Path | None, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The mappings of the file or of the model's value encoder, checked against the sizes of the weights."""
    encoder = getattr(loaded, "value_encoder", None)
    if file is not None:
        mappings = json.loads(file.read_text(encoding="utf-8"))
    elif encoder is None:
        raise Refused("the model holds no value encoder: give --mappings FILE {feature_order, categorical, labels}")
    else:
        categorical = {name: encoder_mapping(one) for name, one in (encoder.categorical_encoders or {}).items()}
        labels = encoder_mapping(encoder.label_encoder)
        mappings = {"feature_order": list(categorical), "categorical": categorical, "labels": labels}
    names = mappings["feature_order"]
    tables = [tensors[f"{COVARIATE}{i}.weight"] for i in range(sum(n.startswith(COVARIATE) for n in tensors))]
    if len(names) != len(tables):
        raise Refused(f"the mappings name {len(names)} covariates, the model has {len(tables)}")
    sizes = {name: len(table) for name, table in zip(names, tables)}
    for name, known in [*mappings["categorical"].items(), ("labels", mappings["labels"])]:
        rows = sizes.get(name, len(tensors[f"{HEAD}bias"]))
        if sorted(known.values()) != list(range(rows)):
            raise Refused(f"the mapping of {name} is not one value for each of the {rows} indices of the model")
        if name in sizes and not {"NaN", "0"} & known.keys():
            raise Refused(f"the mapping of {name} has no value NaN, which stands for a missing or unknown one")
    unknown = [name for name in names if name not in FIELDS]
    if unknown:
        raise Refused(f"covariates {', '.join(unknown)}: name them {', '.join(FIELDS)} in --mappings")
    return mappings


def write_tokenizer(tokenizer: Any, folder: Path) -> str:
    """Writes ngram.json or tokenizer.json; the kind of the tokenizer."""
    if hasattr(tokenizer, "word_to_id") and hasattr(tokenizer, "num_tokens"):
        if not getattr(tokenizer, "preprocess", True):
            raise Refused("an n-gram tokenizer without its cleaning (preprocess=False) is not exported")
        ngram = {name: getattr(tokenizer, name) for name in ("min_n", "max_n", "num_tokens", "word_to_id")}
        (folder / "ngram.json").write_text(json.dumps(ngram, ensure_ascii=False), encoding="utf-8")
        return "ngram"
    inner = getattr(tokenizer, "tokenizer", tokenizer)
    inner = getattr(inner, "backend_tokenizer", inner)
    if not hasattr(inner, "to_str"):
        raise Refused(f"tokenizer {type(tokenizer).__name__} is neither an n-gram nor a Hugging Face one")
    content = {**json.loads(inner.to_str()), "truncation": None, "padding": None}
    if content["model"]["type"] != "WordPiece":
        raise Refused(f"a tokenizer of type {content['model']['type']} is not exported, only WordPiece")
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return "wordpiece"


def covariate_dims(model: torch.nn.Module) -> int | list[int] | None:
    """How covariates join the text: None: added, a number: their mean appended, a list: each appended."""
    net = getattr(model, "categorical_variable_net", None)
    kind = None if net is None else net.forward_type.name
    if kind in (None, "SUM_TO_TEXT"):
        return None
    return net.output_dim if kind == "AVERAGE_AND_CONCAT" else list(net.categorical_embedding_dims)
