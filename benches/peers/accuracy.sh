#!/usr/bin/env bash
# codif's accuracy beside the reference fastText library's, on the same lines. Needs Python 3.11.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools.sh
cargo build --release --quiet
codif=${CARGO_TARGET_DIR:-target}/release/codif
reference=${XDG_CACHE_HOME:-$HOME/.cache}/codif/peers/environments/fasttext
environment "$reference" benches/peers/requirements/fasttext.txt
split=$(mktemp -d)
trap 'rm -rf "$split"' EXIT
for nomenclature in naf2008 naf2025; do
    "$codif" train models/corpus/declarations.tsv --name split --nomenclature "$nomenclature" --write-split "$split/$nomenclature" >/dev/null
done
also=()
[ -f tests/data/independent.tsv ] && also=(--also tests/data/independent.tsv)
"$reference/bin/python" benches/peers/accuracy.py --codif "$codif" \
    --split "naf2008=$split/naf2008" --split "naf2025=$split/naf2025" "${also[@]}"
