# The first process of one lab node, inside network, mount, host name and process namespaces of its own.
# $1 the node's name, $2 folder for its socket (under /run), $3 dead resolv.conf; the rest is the daemon's command.
# It waits for one word first: whoever starts it writes the process id down before anything can go wrong,
# and if that writer dies, the read ends empty and so does this process.
set -eu
read -r word
[ "$word" = go ]

node=$1 sockets=$2 resolver=$3
shift 3
hostname "$node"

# The node sees every kernel setting but can change only those of its own network namespace.
mount -n --bind /proc/sys /proc/sys
mount -n --bind /proc/sys/net /proc/sys/net
mount -n -o remount,bind,ro /proc/sys

# Copies of other nodes' network namespaces would keep those alive after their node is dead.
while umount -n -R -l /run/netns 2>/dev/null; do :; done

# A /run of its own, as after a boot: Docker keeps fixed paths there (/run/docker, /run/containerd, the
# iptables lock). Only the folder with the node's socket is shared with the machine.
resolv_conf=$(readlink -f /etc/resolv.conf)
new=$sockets/run
mkdir -p "$new"
mount -n -t tmpfs -o mode=755 tmpfs "$new"
shared=$new${sockets#/run}
mkdir -p "$shared"
mount -n --bind "$sockets" "$shared"
case $resolv_conf in
/run/*)
    mkdir -p "$new$(dirname "${resolv_conf#/run}")"
    cp "$resolver" "$new${resolv_conf#/run}"
    ;;
*) mount -n --bind "$resolver" "$resolv_conf" ;;
esac
mount -n --move "$new" /run

exec tini -- "$@"
