"""Writes the files that are coded again: python rows.py DIRECTORY --rows N. The same ones each time.

    distinct.parquet   texts as those of ../peers/texts.py: pieces of lines of the corpus's test part put together and garbled, at
    distinct.csv       least 95 % of them another; what else is declared, and the code the row had, are those of the first line
    four.parquet       the rows of distinct four times over, each with an id of its own: does memory grow with the file?
    repeating.parquet  the corpus's own lines drawn as Zipf's law has it
    one.parquet        the first row of distinct: what a program takes before it codes
    one.csv
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import pyarrow
import pyarrow.csv
import pyarrow.parquet

PEERS = Path(__file__).resolve().parents[1] / "peers"
sys.path.insert(0, str(PEERS))

from corpus import CORPUS, folded, learnt, lines, split  # noqa: E402
from texts import ATTEMPTS, Writer, measured  # noqa: E402

DISTINCT = 0.95
MARK = "made-of.json"


class RowWriter(Writer):
    """Composes texts that keep the line they begin with."""

    def __init__(self, cases, known):
        super().__init__([folded(case["description"]) for case in cases], known)
        self.cases, self.lengths = cases, [len(source) for source in self.sources]

    def rows(self, count):
        seen = set()
        for _ in range(count):
            length = self.random.choice(self.lengths)
            for _ in range(ATTEMPTS):
                place = self.random.randrange(len(self.cases))
                text = " ".join(self.composed(length, self.sources[place]))
                if text not in seen:
                    break
            seen.add(text)
            yield text, self.cases[place]


def table(rows):
    """Of texts and the lines that they come from."""
    texts, cases = zip(*rows)
    columns = {"id": ids(len(texts)), "previous": [case["naf2008"] for case in cases]}
    columns |= {name: [case[name] or None for case in cases] for name in ("form_type", "nature")}
    return pyarrow.table(columns | {"description": list(texts)})


def ids(count):
    return pyarrow.array(range(1, count + 1))


def times(count, made):
    """The same rows so many times, each with an id of its own."""
    return pyarrow.concat_tables([made] * count).set_column(0, "id", ids(count * made.num_rows))


def write(directory, count):
    """Writes the files; gives what they turned out to be."""
    corpus = lines()
    cases = [case for case in split("naf2008", corpus)[0] if folded(case["description"])]
    known = {word for _, text in learnt() for word in text.split()}
    writer = RowWriter(cases, known)
    distinct = table(writer.rows(count))
    repeating = table([(folded(case["description"]), case) for case in writer.repeating(count, corpus)])
    told = [f"{'texts':<10} {'number':>7} {'distinct':>10} {'repeated':>10} {'unknown words':>14} {'words':>8} {'characters':>12}"]
    sets = {"(test)": [folded(case["description"]) for case in cases]}
    sets |= {name: made["description"].to_pylist() for name, made in (("distinct", distinct), ("repeating", repeating))}
    told += [measured(name, texts, known) for name, texts in sets.items()]
    share = len(set(sets["distinct"])) / count
    if share < DISTINCT:
        sys.exit(f"{100 * share:.1f} % of the texts are distinct, {100 * DISTINCT:.0f} % should be: take fewer rows")
    files = {"distinct": distinct, "four": times(4, distinct), "repeating": repeating, "one": distinct.slice(0, 1)}
    for name, made in files.items():
        pyarrow.parquet.write_table(made, directory / f"{name}.parquet", compression="zstd")
    for name in ("distinct", "one"):
        pyarrow.csv.write_csv(files[name], directory / f"{name}.csv")
    repeated = 1 - len(set(sets["repeating"])) / count
    return {"told": told, "distinct": share, "repeated": repeated}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rows", type=int, required=True)
    arguments = parser.parse_args()
    sources = [Path(__file__), PEERS / "texts.py", PEERS / "corpus.py", CORPUS]
    made_of = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    mark = arguments.directory / MARK
    if not (mark.exists() and json.loads(mark.read_text(encoding="utf-8"))["made_of"] == made_of):
        arguments.directory.mkdir(parents=True, exist_ok=True)
        mark.unlink(missing_ok=True)
        found = write(arguments.directory, arguments.rows)
        part = mark.with_suffix(".part")
        part.write_text(json.dumps({"made_of": made_of, **found}), encoding="utf-8")
        part.rename(mark)
    print(*json.loads(mark.read_text(encoding="utf-8"))["told"], sep="\n")


if __name__ == "__main__":
    main()
