"""The jobs that are measured: which command does what to which rows."""

import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "peers"))

from programs import CORES  # noqa: E402

ONE_CORE = ("taskset", "-c", str(min(CORES)))
REPEATS = 1_000_000
SHIPPED = ROOT / "models"
PRODUCTION = "production"  # the name of ../peers' model
PEER = "fastText + pandas"


@dataclass(frozen=True)
class Case:
    """A job: which program does what to which rows, on how many cores; for codif, with which models of which registry."""

    name: str
    cores: int
    command: tuple
    models: tuple
    registry: Path
    rows: str = "distinct"
    form: str = "parquet"

    @property
    def is_codif(self):
        return bool(self.models)

    @property
    def is_production(self):
        return PRODUCTION in self.name

    @property
    def title(self):
        return f"{self.name}, {self.cores} core{'s' * (self.cores > 1)}"

    @property
    def file(self):
        """The name of what it reads, beside which what it writes has its own."""
        return f"{self.rows}.{self.form}"

    def asked(self, rows, output):
        """The command line; rows and output stand at the end of it."""
        return [*map(str, self.command), str(rows), str(output)]


@dataclass(frozen=True)
class Codif:
    """What all of codif's jobs have in common."""

    program: Path

    def case(self, name, models, *more, registry=SHIPPED, cores=1, **rows):
        asked = [part for model in models for part in ("--model", model)]
        pinned = ONE_CORE if cores == 1 else ()
        command = (*pinned, self.program, "recode", "--quiet", "--registry", registry, *asked, *more, "--threads", cores)
        return Case(f"codif, {name}", cores, command, tuple(models), registry, **rows)


def cases(program, data):
    """What can be measured here; what cannot is said."""
    codif, everywhere = Codif(program), len(CORES)
    naf2008, both = ["ape-naf2008"], ["ape-naf2008", "ape-naf2025"]
    successors = ["--previous-code", "previous", "--constrain-to-successors"]
    found = [
        codif.case("naf2008", naf2008),
        codif.case("naf2008", naf2008, cores=everywhere),
        codif.case("both nomenclatures", both),
        codif.case("both nomenclatures", both, cores=everywhere),
        codif.case("naf2025 among successors", ["ape-naf2025"], *successors),
        codif.case("naf2008, CSV to CSV", naf2008, form="csv"),
        codif.case("naf2008, texts that repeat", naf2008, rows="repeating"),
        codif.case(f"naf2008, texts that repeat, --repeats {REPEATS}", naf2008, "--repeats", REPEATS, rows="repeating"),
    ]
    registry, model = data / "registry", data / "models/production.bin"
    if (registry / PRODUCTION).is_dir():
        name, models = f"{PRODUCTION}-shaped fastText model", [f"{PRODUCTION}:1"]
        found += [codif.case(name, models, registry=registry, cores=cores) for cores in (1, everywhere)]
    else:
        print(f"codif with {PRODUCTION}: left out, it is not in {registry} (benches/peers/run.sh imports it)")
    if model.exists():
        command = (*ONE_CORE, sys.executable, HERE / "peer.py", model)
        found.append(Case(f"{PEER}, {PRODUCTION}-shaped model", 1, command, (), registry))
    else:
        print(f"{PEER}: left out, there is no {model} (benches/peers/run.sh makes it)")
    return list(dict.fromkeys(found))  # On a machine of one core some are the same.
