"""The corpus as codif reads and splits it: src/training/split.rs and src/nomenclature/fold.rs, in Python's standard library."""

import csv
import hashlib
import itertools
import unicodedata
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "models/corpus/declarations.tsv"
NOMENCLATURE = ROOT / "nomenclature/naf2008.csv"


def lines(path=CORPUS):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def folded(text):
    """Lower case, no accents, no punctuation, one space between words."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.category(c).startswith("M"))
    letters = letters.lower().replace("œ", "oe").replace("æ", "ae")
    return " ".join("".join(c if c.isalnum() else " " for c in letters).split())


def split(code, cases):
    """Test, calibration and training lines: within each code the first tenth, the second, and the rest, in the order of the
    SHA-256 of the folded text. Equal folded texts stay together, where the first of them goes."""
    by_code = defaultdict(list)
    for line in cases:
        by_code[line[code]].append((hashlib.sha256(folded(line["description"]).encode()).digest(), line))
    parts = [], [], []
    for _, ordered in sorted(by_code.items()):
        ordered.sort(key=lambda pair: pair[0])
        tenth, place = len(ordered) // 10, 0
        for _, equal in itertools.groupby(ordered, key=lambda pair: pair[0]):
            equal = [line for _, line in equal]
            parts[0 if place < tenth else 1 if place < 2 * tenth else 2].extend(equal)
            place += len(equal)
    return parts


def titles():
    """The title of each sub-class of naf2008, by its code."""
    with NOMENCLATURE.open(encoding="utf-8", newline="") as file:
        return {line["code"]: line["title"] for line in csv.DictReader(file) if line["level"] == "sous-classe"}


def learnt():
    """What the models are trained on, as (code, folded text): the training part, and the title of each sub-class."""
    _, _, training = split("naf2008", lines())
    pairs = [(line["naf2008"], folded(line["description"])) for line in training]
    return pairs + [(code, folded(title)) for code, title in titles().items()]
