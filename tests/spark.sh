#!/usr/bin/env bash
# codif.spark on a real cluster: a master and two workers of Spark, on free ports of loopback and in a directory of their own, run
# python/tests/spark_suite.py with the wheel installed: tests/spark.sh PATH_OF_CODIF [ARGUMENT OF PYTEST]…
# One worker is killed by the tests; the others and all that they kept are gone afterwards.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 PATH_OF_CODIF [ARGUMENT OF PYTEST]…" >&2; exit 2; }
CODIF_PROGRAM=$(realpath -- "$1")
export CODIF_PROGRAM
shift
cd "$(dirname "$0")/.."
. tests/tools.sh
. tests/wheel.sh
spark_processes=() spark_work=''

# Stops what was started, each by its process group, and removes what it kept.
stop_spark() {
    local process
    # The master last: a worker that has lost it waits for it.
    for process in "${spark_processes[@]}"; do
        stop_detached "$process" 5
    done
    [ -z "$spark_work" ] || rm -rf "$spark_work"
}

# spark_process NAME CLASS ARGUMENT…: starts a part of the cluster in a directory of that name.
spark_process() {
    local home=$spark_work/$1
    mkdir "$home"
    detached "$home" "$home.log" PATH="$PATH" LANG=C.UTF-8 TMPDIR="$home" SPARK_HOME="$SPARK_HOME" SPARK_CONF_DIR="$spark_work/conf" \
        SPARK_LOCAL_IP=127.0.0.1 SPARK_LOCAL_DIRS="$home" SPARK_DAEMON_MEMORY=256m PYTHONDONTWRITEBYTECODE=1 \
        "$SPARK_HOME/bin/spark-class" "${@:2}"
    spark_processes=("$detached" "${spark_processes[@]}")
}

# has_logged NAME TEXT: waits until a part of the cluster has logged a text.
has_logged() {
    local deadline=$((SECONDS + 120)) process
    until grep -q "$2" "$spark_work/$1.log"; do
        for process in "${spark_processes[@]}"; do
            if ! kill -0 "$process" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
                tail -n 50 "$spark_work"/*.log >&2
                echo "Spark does not start" >&2
                return 1
            fi
        done
        sleep 0.1
    done
}

trap stop_spark EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

tools=$(realpath --canonicalize-missing -- "${CODIF_TOOLS:-.venv}")/spark
environment "$tools" tests/spark-requirements.txt
command -v java >/dev/null || debian openjdk-17-jre-headless
install_wheel "$tools"

SPARK_HOME=$("$tools/bin/python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
spark_work=$(realpath -- "$(mktemp -d)")
mkdir "$spark_work/conf"
read -r -a ports <<<"$(free_ports 6)"
master=spark://127.0.0.1:${ports[0]}
spark_process master org.apache.spark.deploy.master.Master --host 127.0.0.1 --port "${ports[0]}" --webui-port "${ports[1]}"
has_logged master 'Starting Spark master at'
workers=() folders=()
for number in 1 2; do
    spark_process "worker-$number" org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --port "${ports[2 * number]}" \
        --webui-port "${ports[2 * number + 1]}" --cores 1 --memory 1g --work-dir "$spark_work/worker-$number/work" "$master"
    workers+=("$detached")
    folders+=("$spark_work/worker-$number")
done
has_logged worker-1 'Successfully registered with master'
has_logged worker-2 'Successfully registered with master'

# Python on both sides, and whatever the driver leaves behind, are of this run.
suite=$PWD/python/tests/spark_suite.py
cd "$spark_work"
env SPARK_HOME="$SPARK_HOME" SPARK_CONF_DIR="$spark_work/conf" SPARK_LOCAL_IP=127.0.0.1 SPARK_LOCAL_DIRS="$spark_work" \
    PYSPARK_PYTHON="$tools/bin/python" PYSPARK_DRIVER_PYTHON="$tools/bin/python" \
    CODIF_TEST_SPARK="$master" CODIF_TEST_SPARK_WORKERS="${workers[*]}" CODIF_TEST_SPARK_FOLDERS="${folders[*]}" \
    "$tools/bin/pytest" -p no:cacheprovider "$suite" "$@"
