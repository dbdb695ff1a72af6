#!/usr/bin/env bash
# Installs what the tests need, then runs every test: first those with a browser, clients and servers of other languages,
# nextest's own summary last. The exit status is 0 only when everything passed.
set -uo pipefail
cd "$(dirname "$0")"
. tests/tools.sh
target=${CARGO_TARGET_DIR:-$PWD/target}
failed=()

step() { # step NAME COMMAND…: runs a command and remembers when it fails
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || { printf '== %s: FAILED\n' "$name"; failed+=("$name"); }
}

install_nextest() {
    cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --version 0.9.143 --locked
}

install_deny() {
    cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --version 0.20.2 --locked
}

# The page in a real browser, against the real server on free ports; the server is stopped by its process id.
browser() (
    [ -x "${CHROMIUM:-/usr/bin/chromium}" ] || debian chromium || exit
    (cd tests/browser && npm ci --prefer-offline --no-audit --no-fund --silent) || exit
    codif=$target/release/codif work=$(mktemp -d)
    trap 'stop_servers; rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # The shipped models, and one of them once more on trial.
    cp -r models/ape-naf2008 models/ape-naf2025 "$work" || exit
    "$codif" model push models/ape-naf2008/versions/1 --name ape-naf2008 --registry "$work" || exit
    "$codif" model promote ape-naf2008 2 --alias candidate --registry "$work" || exit
    serve "$work/log" -- --registry "$work" --shadow ape-naf2008@candidate || exit
    cd tests/browser && CODIF_URL=$url npm test --silent && CODIF_URL=$operations npm run test:admin --silent
)

step "format" cargo fmt --all --check
step "lint" cargo clippy --release --all-targets -p codif -p codif-python -- -D warnings
step "install cargo-deny" install_deny
step "licences and sources" cargo deny --locked check licenses bans sources
step "install nextest" install_nextest
step "build" cargo nextest run --release --no-run
step "browser" browser
step "clients of the Sirene contract" tests/clients/run.sh "$target/release/codif"
step "OpenAPI against the running service" tests/schemathesis.sh "$target/release/codif"
step "metrics in a real Prometheus" tests/promtool.sh "$target/release/codif"
step "deployment files" tests/manifests.sh "$target/release/codif"
step "Python wheel" tests/wheel.sh "$target/release/codif"
step "Spark" tests/spark.sh "$target/release/codif"
step "MLflow" tests/s3.sh tests/mlflow-server.sh \
    cargo nextest run --release --no-fail-fast --ignore-default-filter -E 'test(/^mlflow/)'
if [ ${#failed[@]} -gt 0 ]; then
    printf '\nfailed before the tests:\n'
    printf '  %s\n' "${failed[@]}"
fi
printf '\n== tests\n'
tests/s3.sh tests/postgres.sh cargo nextest run --release --no-fail-fast || exit 1
[ ${#failed[@]} = 0 ]
