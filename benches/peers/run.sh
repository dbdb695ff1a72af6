#!/usr/bin/env bash
# codif's predictions of fastText models beside the reference library's and its forks': speed, answers, loading, memory.
#
#   benches/peers/run.sh [--quick] [--model FILE…] [--rounds N] [--seconds N] [--json FILE]
#
# Each program has a Python environment of its own: the forks install the same module, or want another numpy. These, the models
# (2 GB) and codif's copies of them stay in ${XDG_CACHE_HOME:-~/.cache}/codif/peers. Needs Python 3.11, and
# cargo build --release --example peers --bin codif; without it the others are compared. Half an hour; --quick is a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools.sh
cache=${XDG_CACHE_HOME:-$HOME/.cache}/codif/peers
data=$cache quick=()
for argument in "$@"; do
    if [ "$argument" = --quick ]; then
        data=$cache/quick quick=(--quick)
    fi
done
programs=()
for requirements in benches/peers/requirements/*.txt; do
    name=$(basename "$requirements" .txt)
    if environment "$cache/environments/$name" "$requirements"; then
        programs+=(--program "$name=$cache/environments/$name/bin/python")
    else
        echo "$name: left out, it does not install"
    fi
done
reference=$cache/environments/fasttext/bin/python
"$reference" benches/peers/texts.py "$data/texts" "${quick[@]}"
"$reference" benches/peers/models.py "$data/models" "${quick[@]}"
exec "$reference" benches/peers/run.py --target "${CARGO_TARGET_DIR:-target}/release" --data "$data" "${programs[@]}" "$@"
