#!/bin/sh
# Makes the image of etl-controller and etlctl without a registry: a minimal Debian from Debian's own archive
# (debootstrap), the packages of image/packages.txt, and the two binaries of this machine's build, which must be a
# Debian of the same release since they use its glibc. Loads it into the Docker that DOCKER_HOST names.
# It runs as root, starts no container and pushes nothing. Everything else about the image stands in the Dockerfile.
set -eu

usage() {
    cat >&2 <<'USAGE'
usage: charts/image.sh [-t IMAGE] [-b DIR] [-c DIR]
  -t IMAGE  name of the image [etl-controller:latest]
  -b DIR    folder with etl-controller and etlctl [target/release]
  -c DIR    keep Debian's part there and take it from there next time [made afresh, with all security fixes]
USAGE
    exit 2
}

here=$(dirname "$(readlink -f "$0")")
image=etl-controller:latest binaries=$here/../target/release cache=
while getopts t:b:c: option; do
    case $option in
    t) image=$OPTARG ;;
    b) binaries=$OPTARG ;;
    c) cache=$OPTARG ;;
    *) usage ;;
    esac
done
[ $# -lt "$OPTIND" ] || usage

say() { echo "image: $*" >&2; }
fail() { say "$*"; exit 1; }

[ "$(id -u)" -eq 0 ] || fail "needs root: debootstrap makes a system with its owners and modes"
for program in debootstrap docker tar; do
    command -v "$program" >/dev/null || fail "no $program here; tests/lab/install.sh installs it"
done
for binary in etl-controller etlctl; do
    [ -x "$binaries/$binary" ] || fail "no $binaries/$binary; run \`make build\` first, or name its folder with -b"
done

. /etc/os-release
suite=${VERSION_CODENAME:?this is no Debian}

# APT of this machine knows a mirror that answers; Debian's own otherwise.
mirror() {
    apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
        awk -v suite="$1" -v default="$2" '$2 == suite && $1 ~ /^https?:/ { print $1; found = 1; exit }
            END { if (!found) print default }'
}

work=$(mktemp -d "${TMPDIR:-/var/tmp}/etl-image.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' INT TERM HUP

# Debian's part of the image, as a tar file.
make_system() {
    root=$work/root
    archive=$(mirror "$suite" http://deb.debian.org/debian)
    security=$(mirror "$suite-security" http://deb.debian.org/debian-security)
    say "making a minimal $suite from $archive"
    debootstrap --variant=minbase "$suite" "$root" "$archive" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "debootstrap failed"; }
    cat >"$root/etc/apt/sources.list" <<SOURCES
deb $archive $suite main
deb $archive $suite-updates main
deb $security $suite-security main
SOURCES
    say "adding security fixes and packages"
    mkdir "$root/build"
    cp "$here/image/fill.sh" "$here/image/packages.txt" "$root/build/"
    touch "$root/build/only-inside-an-image"
    chroot "$root" /build/fill.sh >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "image/fill.sh failed"; }
    rm -rf "$root/build" "$root/dev" "$root/etc/hostname" "$root/etc/resolv.conf"
    mkdir "$root/dev"
    tar --numeric-owner --one-file-system -C "$root" -cf "$1.new" .
    mv "$1.new" "$1"
}

system=$work/system.tar
if [ -n "$cache" ]; then
    mkdir -p "$cache"
    key=$(cat "$here/image/fill.sh" "$here/image/packages.txt" | sha256sum | cut -c1-16)
    system=$cache/system-$suite-$key.tar
    # Two builds at once make it once.
    exec 9>"$cache/system.lock"
    flock 9
fi
if [ ! -e "$system" ]; then
    # Only the newest is kept: each is 130 MB.
    if [ -n "$cache" ]; then rm -f "$cache"/system-*.tar*; fi
    make_system "$system"
fi

say "adding the binaries of $binaries"
mkdir -p "$work/files/usr/local/bin"
install -m 755 "$binaries/etl-controller" "$binaries/etlctl" "$work/files/usr/local/bin/"
cp "$system" "$work/image.tar"
tar --owner=0 --group=0 --numeric-owner -C "$work/files" -rf "$work/image.tar" ./usr/local/bin/etl-controller ./usr/local/bin/etlctl

# What the image says of itself stands once, in the Dockerfile.
set --
while IFS= read -r instruction; do
    set -- "$@" --change "$instruction"
done <<INSTRUCTIONS
$(sed '1,/^# image.sh reads from here/d; /^#/d; /^$/d' "$here/Dockerfile")
INSTRUCTIONS
docker import "$@" "$work/image.tar" "$image" >/dev/null
say "$image is made"
