#!/usr/bin/env bash
# Builds the Python wheel, installs it in an environment of its own and runs its tests there, beside the program:
# tests/wheel.sh PATH_OF_CODIF [ARGUMENT OF PYTEST]…
# A script can source this file instead and call install_wheel.
wheel_tests=$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")
declare -F environment >/dev/null || . "$wheel_tests/tools.sh"

# install_wheel ENVIRONMENT: builds the wheel with the environment's maturin and installs it there.
install_wheel() {
    local built status=0
    built=$(mktemp -d) || return
    { build_wheel "$1" "$built" && put_wheel "$1" "$built"/*.whl; } || status=$?
    rm -rf "$built"
    return "$status"
}

# build_wheel ENVIRONMENT DIRECTORY: for the system's Python, whatever the environment, so that what was compiled is not compiled again.
build_wheel() {
    local python
    python=$(python3 -c 'import sys; print(sys.executable)') || return
    (cd "$wheel_tests/.." && env -u VIRTUAL_ENV -u CONDA_PREFIX "$1/bin/maturin" build --release --locked \
        --manifest-path python/Cargo.toml --interpreter "$python" --compatibility linux --out "$2")
}

# put_wheel ENVIRONMENT WHEEL: it needs nothing else, and is put there in the place of an earlier one of the same version.
put_wheel() {
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall "$2"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    [ $# -ge 1 ] || { echo "usage: $0 PATH_OF_CODIF [ARGUMENT OF PYTEST]…" >&2; exit 2; }
    CODIF_PROGRAM=$(realpath -- "$1")
    export CODIF_PROGRAM
    shift
    cd "$wheel_tests/.."
    tools=$(realpath --canonicalize-missing -- "${CODIF_TOOLS:-.venv}")/wheel
    environment "$tools" tests/wheel-requirements.txt
    install_wheel "$tools"
    "$tools/bin/pytest" -p no:cacheprovider python/tests "$@"
fi
