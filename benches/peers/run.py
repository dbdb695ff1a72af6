"""Compares codif with the reference fastText library and its forks: same texts, same model files, in turns, in one run.

run.sh calls it: --program names a Python for each of peer.py's programs, --target is where cargo puts what it builds. In each
round the programs take turns at each case; the figures are medians over the rounds. In the first round the answers of each are
compared with the reference's. A program that cannot be run is left out, and the output says so.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

from agreement import agreement
from programs import CORES, Case, Codif, Peer, Unusable, measured

REFERENCE = "fasttext"
MODELS = ["production.bin", "small.bin", "small.ftz"]
ONE = Case("distinct", "batch", 1)
ALL = Case("distinct", "batch", len(CORES))
CASES = [
    ONE,
    Case("distinct", "single", 1),
    ALL,
    Case("distinct", "single", len(CORES)),
    Case("long", "batch", 1),
    Case("long", "batch", len(CORES)),
    Case("repeating", "batch", 1),
]
CASES = list(dict.fromkeys(CASES))  # With one core, all of them are one thread.


def usable(programs, model):
    ready, reasons = [], {}
    for program in programs:
        try:
            program.prepare(model)
            ready.append(program)
        except Unusable as reason:
            reasons.setdefault(str(reason), program.name)
    for reason, name in reasons.items():
        print(f"{name}: {reason}", flush=True)
    return ready


def compared(programs, model, options):
    """A row for each case and program. The reference is the first of the first round."""
    programs, found, agreed, right = usable(programs, model), {}, {}, {}
    for turn in range(options.rounds):
        first = turn % len(programs)
        for case, program in itertools.product(CASES, programs[first:] + programs[:first]):
            if program not in programs or not program.measures(case):
                continue
            print(f"{model.name}, round {turn + 1}: {described(case)}, {program.name}", file=sys.stderr)
            try:
                figures, given = one_turn(program, model, case, options, with_answers=turn == 0)
                if given:
                    agreed[case, program.name] = agreement(right.setdefault(case.kind, given), given)
            except (Unusable, ValueError, LookupError) as reason:
                if program.name == REFERENCE:
                    raise
                print(f"{program.name}: left out of {model.name} from here on: {reason}", flush=True)
                programs.remove(program)
                continue
            found.setdefault((case, program.name), []).append(figures)
    return [
        {"model": model.name, "case": case, "program": name, **medians(rounds), **agreed[case, name], "rounds": rounds}
        for (case, name), rounds in sorted(found.items(), key=lambda measured: CASES.index(measured[0][0]))
    ]


def one_turn(program, model, case, options, with_answers):
    texts = options.data / "texts" / f"{case.kind}.txt"
    with tempfile.TemporaryDirectory() as directory:
        answers = Path(directory) / "answers" if with_answers else None
        figures = measured(program, model, texts, case, options.seconds, answers)
        return figures, [json.loads(line) for line in answers.open(encoding="utf-8")] if answers else []


def medians(rounds):
    """Of each figure; of those that have parts, such as the stages, of each part."""

    def median(figures):
        return medians(figures) if isinstance(figures[0], dict) else statistics.median(figures)

    return {name: median([figures[name] for figures in rounds]) for name in rounds[0]}


def described(case):
    return f"{case.kind}, {case.mode}, {case.threads} thread{'s' * (case.threads > 1)}"


def print_speeds(rows):
    """Of one model."""
    reference = {row["case"]: row for row in rows if row["program"] == REFERENCE}
    columns = ["labels/s", "µs a text", "× reference", "same first", "agree", "largest difference"]
    print("\n| model | texts, mode, threads | program |", *(f"{column} |" for column in columns))
    print("|---|---|---|" + "---:|" * len(columns))
    for row in rows:
        print(
            f"| {row['model']} | {described(row['case'])} | {row['program']} | {row['labels_per_second']:,.0f} "
            f"| {row['microseconds']:,.1f} | {ratio(row, reference[row['case']]):.2f} "
            f"| {100 * row['same_first']:.2f} % | {100 * row['agree']:.2f} % | {row['largest_difference']:.1e} |"
        )


def ratio(row, reference):
    """Of speeds: the median of what it was in each round, for what else the machine does changes between rounds."""
    speeds = zip(row["rounds"], reference["rounds"])
    return statistics.median(one["labels_per_second"] / other["labels_per_second"] for one, other in speeds)


def print_loading(rows):
    """Of all models; the files are in the page cache by then."""
    print("\n| model | program | loading, s | resident, MiB | in a batch on all cores, MiB |\n|---|---|---:|---:|---:|")
    everywhere = {(row["model"], row["program"]): row["resident_bytes"] for row in rows if row["case"] == ALL}
    for row in rows:
        if row["case"] == ONE:
            sizes = row["resident_bytes"], everywhere.get((row["model"], row["program"]), 0)
            cells = [f"{row['load_seconds']:.2f}", *(f"{size / 2**20:,.0f}" for size in sizes)]
            print(f"| {row['model']} | {row['program']} |", *(f"{cell} |" for cell in cells))


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", action="append", required=True, metavar="NAME=PYTHON")
    parser.add_argument("--target", type=Path, required=True, metavar="DIRECTORY")
    parser.add_argument("--data", type=Path, required=True, metavar="DIRECTORY", help="of texts, models and codif's registry")
    parser.add_argument("--model", action="append", choices=MODELS, help="repeatable; all of them by default")
    parser.add_argument("--rounds", type=int, help="3 by default")
    parser.add_argument("--seconds", type=float, help="at least, at each turn: 2 by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where each figure of each round is written")
    parser.add_argument("--quick", action="store_true", help="to try it out: one round, few texts, small models")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (0.2 if options.quick else 2)
    programs = [Peer(*program.split("=", 1)) for program in options.program]
    if REFERENCE not in {peer.name for peer in programs}:
        parser.error(f"the others are compared with {REFERENCE}: it must be among the programs")
    programs.sort(key=lambda peer: peer.name != REFERENCE)
    programs += [Codif(options.target, options.data / "registry", cache) for cache in ("off", "on")]
    print(f"{processor()}, {len(CORES)} cores; {options.rounds} rounds of {options.seconds} s, medians", flush=True)
    rows = []
    for model in options.model or MODELS:
        rows += (of_model := compared(programs, options.data / "models" / model, options))
        print_speeds(of_model)
    print_loading(rows)
    if options.json:
        options.json.write_text(json.dumps([{**row, "case": vars(row["case"])} for row in rows], indent=1))


if __name__ == "__main__":
    main()
