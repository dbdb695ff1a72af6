#!/usr/bin/env bash
# What a version costs by its size: to start with, to take the place of another under load, and in memory.
#
#   benches/registry.sh [MEGABYTES…]      sizes of model.safetensors; 100 and 1500 by default
#
# Three runs on loopback, files in the page cache, one client that codes one activity after the other while versions change. A size
# is left out when five times as much memory is not free: 1,500 MB of halves are 3 GB of numbers, and a swap holds two versions.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools.sh
codif=${CODIF:-${CARGO_TARGET_DIR:-target}/release/codif}
[ -x "$codif" ] || cargo build --release --quiet
work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
registry=$work/registry log=$work/log figures=$work/figures

# figure NAME VALUE: one value of a figure of this size.
figure() {
    printf '%s\t%s\t%s\n' "$size" "$1" "$2" >>"$figures"
}

# memory VmRSS|VmHWM: resident memory of the server, or its peak, in MiB.
memory() {
    awk -v name="$1:" '$1 == name { print $2 / 1024 }' "/proc/$server/status"
}

# start KEEP: a server of version 1; sets $ready to the milliseconds until it could be asked.
start() {
    local began said
    echo 1 >"$registry/big/aliases/production"
    began=$(date +%s%N)
    serve "$log" -- --registry "$registry" --reload-interval 0s --reload-keep-previous "$1"
    until said=$(sed -n 's/^{"timestamp":"\([^"]*\)".*"message":"serving".*/\1/p' "$log") && [ -n "$said" ]; do
        sleep 0.01
    done
    ready=$((($(date -d "$said" +%s%N) - began) / 1000000))
}

stop() {
    stop_servers
    servers=()
}

# reload true|false: asks the server to look at the registry, and whether another version is in service then must be so; sets
# $reload to the milliseconds it took.
reload() {
    reload=$(curl -sS -X POST -o "$work/answer" -w '%{time_total}' "$operations/admin/models/big/reload")
    reload=$(awk -v seconds="$reload" 'BEGIN { print seconds * 1000 }')
    grep -q "\"changed\":$1" "$work/answer" || { cat "$work/answer" "$log" >&2; return 1; }
}

# Codes one activity after the other until SIGTERM; says so after the first answers, and at the end the median and the 99th
# percentile of those that followed, in milliseconds.
client() {
    exec python3 - "$url" <<'PYTHON'
import csv, http.client, itertools, json, random, signal, sys, time
from urllib.parse import urlsplit

stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
with open("models/corpus/declarations.tsv", encoding="utf-8", newline="") as corpus:
    texts = [line["description"] for line in csv.DictReader(corpus, delimiter="\t", quoting=csv.QUOTE_NONE)]
random.Random(1).shuffle(texts)
bodies = [json.dumps({"activities": [{"description": text}]}).encode() for text in texts]
server = http.client.HTTPConnection(urlsplit(sys.argv[1]).netloc)
times = []
for number, body in enumerate(itertools.cycle(bodies), 1):
    start = time.perf_counter()
    server.request("POST", "/v1/code", body, {"content-type": "application/json"})
    answer = server.getresponse()
    answered = answer.read()
    times.append((time.perf_counter() - start) * 1000)
    if answer.status != 200:
        sys.exit(f"/v1/code answered {answer.status}: {answered[:300].decode()}")
    if number == 200:
        times.clear()
        print("under way", flush=True)
    elif stop and times:
        times.sort()
        print(times[len(times) // 2], times[len(times) * 99 // 100])
        break
PYTHON
}

# beside WHEN COMMAND…: runs a command while one activity after the other is coded, and notes how long these took.
beside() {
    local when=$1 answers process median tail
    shift
    exec {answers}< <(client)
    process=$!
    read -r _ <&"$answers"
    "$@"
    kill "$process"
    read -r median tail <&"$answers"
    exec {answers}<&-
    figure "one coding $when: p50, ms" "$median"
    figure "one coding $when: p99, ms" "$tail"
}

# The version before is kept, as by default: every figure but one.
with_the_one_before() {
    start 1h
    figure "start to ready, ms" "$ready"
    figure "resident once ready, MiB" "$(memory VmRSS)"
    figure "peak of the start, MiB" "$(memory VmHWM)"
    beside "before the swap" sleep 3
    "$codif" model promote big 2 --registry "$registry" >/dev/null
    echo 5 >"/proc/$server/clear_refs" # The peak is what is resident now.
    beside "during the swap" reload true
    figure "reload, ms" "$reload"
    figure "peak of the swap, MiB" "$(memory VmHWM)"
    figure "resident after, the one before kept (1h), MiB" "$(memory VmRSS)"
    stop
}

without_the_one_before() {
    start 0s
    "$codif" model promote big 2 --registry "$registry" >/dev/null
    reload true
    reload false
    figure "resident after, the one before let go (0s), MiB" "$(memory VmRSS)"
    stop
}

[ $# -gt 0 ] || set -- 100 1500
for size in "$@"; do
    free=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
    if [ "$free" -lt $((5 * size)) ]; then
        echo "$size MB are left out: $free MiB of memory are free, $((5 * size)) should be" >&2
        continue
    fi
    rm -rf "$registry"
    python3 benches/big_model.py models/ape-naf2008/versions/1 "$registry" big "$size"
    for run in 1 2 3; do
        echo "$size MB, run $run of 3" >&2
        with_the_one_before
        without_the_one_before
    done
done
[ -s "$figures" ]
python3 - "$figures" <<'PYTHON'
import collections, statistics, sys

figures = collections.defaultdict(list)
for line in open(sys.argv[1]):
    size, name, value = line.rstrip("\n").split("\t")
    figures[size, name].append(float(value))
print("| MB | | min | median | max |\n|---|---|---|---|---|")
for (size, name), values in figures.items():
    values = min(values), statistics.median(values), max(values)
    print(f"| {int(size):,} | {name} |", *(f"{value:,.{0 if value >= 100 else 2}f} |" for value in values))
PYTHON
