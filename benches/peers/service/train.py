"""Trains the model that app.py serves: python train.py FILE. Ten epochs: it is there to be served, not to be accurate."""

import csv
import sys
import tempfile
from pathlib import Path

import fasttext
from app import folded

CORPUS = Path(__file__).parents[3] / "models/corpus/declarations.tsv"
SETTINGS = dict(dim=100, epoch=10, lr=0.5, wordNgrams=2, minn=3, maxn=6, bucket=200_000, loss="softmax", thread=2, verbose=0)

with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as texts:
    with CORPUS.open(encoding="utf-8", newline="") as corpus:
        for line in csv.DictReader(corpus, delimiter="\t", quoting=csv.QUOTE_NONE):
            texts.write(f"__label__{line['naf2008']} {folded(line['description'])}\n")
    texts.flush()
    fasttext.train_supervised(texts.name, **SETTINGS).save_model(sys.argv[1])
