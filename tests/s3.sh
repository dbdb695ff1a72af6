#!/usr/bin/env bash
# A real S3 server for the tests, SeaweedFS, on free ports of loopback and in a directory of its own: tests/s3.sh COMMAND…
# The command finds it by CODIF_TEST_S3_ENDPOINT, _KEY, _SECRET and _BUCKET, and by CODIF_TEST_S3_READER_KEY and _READER_SECRET,
# which may read the bucket and no more. The exit status is the command's; the server and all that it kept are gone afterwards.
# A script can source this file instead and call start_s3 and stop_s3.
s3_tests=$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")
declare -F environment >/dev/null || . "$s3_tests/tools.sh"
s3_server='' s3_work='' s3_ports=()

secret() {
    od -An -N20 -tx1 /dev/urandom | tr -d ' \n'
}

# Starts the server and exports where it is; `stop_s3` is due even when this fails.
start_s3() {
    local tools port
    tools=$(cd "$s3_tests/.." && realpath --canonicalize-missing -- "${CODIF_TOOLS:-.venv}")/s3
    environment "$tools" "$s3_tests/s3-requirements.txt" || return
    command -v curl >/dev/null || debian curl || return
    export CODIF_TEST_S3_KEY CODIF_TEST_S3_SECRET CODIF_TEST_S3_READER_KEY CODIF_TEST_S3_READER_SECRET
    CODIF_TEST_S3_KEY=$(secret) CODIF_TEST_S3_SECRET=$(secret)
    CODIF_TEST_S3_READER_KEY=$(secret) CODIF_TEST_S3_READER_SECRET=$(secret)
    export CODIF_TEST_S3_BUCKET=codif-tests
    s3_work=$(mktemp -d) || return
    mkdir "$s3_work/data"
    cat >"$s3_work/s3.json" <<JSON
{"identities": [
  {"name": "tests", "credentials": [{"accessKey": "$CODIF_TEST_S3_KEY", "secretKey": "$CODIF_TEST_S3_SECRET"}],
   "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
  {"name": "reader", "credentials": [{"accessKey": "$CODIF_TEST_S3_READER_KEY", "secretKey": "$CODIF_TEST_S3_READER_SECRET"}],
   "actions": ["Read:$CODIF_TEST_S3_BUCKET", "List:$CODIF_TEST_S3_BUCKET"]}
]}
JSON
    # Every port is named: an unnamed one would be another plus 10000, free or not.
    read -r -a s3_ports <<<"$(free_ports 8)"
    port=${s3_ports[6]}
    export CODIF_TEST_S3_ENDPOINT=http://127.0.0.1:$port
    # A bucket takes 7 volumes at its first object, hence so many of them: they cost nothing while they are empty. A bucket is not
    # made by writing to it, as in S3. An environment and a home of its own: neither settings nor credentials of the caller.
    detached "$s3_work" "$s3_work/s3.log" PATH="$PATH" \
        "$tools/bin/weed" -logtostderr server -ip=127.0.0.1 -ip.bind=127.0.0.1 -dir="$s3_work/data" \
        -master.port="${s3_ports[0]}" -master.port.grpc="${s3_ports[1]}" -master.volumeSizeLimitMB=1024 -master.telemetry=false \
        -volume.port="${s3_ports[2]}" -volume.port.grpc="${s3_ports[3]}" -volume.max=1000 \
        -filer.port="${s3_ports[4]}" -filer.port.grpc="${s3_ports[5]}" -filer.localSocket="$s3_work/filer.sock" \
        -s3 -s3.port="$port" -s3.port.grpc="${s3_ports[7]}" -s3.localSocket="$s3_work/s3.sock" -s3.port.iceberg=0 -s3.port.lance=0 \
        -s3.config="$s3_work/s3.json" -s3.autoCreateBucket=false
    s3_server=$detached
    wait_for_s3
}

# s3_request METHOD PATH: the status of an answer, 000 when there is none.
s3_request() {
    curl --silent --noproxy '*' --max-time 10 --output /dev/null --write-out '%{http_code}' --aws-sigv4 aws:amz:us-east-1:s3 \
        --user "$CODIF_TEST_S3_KEY:$CODIF_TEST_S3_SECRET" --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
        --request "$1" "$CODIF_TEST_S3_ENDPOINT/$CODIF_TEST_S3_BUCKET$2" || true
}

# Makes the bucket, and waits until an object can be written to it.
wait_for_s3() {
    local deadline=$((SECONDS + 60))
    until s3_request PUT '' >/dev/null && [ "$(s3_request PUT /ready)" = 200 ]; do
        if ! kill -0 "$s3_server" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
            tail -n 50 "$s3_work/s3.log" >&2
            echo "the S3 server does not start" >&2
            return 1
        fi
        sleep 0.1
    done
    s3_request DELETE /ready >/dev/null
}

# Stops the server and removes what it kept. Told to end, it takes 15 seconds, or for ever when it is full: it is not waited for.
stop_s3() {
    local port
    [ -z "$s3_server" ] || stop_detached "$s3_server" 1
    # Some of its sockets are always here.
    for port in "${s3_ports[@]}"; do
        rm -f /tmp/seaweedfs-*-"$port".sock
    done
    [ -z "$s3_work" ] || rm -rf "$s3_work"
    s3_server='' s3_work='' s3_ports=()
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    [ $# -gt 0 ] || { echo "usage: $0 COMMAND…" >&2; exit 2; }
    trap stop_s3 EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    start_s3
    "$@"
fi
