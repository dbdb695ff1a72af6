# What the scripts need of the system; sourced, not run.

# debian PACKAGE…: installs Debian's packages.
debian() {
    local sudo=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || {
            echo "neither root nor sudo: run 'apt-get install $*' as root, then this again" >&2
            return 1
        }
        sudo=sudo
    fi
    $sudo apt-get update -qq || return
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# environment DIRECTORY REQUIREMENTS: a Python environment with what the file names; one left half made is made again.
environment() {
    if ! "$1/bin/python" -m pip --version >/dev/null 2>&1; then
        python3 -c 'import ensurepip' 2>/dev/null || debian python3-venv || return
        python3 -m venv --clear "$1" || return
    fi
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$2"
}
