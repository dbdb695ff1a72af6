#!/usr/bin/env bash
# codif under load, beside a FastAPI service of a fastText model and a route that does nothing (empty_route.rs).
#
#   benches/load.sh single|batch|interactive|overload|all [--seconds N] [--rounds N] [--json FILE]
#
# CODIF and EMPTY_ROUTE name other binaries. Needs Python 3.11; installs Debian's wrk when it is missing. The service's Python
# environment and model are made once, in ${CODIF_TOOLS:-.venv}/service.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools.sh
codif=${CODIF:-${CARGO_TARGET_DIR:-target}/release/codif}
empty_route=${EMPTY_ROUTE:-${CARGO_TARGET_DIR:-target}/release/examples/empty-route}
service=${CODIF_TOOLS:-.venv}/service
model=$service/model.bin
[ -x "$codif" ] || cargo build --release --quiet
[ -x "$empty_route" ] || cargo build --release --quiet --example empty-route
command -v wrk >/dev/null || debian wrk
environment "$service" benches/peers/service/requirements.txt
if [ ! -f "$model" ]; then
    "$service/bin/python" benches/peers/service/train.py "$model.part"
    mv "$model.part" "$model"
fi
# Not a child: load.py must get the signal itself, to stop its servers.
exec python3 benches/load.py --codif "$codif" --empty-route "$empty_route" \
    --uvicorn "$service/bin/uvicorn" --model "$model" "$@"
