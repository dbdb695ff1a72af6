#!/usr/bin/env bash
# The clients that exist today against a real codif, without and with authentication: tests/clients/run.sh PATH_OF_CODIF
# The exit status is 0 only when every client found what it expects.
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 PATH_OF_CODIF" >&2; exit 2; }
codif=$(realpath -- "$1")
cd "$(dirname "$0")/../.." # where the models are
. tests/tools.sh
clients=tests/clients
environment=${CODIF_TOOLS:-.venv}/clients
python=$environment/bin/python
user=sirene
password="mot:d'essai" # only the first colon of Basic credentials separates
work=$(mktemp -d)
servers=()

clean_up() {
    local server
    for server in "${servers[@]}"; do
        kill "$server" 2>/dev/null || true
        wait "$server" || true
    done
    rm -rf "$work"
}
trap clean_up EXIT

# start NAME [VARIABLE=VALUE…]: starts codif on free ports and leaves its address in $url. What the caller's own environment
# says about authentication does not count.
start() {
    local log=$work/$1.log server deadline=$((SECONDS + 60))
    shift
    env -u AUTH_API -u API_USERNAME -u API_PASSWORD "$@" \
        "$codif" serve --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 >/dev/null 2>"$log" &
    server=$!
    servers+=("$server")
    url=
    while [ -z "$url" ] && kill -0 "$server" 2>/dev/null && [ $SECONDS -lt $deadline ]; do
        sleep 0.05
        url=$(sed -n 's|^codif: page and API on \(http://[0-9.:]*\),.*|\1|p' "$log")
    done
    [ -n "$url" ] || { cat "$log" >&2; return 1; }
}

status=0
both() { # both NAME [USER PASSWORD]: runs both clients on $url
    local name=$1
    shift
    printf -- '-- Java, %s\n' "$name"
    java -cp "$work" SireneClient "$url" "$@" || status=1
    printf -- '-- Python, %s\n' "$name"
    "$python" $clients/sirene_client.py "$url" "$@" || status=1
}

environment "$environment" $clients/requirements.txt
command -v javac >/dev/null || debian openjdk-17-jdk-headless
javac -Xlint:all -Werror -encoding UTF-8 -d "$work" $clients/SireneClient.java
start plain
both "no authentication"
start basic AUTH_API=True API_USERNAME=$user API_PASSWORD="$password"
both "Basic authentication" "$user" "$password"
exit $status
