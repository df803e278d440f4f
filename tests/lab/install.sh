#!/bin/sh
# Installs what the lab needs, from Debian's own archive. Fast and silent on the network when all is there.
# It never starts, stops or restarts a service: while packages are unpacked a policy-rc.d refuses every start,
# and whatever policy-rc.d was there before is put back, also when the installation fails.
set -eu

packages="docker.io iproute2 iptables busybox-static docker-registry apache2-utils git util-linux tini debootstrap"
# What the git source is tried against: an ssh server and a web server with TLS, run by the tests on ports of their own.
packages="$packages openssh-client openssh-server openssl lighttpd lighttpd-mod-openssl"

say() { echo "lab install: $*"; }

[ "$(id -u)" -eq 0 ] || { say "must run as root" >&2; exit 1; }
command -v apt-get >/dev/null || { say "needs Debian (no apt-get here)" >&2; exit 1; }

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

# What an interrupted installation left is repaired also when nothing is missing any more.
restore_policy

missing=""
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    say "everything is installed"
    exit 0
fi

# A marker of its own for "there was none" makes an interrupted installation repairable by the next one.
suppress_starts() {
    restore_policy
    if [ -e "$policy" ]; then cp -p "$policy" "$kept"; else touch "$none"; fi
    trap restore_policy EXIT
    trap 'exit 1' INT TERM HUP
    rm -f "$policy"
    printf '#!/bin/sh\n# Put here by the lab while it installs packages; see tests/lab/install.sh.\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

say "installing$missing"
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
