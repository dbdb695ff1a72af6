#!/usr/bin/env bash
# Installs what the tests need, then runs every test: first those with a browser, clients and servers of other languages,
# nextest's own summary last.
# The exit status is 0 only when everything passed.
set -uo pipefail
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-$PWD/target}
failed=()

step() { # step NAME COMMAND…: runs a command and remembers when it fails
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" || { printf '== %s: FAILED\n' "$name"; failed+=("$name"); }
}

install_nextest() {
    cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked
}

install_deny() {
    cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --locked
}

install_chromium() {
    [ -x "${CHROMIUM:-/usr/bin/chromium}" ] && return
    local sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq && $sudo apt-get install -qq -y --no-install-recommends chromium >/dev/null
}

# The page in a real browser, against the real server on free ports; the server is stopped by its process id.
browser() {
    install_chromium || return
    (cd tests/browser && npm ci --no-audit --no-fund --silent) || return
    local log server url status
    log=$(mktemp)
    "$target/release/codif" serve --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 2>"$log" &
    server=$!
    url=
    while [ -z "$url" ] && kill -0 "$server" 2>/dev/null; do
        url=$(sed -n 's|^codif: page and API on \(http://[0-9.:]*\),.*|\1|p' "$log")
    done
    [ -n "$url" ] || { cat "$log"; return 1; }
    (cd tests/browser && CODIF_URL=$url npm test --silent)
    status=$?
    kill "$server"
    wait "$server"
    rm -f "$log"
    return $status
}

step "format" cargo fmt --check
step "lint" cargo clippy --release --all-targets -- -D warnings
step "install cargo-deny" install_deny
step "licences and sources" cargo deny --locked check licenses bans sources
step "install nextest" install_nextest
step "build" cargo nextest run --release --no-run
step "browser" browser
step "clients of the Sirene contract" tests/clients/run.sh "$target/release/codif"
step "OpenAPI against the running service" tests/schemathesis.sh "$target/release/codif"
step "metrics in a real Prometheus" tests/promtool.sh "$target/release/codif"
step "tests" cargo nextest run --release --no-fail-fast
status=0
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[*]}" >&2
    status=1
fi
exit $status
