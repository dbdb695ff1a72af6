"""`codif.spark` on a real cluster: tests/spark.sh starts a master and two workers, and says where they are."""

import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import pyarrow
import pyarrow.parquet
import pytest
from pyspark.sql import SparkSession

import codif
from codif.spark import code_dataframe

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ["CODIF_PROGRAM"]
MODEL = "ape-naf2008"
COLUMNS = {"description": "libelle", "nature": "activ_nat_et"}
PARTITIONS = 40
#: Those that do not wait at the gate.
OPEN = 4
PATIENCE = 180


@pytest.fixture(scope="module")
def spark():
    session = (
        SparkSession.builder.master(os.environ["CODIF_TEST_SPARK"])
        .appName("codif")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.executor.cores", 1)
        .config("spark.executor.memory", "512m")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 500)
        # Tasks wait at a gate here: one that waits is not slow, and none is done twice for it.
        .config("spark.speculation", False)
        .config("spark.locality.wait", 0)
        .config("spark.ui.enabled", False)
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> pathlib.Path:
    """A registry of the tests' own, in which one model may be promoted."""
    registry = tmp_path_factory.mktemp("registry")
    shutil.copytree(ROOT / "models" / MODEL, registry / MODEL)
    return registry


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> pathlib.Path:
    """Real texts, and rows that cannot be coded."""
    with open(ROOT / "models/corpus/declarations.tsv", encoding="utf-8") as lines:
        table = [line.rstrip("\n").split("\t") for line in lines]
    place = table[0].index("description")
    texts = [row[place] for row in table[1:8001]] + [None, "", "é" * 10_001]
    natures = [["04", None, "99", " "][number % 4] for number in range(len(texts))]
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    columns = {"n": list(range(len(texts))), "libelle": texts, "activ_nat_et": natures}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


@pytest.fixture(scope="module")
def expected(rows, tmp_path_factory) -> "list[dict]":
    """What `codif recode` makes of the rows."""
    output = tmp_path_factory.mktemp("recoded") / "out.parquet"
    command = [PROGRAM, "recode", str(rows), str(output), "--quiet", "--registry", str(ROOT / "models")]
    command += ["--model", f"{MODEL}:1", "--description", "libelle", "--nature", "activ_nat_et"]
    subprocess.run(command, check=True, capture_output=True)
    return in_order(pyarrow.parquet.read_table(output).to_pylist())


def in_order(rows: "list[dict]") -> "list[dict]":
    return sorted(rows, key=lambda row: row["n"])


def in_order_without_model(rows: "list[dict]") -> "list[dict]":
    return [{name: value for name, value in row.items() if name != "model"} for row in in_order(rows)]


def written(coded, folder: pathlib.Path) -> "list[dict]":
    """The rows, once Spark has written them."""
    coded.write.parquet(str(folder))
    return in_order(pyarrow.parquet.read_table(folder).to_pylist())


class Gate:
    """Tasks that wait until they may go on, all but the first ones, and that note on which worker they are."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.notes = folder / "notes"
        self.notes.mkdir(parents=True)
        self.opened = folder / "opened"

    def before(self, df):
        notes, opened, free = str(self.notes), str(self.opened), OPEN

        def wait(batches):
            import os
            import time

            from pyspark import TaskContext

            partition = TaskContext.get().partitionId()
            with open(os.path.join(notes, str(partition)), "a") as note:
                note.write(os.getcwd() + "\n")
            while partition >= free and not os.path.exists(opened):
                time.sleep(0.02)
            yield from batches

        return df.mapInArrow(wait, df.schema)

    def places(self, partition: int) -> "list[str]":
        note = self.notes / str(partition)
        return note.read_text().splitlines() if note.exists() else []

    def waiting(self) -> "dict[int, list[str]]":
        """Where the tasks are that wait, or have waited."""
        return {number: self.places(number) for number in range(OPEN, PARTITIONS) if self.places(number)}

    def open(self) -> None:
        self.opened.touch()


def until(holds, what: str):
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


class Job(threading.Thread):
    """Rows that are being written while the test looks on."""

    def __init__(self, coded, folder: pathlib.Path) -> None:
        super().__init__(daemon=True)
        self.coded, self.folder, self.result = coded, folder, None
        self.start()

    def run(self) -> None:
        try:
            self.result = written(self.coded, self.folder)
        except BaseException as error:  # noqa: BLE001: it is raised where the test waits.
            self.result = error

    def rows(self) -> "list[dict]":
        self.join(PATIENCE)
        assert not self.is_alive(), "the job does not end"
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


def test_rows_are_those_of_codif_recode(spark, registry, rows, expected, tmp_path):
    df = spark.read.parquet(str(rows)).repartition(PARTITIONS)
    coded = code_dataframe(df, f"{MODEL}@production", registry=str(registry), columns=COLUMNS)
    assert coded.columns == list(expected[0])
    assert coded.schema.fields[:3] == df.schema.fields
    assert written(coded, tmp_path / "out") == expected


def test_columns_and_options_are_those_of_code_arrow(spark, registry, rows, expected):
    df = spark.read.parquet(str(rows)).filter("n < 50").repartition(2)
    options = {"columns": "libelle", "keep": ["n"], "top_k": 2, "threshold": 1.0}
    coded = code_dataframe(df, MODEL, registry=str(registry), **options)
    assert coded.columns == ["n", *list(expected[0])[3:]]
    found = in_order([row.asDict() for row in coded.collect()])
    coder = codif.Coder.from_registry(registry, MODEL)
    given = pyarrow.table({name: [row[name] for row in expected[:50]] for name in ["n", "libelle"]})
    assert found == pyarrow.table(coder.code_arrow(given, **options)).to_pylist()
    assert {row["decision"] for row in found} == {"manual"}


def test_the_registry_may_be_that_of_the_environment(spark, registry, rows, expected, monkeypatch):
    monkeypatch.setenv("CODIF_REGISTRY", str(registry))
    df = spark.read.parquet(str(rows)).filter("n < 3")
    coded = code_dataframe(df, model=f"{MODEL}@production", columns=COLUMNS)
    assert in_order([row.asDict() for row in coded.collect()]) == expected[:3]


def test_what_is_wrong_is_said_before_anything_runs(spark, registry, rows):
    df = spark.read.parquet(str(rows))
    with pytest.raises(codif.ColumnError, match="Libelle"):
        code_dataframe(df, MODEL, registry=str(registry), columns={"description": "Libelle"})
    with pytest.raises(codif.ColumnError, match="columns="):
        code_dataframe(df, MODEL, registry=str(registry))
    with pytest.raises(codif.RegistryError, match="ape-naf1993"):
        code_dataframe(df, "ape-naf1993", registry=str(registry), columns=COLUMNS)


def test_an_alias_promoted_in_the_middle_changes_nothing(spark, registry, rows, expected, tmp_path):
    gate = Gate(tmp_path)
    df = gate.before(spark.read.parquet(str(rows)).repartition(PARTITIONS))
    job = Job(code_dataframe(df, f"{MODEL}@production", registry=str(registry), columns=COLUMNS), tmp_path / "out")
    until(gate.waiting, "no task waits")
    for command in [["push", str(registry / MODEL / "versions/1"), "--name", MODEL], ["promote", MODEL, "2"]]:
        subprocess.run([PROGRAM, "model", *command, "--registry", str(registry)], check=True, capture_output=True)
    # The promotion counts: whoever asks now gets the new version, with the same answers.
    newer = code_dataframe(df.limit(0), f"{MODEL}@production", registry=str(registry), columns=COLUMNS)
    assert newer.columns == list(expected[0])
    assert codif.Coder.from_registry(registry, f"{MODEL}@production").model == f"{MODEL}:2"
    gate.open()
    assert job.rows() == expected
    df = spark.read.parquet(str(rows)).repartition(2)
    after = code_dataframe(df, f"{MODEL}@production", registry=str(registry), columns=COLUMNS)
    after = [row.asDict() for row in after.collect()]
    assert {row["model"] for row in after} == {f"{MODEL}:2", None}
    assert in_order_without_model(after) == in_order_without_model(expected)


# The last one: a worker is gone after it.
def test_a_worker_killed_in_the_middle_loses_nothing(spark, rows, expected, tmp_path):
    killed, _ = (int(worker) for worker in os.environ["CODIF_TEST_SPARK_WORKERS"].split())
    folders = [folder + "/" for folder in os.environ["CODIF_TEST_SPARK_FOLDERS"].split()]
    gate = Gate(tmp_path)
    df = gate.before(spark.read.parquet(str(rows)).repartition(PARTITIONS))
    job = Job(code_dataframe(df, f"{MODEL}:1", registry=str(ROOT / "models"), columns=COLUMNS), tmp_path / "out")

    def on_both():
        waiting = gate.waiting()
        at = [{number for number, places in waiting.items() if places[0].startswith(folder)} for folder in folders]
        return at if all(at) else None

    lost, _ = until(on_both, "the two workers do not both have a task that waits")
    # The first tasks are done, and the worker that goes has one at work.
    assert all(gate.places(number) for number in range(OPEN))
    os.killpg(killed, signal.SIGKILL)
    gate.open()
    assert job.rows() == expected
    again = [number for number in lost if any(place.startswith(folders[1]) for place in gate.places(number)[1:])]
    assert again, "no task was done again: the worker was not killed in the middle"
