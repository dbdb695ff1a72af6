"""Trains codif and the reference fastText library alike, and prints seconds and test accuracy side by side.

python training.py --codif target/release/codif [--threads N…] [--epochs N] [--rounds N]

Alike: accuracy.py's settings, the folded texts of the corpus without covariates, naf2008, learning from the training part and
nothing else. What codif has beside these (titles, dropout, typing errors, fewer rows) is turned off. codif's seconds are those of
the whole command: it also reads the corpus, measures after each epoch, calibrates and writes the version. The reference's are
those of the training alone. In each round both take turns; seconds are medians, accuracies those of the first round.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from accuracy import SETTINGS, codif_top_k, reference
from corpus import folded, lines, split

CODE = "naf2008"
TURNED_OFF = ["word-dropout", "typing-errors", "covariate-dropout", "label-smoothing", "tree-sharing", "title-copies"]


def flags(epochs, threads):
    """SETTINGS as `codif train` has them."""
    values = {
        "dimension": SETTINGS["dim"],
        "epochs": epochs,
        "learning-rate": SETTINGS["lr"],
        "loss": SETTINGS["loss"],
        "shortest-subword": SETTINGS["minn"],
        "longest-subword": SETTINGS["maxn"],
        "longest-word-ngram": SETTINGS["wordNgrams"],
        "buckets": SETTINGS["bucket"],
        "minimum-count": 1,
        "most-rows": 1_000_000,
        "threads": threads,
    }
    values |= dict.fromkeys(TURNED_OFF, 0)
    return [part for name, value in values.items() for part in (f"--{name}", str(value))]


def codif(binary, corpus, epochs, threads):
    """Seconds of the whole command, and (top-1, top-5) on the test part."""
    with tempfile.TemporaryDirectory() as registry:
        named = ["--name", "trained", "--nomenclature", CODE, "--registry", registry]
        start = time.perf_counter()
        subprocess.run([binary, "train", corpus, *named, *flags(epochs, threads)], check=True, capture_output=True)
        seconds = time.perf_counter() - start
        show = [binary, "model", "show", "trained", "--json", "--registry", registry]
        manifest = json.loads(subprocess.run(show, check=True, capture_output=True).stdout)
    return seconds, [codif_top_k(manifest["metrics"])]


def write(corpus, path):
    text = "".join(f"{line[CODE]}\t{folded(line['description'])}\n" for line in corpus)
    path.write_text(f"{CODE}\tdescription\n{text}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codif", required=True, metavar="BINARY")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=int, default=SETTINGS["epoch"])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    corpus = lines()
    test, _, training = split(CODE, corpus)
    text = lambda line: folded(line["description"])
    runs = {}
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "corpus.tsv"
        write(corpus, file)
        for turn, threads in itertools.product(range(options.rounds), options.threads):
            alike = dict(epoch=options.epochs, thread=threads)
            programs = {
                "fastText": lambda: reference(training, [test], CODE, text, **alike),
                "codif": lambda: codif(options.codif, file, options.epochs, threads),
            }
            for program, train in programs.items():
                seconds, figures = train()
                print(f"round {turn + 1}, threads {threads}: {program}, {seconds:.1f} s", file=sys.stderr)
                runs.setdefault((threads, program), []).append((seconds, figures))
    print(f"{options.epochs} epochs, {len(training):,} lines, {len(test):,} test lines; {options.rounds} rounds\n")
    print("| threads | program | seconds | × reference | test top-1 | top-5 |\n|---:|---|---:|---:|---:|---:|")
    for (threads, program), rounds in runs.items():
        seconds, beside = (statistics.median(run[0] for run in runs[threads, one]) for one in (program, "fastText"))
        top1, top5 = rounds[0][1][0]
        speed = beside / seconds
        print(f"| {threads} | {program} | {seconds:.1f} | {speed:.2f} | {100 * top1:.1f} % | {100 * top5:.1f} % |")


if __name__ == "__main__":
    main()
