#!/usr/bin/env bash
# Ways to bring the table of a large version into memory, and to gather its rows there or in a mapped file (reading.rs).
#
#   benches/reading.sh FILE…      each the model.safetensors of a version in its directory; big_model.py makes large ones
#
# Each way runs in processes of its own, three times: with the files in the page cache, without, and, as root, without and in
# a control group that gets 60 % of the memory that the way took before, files included.
# Then a copy loses its second half while it is read. Room for twice FILE is needed in TMPDIR, which must be on a disk: what is
# in a tmpfs is never out of memory.
set -euo pipefail
here=$(dirname "$0")
reading=${READING:-${CARGO_TARGET_DIR:-$here/../target}/release/examples/reading}
[ $# -gt 0 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ -x "$reading" ] || cargo build --release --quiet --example reading --manifest-path "$here/../Cargo.toml"
longest=60 # seconds
work=$(mktemp -d) group='' limit=memory.max
trap 'rm -rf "$work"; [ -z "$group" ] || rmdir "$group"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ulimit -c 0

# Makes a group for what is to run short of memory; says why not when it cannot.
make_group() {
    local root=/sys/fs/cgroup
    if [ "$(id -u)" != 0 ]; then
        echo "no memory pressure could be made: only root makes control groups"
    elif [ -w $root/memory/memory.limit_in_bytes ] && mkdir "$root/memory/codif-reading-$$" 2>/dev/null; then
        # Control groups of version 1.
        group=$root/memory/codif-reading-$$ limit=memory.limit_in_bytes
    elif ! grep -qsw memory $root/cgroup.subtree_control; then
        echo "no memory pressure could be made: $root gives its groups no memory controller"
    elif ! mkdir "$root/codif-reading-$$" 2>/dev/null; then
        echo "no memory pressure could be made: $root cannot be written"
    else
        group=$root/codif-reading-$$
        # What does not fit is not to go to the swap instead.
        [ ! -e "$group/memory.swap.max" ] || echo 0 >"$group/memory.swap.max"
    fi
}

# in_memory MEBIBYTES COMMAND…: runs a command that gets so much memory.
in_memory() (
    echo $(($1 << 20)) >"$group/$limit" && echo "$BASHPID" >"$group/cgroup.procs" || exit
    exec "${@:2}"
)

# keep FILE…: brings files into the page cache; forget FILE…: takes them out of it.
keep() {
    cat -- "$@" >/dev/null
}
forget() {
    local file
    sync -- "$@"
    for file in "$@"; do
        dd if="$file" iflag=nocache count=0 status=none
    done
}

# three STATE COMMAND…: runs a way three times; its lines, or how it ended, are noted under the state of the memory.
three() {
    local state=$1 run status
    shift
    for run in 1 2 3; do
        if [ "$state" = "in the page cache" ]; then keep "${files[@]}"; else forget "${files[@]}"; fi
        status=0
        "$@" >"$work/lines" || status=$?
        [ $status = 0 ] || printf '%s\tended\t%s\n' "$way" "$(ending $status)" >>"$work/lines"
        sed "s|^|$state\t|" "$work/lines" >>"$work/costs"
    done 2>>"$work/said"
}

# ending STATUS: how a process ended, in words.
ending() {
    case $1 in
    124) echo "took more than $longest s" ;;
    1[3-9]?) echo "killed by SIG$(kill -l $(($1 - 128)))" ;;
    *) echo "status $1" ;;
    esac
}

table_of_costs() {
    python3 - "$work/costs" <<'PYTHON'
import collections, statistics, sys

costs = collections.defaultdict(list)
for line in open(sys.argv[1], encoding="utf-8"):
    state, way, *cost = line.rstrip("\n").split("\t")
    costs[way, state].append(cost)
print("| | files | ms, min | median | max | peak MiB | minor faults | major faults | a text: p50 µs | p99 | max |")
print("|" + "---|" * 11)
for (way, state), runs in costs.items():
    ended = [cost[1] for cost in runs if cost[0] == "ended"]
    if ended:
        print(f"| {way} | {state} | {len(ended)} times {ended[0]} |" + " |" * 8)
        continue
    columns = [[float(value) for value in column if value] for column in zip(*runs)]
    milliseconds = columns[0]
    cells = [min(milliseconds), statistics.median(milliseconds), max(milliseconds)]
    cells += [statistics.median(column) if column else None for column in columns[1:]]
    cells += [None] * (9 - len(cells))
    written = ("" if cell is None else f"{cell:,.{0 if cell >= 100 or cell == int(cell) else 1}f}" for cell in cells)
    print(f"| {way} | {state} |", *(f"{cell} |" for cell in written))
PYTHON
}

# cut WAY: what becomes of a reader whose file loses its second half.
cut() {
    local status=0
    mkdir -p "$work/copy"
    cp "$file" "$(dirname "$file")/manifest.json" "$work/copy"
    { "$reading" "$1" "$work/copy/$(basename "$file")" || status=$?; } >/dev/null 2>"$work/said"
    echo "$1: $(ending $status)$(sed -n 's/^reading//p' "$work/said")"
    rm -r "$work/copy"
}

make_group
for file in "$@"; do
    printf '\n%s, %s bytes\n\n' "$(basename "$(dirname "$(dirname "$(dirname "$file")")")")" "$(stat -c %s "$file")"
    table=$work/table
    "$reading" widened "$file" "$table"
    : >"$work/costs"
    for way in whole streamed loaded mapped gathered gathered-in-place; do
        files=("$file")
        case $way in gathered*) files=("$table") ;; esac
        command=("$reading" "$way" "$file")
        case $way in gathered*) command+=("$table") ;; esac
        three "in the page cache" "${command[@]}"
        three "not in it" "${command[@]}"
        if [ -n "$group" ]; then
            needed=$(awk -F '\t' '$3 > most { most = $3 } END { print int(most) }' "$work/lines")
            three "not in it, $((needed * 6 / 10)) MiB at most" in_memory $((needed * 6 / 10)) timeout $longest "${command[@]}"
        fi
    done
    rm "$table"
    table_of_costs
    printf '\nwhen the file loses its second half meanwhile:\n'
    cut cut-streamed
    cut cut-mapped
done
