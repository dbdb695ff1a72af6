"""Trains the models that the programs are measured with: python models.py DIRECTORY [--quick]. Needs the reference library.

    production.bin  as one made for the Sirene register: 180 dimensions, 2,000,000 buckets, one-vs-all, 1.5 GB
    small.bin       100 dimensions, 200,000 buckets, softmax
    small.ftz       the same, pruned and quantised

They learn from the corpus's training part and from the title of each sub-class, so each of the 732 is a label; in a random order,
for fastText takes the lines as they come and learns little from sorted ones. On one thread, so they come out the same each time;
a file is kept until its settings or the corpus change.
"""

import argparse
import hashlib
import random
import tempfile
from pathlib import Path

import fasttext
from corpus import learnt

SEED = 2027
COMMON = dict(lr=1.0, epoch=15, minCount=1, thread=1, verbose=0)
PRODUCTION = COMMON | dict(dim=180, bucket=2_000_000, wordNgrams=3, minn=3, maxn=4, loss="ova")
SMALL = COMMON | dict(dim=100, bucket=200_000, wordNgrams=2, minn=3, maxn=6, loss="softmax")
QUICK = dict(dim=20, bucket=20_000, epoch=5)
CUTOFF = {False: 100_000, True: 10_000}


def kept(directory, name, made_of, make):
    """Saves what `make` gives under this name, whole or not at all; made of something else, it is made again."""
    file, mark = directory / name, directory / f".{name}"
    state = repr(made_of)
    if not (file.exists() and mark.exists() and mark.read_text() == state):
        part = directory / f"{name}.part"
        make().save_model(str(part))
        part.rename(file)
        mark.write_text(state)
    print(f"{file}: {file.stat().st_size / 1e6:,.0f} MB", flush=True)
    return file


def quantised(file, texts, cutoff):
    model = fasttext.load_model(str(file))
    model.quantize(input=texts, qnorm=True, cutoff=cutoff)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--quick", action="store_true", help="smaller models, of fewer epochs")
    arguments = parser.parse_args()
    directory, smaller = arguments.directory, QUICK if arguments.quick else {}
    directory.mkdir(parents=True, exist_ok=True)
    pairs = learnt()
    random.Random(SEED).shuffle(pairs)
    lines = "".join(f"__label__{code} {text}\n" for code, text in pairs)
    digest = hashlib.sha256(lines.encode()).hexdigest()
    production, small, cutoff = PRODUCTION | smaller, SMALL | smaller, CUTOFF[arguments.quick]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as texts:
        texts.write(lines)
        texts.flush()
        trained = lambda settings: fasttext.train_supervised(texts.name, **settings)
        kept(directory, "production.bin", (digest, production), lambda: trained(production))
        file = kept(directory, "small.bin", (digest, small), lambda: trained(small))
        kept(directory, "small.ftz", (digest, small, cutoff), lambda: quantised(file, texts.name, cutoff))


if __name__ == "__main__":
    main()
