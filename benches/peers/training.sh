#!/usr/bin/env bash
# `codif train` beside the reference fastText library: same hyper-parameters, lines and threads; seconds and test accuracy.
#
#   benches/peers/training.sh [--threads N…] [--epochs N] [--rounds N]
#
# Needs Python 3.11; its environment stays in ${XDG_CACHE_HOME:-~/.cache}/codif/peers.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools.sh
codif=${CODIF:-${CARGO_TARGET_DIR:-target}/release/codif}
[ -x "$codif" ] || cargo build --release --quiet
reference=${XDG_CACHE_HOME:-$HOME/.cache}/codif/peers/environments/fasttext
environment "$reference" benches/peers/requirements/fasttext.txt
exec "$reference/bin/python" benches/peers/training.py --codif "$codif" "$@"
