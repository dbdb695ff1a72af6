"""Codes Parquet files with Spark.

    spark-submit --master spark://HOST:7077 spark_recode.py s3a://bucket/register s3a://bucket/coded \\
        --registry s3://bucket/models --model ape-naf2025@production --description libelle --nature activ_nat_et

codif, pyarrow and pandas must be installed where the executors run. Credentials are those of the executors' environment.
"""

import argparse

from pyspark.sql import SparkSession

from codif.spark import code_dataframe

FIELDS = [
    "other_nature",
    "agricultural_detail",
    "form_type",
    "nature",
    "event",
    "surface",
    "surface_class",
    "legal_category",
    "permanence",
]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", help="Parquet files to code")
    parser.add_argument("output", help="where the coded rows go, as Parquet")
    parser.add_argument("--registry", required=True, help="model registry: a directory, s3:// or mlflow+http://")
    parser.add_argument("--model", default="ape-naf2008@production", help="NAME, NAME@ALIAS or NAME:VERSION")
    parser.add_argument("--description", action="append", default=[], help="column of the text; several are joined")
    for field in FIELDS:
        parser.add_argument(f"--{field.replace('_', '-')}", help=f"column of {field}")
    parser.add_argument("--keep", action="append", help="column to keep; all of them when none is named")
    parser.add_argument("--top-k", type=int, default=5, help="how many codes to give")
    parser.add_argument("--threshold", type=float, help="replaces the model's threshold")
    parser.add_argument("--previous-code", help="column of the code the row had")
    parser.add_argument("--previous-nomenclature", default="naf2008", help="its nomenclature")
    parser.add_argument("--constrain-to-successors", action="store_true", help="choose among its legal successors")
    parser.add_argument("--partitions", type=int, help="spread the rows over so many tasks")
    parser.add_argument("--overwrite", action="store_true", help="replace an output that is there")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    columns = {field: getattr(given, field) for field in FIELDS if getattr(given, field) is not None}
    if given.description:
        columns["description"] = given.description
    spark = SparkSession.builder.appName("codif recode").getOrCreate()
    rows = spark.read.parquet(given.input)
    if given.partitions:
        rows = rows.repartition(given.partitions)
    coded = code_dataframe(
        rows,
        given.model,
        registry=given.registry,
        columns=columns,
        top_k=given.top_k,
        threshold=given.threshold,
        keep=given.keep,
        previous_code=given.previous_code,
        previous_nomenclature=given.previous_nomenclature,
        constrain_to_successors=given.constrain_to_successors,
    )
    coded.write.mode("overwrite" if given.overwrite else "error").parquet(given.output)
    spark.stop()


if __name__ == "__main__":
    main()
