#!/bin/sh
# Installs what the lab needs, from Debian's own archive; `tests/lab/install.sh tests` also what only the tests need.
# Fast and silent on the network when all is there, and then it needs no root.
# It never starts, stops or restarts a service: while packages are unpacked a policy-rc.d refuses every start,
# and whatever policy-rc.d was there before is put back, also when the installation fails. Nor does a service that it
# brought start at the next boot: its unit is disabled. Services of packages that were there before are left alone.
set -eu

# For a Swarm without a registry and without TLS; debootstrap is for the image (charts/image.sh).
packages="docker.io iproute2 iptables busybox-static git util-linux tini debootstrap"
# A registry with a password, certificates, the servers that the git source is tried against (one for ssh, one for the
# web), and those that the alert rules are for. The tests run them on ports of their own.
for_tests="docker-registry apache2-utils ca-certificates openssl openssh-client openssh-server lighttpd
    lighttpd-mod-openssl prometheus prometheus-alertmanager"

say() { echo "lab install: $*"; }

case $#:${1:-} in
0:) ;;
1:tests) packages="$packages $for_tests" ;;
*) echo "usage: tests/lab/install.sh [tests]" >&2; exit 2 ;;
esac
command -v apt-get >/dev/null || { say "needs Debian (no apt-get here)" >&2; exit 1; }

find_missing() {
    missing=""
    for package in $packages; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || missing="$missing $package"
    done
}

find_missing
if [ "$(id -u)" -ne 0 ]; then
    [ -z "$missing" ] || { say "must run as root to install$missing" >&2; exit 1; }
    say "everything is installed"
    exit 0
fi

policy=/usr/sbin/policy-rc.d
kept=$policy.etl-lab-kept
none=$policy.etl-lab-none

restore_policy() {
    if [ -e "$kept" ]; then mv -f "$kept" "$policy"; fi
    if [ -e "$none" ]; then rm -f "$policy" "$none"; fi
}

# One installation at a time: a second one must not take the first one's policy for a left-over.
exec 9>/run/etl-lab-install.lock
flock 9

# The policy that a killed installation left is repaired also when nothing is missing any more.
restore_policy

find_missing
if [ -z "$missing" ]; then
    say "everything is installed"
    exit 0
fi

# A marker of its own for "there was none" makes an interrupted installation repairable by the next one.
suppress_starts() {
    if [ -e "$policy" ]; then cp -p "$policy" "$kept"; else touch "$none"; fi
    trap 'restore_policy; disable_new_units' EXIT
    trap 'exit 1' INT TERM HUP
    rm -f "$policy"
    printf '#!/bin/sh\n# Put here by the lab while it installs packages; see tests/lab/install.sh.\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

# Names of the packages whose state matches, one a line.
packages_that_are() {
    dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' | awk -v state="$1" '$1 ~ state { print $2 }'
}

# By package and not by name, so that what dependencies bring counts too. Half installed ones count: theirs may be
# enabled already. It is what an administrator would type, so that an upgrade of the package keeps to it.
disable_new_units() {
    command -v systemctl >/dev/null || return 0
    disabled=""
    for package in $(packages_that_are '^(unpacked|half|triggers|installed)'); do
        if printf '%s\n' "$before" | grep -qxF "$package"; then continue; fi
        units=$(dpkg -L "$package" | sed -nE 's,^(/usr)?/lib/systemd/system/([^/]+\.(service|socket|timer|path))$,\2,p')
        for unit in $units; do
            [ "$(systemctl is-enabled "$unit" 2>/dev/null)" = enabled ] || continue
            if systemctl --quiet disable "$unit" >/dev/null 2>&1; then disabled="$disabled $unit"
            else say "cannot disable $unit: it starts at the next boot" >&2; fi
        done
    done
    if [ -n "$disabled" ]; then say "will not start at boot either:$disabled"; fi
}

say "installing$missing"
before=$(packages_that_are '^(triggers|installed)')
suppress_starts
export DEBIAN_FRONTEND=noninteractive
install_missing() {
    # shellcheck disable=SC2086
    apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 $missing >"$log" 2>&1
}
log=$(mktemp /tmp/etl-lab-install.XXXXXX)
if ! install_missing; then
    say "package lists are stale, updating them"
    apt-get update -q >>"$log" 2>&1 || true
    install_missing || { cat "$log" >&2; say "apt-get failed, its words are above ($log)" >&2; exit 1; }
fi
rm -f "$log"
say "done, no service was started"
