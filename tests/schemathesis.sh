#!/usr/bin/env bash
# Does codif answer as its OpenAPI document says? Schemathesis makes requests from the document, right and wrong ones, and holds
# the real binary's answers against it: tests/schemathesis.sh PATH_OF_CODIF
# The requests are the same at each run; CODIF_SCHEMATHESIS_SEED gives others. The exit status is 0 only when every answer is
# documented: its status, its media type, its headers, its shape.
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 PATH_OF_CODIF" >&2; exit 2; }
codif=$(realpath -- "$1")
cd "$(dirname "$0")/.." # where the models are
. tests/tools.sh
tools=$(realpath --canonicalize-missing -- "${CODIF_TOOLS:-.venv}")/schemathesis
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance
seed=${CODIF_SCHEMATHESIS_SEED:-1}
work=$(mktemp -d)

clean_up() {
    stop_servers
    rm -rf "$work"
}
trap clean_up EXIT

# In an empty directory: there is no schemathesis.toml, and no cache of an earlier run's failures is tried again. Nothing is
# reported to anyone.
test_answers() {
    cd "$work"
    "$tools/bin/st" --no-color run "$url/openapi.json" --checks "$checks" --seed "$seed" --max-examples 100 \
        --generation-database none --continue-on-failure --request-timeout 10
}

environment "$tools" tests/schemathesis-requirements.txt
# With a place for jobs, so that those routes answer too.
serve "$work/codif.log" -- --jobs-place "$work/jobs" --jobs-waiting 100000
test_answers
kill -0 "$server" || { cat "$work/codif.log" >&2; exit 1; }
