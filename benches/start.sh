#!/usr/bin/env bash
# How long `codif serve` takes to be ready, and how much memory it then holds with both models.
set -euo pipefail
cd "$(dirname "$0")/.."
codif=${CARGO_TARGET_DIR:-target}/release/codif
[ -x "$codif" ] || cargo build --release --quiet
for run in 1 2 3; do
    log=$(mktemp)
    start=$(date +%s%N)
    "$codif" serve --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 2>"$log" &
    server=$!
    until grep -q '^codif: page and API' "$log"; do
        kill -0 "$server" 2>/dev/null || { cat "$log" >&2; exit 1; }
    done
    ready=$((($(date +%s%N) - start) / 1000000))
    memory=$(awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$server/status")
    echo "run $run: ready after $ready ms, $memory MiB resident"
    kill "$server"
    wait "$server"
    rm -f "$log"
done
