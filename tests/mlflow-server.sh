#!/usr/bin/env bash
# Real MLflow tracking servers for the tests, on free ports of loopback and in a directory of their own:
# tests/mlflow-server.sh COMMAND…
# The command finds the one that hands out its artefacts itself by CODIF_TEST_MLFLOW, the one whose artefacts are in S3, which is
# there when tests/s3.sh runs this, by CODIF_TEST_MLFLOW_S3, and a Python with MLflow's client by CODIF_TEST_MLFLOW_PYTHON.
# The exit status is the command's; the servers and all that they kept are gone afterwards.
# A script can source this file instead and call start_mlflow and stop_mlflow.
mlflow_tests=$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")
declare -F environment >/dev/null || . "$mlflow_tests/tools.sh"
mlflow_servers=() mlflow_work=''

# Starts the servers and exports where they are; `stop_mlflow` is due even when this fails.
start_mlflow() {
    local tools ports
    tools=$(cd "$mlflow_tests/.." && realpath --canonicalize-missing -- "${CODIF_TOOLS:-.venv}")/mlflow
    environment "$tools" "$mlflow_tests/mlflow-requirements.txt" || return
    command -v curl >/dev/null || debian curl || return
    export CODIF_TEST_MLFLOW_PYTHON=$tools/bin/python
    mlflow_work=$(mktemp -d) || return
    read -r -a ports <<<"$(free_ports 2)"
    export CODIF_TEST_MLFLOW=http://127.0.0.1:${ports[0]}
    mlflow_server proxied "${ports[0]}" --serve-artifacts --artifacts-destination "$mlflow_work/proxied/artifacts"
    unset CODIF_TEST_MLFLOW_S3
    if [ -n "${CODIF_TEST_S3_ENDPOINT:-}" ]; then
        export CODIF_TEST_MLFLOW_S3=http://127.0.0.1:${ports[1]}
        mlflow_server s3 "${ports[1]}" --no-serve-artifacts --default-artifact-root "s3://$CODIF_TEST_S3_BUCKET/mlflow"
    fi
    wait_for_mlflow "$CODIF_TEST_MLFLOW" proxied || return
    [ -z "${CODIF_TEST_MLFLOW_S3:-}" ] || wait_for_mlflow "$CODIF_TEST_MLFLOW_S3" s3
}

# mlflow_server NAME PORT FLAG…: starts a server in a directory of that name. It reports nothing to anyone, and runs no jobs.
mlflow_server() {
    local home=$mlflow_work/$1 port=$2
    shift 2
    mkdir "$home"
    detached "$home" "$home.log" PATH="$PATH" TMPDIR="$home" LANG=C.UTF-8 PYTHONUNBUFFERED=1 \
        MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
        MLFLOW_S3_ENDPOINT_URL="${CODIF_TEST_S3_ENDPOINT:-}" AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION=us-east-1 \
        AWS_ACCESS_KEY_ID="${CODIF_TEST_S3_KEY:-}" AWS_SECRET_ACCESS_KEY="${CODIF_TEST_S3_SECRET:-}" \
        "$CODIF_TEST_MLFLOW_PYTHON" -m mlflow server --host 127.0.0.1 --port "$port" --workers 1 \
        --backend-store-uri "sqlite:///$home/mlflow.db" "$@"
    mlflow_servers+=("$detached")
}

# wait_for_mlflow URL NAME: until a server answers.
wait_for_mlflow() {
    local deadline=$((SECONDS + 120)) server
    until curl --silent --noproxy '*' --fail --max-time 5 --output /dev/null "$1/health"; do
        for server in "${mlflow_servers[@]}"; do
            if ! kill -0 "$server" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
                tail -n 50 "$mlflow_work/$2.log" >&2
                echo "MLflow does not start" >&2
                return 1
            fi
        done
        sleep 0.2
    done
}

# Stops the servers and removes what they kept.
stop_mlflow() {
    local server
    for server in "${mlflow_servers[@]}"; do
        stop_detached "$server" 5
    done
    [ -z "$mlflow_work" ] || rm -rf "$mlflow_work"
    mlflow_servers=() mlflow_work=''
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    [ $# -gt 0 ] || { echo "usage: $0 COMMAND…" >&2; exit 2; }
    trap stop_mlflow EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    start_mlflow
    "$@"
fi
