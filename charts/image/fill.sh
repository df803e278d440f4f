#!/bin/sh
# Makes a minimal Debian system into the image's system: packages.txt beside this file, security fixes, and nothing that
# a controller never reads. Runs as root inside that system, for image.sh and for the Dockerfile alike. Never run it
# on a machine: it throws away documentation, locales, Perl and APT's lists.
set -eu

[ -e "$(dirname "$0")/only-inside-an-image" ] || { echo "fill.sh: runs inside an image only, see image.sh" >&2; exit 1; }
packages=$(sed 's/#.*//' "$(dirname "$0")/packages.txt")

export DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
# What is thrown away below is best not unpacked at all; later packages in this system stay without it too.
cat >/etc/dpkg/dpkg.cfg.d/slim <<'SLIM'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
SLIM

apt-get update -q
apt-get upgrade -y -q --no-install-recommends -o Dpkg::Use-Pty=0
# shellcheck disable=SC2086 # a list of words
apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 $packages

# Git's scripts in Perl (send-email, svn, …) are 50 MB with their Perl; what the controller calls is all C.
unneeded=$(dpkg-query -W -f '${Package} ' git-man liberror-perl perl 'perl-modules-*' 'libperl5*')
# shellcheck disable=SC2086 # a list of words
dpkg --purge --force-depends $unneeded

find /usr/share/doc -type f ! -name copyright -delete
find /usr/share/doc -type l -delete
find /usr/share/doc -type d -empty -delete
rm -rf /usr/share/info/* /usr/share/locale/* /usr/share/man/* /var/cache/apt/* /var/cache/debconf/*-old \
    /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/aux-cache /tmp/*

# What the controller cannot do without.
git --version
ssh -V
tini --version
[ -s /etc/ssl/certs/ca-certificates.crt ] && [ -e /usr/share/zoneinfo/Europe/Berlin ]
