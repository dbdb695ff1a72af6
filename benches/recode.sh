#!/usr/bin/env bash
# `codif recode` on a million rows, beside fastText and pandas doing the same job: rows a second, CPU time, memory, and whether the
# answers are those of `codif code`.
#
#   benches/recode.sh [--rows N] [--rounds N] [--quick] [--json FILE]
#
# Needs Python 3.11, and cargo build --release --bin codif. The rows (300 MB) stay in ${XDG_CACHE_HOME:-~/.cache}/codif/peers. The
# fastText model is the one that benches/peers/run.sh makes and imports there; what needs it is left out where it is not. Half an
# hour, most of it fastText's own; --quick is 20,000 rows, once.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools.sh
target=${CARGO_TARGET_DIR:-target}/release
[ -x "$target/codif" ] || { echo "no $target/codif: build it first, with cargo build --release --bin codif" >&2; exit 2; }
cache=${XDG_CACHE_HOME:-$HOME/.cache}/codif/peers
environment "$cache/environments/recode" benches/recode/requirements.txt
exec "$cache/environments/recode/bin/python" benches/recode/run.py --codif "$target/codif" --data "$cache" "$@"
