"""What ../spark.sh takes, read by each of its parts."""

import argparse
from pathlib import Path


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", action="append", default=[], help="how many, then where they are")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--codif", type=Path)
    parser.add_argument("--registry", type=Path)
    parser.add_argument("--workers", type=int)
    found = parser.parse_args()
    numbers = [int(rows) for rows in found.rows if rows.isdigit()]
    folders = [Path(rows) for rows in found.rows if not rows.isdigit()]
    found.count = 20_000 if found.quick else (numbers or [1_000_000])[0]
    found.folder = folders[0] if folders else None
    found.rounds = 1 if found.quick else found.rounds
    return found


def told(what, rows, seconds, more=""):
    """A line of the table."""
    print(f"{what:<44} {seconds:>8.2f} s {rows / seconds:>10,.0f} rows/s  {more}", flush=True)
