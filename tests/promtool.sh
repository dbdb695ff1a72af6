#!/usr/bin/env bash
# Prometheus's own word on codif's metrics: promtool finds nothing to say of /metrics, and a real Prometheus scrapes them:
# tests/promtool.sh PATH_OF_CODIF
# The exit status is 0 only when every request was answered as expected, no metric has a lint, and the scrape works.
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 PATH_OF_CODIF" >&2; exit 2; }
codif=$(realpath -- "$1")
cd "$(dirname "$0")/.." # where the models are
. tests/tools.sh
tools=${CODIF_TOOLS:-.venv}/prometheus
work=$(mktemp -d)

clean_up() {
    stop_servers
    rm -rf "$work"
}
trap clean_up EXIT

# Debian's package, unpacked and not installed: installed, it would start a service on port 9090 of every address, now and at
# each boot. Its two programs need nothing but the C library; the rest of the package is for the pages we do not look at.
install_prometheus() {
    command -v promtool >/dev/null && command -v prometheus >/dev/null && return
    if [ ! -d "$tools" ]; then
        local sudo=
        [ "$(id -u)" = 0 ] || sudo=sudo
        $sudo apt-get update -qq
        # Without the option, apt tells root that its own user cannot write here.
        (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root prometheus >/dev/null)
        dpkg-deb --extract "$work"/prometheus_*.deb "$work/prometheus"
        mkdir -p "$(dirname "$tools")"
        rm -rf "$tools.part"
        mv "$work/prometheus" "$tools.part"
        mv "$tools.part" "$tools"
    fi
    PATH=$(realpath -- "$tools")/usr/bin:$PATH
}

# until_found SECONDS COMMAND…: runs a command until it succeeds and prints something, which is left in $found.
until_found() {
    local deadline=$((SECONDS + $1))
    shift
    until found=$("$@") && [ -n "$found" ]; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}

status=0
fail() {
    printf 'FAILED: %s\n' "$1" >&2
    status=1
}

# ask STATUS PATH [CURL'S OPTIONS…]: sends a request and holds its status against the one expected.
ask() {
    local expected=$1 path=$2 answered
    shift 2
    answered=$(curl --silent --max-time 30 --output /dev/null --write-out '%{http_code}' "$@" "$url$path") || true
    [ "$answered" = "$expected" ] || fail "$path $*: $answered instead of $expected"
}

# A few requests of every kind, so that every metric has a value.
ask_everything() {
    local long
    long=$(printf 'vente de pain %.0s' {1..20})
    ask 200 /v1/code -d '{"activities":[{"description":"coiffure à domicile","nature":"zz","event":"01P"},{"description":" "}],"explain":true}'
    ask 422 /v1/code -d '{"activities":[],"top_k":0}'
    ask 422 /v1/code -d '{}'
    ask 400 /v1/code -d '{'
    ask 415 /v1/code -H 'content-encoding: zstd' -d '{}'
    ask 405 /v1/code
    ask 404 /nothing/here
    ask 200 /v1/models
    ask 200 /v1/nomenclatures
    ask 200 '/v1/nomenclatures/naf2008/codes?query=boulangerie'
    ask 200 /v1/nomenclatures/naf2008/codes/96.02A
    ask 404 /v1/nomenclatures/naf1993/codes
    ask 200 /openapi.json
    ask 200 /docs/
    ask 200 /assets/codif.css
    ask 200 / -H 'accept: text/html'
    ask 200 / -H 'accept: text/html' -G --data-urlencode 'description=coiffure à domicile'
    ask 422 / -H 'accept: text/html' -G --data-urlencode 'description= '
    ask 200 /
    ask 200 /naf2025/
    ask 404 /naf1993/
    for at in '' /naf2025; do
        ask 200 "$at/predict/" -d '{"forms":[{"description_activity":"coiffure à domicile","type_form":"M"}]}'
        ask 200 "$at/predict" -d "{\"forms\":[{\"description_activity\":\"$long\"}]}"
        ask 422 "$at/predict/" -d '{"forms":[{"description_activity":" "}]}'
        ask 200 "$at/predict" -G --data-urlencode 'text_feature=coiffure à domicile'
        ask 422 "$at/predict?nb_echos_max=0"
        ask 200 "$at/predict-batch" -d '{"text_description":["coiffure à domicile"],"type_":["M"]}'
        ask 400 "$at/predict-batch" -d '{"text_description":["coiffure à domicile"],"type_":["?"]}'
        ask 200 "$at/evaluation" -d '{"text_description":["coiffure à domicile"],"code":["9602A"]}'
        ask 200 "$at/predict-and-explain" -G --data-urlencode 'text_description=coiffure à domicile'
    done
}

# As many silent connections as codif takes: one more is refused, and the silent ones are closed after a while.
crowd() {
    local address=${url#http://} connection
    local connections=()
    for _ in {1..8}; do
        exec {connection}<>"/dev/tcp/${address%:*}/${address##*:}"
        connections+=("$connection")
    done
    ask 503 /v1/models
    # Until the last of them is closed by codif.
    for connection in "${connections[@]}"; do
        timeout 20 cat <&"$connection" >/dev/null || fail "a silent connection is still open"
        exec {connection}>&-
    done
    ask 200 /v1/models
}

check_metrics() {
    curl --silent --show-error --fail --max-time 10 "$operations/metrics" >"$work/metrics"
    # Its lints go to standard error, and its exit status forgives some.
    local lints
    lints=$(promtool check metrics <"$work/metrics" 2>&1) || fail "promtool check metrics"
    [ -z "$lints" ] || fail "promtool check metrics says:"$'\n'"$lints"
    printf 'promtool: %d metrics, %d values\n' "$(grep -c '^# TYPE' "$work/metrics")" "$(grep -vc '^#' "$work/metrics")"
}

# Starts Prometheus on a free port of loopback and leaves its address in $prometheus.
start_prometheus() {
    local log=$work/prometheus.log
    : >"$log"
    cat >"$work/prometheus.yml" <<YAML
scrape_configs:
  - job_name: codif
    scrape_interval: 1s
    static_configs:
      - targets: ["${operations#http://}"]
YAML
    promtool check config "$work/prometheus.yml" >/dev/null
    prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --web.listen-address=127.0.0.1:0 2>"$log" &
    servers+=($!)
    until_found 30 sed -n 's|.*msg="Listening on" address=\(127\.0\.0\.1:[0-9]*\).*|http://\1|p' "$log" || { cat "$log" >&2; return 1; }
    prometheus=$found
}

# scraped QUERY: waits until Prometheus has an answer to a query.
scraped() {
    local answers=(curl --silent --max-time 5 -G --data-urlencode "query=$1" "$prometheus/api/v1/query")
    if until_found 30 bash -c '"$@" | grep -o "\"result\":\[{.*"' scraped "${answers[@]}"; then
        printf 'prometheus: %s\n' "$1"
    else
        fail "Prometheus has no answer to $1: $("${answers[@]}")"
    fi
}

command -v curl >/dev/null || debian curl
install_prometheus
# Few connections and little patience, so that what is counted under load is counted here too.
serve "$work/codif.log" -- --limits-connections 8 --limits-text 100 --patience-first-byte 2s
ask_everything
crowd
check_metrics
start_prometheus
scraped 'up{job="codif"} == 1'
scraped 'codif_http_requests_total{route="/v1/code"}'
scraped 'histogram_quantile(0.5, codif_http_request_duration_seconds_bucket{route="/v1/code"}) > 0'
exit $status
