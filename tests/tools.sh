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

servers=()

# serve LOG [VARIABLE=VALUE…] [-- FLAG…]: starts $codif on free ports and leaves its addresses in $url and $operations, its process
# id in $server. What the caller's own environment says about authentication does not count.
serve() {
    local log=$1 deadline=$((SECONDS + 60)) variables=()
    local addresses='s|^codif: page and API on \(http://[0-9.:]*\), operations on \(http://[0-9.:]*\)$|\1 \2|p'
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        variables+=("$1")
        shift
    done
    : >"$log"
    env -u AUTH_API -u API_USERNAME -u API_PASSWORD "${variables[@]}" \
        "$codif" serve --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 "${@:2}" >/dev/null 2>"$log" &
    server=$!
    servers+=("$server")
    until read -r url operations < <(sed -n "$addresses" "$log"); do
        if ! kill -0 "$server" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
            cat "$log" >&2
            return 1
        fi
        sleep 0.05
    done
}

# Stops what was started, by its process id.
stop_servers() {
    local process
    for process in "${servers[@]}"; do
        kill "$process" 2>/dev/null || true
        wait "$process" || true
    done
}

# free_ports COUNT: so many free ports of loopback, in one line; none that the system could give to a client in the meantime.
free_ports() {
    python3 - "$1" <<'PYTHON'
import random, socket, sys

taken = []
while len(taken) < int(sys.argv[1]):
    candidate = socket.socket()
    try:
        candidate.bind(("127.0.0.1", random.randrange(10_000, 32_000)))
        taken.append(candidate)
    except OSError:
        candidate.close()
print(*(one.getsockname()[1] for one in taken))
PYTHON
}

# detached HOME LOG VARIABLE=VALUE… COMMAND…: starts a command in a directory that is also its home, with this environment and no
# other, in a process group of its own, whose id is left in $detached. It is killed when this script is, however that happens.
detached() {
    local home=$1 log=$2
    shift 2
    (cd "$home" && exec setsid setpriv --pdeathsig KILL env -i HOME="$home" "$@") </dev/null >"$log" 2>&1 &
    detached=$!
}

# stop_detached PROCESS SECONDS: tells a process group to end, and kills it when it has not after so many seconds.
stop_detached() {
    local deadline=$((SECONDS + $2))
    kill -- "-$1" 2>/dev/null || true
    while kill -0 -- "-$1" 2>/dev/null && [ $SECONDS -lt $deadline ]; do
        sleep 0.1
    done
    kill -KILL -- "-$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}
