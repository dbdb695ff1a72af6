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

clean_up() {
    stop_servers
    rm -rf "$work"
}
trap clean_up EXIT

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
serve "$work/plain.log"
both "no authentication"
serve "$work/basic.log" AUTH_API=True API_USERNAME=$user API_PASSWORD="$password"
both "Basic authentication" "$user" "$password"
exit $status
