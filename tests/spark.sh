#!/usr/bin/env bash
# codif.spark on a real cluster: a master and two workers of Spark, on free ports of loopback and in a directory of their own, run
# python/tests/spark_suite.py with the wheel installed: tests/spark.sh PATH_OF_CODIF [ARGUMENT OF PYTEST]…
# One worker is killed by the tests; the others and all that they kept are gone afterwards.
# A script can source this file instead, and call spark_environment, start_spark and stop_spark.
spark_tests=$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")
declare -F install_wheel >/dev/null || . "$spark_tests/wheel.sh"
spark_processes=() spark_work='' spark_master='' spark_workers=() spark_folders=()

# spark_environment ENVIRONMENT: Spark, Java and the wheel.
spark_environment() {
    environment "$1" "$spark_tests/spark-requirements.txt" || return
    command -v java >/dev/null || debian openjdk-17-jre-headless || return
    install_wheel "$1" || return
    SPARK_HOME=$("$1/bin/python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
}

# start_spark WORKERS MEMORY: a master and so many workers of one core; `stop_spark` is due even when this fails.
start_spark() {
    local count=$1 memory=$2 ports number
    spark_work=$(realpath -- "$(mktemp -d)") || return
    mkdir "$spark_work/conf" || return
    read -r -a ports <<<"$(free_ports $((2 * count + 2)))"
    spark_master=spark://127.0.0.1:${ports[0]}
    spark_process master org.apache.spark.deploy.master.Master --host 127.0.0.1 --port "${ports[0]}" --webui-port "${ports[1]}"
    has_logged master 'Starting Spark master at' || return
    for ((number = 1; number <= count; number++)); do
        spark_process "worker-$number" org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --port "${ports[2 * number]}" \
            --webui-port "${ports[2 * number + 1]}" --cores 1 --memory "$memory" --work-dir "$spark_work/worker-$number/work" \
            "$spark_master"
        spark_workers+=("$detached")
        spark_folders+=("$spark_work/worker-$number")
    done
    for ((number = 1; number <= count; number++)); do
        has_logged "worker-$number" 'Successfully registered with master' || return
    done
}

# Stops what was started, each by its process group, and removes what it kept.
stop_spark() {
    local process
    # The master last: a worker that has lost it waits for it.
    for process in "${spark_processes[@]}"; do
        stop_detached "$process" 5
    done
    [ -z "$spark_work" ] || rm -rf "$spark_work"
    spark_processes=() spark_work='' spark_workers=() spark_folders=()
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
    until grep -qs "$2" "$spark_work/$1.log"; do
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

# in_spark ENVIRONMENT COMMAND…: runs a command as a driver of the cluster: Python on both sides, and whatever the driver leaves
# behind, are of this run.
in_spark() {
    local python=$1/bin/python
    (cd "$spark_work" && env SPARK_HOME="$SPARK_HOME" SPARK_CONF_DIR="$spark_work/conf" SPARK_LOCAL_IP=127.0.0.1 \
        SPARK_LOCAL_DIRS="$spark_work" PYSPARK_PYTHON="$python" PYSPARK_DRIVER_PYTHON="$python" \
        CODIF_TEST_SPARK="$spark_master" CODIF_TEST_SPARK_WORKERS="${spark_workers[*]}" \
        CODIF_TEST_SPARK_FOLDERS="${spark_folders[*]}" "${@:2}")
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    [ $# -ge 1 ] || { echo "usage: $0 PATH_OF_CODIF [ARGUMENT OF PYTEST]…" >&2; exit 2; }
    CODIF_PROGRAM=$(realpath -- "$1")
    export CODIF_PROGRAM
    shift
    cd "$spark_tests/.."
    trap stop_spark EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    tools=$(realpath --canonicalize-missing -- "${CODIF_TOOLS:-.venv}")/spark
    spark_environment "$tools"
    start_spark 2 1g
    in_spark "$tools" "$tools/bin/pytest" -p no:cacheprovider "$PWD/python/tests/spark_suite.py" "$@"
fi
