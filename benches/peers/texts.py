"""Writes the texts that the programs are measured on: python texts.py DIRECTORY [--quick]. The same ones each time.

    distinct.txt   pieces of lines of the corpus's test part put together and garbled: nearly every text is another, a tenth of
                   the words are in no model's vocabulary, and the lengths are those of the test part
    long.txt       the same, 60 to 200 words each
    repeating.txt  the corpus's own lines drawn as Zipf's law has it: the r-th most frequent with a weight of 1/r

The models learn from the training part: no text of the first two was seen. What the sets turned out to be is measured and
printed.
"""

import argparse
import itertools
import random
import string
from pathlib import Path

from corpus import folded, learnt, lines, split

SEED = 2027
UNKNOWN = 0.1  # share of the words
COUNTS = {"distinct": 10_000, "long": 1_000, "repeating": 20_000}
QUICK = {"distinct": 500, "long": 50, "repeating": 1_000}
LONG = 60, 200  # words
ATTEMPTS = 20


class Writer:
    """Composes texts out of the words of others."""

    def __init__(self, sources, known):
        self.random = random.Random(SEED)
        self.sources, self.known = [source.split() for source in sources], known
        words = [word for source in self.sources for word in source]
        already = sum(word not in known for word in words) / len(words)
        self.garbled = (UNKNOWN - already) / (1 - already)

    def composed(self, length, first=None):
        """So many words: a stretch of a line, of this one if it is given, then of another, until there are enough."""
        words = []
        while len(words) < length:
            source, first = first or self.random.choice(self.sources), None
            start = self.random.randrange(len(source))
            words += source[start : start + self.random.randint(1, length - len(words))]
        return [self.garble(word) if word in self.known and self.random.random() < self.garbled else word for word in words]

    def garble(self, word):
        """Typing errors, one after the other, until no model knows the word."""
        for _ in range(ATTEMPTS):
            word = self.mistyped(word)
            if word not in self.known:
                break
        return word

    def mistyped(self, word):
        """A letter left out, typed twice, replaced, or exchanged with the next one."""
        place = self.random.randrange(len(word))
        before, letter, after = word[:place], word[place], word[place + 1 :]
        other = self.random.choice(string.ascii_lowercase)
        choices = [before + letter * 2 + after, before + other + after, before + after[:1] + letter + after[1:]]
        return self.random.choice(choices + [before + after] * (len(word) > 1))

    def distinct(self, count, lengths):
        """One text for each length that is drawn, another than those before it where some attempts find one."""
        texts, seen = [], set()
        for _ in range(count):
            length = self.random.choice(lengths)
            for _ in range(ATTEMPTS):
                text = " ".join(self.composed(length))
                if text not in seen:
                    break
            seen.add(text)
            texts.append(text)
        return texts

    def repeating(self, count, texts):
        texts = self.random.sample(texts, len(texts))
        weights = list(itertools.accumulate(1 / rank for rank in range(1, len(texts) + 1)))
        return self.random.choices(texts, cum_weights=weights, k=count)


def measured(name, texts, known):
    words = [text.split() for text in texts]
    flat = list(itertools.chain.from_iterable(words))
    distinct, unknown = len(set(texts)) / len(texts), sum(word not in known for word in flat) / len(flat)
    length, characters = len(flat) / len(texts), sum(map(len, texts)) / len(texts)
    return (
        f"{name:<10} {len(texts):>7,} {100 * distinct:>8.1f} % {100 * (1 - distinct):>8.1f} % {100 * unknown:>12.1f} % "
        f"{length:>8.1f} {characters:>12.1f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--quick", action="store_true", help="few texts")
    arguments = parser.parse_args()
    counts = QUICK if arguments.quick else COUNTS
    corpus = lines()
    test = [text for line in split("naf2008", corpus)[0] if (text := folded(line["description"]))]
    known = {word for _, text in learnt() for word in text.split()}
    writer = Writer(test, known)
    sets = {
        "distinct": writer.distinct(counts["distinct"], [len(text.split()) for text in test]),
        "long": writer.distinct(counts["long"], range(LONG[0], LONG[1] + 1)),
        "repeating": writer.repeating(counts["repeating"], [folded(line["description"]) for line in corpus]),
    }
    arguments.directory.mkdir(parents=True, exist_ok=True)
    print(f"{'texts':<10} {'number':>7} {'distinct':>10} {'repeated':>10} {'unknown words':>14} {'words':>8} {'characters':>12}")
    print(measured("(test)", test, known))
    for name, texts in sets.items():
        (arguments.directory / f"{name}.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        print(measured(name, texts, known))


if __name__ == "__main__":
    main()
