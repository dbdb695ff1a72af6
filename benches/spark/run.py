"""The same in Spark: what it takes to start, then the rows. Runs as a driver of the cluster that ../spark.sh started."""

import os
import tempfile
import time

from codif.spark import code_dataframe
from options import options, told
from pyspark.sql import SparkSession

asked = options()
columns = {"description": "description", "nature": "nature", "form_type": "form_type"}
title = f"Spark, {asked.workers} worker{'s' * (asked.workers > 1)} of one core"

start = time.perf_counter()
session = (
    SparkSession.builder.master(os.environ["CODIF_TEST_SPARK"])
    .appName("codif")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.executor.cores", 1)
    .config("spark.cores.max", asked.workers)
    .config("spark.scheduler.minRegisteredResourcesRatio", 1.0)  # no task before every worker is there
    .config("spark.executor.memory", "1g")
    .config("spark.sql.files.openCostInBytes", 134217728)  # a task of each file
    .config("spark.ui.enabled", False)
    .config("spark.ui.showConsoleProgress", False)
    .getOrCreate()
)
session.sparkContext.setLogLevel("ERROR")
ready = time.perf_counter()
rows = session.read.parquet(str(asked.folder))
model, registry = "ape-naf2008@production", str(asked.registry)
coded = code_dataframe(rows, model, registry=registry, columns=columns)
# A task for each core at once: every Python worker is started and has its model. `limit` would ask one of them only.
one_each = session.range(0, asked.workers, 1, asked.workers)
one_each = one_each.selectExpr("'coiffure' AS description", "'04' AS nature", "'1' AS form_type")
code_dataframe(one_each, model, registry=registry, columns=columns).collect()
first = time.perf_counter()
print(f"{title}: session {ready - start:.1f} s, until the first rows {first - ready:.1f} s more", flush=True)
for _ in range(asked.rounds):
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        coded.write.parquet(f"{place}/out")
        taken = time.perf_counter() - start
        found = session.read.parquet(f"{place}/out").filter("error is null").count()
        assert found == asked.count, f"{found} rows were coded"
        told(title, asked.count, taken, f"{rows.rdd.getNumPartitions()} tasks")
session.stop()
