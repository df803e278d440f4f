#!/bin/sh
# Checks licences, bans and sources of all dependencies against deny.toml, with cargo-deny: installed for this tree if the
# machine has none. Advisories need their database from the network: `cargo deny check advisories` where there is one.
set -eu
cd "$(dirname "$0")/.."
tools=${CARGO_TARGET_DIR:-target}/tools
PATH=$tools/bin:$PATH
if ! cargo deny --version >/dev/null 2>&1; then
    echo "cargo-deny is not here: installing it into $tools"
    # It runs for a second: what counts is how soon it is built.
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    cargo install --quiet --locked --root "$tools" --target-dir "$tools/build" cargo-deny@0.20.2
fi
cargo deny --all-features check bans licenses sources
