"""Measures `codif recode`, and fastText with pandas, on the same rows in one run; ../recode.sh calls it.

Each command is a process of its own, and is run once more on one row: what it takes to start and load its models, which is told
apart. In each round all of them take their turn; the figures are medians over the rounds. Every output is read and counted, and in
the first round compared: what one core made with what `codif code` says, and codif with fastText where they have the same model.
"""

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cases import CORES, HERE, cases
from report import print_commands, print_comparisons, print_memory, print_speeds
from programs import ONE_THREAD  # of ../peers, which cases.py puts on the path

ROWS, QUICK_ROWS = 1_000_000, 20_000
LABEL = "coiffure à domicile"


def measured(command):
    """What a command prints, and what it took. Of its memory nothing is this process's: that is why it imports so little."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODIF_")} | ONE_THREAD
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complaints:
        start = time.perf_counter()
        process = subprocess.Popen(list(map(str, command)), env=environment, stdout=printed, stderr=complaints)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        complaints.seek(0)
        if process.returncode:
            sys.exit(f"{shlex.join(map(str, command))}: {complaints.read().decode(errors='replace')}")
        figures = {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "resident_bytes": 1024 * usage.ru_maxrss}
        return json.loads(printed.read()), figures


class Bench:
    """A run: its cases, and where their rows are."""

    def __init__(self, options):
        self.options, self.directory = options, options.data / "recode" / str(options.rows)
        rows = [sys.executable, HERE / "rows.py", self.directory, "--rows", str(options.rows)]
        subprocess.run(rows, check=True)
        self.made = json.loads((self.directory / "made-of.json").read_text(encoding="utf-8"))
        self.cases, self.figures, self.compared = cases(options.codif, options.data), {}, {}

    def rounds(self):
        for turn in range(self.options.rounds):
            first = turn % len(self.cases)
            with self.place() as place:
                self.round(turn, self.cases[first:] + self.cases[:first], Path(place))

    def round(self, turn, order, place):
        same_model = {}
        for case in order:
            print(f"round {turn + 1}: {case.title}", file=sys.stderr, flush=True)
            output = place / f"{self.cases.index(case)}.{case.form}"
            self.figures.setdefault(case.title, []).append(self.one_turn(case, output))
            if turn == 0 and case == self.cases[0]:
                self.compared["code"] = self.same_as_code(case, output)
            if turn == 0 and case.is_production and case.cores == 1:
                same_model[case.is_codif] = output
            else:
                output.unlink()
        if len(same_model) == 2:
            self.compared["same_first"] = written(same_model[True], same_model[False])["same_first"]

    def one_turn(self, case, output):
        """The figures of a case, its output counted."""
        _, start = measured(case.asked(self.directory / f"one.{case.form}", output.with_stem("one")))
        output.with_stem("one").unlink()
        return self.counted(case, case.file, self.options.rows, output) | {"start": start["seconds"]}

    def counted(self, case, file, rows, output):
        """What a case takes for the rows of a file, all of which must come out."""
        summary, figures = measured(case.asked(self.directory / file, output))
        found, expected = written(output), {"rows": rows, "errors": 0, "ids": rows}
        if found != expected or summary["rows"] != rows or summary.get("failed"):
            sys.exit(f"{case.title}: {found} were written, {expected} should be; it says {summary}")
        return figures | {"steps": summary.get("seconds"), "output_bytes": output.stat().st_size}

    def same_as_code(self, case, output):
        """How many of some rows are as `codif code` has them; all must be."""
        nomenclature = case.models[0].removeprefix("ape-")
        found = said("sampled.py", self.options.codif, case.registry, case.models[0], nomenclature, output)
        if found["same"] != found["rows"]:
            sys.exit(f"{case.title}: of {found['rows']} rows {found['same']} are as codif code has them, all should be")
        return found

    def memory(self):
        """What a model's jobs take on all cores: of one label, of the rows, of four times as many; measured once."""
        for case in self.cases:
            if case.cores < len(CORES) or not case.is_codif or len(case.models) > 1:
                continue
            if case.file != "distinct.parquet" or "--previous-code" in case.command:
                continue
            print(f"memory: {case.title}", file=sys.stderr, flush=True)
            asked = ["code", "--json", "--registry", case.registry, "--model", case.models[0], LABEL]
            _, label = measured([self.options.codif, *asked])
            with self.place() as place:
                figures = self.counted(case, "four.parquet", 4 * self.options.rows, Path(place) / "four.parquet")
            rows = self.median(case, lambda taken: taken["resident_bytes"])
            yield case, label["resident_bytes"], rows, figures["resident_bytes"]

    def median(self, case, of):
        return statistics.median(of(taken) for taken in self.figures[case.title])

    def place(self):
        """For what is written; it is removed, whatever happens."""
        return tempfile.TemporaryDirectory(prefix="coded-", dir=self.directory)

    def times(self, case):
        """How many times the speed of fastText and pandas, loading included: the median of what it was in each round."""
        peer = next((self.figures[other.title] for other in self.cases if not other.is_codif), None)
        if peer is None:
            return "–"
        pairs = zip(peer, self.figures[case.title])
        return f"{statistics.median(other['seconds'] / taken['seconds'] for other, taken in pairs):,.1f}"


def written(*files):
    return said("written.py", *files)


def said(script, *arguments):
    """What one of the scripts beside this one prints; they need what this one must not import."""
    return json.loads(subprocess.check_output([sys.executable, HERE / script, *map(str, arguments)], text=True))


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
    bench = Bench(options)
    print_commands(bench)
    bench.rounds()
    print_speeds(bench)
    memory = list(bench.memory())
    print_memory(memory)
    print_comparisons(bench)
    if options.json:
        found = {"rows": options.rows, "rows_made": bench.made, "compared": bench.compared, "cases": bench.figures}
        found["memory"] = {case.title: dict(zip(("label", "rows", "four"), sizes)) for case, *sizes in memory}
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
