#!/usr/bin/env bash
# Good and bad clients on `codif serve` for ten minutes: every good request answered, every bad one refused, nothing leaks.
# benches/soak.sh [--minutes 10] [--json FILE]; `benches/soak.py` says what is checked.
set -euo pipefail
here=$(dirname "$0")
codif=${CARGO_TARGET_DIR:-$here/../target}/release/codif
[ -x "$codif" ] || { echo "no $codif: build it first, with cargo build --release" >&2; exit 2; }
exec python3 "$here/soak.py" --codif "$codif" "$@"
