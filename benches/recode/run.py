"""Measures `codif recode`, and fastText with pandas, on the same rows in one run; ../recode.sh calls it.

Each command is a process of its own, and is run once more on one row: what it takes to start and load its models, which is told
apart. In each round all of them are run; the figures are medians over the rounds. Every output is read and counted.
"""

import argparse
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "peers"))

from programs import CORES, ONE_THREAD  # noqa: E402

ROWS, QUICK_ROWS = 1_000_000, 20_000
REPEATS = 1_000_000
SHIPPED = ROOT / "models"
PRODUCTION = "production"  # the name of ../peers' model
MIB = 2**20


@dataclass(frozen=True)
class Case:
    """A job: what is done to which rows, how, and what the models weigh."""

    name: str
    rows: str
    form: str
    command: tuple
    model_bytes: int
    is_codif: bool = True

    def asked(self, rows, output):
        """The command line; rows and output stand at the end of it."""
        return [*map(str, self.command), str(rows), str(output)]


def cases(options):
    """What can be measured here; what cannot is said."""
    one, registry, model = f"taskset -c {min(CORES)}".split(), options.data / "registry", options.data / "models/production.bin"

    def codif(name, models, *more, rows="distinct", form="parquet", registry=SHIPPED, cores=1):
        asked = [part for model in models for part in ("--model", model)]
        threads = one if cores == 1 else []
        command = [*threads, options.codif, "recode", "--quiet", "--registry", registry, *asked, *more, "--threads", cores]
        spread = "1 core" if cores == 1 else f"{cores} cores"
        weights = sum(weight(registry, model) for model in models)
        return Case(f"codif, {name}, {spread}", rows, form, tuple(command), weights)

    found = [codif("naf2008", ["ape-naf2008"])]
    if len(CORES) > 1:
        found.append(codif("naf2008", ["ape-naf2008"], cores=len(CORES)))
    both = ["ape-naf2008", "ape-naf2025"]
    successors = ["--previous-code", "previous", "--constrain-to-successors"]
    found += [
        codif("both nomenclatures", both),
        codif("naf2025 among successors", ["ape-naf2025"], *successors),
        codif("naf2008, CSV to CSV", ["ape-naf2008"], form="csv"),
        codif("naf2008, texts that repeat", ["ape-naf2008"], rows="repeating"),
        codif(f"naf2008, texts that repeat, --repeats {REPEATS}", ["ape-naf2008"], "--repeats", REPEATS, rows="repeating"),
    ]
    if (registry / PRODUCTION).is_dir():
        found.append(codif("production-shaped fastText model", [f"{PRODUCTION}:1"], registry=registry))
    else:
        print(f"codif with {PRODUCTION}: left out, it is not in {registry} (benches/peers/run.sh imports it)")
    if model.exists():
        command = (*one, sys.executable, HERE / "peer.py", model)
        found.append(Case("fastText + pandas, 1 core", "distinct", "parquet", command, model.stat().st_size, is_codif=False))
    else:
        print(f"fastText + pandas: left out, there is no {model} (benches/peers/run.sh makes it)")
    return found


def weight(registry, model):
    """The size of a model's weights."""
    name, _, version = model.partition(":")
    version = version or (registry / name / "aliases/production").read_text(encoding="utf-8").strip()
    return (registry / name / "versions" / version / "model.safetensors").stat().st_size


def measured(command):
    """What a command prints, and what it took. Of its memory nothing is this process's: that is why it imports so little."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODIF_")} | ONE_THREAD
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complaints:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=printed, stderr=complaints)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        complaints.seek(0)
        if process.returncode:
            sys.exit(f"{shlex.join(command)}: {complaints.read().decode(errors='replace')}")
        figures = {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "resident_bytes": 1024 * usage.ru_maxrss}
        return json.loads(printed.read()), figures


def one_turn(case, options, directory):
    """The figures of a case, its output read and counted."""
    output, rows = directory / f"{case.name}.{case.form}", options.rows_directory / f"{case.rows}.{case.form}"
    _, start = measured(case.asked(rows.with_stem("one"), output.with_stem("one")))
    said, figures = measured(case.asked(rows, output))
    counted = written(output)
    expected = {"rows": options.rows, "errors": 0, "ids": options.rows}
    if counted != expected or said["rows"] != options.rows or said.get("failed"):
        sys.exit(f"{case.name}: {counted} were written, {expected} should be; it says {said}")
    output.with_stem("one").unlink()
    return figures | {"start": start["seconds"], "steps": said.get("seconds")}, output


def written(*files):
    return json.loads(subprocess.check_output([sys.executable, HERE / "written.py", *files], text=True))


def one_round(found, options, turn, figures):
    """Each case once. The answers of codif and fastText with the same model are compared in the first round."""
    directory = Path(tempfile.mkdtemp(prefix="coded-", dir=options.rows_directory))
    same_model = []
    try:
        for case in found:
            print(f"round {turn + 1}: {case.name}", file=sys.stderr, flush=True)
            taken, output = one_turn(case, options, directory)
            figures.setdefault(case.name, []).append(taken)
            if case.rows == "distinct" and PRODUCTION in " ".join(map(str, case.command)):
                same_model.append(output)
            else:
                output.unlink()
        if turn == 0 and len(same_model) == 2:
            return written(*same_model)["same_first"]
    finally:
        shutil.rmtree(directory)
    return None


def print_table(found, figures, rows):
    columns = ["rows/s", "once started", "start, s", "CPU, s", "peak RSS, MiB", "weights, MiB"]
    print("\n| |", *(f"{column} |" for column in columns))
    print("|---|" + "---:|" * len(columns))
    for case in found:
        median = lambda of: statistics.median(of(taken) for taken in figures[case.name])
        seconds, started = median(lambda taken: taken["seconds"]), median(lambda taken: taken["seconds"] - taken["start"])
        cells = [
            f"{rows / seconds:,.0f}",
            # Of few rows the start is nearly all, and the rest says nothing.
            f"{rows / started:,.0f}" if started > seconds / 4 else "–",
            f"{median(lambda taken: taken['start']):.2f}",
            f"{median(lambda taken: taken['cpu']):.1f}",
            f"{median(lambda taken: taken['resident_bytes']) / MIB:,.0f}",
            f"{case.model_bytes / MIB:,.0f}",
        ]
        print(f"| {case.name} |", *(f"{cell} |" for cell in cells))


def print_steps(case, taken):
    """Of fastText and pandas: the seconds of each step, medians."""
    steps = {step: statistics.median(one["steps"][step] for one in taken) for step in taken[0]["steps"]}
    print(f"\n{case.name}, seconds:", ", ".join(f"{step} {seconds:.2f}" for step, seconds in steps.items()))


def processor():
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codif", type=Path, required=True, metavar="FILE")
    parser.add_argument("--data", type=Path, required=True, metavar="DIRECTORY", help="of rows, models and codif's registry")
    parser.add_argument("--rows", type=int, help=f"{ROWS:,} by default")
    parser.add_argument("--rounds", type=int, help="3 by default")
    parser.add_argument("--quick", action="store_true", help=f"to try it out: {QUICK_ROWS:,} rows, one round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where each figure of each round is written")
    options = parser.parse_args()
    options.rows = options.rows or (QUICK_ROWS if options.quick else ROWS)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.rows_directory = options.data / "recode" / str(options.rows)
    subprocess.run([sys.executable, HERE / "rows.py", options.rows_directory, "--rows", str(options.rows)], check=True)
    found, figures, same_first = cases(options), {}, None
    print(f"\n{processor()}, {len(CORES)} cores; {options.rows:,} rows; medians of {options.rounds} rounds\n")
    for case in found:
        rows = options.rows_directory / f"{case.rows}.{case.form}"
        print(f"{case.name}:\n    {shlex.join(case.asked(rows, f'coded.{case.form}'))}", flush=True)
    for turn in range(options.rounds):
        compared = one_round(found, options, turn, figures)
        same_first = compared if turn == 0 else same_first
    print_table(found, figures, options.rows)
    for case in found:
        if not case.is_codif:
            print_steps(case, figures[case.name])
    if same_first is not None:
        print(f"codif and fastText with the same model: {100 * same_first:.3f} % have the same first code, ties included")
    print(f"\nEvery output has its {options.rows:,} rows, each id once, and no error.")
    if options.json:
        options.json.write_text(json.dumps({"rows": options.rows, "same_first": same_first, "cases": figures}, indent=1))


if __name__ == "__main__":
    main()
