# The whole set-up of a fresh Debian 12 with Rust, as root: `make demo` shows the main job, `make test` proves it.
# Everything is built once, optimised and with assertions on (see docs/decisions).

CARGO ?= cargo
# Every call for the tests selects the whole workspace, so that all of them share one build: with `-p` dependencies have other features.
WORKSPACE = --release --locked --workspace
BUILT = $(or $(CARGO_TARGET_DIR),target)/release
SEEDS ?= 2000
KILLS ?= 100
# What `make soak` drives, beside a death at every point of the crash sweep.
SOAK_SEEDS ?= 100000
SOAK_TICKS ?= 1000000
SOAK_KILLS ?= 1000
SWARM ?= lab
# Property tests draw the same cases every time: what CI says depends on the code alone. `make soak` draws new ones.
PROPTEST_RNG_SEED ?= 4711
export SWARM KILLS
# Only the demo takes a Swarm that is there; the tests and the bench always start their own.
demo_needs = $(if $(filter lab,$(SWARM)),install,need-git)

.PHONY: help demo up down build build-tests check test unit sim e2e soak bench schema install install-tests need-git
# The tests take the machine's cores, ports and Docker daemons one after another, also when make runs with -j.
.NOTPARALLEL:

help: ## this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

demo: $(demo_needs) build ## commit an example to an empty repository and watch it run, on a Swarm of its own
	examples/quickstart/demo.sh

up: $(demo_needs) build ## the demo, left running
	examples/quickstart/demo.sh up

down: ## end what `make up` left running
	examples/quickstart/demo.sh down

install:
	@tests/lab/install.sh

install-tests:
	@tests/lab/install.sh tests

need-git:
	@command -v git >/dev/null || { echo "install git first" >&2; exit 1; }

build:
	$(CARGO) build --release --locked -p etl-server -p etlctl -p etl-lab

build-tests:
	$(CARGO) build $(WORKSPACE) --bins --tests

check: ## format, lints, licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(WORKSPACE) --all-targets -- -D warnings
	tests/deny.sh

test: install-tests build-tests unit sim e2e ## everything that must hold, in under 40 minutes on 2 cores

unit: export PROPTEST_RNG_SEED := $(PROPTEST_RNG_SEED)
unit: install-tests ## without a Swarm; git over ssh and https is tried against real servers
	no_proxy=127.0.0.1,localhost $(CARGO) test $(WORKSPACE) --lib --bins --tests

sim: build-tests ## drive the loop through seeded faults: make sim SEEDS=100000
	$(BUILT)/simulate --seeds $(SEEDS)

# Each of them is alone on the machine. `test = false` keeps them out of `unit`; a target that is named runs all the same.
e2e: install-tests build-tests ## on a real Swarm: the lab's own faults, the Swarm door, the whole controller
	$(CARGO) test $(WORKSPACE) --test lab -- --test-threads=1
	$(CARGO) test $(WORKSPACE) --test real --test tls -- --test-threads=1
	$(CARGO) test $(WORKSPACE) --test e2e -- --test-threads=1
	$(CARGO) test $(WORKSPACE) --test stack -- --test-threads=1

soak: export SOAK_FIGURES = $(CURDIR)/target/soak.json
soak: install-tests build-tests ## the proof at length: 100,000 seeds, 1,000 kills, a death at every commit and call; target/soak.json
	@mkdir -p target && rm -f $(SOAK_FIGURES)
	$(CARGO) test $(WORKSPACE) --lib --bins --tests
	$(BUILT)/simulate --seeds $(SOAK_SEEDS) --ticks-min $(SOAK_TICKS)
	KILLS=$(SOAK_KILLS) $(CARGO) test $(WORKSPACE) --test e2e -- --test-threads=1 killed_again
	SWEEP_EVERY=1 $(CARGO) test $(WORKSPACE) --test e2e -- --test-threads=1 whenever_it_dies
	@cat $(SOAK_FIGURES)

bench: install build-tests ## ratios to a floor measured in the same run, written to target/bench.json
	$(BUILT)/bench

schema: ## write crds/ anew from the code
	UPDATE_SCHEMAS=1 $(CARGO) test $(WORKSPACE) --test spec_examples
