"""Coded DataFrames of Spark: the coder of codif, in every Python worker.

    from codif.spark import code_dataframe

    coded = code_dataframe(df, "ape-naf2008@production", registry="s3://bucket/registry", columns={"description": "libelle"})

codif and pyarrow must be installed where the executors run, and the registry be reached from there: a directory in the same place, or
s3:// or mlflow+http:// with the credentials of their environment. Each Python worker loads the model once, from what it fetched before
if it is still there (CODIF_CACHE).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from codif import Coder, ColumnError

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructField, StructType

__all__ = ["code_dataframe"]

# The cache and the device are each machine's own.
_TRAVELLING = ["require_signature", "known_words", "repeats", "s3_endpoint", "s3_region", "s3_path_style", "s3_ca"]


def code_dataframe(
    df: "DataFrame",
    model: str = "ape-naf2008@production",
    *,
    registry: Optional[str] = None,
    columns: "Union[str, Mapping[str, Any], None]" = None,
    top_k: int = 5,
    threshold: Optional[float] = None,
    keep: "Optional[Sequence[str]]" = None,
    previous_code: Optional[str] = None,
    previous_nomenclature: Optional[str] = None,
    constrain_to_successors: bool = False,
    **registry_options: Any,
) -> "DataFrame":
    """The DataFrame with the columns that `codif recode` adds: code, confidence_gap, decision, reason, codes, probabilities, model,
    warnings, error, and with `previous_code` agreement or legal succession.

    The model is loaded here once, to check it and the columns, and its alias is looked up here alone: every row is coded by the
    version that it means now, whatever is promoted while the job runs. Without `registry` it is that of the driver's CODIF_REGISTRY, or
    the directory `models`, as for the command line. `registry_options` are those of `Coder.from_registry`; what is not
    given is that of the driver's environment, but for the cache and the device, which are each machine's own.
    Nothing is coded before Spark is asked for the rows.
    """
    if registry is None:
        registry = os.environ.get("CODIF_REGISTRY") or "models"
    coder = Coder.from_registry(registry, model, **_of_the_driver(registry_options))
    settings = {
        "columns": dict(columns) if isinstance(columns, Mapping) else columns,
        "top_k": top_k,
        "threshold": threshold,
        "keep": None if keep is None else list(keep),
        "previous_code": previous_code,
        "previous_nomenclature": previous_nomenclature,
        "constrain_to_successors": constrain_to_successors,
    }
    schema = _coded_schema(coder, df.schema, settings)

    # Inside, so that it travels by its value, and the coder by its registry and version. One task has one core: one thread.
    def code_batches(batches: "Iterator[pyarrow.RecordBatch]") -> "Iterator[pyarrow.RecordBatch]":
        import pyarrow

        for batch in batches:
            yield pyarrow.record_batch(coder.code_arrow(batch, **settings))

    return df.mapInArrow(code_batches, schema)


def _of_the_driver(options: "dict[str, Any]") -> "dict[str, Any]":
    """With what the driver's environment says where nothing is given: executors must not check less than it does, nor ask elsewhere."""
    asked = {option: os.environ.get(f"CODIF_{option.upper()}") for option in _TRAVELLING}
    return {**{option: value for option, value in asked.items() if value}, **options}


def _coded_schema(coder: Coder, schema: "StructType", settings: "dict[str, Any]") -> "StructType":
    """The columns kept as they are, then those that coding no rows at all gives."""
    import pyarrow
    from pyspark.sql.types import StructType

    columns = [pyarrow.field(field.name, _kind(field)) for field in schema.fields]
    no_rows = pyarrow.table(coder.code_arrow(pyarrow.schema(columns).empty_table(), **settings))
    kept = schema.fields if settings["keep"] is None else [schema[name] for name in settings["keep"]]
    added = [no_rows.schema.field(place) for place in range(len(kept), len(no_rows.schema))]
    # Spark knows no capitals in names.
    taken = {field.name.casefold() for field in kept} & {field.name.casefold() for field in added}
    if taken:
        raise ColumnError(f"two columns {sorted(taken)[0]!r} would be written: leave out the DataFrame's with keep")
    return StructType(kept + [_added_field(field) for field in added])


def _kind(field: "StructField") -> "pyarrow.DataType":
    """A type that codif reads alike: whether it is text, number or neither is all that counts while there are no rows."""
    import pyarrow
    from pyspark.sql.types import BooleanType, NullType, NumericType, StringType

    if isinstance(field.dataType, StringType):
        return pyarrow.string()
    if isinstance(field.dataType, NumericType):
        return pyarrow.float64()
    if isinstance(field.dataType, (BooleanType, NullType)):
        return pyarrow.bool_()
    return pyarrow.list_(pyarrow.null())


def _added_field(field: "pyarrow.Field") -> "StructField":
    import pyarrow
    from pyspark.sql.types import ArrayType, BooleanType, DoubleType, StringType, StructField

    def type_of(kind: "pyarrow.DataType") -> Any:
        if pyarrow.types.is_list(kind):
            return ArrayType(type_of(kind.value_type), containsNull=True)
        return {pyarrow.string(): StringType, pyarrow.float64(): DoubleType, pyarrow.bool_(): BooleanType}[kind]()

    return StructField(field.name, type_of(field.type), nullable=True)
