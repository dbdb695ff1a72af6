#!/usr/bin/env bash
# The image of the Dockerfile, built and run: tests/image.sh
# buildah builds it as root, without a daemon. No public image is asked for: debootstrap makes both bases, and the one that compiles
# borrows this machine's Rust toolchain and downloaded crates. Most of the time goes into compiling codif from nothing;
# CODIF_IMAGE_TARGET names a directory, of no other cargo, that keeps what was compiled for the next time. The exit status is 0 only
# when the image codes as its own user and stops when asked to, 1 when something is wrong, 77 when this machine cannot build an image,
# with the reason.
set -euo pipefail
[ $# = 0 ] || { echo "usage: [CODIF_IMAGE_TARGET=DIRECTORY] $0" >&2; exit 2; }
cd "$(dirname "$0")/.."
. tests/tools.sh
container="codif-image-test"
work=$(mktemp -d)
mkdir "$work/tmp"

clean_up() {
    stop_servers
    # Removing through a mount would remove what is mounted there.
    if grep -qF " $work/" /proc/self/mountinfo; then
        echo "not removed, something is still mounted in it: $work" >&2
    else
        rm -rf "$work"
    fi
}
trap clean_up EXIT

cannot() {
    printf 'NOT TESTED: no image can be built here: %s\n' "$1" >&2
    exit 77
}

status=0
fail() {
    printf 'FAILED: %s\n' "$1" >&2
    status=1
}

# Everything lies in a directory of our own, the caches of the Dockerfile too: nobody else's image or container is seen or touched.
buildah=(env TMPDIR="$work/tmp" buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run")
buildah() {
    "${buildah[@]}" "$@"
}

# quietly REASON COMMAND…: what cannot be done ends the script, with the last lines that the command said.
quietly() {
    local reason=$1
    shift
    "$@" >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        cannot "$reason"
    }
}

prepare() {
    [ "$(id -u)" = 0 ] || cannot "buildah and debootstrap need root"
    unshare --mount true 2>/dev/null || cannot "mounting is not allowed"
    command -v apt-get >/dev/null || cannot "the base images are made of Debian's packages, and there is no apt"
    if ! type -P buildah >/dev/null || ! type -P debootstrap >/dev/null; then
        quietly "buildah and debootstrap could not be installed" debian buildah debootstrap
    fi
    command -v curl >/dev/null || debian curl
}

# base_image NAME VARIABLE=VALUE…: an image of what is in $work/debian.
base_image() {
    local name=$1 made
    shift
    made=$(buildah from scratch)
    buildah add --quiet "$made" "$work/debian" / >/dev/null
    buildah config "${@/#/--env=}" "$made"
    buildah commit --quiet --rm "$made" "$name" >/dev/null
}

# What stands for debian:bookworm-slim and for rust:…-bookworm, from where this machine's own packages come.
base_images() {
    local mirror path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^bookworm //p' | head -n 1)
    [ -n "$mirror" ] || cannot "apt knows no source of Debian bookworm"
    quietly "debootstrap failed" debootstrap --variant=minbase bookworm "$work/debian" "$mirror"
    chroot "$work/debian" apt-get clean
    base_image codif-debian PATH=$path
    quietly "the base image that compiles got no C compiler" chroot "$work/debian" sh -c \
        'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends ca-certificates gcc libc6-dev'
    chroot "$work/debian" apt-get clean
    base_image codif-rust PATH=/usr/local/toolchain/bin:$path CARGO_HOME=/usr/local/cargo CARGO_NET_OFFLINE=true
    rm -rf "$work/debian"
}

# The two caches of the Dockerfile: crates are copied, for this machine's cargo to go on in peace; the target directory is lent.
fill_caches() {
    local caches=$work/tmp/buildah-cache
    cargo fetch --locked --quiet --target "$(rustc -vV | sed -n 's/^host: //p')"
    mkdir -p "$caches/codif-registry"
    cp -a "${CARGO_HOME:-$HOME/.cargo}"/registry/{cache,index} "$caches/codif-registry/"
    [ -n "${CODIF_IMAGE_TARGET:-}" ] || return 0
    mkdir -p "$CODIF_IMAGE_TARGET"
    ln -s "$(realpath -- "$CODIF_IMAGE_TARGET")" "$caches/codif-target"
}

build() {
    buildah bud --quiet --isolation chroot --pull-never --volume "$(rustc --print sysroot):/usr/local/toolchain:ro" \
        --build-arg RUST_IMAGE=localhost/codif-rust --build-arg DEBIAN_IMAGE=localhost/codif-debian --tag codif . >/dev/null
    buildah from --quiet --pull-never --name $container localhost/codif >/dev/null
}

# What the image says of itself, what lies in it, and that it does not serve the public by mistake.
inspect() {
    local said root shipped refusal check=(buildah run --isolation chroot)
    said=$(buildah inspect --type image --format \
        '{{with .OCIv1.Config}}{{.User}} {{.WorkingDir}} {{.Entrypoint}} {{.Cmd}} {{.StopSignal}}{{end}}' codif)
    [ "$said" = '65532:65532 /srv/codif [codif] [serve] SIGTERM' ] || fail "the image says '$said'"
    root=$(buildah mount $container)
    shipped=$(cd models && printf '%s\n' */versions)
    [ "$(ls "$root/srv/codif/models")" = "${shipped//\/versions/}" ] || fail "models of the image: $(ls "$root/srv/codif/models")"
    [ -s "$root/etc/ssl/certs/ca-certificates.crt" ] || fail "the image trusts no authority"
    ! refusal=$("${check[@]}" $container codif serve --check-config 2>&1) || fail "the image serves where nobody is asked who they are"
    grep -q '0\.0\.0\.0:8080 is not loopback' <<<"$refusal" || fail "the image refuses to serve for another reason: $refusal"
    "${check[@]}" $container touch /var/cache/codif/written || fail "the cache cannot be written"
    "${check[@]}" --env CODIF_INSECURE=yes $container codif serve --check-config >/dev/null ||
        fail "the image does not serve with CODIF_INSECURE"
}

# Leaves in $process the id of codif itself, which buildah has started through processes of its own: a signal to buildah would kill it.
find_codif() {
    process=$server
    until [[ $(readlink "/proc/$process/exe") = */usr/local/bin/codif ]]; do
        process=$(cat "/proc/$process/task/"*/children | cut -d ' ' -f 1)
        [ -n "$process" ] || return 1
    done
}

# Runs it as its own user, on free ports of loopback, asks it, and stops it.
run() {
    local answer written
    codif=$work/codif
    printf '#!/bin/sh\nexec %s run --isolation chroot %s codif "$@"\n' "${buildah[*]@Q}" $container >"$codif"
    chmod +x "$codif"
    serve "$work/codif.log"
    find_codif
    [ "$(stat --format %u:%g "/proc/$process")" = 65532:65532 ] || fail "codif runs as $(stat --format %u:%g "/proc/$process")"
    curl --silent --show-error --fail --max-time 10 --output /dev/null "$operations/readyz" || fail "not ready"
    answer=$(curl --silent --show-error --max-time 10 "$url/v1/code" -d '{"activities":[{"description":"coiffure à domicile"}]}')
    grep -q '"rank":1,"code":"9602A"' <<<"$answer" || fail "coiffure à domicile is answered $answer"
    kill -TERM "$process"
    wait "$server" || fail "stopped with exit status $?: $(tail -n 3 "$work/codif.log")"
    # The root of a pod is read-only.
    written=$(find "$(buildah mount $container)" -uid 65532 -not -path '*/var/cache/codif*')
    [ -z "$written" ] || fail "codif has written outside of its cache: $written"
}

prepare
base_images
printf 'base images: %d s\n' $SECONDS
fill_caches
build
printf 'image: %d s, %s, of which Debian %s\n' $SECONDS "$(buildah images --format '{{.Size}}' localhost/codif)" \
    "$(buildah images --format '{{.Size}}' localhost/codif-debian)"
inspect
run
exit $status
