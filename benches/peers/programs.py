"""The programs that are compared, and how one of them is measured; all have peer.py's interface."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CORES = os.sched_getaffinity(0)
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")}
TIMEOUT = 600


class Unusable(Exception):
    """Why a program cannot be measured."""


@dataclass(frozen=True)
class Case:
    """What all programs are measured at, one after the other: a kind of texts, in a batch or one a call, on so many threads."""

    kind: str
    mode: str
    threads: int


@dataclass(frozen=True)
class Peer:
    """One of peer.py's programs, in a Python environment of its own."""

    name: str
    python: str

    def prepare(self, model):
        pass

    def measures(self, case):
        return True

    def command(self, model):
        return [self.python, HERE / "peer.py", "--program", self.name, "--model", model]


@dataclass(frozen=True)
class Codif:
    """codif, by its own program. Its cache of answers is on only where texts repeat, beside the same with the cache off."""

    target: Path
    registry: Path
    cache: str = "off"

    @property
    def name(self):
        return "codif" if self.cache == "off" else "codif, cache on"

    @property
    def program(self):
        return self.target / "examples/peers"

    def prepare(self, model):
        """Imports the model file, unless this very codif has already imported this very file."""
        codif, version, mark = self.target / "codif", self.registry / imported(model), self.registry / f".{model.name}"
        if not (codif.exists() and self.program.exists()):
            raise Unusable("not built (cargo build --release --example peers --bin codif)")
        state = repr([(file.stat().st_mtime_ns, file.stat().st_size) for file in (codif, model)])
        if mark.exists() and mark.read_text() == state:
            return
        shutil.rmtree(version, ignore_errors=True)
        options = ["--name", imported(model), "--free-labels", "--normaliser", "none", "--registry", self.registry]
        said([codif, "model", "import", "fasttext", model, *options])
        mark.write_text(state)

    def measures(self, case):
        return self.cache == "off" or case.kind == "repeating"

    def command(self, model):
        return [self.program, "--registry", self.registry, "--model", imported(model), "--cache", self.cache]


def imported(model):
    """The name of a model file in codif's registry."""
    return model.stem if model.suffix == ".bin" else model.name.replace(".", "-")


def said(command, cores=CORES):
    """What a command prints that may run on these cores."""
    environment = {"CODIF_BENCH": "1"} | os.environ | ONE_THREAD
    pin = lambda: os.sched_setaffinity(0, cores)
    try:
        ended = subprocess.run(command, env=environment, preexec_fn=pin, capture_output=True, text=True, timeout=TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unusable(str(error)) from error
    if ended.returncode:
        raise Unusable((ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"])[-1])
    return ended.stdout


def measured(program, model, texts, case, seconds, answers):
    """The figures of one program at one case. One thread is kept to one core, so that no second one can help unseen."""
    asked = ["--texts", texts, "--threads", str(case.threads), "--mode", case.mode, "--seconds", str(seconds)]
    if answers:
        asked += ["--answers", answers]
    cores = {max(CORES)} if case.threads == 1 else CORES
    return json.loads(said([*program.command(model), *asked], cores).splitlines()[-1])
