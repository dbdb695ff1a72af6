"""What is in a file of coded rows: python written.py FILE [OTHER]. Prints one JSON line: its rows, those with an error, how many ids
there are, and with another file of the same rows the share whose first code is the same in both, ties included."""

import json
import sys
from pathlib import Path

import pyarrow.compute as compute
import pyarrow.csv
import pyarrow.parquet

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

from agreement import same_first  # noqa: E402


def columns(path):
    return pyarrow.csv.read_csv(path) if Path(path).suffix == ".csv" else pyarrow.parquet.read_table(path)


def agreeing(expected, given):
    """The share of rows with the same first code. Only the others are looked at one by one: most of those are ties."""
    first = [compute.list_element(table["codes"], 0) for table in (expected, given)]
    other = compute.invert(compute.equal(*first))
    rest = zip(*(table.filter(other).select(["codes", "probabilities"]).to_pylist() for table in (expected, given)))
    wrong = sum(not same_first(answer(one), answer(another)) for one, another in rest)
    return 1 - wrong / expected.num_rows


def answer(row):
    return {"label": row["codes"][0], "p": list(zip(row["codes"], row["probabilities"]))}


def main():
    table = columns(sys.argv[1])
    errors = [name for name in table.column_names if name == "error" or name.endswith("_error")]
    with_error = sum(compute.sum(compute.is_valid(table[name])).as_py() for name in errors)
    found = {"rows": table.num_rows, "errors": with_error, "ids": compute.count_distinct(table["id"]).as_py()}
    if len(sys.argv) > 2:
        other = columns(sys.argv[2])
        if other["id"] != table["id"]:
            sys.exit(f"{sys.argv[2]} has other rows than {sys.argv[1]}")
        found["same_first"] = agreeing(other, table)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
