#!/usr/bin/env bash
# `codif recode` beside Spark with the wheel, on the same machine, rows and model: rows a second, and what Spark takes before its
# first row.
#
#   benches/spark.sh [--rows N] [--rounds N] [--files N] [--quick]
#
# Needs Python 3.11, Java 17 and cargo build --release --bin codif; the wheel is built here. A standalone cluster on loopback, with
# one worker of one core and then with two. The rows are those of benches/recode.sh, in several files: Spark makes a task of each.
# Ten minutes; --quick is 20,000 rows, once.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools.sh
. tests/spark.sh
target=${CARGO_TARGET_DIR:-target}/release
[ -x "$target/codif" ] || { echo "no $target/codif: build it first, with cargo build --release --bin codif" >&2; exit 2; }
codif=$(realpath -- "$target/codif")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/codif/peers
environment "$cache/environments/recode" benches/recode/requirements.txt
tools=$(realpath --canonicalize-missing -- "${CODIF_TOOLS:-.venv}")/spark
spark_environment "$tools"
trap stop_spark EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

root=$PWD
rows=$("$cache/environments/recode/bin/python" benches/spark/rows.py --data "$cache" "$@")
"$cache/environments/recode/bin/python" benches/spark/recode.py --codif "$codif" --rows "$rows" "$@"
for workers in 1 2; do
    start_spark "$workers" 2g
    in_spark "$tools" "$tools/bin/python" "$root/benches/spark/run.py" --registry "$root/models" --rows "$rows" \
        --workers "$workers" "$@"
    stop_spark
done
