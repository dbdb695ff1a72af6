"""What a run prints: the commands, so that anybody can repeat them, and the tables."""

import platform
import shlex
import statistics
from pathlib import Path

from cases import CORES

MIB = 2**20


def print_commands(bench):
    rows, rounds = bench.options.rows, bench.options.rounds
    print(f"\n{processor()}, {len(CORES)} cores; {rows:,} rows; medians of {rounds} rounds\n")
    for case in bench.cases:
        print(f"{case.title}:\n    {shlex.join(case.asked(bench.directory / case.file, f'coded.{case.form}'))}", flush=True)


def print_speeds(bench):
    columns = ["rows/s", "× fastText", "once started", "start, s", "CPU, s", "peak RSS, MiB", "bytes a row"]
    print("\n| |", *(f"{column} |" for column in columns))
    print("|---|" + "---:|" * len(columns))
    for case in bench.cases:
        seconds = bench.median(case, lambda taken: taken["seconds"])
        started = bench.median(case, lambda taken: taken["seconds"] - taken["start"])
        cells = [
            f"{bench.options.rows / seconds:,.0f}",
            bench.times(case),
            # Of few rows the start is nearly all, and the rest says nothing.
            f"{bench.options.rows / started:,.0f}" if started > seconds / 4 else "–",
            f"{bench.median(case, lambda taken: taken['start']):.2f}",
            f"{bench.median(case, lambda taken: taken['cpu']):.1f}",
            f"{bench.median(case, lambda taken: taken['resident_bytes']) / MIB:,.0f}",
            f"{bench.median(case, lambda taken: taken['output_bytes']) / bench.options.rows:,.1f}",
        ]
        repeated = f" ({100 * bench.made['repeated']:.1f} % are)" if case.rows == "repeating" else ""
        print(f"| {case.title}{repeated} |", *(f"{cell} |" for cell in cells))


def print_memory(found):
    columns = ["one label, codif code", "the rows", "four times the rows", "four times, beyond one label"]
    print("\n| peak RSS, MiB |", *(f"{column} |" for column in columns))
    print("|---|" + "---:|" * len(columns))
    for case, *sizes in found:
        label, _, four = sizes
        print(f"| {case.title} |", *(f"{size / MIB:,.0f} |" for size in (*sizes, four - label)))


def print_comparisons(bench):
    for case in bench.cases:
        if not case.is_codif:
            taken = [one["steps"] for one in bench.figures[case.title]]
            steps = {step: statistics.median(one[step] for one in taken) for step in taken[0]}
            print(f"\n{case.title}, seconds:", ", ".join(f"{step} {seconds:.2f}" for step, seconds in steps.items()))
    code = bench.compared["code"]
    print(
        f"\n{bench.cases[0].title}: {code['same']} of {code['rows']} rows drawn are as codif code has them, "
        f"numbers within {code['largest_difference']:.1e}"
    )
    if "same_first" in bench.compared:
        share = 100 * bench.compared["same_first"]
        print(f"codif and fastText with the same model: {share:.3f} % have the same first code, ties included")
    print("Every output has all its rows, each id once, and no error.")


def processor():
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
