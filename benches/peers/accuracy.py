"""Trains the reference fastText library on the texts codif is trained on, and measures both on the same lines.

python accuracy.py --codif target/release/codif --split naf2008=DIR --split naf2025=DIR [--also FILE]

Each DIR holds test.tsv, calibration.tsv and training.tsv as `codif train … --write-split DIR` writes them. The reference
learns from training and calibration together: everything that is not test. It is measured three ways: on the text as
typed, on the text in lower case without accents and punctuation, and on that with the covariates as tokens.
codif is measured by the version in the registry's production. That version was trained once more on all lines, test included:
`codif evaluate` on the test part would measure what it has learnt by heart. So its test figures are those of its manifest,
measured before that, and `codif evaluate` runs on the other file only.
"""

import argparse
import json
import random
import subprocess
import tempfile
import time
from pathlib import Path

import fasttext
from corpus import folded, lines

SEED = 2027
SETTINGS = dict(dim=100, epoch=50, lr=0.5, wordNgrams=2, minn=3, maxn=6, bucket=200_000, loss="softmax", thread=2, verbose=0)

VARIANTS = {
    "as typed": lambda line: " ".join(line["description"].split()),
    "folded": lambda line: folded(line["description"]),
    "folded + covariates": lambda line: f"{folded(line['description'])} FORM_{line['form_type']} NATURE_{line['nature']}",
}


def reference(training, measured, code, text, **settings):
    """Seconds of training, and (top-1, top-5) on each list of lines. fastText takes the lines as they come, and learns less from
    sorted ones, as those of a split are: it is given them in a random order."""
    training = random.Random(SEED).sample(training, len(training))
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(f"__label__{line[code]} {text(line)}\n" for line in training)
        file.flush()
        start = time.perf_counter()
        model = fasttext.train_supervised(file.name, **SETTINGS | settings)
        seconds = time.perf_counter() - start
    figures = []
    for cases in measured:
        ranks = []
        for line in cases:
            labels = [label.removeprefix("__label__") for label in model.predict(text(line), k=5)[0]]
            ranks.append(labels.index(line[code]) if line[code] in labels else 5)
        figures.append((sum(rank == 0 for rank in ranks) / len(ranks), sum(rank < 5 for rank in ranks) / len(ranks)))
    return seconds, figures


def codif_top_k(figures):
    top = {entry["k"]: entry["accuracy"] for entry in figures["top_k"]}
    return top[1], top[5]


def codif(binary, nomenclature, also):
    run = lambda *arguments: json.loads(subprocess.run([binary, *arguments], check=True, capture_output=True).stdout)
    model = f"ape-{nomenclature}"
    figures = [codif_top_k(run("model", "show", model, "--json")["metrics"])]
    if also:
        figures.append(codif_top_k(run("evaluate", "--model", model, also, "--json")))
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", action="append", required=True, metavar="NOMENCLATURE=DIR")
    parser.add_argument("--also", metavar="FILE")
    parser.add_argument("--codif", metavar="BINARY")
    arguments = parser.parse_args()
    print("fastText learns from training.tsv and calibration.tsv together: everything that is not test.", flush=True)
    if arguments.codif:
        print("codif on test: as its manifest says, weights learnt from training.tsv, before the last fit on all lines (with test).")
        print("codif on the other file: the version in production, after that fit. It also learns the nomenclature's titles.")
    print(f"{'nomenclature':<13} {'program':<32} {'test top-1':>10} {'top-5':>7}  {'other top-1':>11} {'top-5':>7}  training")
    for split in arguments.split:
        nomenclature, directory = split.split("=", 1)
        part = lambda name: lines(Path(directory) / f"{name}.tsv")
        training = part("training") + part("calibration")
        measured = [part("test")] + ([lines(arguments.also)] if arguments.also else [])
        rows = [
            (f"fastText, {name}", *reference(training, measured, nomenclature, text)) for name, text in VARIANTS.items()
        ]
        if arguments.codif:
            rows.append(("codif", None, codif(arguments.codif, nomenclature, arguments.also)))
        for name, seconds, figures in rows:
            cells = "  ".join(f"{100 * top1:>10.1f} {100 * top5:>7.1f}" for top1, top5 in figures)
            print(f"{nomenclature:<13} {name:<32} {cells}  {f'{seconds:.0f} s' if seconds else ''}", flush=True)


if __name__ == "__main__":
    main()
