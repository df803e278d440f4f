# The whole set-up of a fresh Debian 12 with Rust, as root: `make demo` shows the main job, `make test` proves it.
# Everything is built once, optimised and with assertions on (see docs/decisions).

CARGO ?= cargo
SEEDS ?= 2000
KILLS ?= 100
# What `make soak` drives, beside a death at every point of the crash sweep.
SOAK_SEEDS ?= 100000
SOAK_TICKS ?= 1000000
SOAK_KILLS ?= 1000
SWARM ?= lab
export SWARM KILLS
# Only the demo takes a Swarm that is there; the tests and the bench always start their own.
demo_needs = $(if $(filter lab,$(SWARM)),install,need-git)

.PHONY: help demo up down build check test unit sim e2e soak bench schema install install-tests need-git

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

check: ## format, lints, licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --release --locked -- -D warnings
	tests/deny.sh

test: install-tests build unit sim e2e ## everything that must hold, in under 40 minutes on 2 cores

unit: install-tests ## without a Swarm; git over ssh and https is tried against real servers
	$(CARGO) test --release --locked --workspace --exclude etl-lab --exclude etl-swarm --exclude etl-tests
	$(CARGO) test --release --locked -p etl-swarm --lib --test answers
	$(CARGO) test --release --locked -p etl-tests --test tidy

sim: ## drive the loop through seeded faults: make sim SEEDS=100000
	$(CARGO) run --release --locked -p etl-tests --bin simulate -- --seeds $(SEEDS)

e2e: install-tests build ## on a real Swarm: the lab's own faults, the Swarm door, the whole controller
	$(CARGO) test --release --locked -p etl-lab -- --test-threads=1
	$(CARGO) test --release --locked -p etl-swarm --test real --test tls -- --test-threads=1
	$(CARGO) test --release --locked -p etl-tests --test e2e -- --test-threads=1
	$(CARGO) test --release --locked -p etl-tests --test stack -- --test-threads=1

soak: export SOAK_FIGURES = $(CURDIR)/target/soak.json
soak: install-tests build ## the proof at length: 100,000 seeds, 1,000 kills, a death at every commit and call; target/soak.json
	@mkdir -p target && rm -f $(SOAK_FIGURES)
	$(CARGO) run --release --locked -p etl-tests --bin simulate -- --seeds $(SOAK_SEEDS) --ticks-min $(SOAK_TICKS)
	KILLS=$(SOAK_KILLS) $(CARGO) test --release --locked -p etl-tests --test e2e -- --test-threads=1 killed_again
	SWEEP_EVERY=1 $(CARGO) test --release --locked -p etl-tests --test e2e -- --test-threads=1 whenever_it_dies
	@cat $(SOAK_FIGURES)

bench: install build ## ratios to a floor measured in the same run, written to target/bench.json
	$(CARGO) run --release --locked -p etl-tests --bin bench

schema: ## write crds/ anew from the code
	UPDATE_SCHEMAS=1 $(CARGO) test --release --locked -p etl-core --test spec_examples
