"""Tables of pyarrow, polars and duckdb."""

import subprocess
import weakref

import duckdb
import polars
import pyarrow
import pyarrow.parquet
import pytest

import codif

ADDED = ["code", "confidence_gap", "decision", "reason", "codes", "probabilities", "model", "warnings", "error"]


@pytest.fixture(scope="module")
def table(descriptions) -> pyarrow.Table:
    texts = [*descriptions[:4000], None, "", "é" * 10_001]
    natures = [["04", None, "99", " "][place % 4] for place in range(len(texts))]
    return pyarrow.table({"n": range(len(texts)), "libelle": texts, "activ_nat_et": natures})


COLUMNS = {"description": "libelle", "nature": "activ_nat_et"}


@pytest.fixture(scope="module")
def coded(coder, table) -> pyarrow.Table:
    return pyarrow.table(coder.code_arrow(table, columns=COLUMNS))


def test_the_columns_come_out_as_they_went_in_and_the_codes_after_them(coded, table):
    assert coded.column_names == ["n", "libelle", "activ_nat_et", *ADDED]
    assert coded.select(table.column_names).equals(table)
    assert coded.schema.field("codes").type == pyarrow.list_(pyarrow.string())
    assert coded.schema.field("probabilities").type == pyarrow.list_(pyarrow.float64())


def test_rows_are_those_of_codif_recode(coder, coded, table, models, program, tmp_path):
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    command = [program, "recode", str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet"), "--quiet"]
    command += ["--registry", models, "--model", coder.model, "--description", "libelle", "--nature", "activ_nat_et"]
    subprocess.run(command, check=True, capture_output=True)
    expected = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert expected.column_names == coded.column_names
    assert expected.to_pylist() == coded.to_pylist()


def test_rows_are_those_of_a_list(coder, coded, table):
    rows = zip(table["libelle"].to_pylist(), table["activ_nat_et"].to_pylist())
    answers = coder.code([{"description": text, "nature": nature} for text, nature in rows])
    assert len(answers) == coded.num_rows
    for answer, row in zip(answers, coded.to_pylist()):
        if isinstance(answer, codif.ActivityFault):
            assert row["error"] == f"{answer.code}: {answer.message}" and row["codes"] is None
        else:
            assert (row["code"], row["confidence_gap"]) == (answer.code, answer.confidence_gap)
            assert row["codes"] == [prediction.code for prediction in answer.predictions]
            assert row["warnings"] == [f"{warning.field}:{warning.code}" for warning in answer.warnings]
            assert row["error"] is None


def test_batches_stay_batches(coder, coded, table):
    [batch] = table.to_batches()
    result = coder.code_arrow(batch, columns=COLUMNS)
    assert isinstance(result, codif.CodedBatch)
    assert len(result) == result.num_rows == batch.num_rows
    assert pyarrow.record_batch(result).to_pylist() == coded.to_pylist()
    assert pyarrow.table(result).equals(coded)
    assert polars.DataFrame(result)["code"].to_list() == coded["code"].to_pylist()
    part = coder.code_arrow(batch.slice(3_990, 12), columns=COLUMNS)
    assert pyarrow.record_batch(part).to_pylist() == coded.slice(3_990, 12).to_pylist()


def test_readers_and_tables_of_several_batches_are_streams(coder, coded, table):
    reader = pyarrow.RecordBatchReader.from_batches(table.schema, iter(table.to_batches(max_chunksize=700)))
    result = coder.code_arrow(reader, columns=COLUMNS)
    assert isinstance(result, codif.CodedTable) and not hasattr(result, "__arrow_c_array__")
    assert result.num_rows == len(result) == table.num_rows and result.column_names == coded.column_names
    # As often as is wanted.
    for _ in range(2):
        assert pyarrow.table(result).to_pylist() == coded.to_pylist()
    assert pyarrow.table(result)["code"].num_chunks == table.num_rows // 700 + 1
    assert pyarrow.schema(result).equals(coded.schema)


def test_polars_goes_in_and_out(coder, coded, table):
    frame = polars.from_arrow(table).with_columns(polars.col("activ_nat_et").cast(polars.Categorical))
    result = polars.DataFrame(coder.code_arrow(frame, columns=COLUMNS))
    assert result.columns == coded.column_names
    assert result.select(ADDED).to_dicts() == coded.select(ADDED).to_pylist()
    assert result["n"].to_list() == table["n"].to_pylist()


def test_duckdb_goes_in_and_out(coder, coded, table):
    connection = duckdb.connect()
    connection.register("activities", table)
    relation = connection.sql("select * from activities order by n")
    result = pyarrow.table(coder.code_arrow(relation, columns=COLUMNS))
    assert result.select(ADDED).to_pylist() == coded.select(ADDED).to_pylist()
    connection.register("coded", result)
    [(automatic,)] = connection.sql("select count(*) from coded where decision = 'automatic'").fetchall()
    assert automatic == coded["decision"].to_pylist().count("automatic") > 0


def test_no_rows_give_the_columns(coder, coded, table):
    for nothing in [table.slice(0, 0), table.schema.empty_table()]:
        result = pyarrow.table(coder.code_arrow(nothing, columns=COLUMNS))
        assert result.num_rows == 0 and result.schema.equals(coded.schema)
    batch = pyarrow.record_batch(coder.code_arrow(table.to_batches()[0].slice(0, 0), columns=COLUMNS))
    assert batch.num_rows == 0 and batch.schema.equals(coded.schema)


def test_threads_change_nothing(coder, coded, table):
    assert pyarrow.table(coder.code_arrow(table, columns=COLUMNS, threads=3)).to_pylist() == coded.to_pylist()


def test_columns_are_kept_in_the_order_asked_for(coder, table):
    result = coder.code_arrow(table.slice(0, 5), columns="libelle", keep=["activ_nat_et", "n"], top_k=2)
    rows = pyarrow.table(result)
    assert rows.column_names == ["activ_nat_et", "n", *ADDED]
    assert {len(codes) for codes in rows["codes"].to_pylist()} == {2}
    assert pyarrow.table(coder.code_arrow(table.slice(0, 5), columns="libelle", keep=[])).column_names == ADDED


def test_several_columns_are_one_description(coder):
    table = pyarrow.table({"a": ["vente", None], "b": ["de pain", "coiffure"]})
    rows = pyarrow.table(coder.code_arrow(table, columns={"description": ["a", "b"]}))
    expected = coder.code(["vente de pain", "coiffure"])
    assert rows["confidence_gap"].to_pylist() == [coding.confidence_gap for coding in expected]


def test_previous_codes_are_compared_and_constrain(coder, models):
    table = pyarrow.table({"description": ["coiffure", "coiffure", "coiffure"], "before": ["9602A", "96.02B", None]})
    rows = pyarrow.table(coder.code_arrow(table, previous_code="before"))
    [agreement] = [name for name in rows.column_names if name not in ["description", "before", *ADDED]]
    assert rows[agreement].to_pylist() == [True, False, None]
    newer = codif.Coder.from_registry(models, "ape-naf2025:1")
    constrained = newer.code_arrow(table, previous_code="before", constrain_to_successors=True)
    assert "decision" in constrained.column_names and len(constrained.column_names) == len(rows.column_names)
    with pytest.raises(ValueError, match="naf1993"):
        coder.code_arrow(table, previous_code="before", previous_nomenclature="naf1993")
    with pytest.raises(ValueError, match="previous_code"):
        coder.code_arrow(table, constrain_to_successors=True)


def test_columns_at_fault_are_said(coder, table):
    for columns, told in [
        (None, "columns="),
        ({"description": "Libelle"}, "Libelle.*libelle"),
        ({"description": "libelle", "nature": "nature"}, "nature"),
    ]:
        with pytest.raises(codif.ColumnError, match=told):
            coder.code_arrow(table, columns=columns)
    with pytest.raises(codif.ColumnError, match="keep="):
        coder.code_arrow(pyarrow.table({"description": ["a"], "code": ["b"]}))
    with pytest.raises(ValueError, match="naure"):
        coder.code_arrow(table, columns={"description": "libelle", "naure": "activ_nat_et"})
    with pytest.raises(codif.ColumnError, match="event.*List"):
        coder.code_arrow(pyarrow.table({"description": ["a"], "event": [[1]]}))


def test_what_is_no_table_is_refused(coder):
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        coder.code_arrow(["coiffure"])
    with pytest.raises(ValueError, match="no table"):
        coder.code_arrow(pyarrow.array(["coiffure"]))
    whole = pyarrow.StructArray.from_arrays([pyarrow.array(["a", "b"])], ["description"], mask=pyarrow.array([False, True]))
    with pytest.raises(ValueError, match="null as a whole"):
        coder.code_arrow(whole)


def test_a_reader_that_fails_says_so(coder, table):
    def batches():
        yield table.to_batches()[0]
        raise RuntimeError("the source is gone")

    reader = pyarrow.RecordBatchReader.from_batches(table.schema, batches())
    with pytest.raises(ValueError, match="the source is gone"):
        coder.code_arrow(reader, columns=COLUMNS)


def test_columns_that_are_kept_are_not_copied(coder, descriptions):
    texts = pyarrow.array(descriptions)
    batch = pyarrow.record_batch({"description": texts})
    rows = pyarrow.record_batch(coder.code_arrow(batch))
    addresses = [buffer.address for buffer in texts.buffers() if buffer is not None]
    assert [buffer.address for buffer in rows["description"].buffers() if buffer is not None] == addresses


def test_rows_outlive_whatever_they_were_made_of(coder, table):
    result = coder.code_arrow(table.slice(0, 10), columns=COLUMNS)
    rows = pyarrow.table(result)
    gone = weakref.ref(rows)
    copy = polars.DataFrame(result)
    del result, rows
    assert gone() is None
    assert copy["libelle"].to_list() == table["libelle"].to_pylist()[:10]
