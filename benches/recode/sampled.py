"""Whether a file of coded rows says what `codif code` says: python sampled.py CODIF REGISTRY MODEL NOMENCLATURE FILE.

Draws rows, and gives their texts to `codif code --json`, one process for all that have the same form and nature. Prints one JSON
line: the rows drawn, how many of them have the same codes in the same order, the same decision and the same code given, and the
largest difference between two probabilities or gaps.
"""

import json
import os
import random
import subprocess
import sys
from collections import defaultdict

import pyarrow.parquet

SEED = 2027
ROWS = 200
COVARIATES = "form_type", "nature"


def drawn(file):
    table = pyarrow.parquet.read_table(file)
    places = random.Random(SEED).sample(range(table.num_rows), min(ROWS, table.num_rows))
    groups = defaultdict(list)
    for row in table.take(sorted(places)).to_pylist():
        groups[tuple(row[name] for name in COVARIATES)].append(row)
    return groups


def coded(codif, registry, model, values, texts):
    given = [f"--{name.replace('_', '-')}={value}" for name, value in zip(COVARIATES, values) if value is not None]
    command = [codif, "code", "--json", "--registry", registry, "--model", model, *given]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODIF_")}
    lines = "".join(f"{text}\n" for text in texts)
    said = subprocess.run(command, input=lines, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [json.loads(line) for line in said.splitlines()]


def compared(row, coding):
    """Whether codes and decision are the same, and how far apart the numbers are."""
    predictions = coding["predictions"]
    codes, probabilities = zip(*((prediction["code"], prediction["probability"]) for prediction in predictions))
    same = (row["codes"], row["decision"], row["code"]) == (list(codes), coding["decision"], coding["code"])
    numbers = zip([row["confidence_gap"], *row["probabilities"]], [coding["confidence_gap"], *probabilities])
    return same, max(abs(one - other) for one, other in numbers)


def main():
    codif, registry, model, nomenclature, file = sys.argv[1:]
    outcomes = []
    for values, rows in drawn(file).items():
        answers = coded(codif, registry, model, values, [row["description"] for row in rows])
        outcomes += [compared(row, answer["codings"][nomenclature]) for row, answer in zip(rows, answers, strict=True)]
    same, differences = zip(*outcomes)
    print(json.dumps({"rows": len(outcomes), "same": sum(same), "largest_difference": max(differences)}))


if __name__ == "__main__":
    main()
