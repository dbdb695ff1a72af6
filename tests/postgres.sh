#!/usr/bin/env bash
# A real PostgreSQL server for the tests, on a free port of loopback and in a directory of its own: tests/postgres.sh COMMAND…
# The command finds it by CODIF_TEST_POSTGRES, the address of a database in it whose user may make others. Every local user may
# come in without a password. The exit status is the command's; the server and all that it kept are gone afterwards.
# A script can source this file instead and call start_postgres and stop_postgres.
postgres_tests=$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")
declare -F environment >/dev/null || . "$postgres_tests/tools.sh"
postgres_server='' postgres_work=''

# The directory of PostgreSQL's programs, which Debian keeps out of the path.
postgres_programs() {
    if command -v initdb >/dev/null && command -v postgres >/dev/null; then
        dirname "$(realpath -- "$(command -v initdb)")"
    else
        printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort --version-sort | tail -n 1 | xargs dirname
    fi
}

# Starts the server and exports where it is; `stop_postgres` is due even when this fails.
start_postgres() {
    local programs port as_user=(env)
    programs=$(postgres_programs)
    if [ ! -x "$programs/initdb" ]; then
        debian postgresql || return
        programs=$(postgres_programs)
    fi
    postgres_work=$(mktemp -d) || return
    mkdir "$postgres_work/home" || return
    # It refuses to be root. The signal at the caller's end is asked for again: a change of user forgets it.
    if [ "$(id -u)" = 0 ]; then
        local user=nobody
        ! id postgres >/dev/null 2>&1 || user=postgres
        as_user=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --pdeathsig KILL)
        chmod 711 "$postgres_work" && chown "$user" "$postgres_work/home" || return
    fi
    port=$(free_ports 1)
    (cd "$postgres_work/home" && env -i PATH="$PATH" HOME="$postgres_work/home" LANG=C "${as_user[@]}" "$programs/initdb" \
        --pgdata data --username codif --auth trust --encoding UTF8 --locale C --no-sync) >"$postgres_work/log" 2>&1 || {
        cat "$postgres_work/log" >&2
        return 1
    }
    # Nothing of it outlives the tests: it need not be safe from a power cut, and what it shares lies in its own directory.
    detached "$postgres_work/home" "$postgres_work/log" PATH="$PATH" LANG=C "${as_user[@]}" "$programs/postgres" -D data \
        -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories= -c max_connections=200 \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c dynamic_shared_memory_type=mmap
    postgres_server=$detached
    export CODIF_TEST_POSTGRES=postgres://codif@127.0.0.1:$port/postgres
    wait_for_postgres "$programs" "$port"
}

# wait_for_postgres PROGRAMS PORT: until the server answers.
wait_for_postgres() {
    local deadline=$((SECONDS + 60))
    until "$1/pg_isready" --quiet --host 127.0.0.1 --port "$2" --username codif --dbname postgres; do
        if ! kill -0 "$postgres_server" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
            tail -n 50 "$postgres_work/log" >&2
            echo "PostgreSQL does not start" >&2
            return 1
        fi
        sleep 0.1
    done
}

# Stops the server and removes what it kept.
stop_postgres() {
    [ -z "$postgres_server" ] || stop_detached "$postgres_server" 5
    [ -z "$postgres_work" ] || rm -rf "$postgres_work"
    postgres_server='' postgres_work=''
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    [ $# -gt 0 ] || { echo "usage: $0 COMMAND…" >&2; exit 2; }
    trap stop_postgres EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    start_postgres
    "$@"
fi
