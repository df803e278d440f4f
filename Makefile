# The whole set-up of a fresh Debian 12 with Rust, as root: `make demo` shows the main job, `make test` proves it.
# Everything is built once, optimised and with assertions on (see docs/decisions).

CARGO ?= cargo
SEEDS ?= 2000
KILLS ?= 50
SWARM ?= lab
export SWARM KILLS

.PHONY: help demo up down build check test unit sim e2e bench schema install

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

demo: install build ## commit an example to an empty repository and watch it run, on a Swarm of its own
	examples/quickstart/demo.sh

up: install build ## the demo, left running
	examples/quickstart/demo.sh up

down: ## end what `make up` left running
	examples/quickstart/demo.sh down

install:
	@if [ "$(SWARM)" = lab ]; then tests/lab/install.sh; else command -v git >/dev/null || { echo "install git first" >&2; exit 1; }; fi

build:
	$(CARGO) build --release --locked -p etl-server -p etlctl -p etl-lab

check: ## format, lints, licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --release --locked -- -D warnings
	tests/deny.sh

test: install build unit sim e2e ## everything that must hold, in under 40 minutes on 2 cores

unit:
	$(CARGO) test --release --locked --workspace --exclude etl-lab --exclude etl-swarm --exclude etl-tests
	$(CARGO) test --release --locked -p etl-swarm --lib --test answers
	$(CARGO) test --release --locked -p etl-tests --test tidy

sim: ## drive the loop through seeded faults: make sim SEEDS=100000
	$(CARGO) run --release --locked -p etl-tests --bin simulate -- --seeds $(SEEDS)

e2e: install build ## on a real Swarm: the lab's own faults, the Swarm door, the whole controller
	$(CARGO) test --release --locked -p etl-lab -- --test-threads=1
	$(CARGO) test --release --locked -p etl-swarm --test real --test tls -- --test-threads=1
	$(CARGO) test --release --locked -p etl-tests --test e2e -- --test-threads=1
	$(CARGO) test --release --locked -p etl-tests --test stack -- --test-threads=1

bench: install build ## ratios to a floor measured in the same run, written to target/bench.json
	$(CARGO) run --release --locked -p etl-tests --bin bench

schema: ## write crds/ anew from the code
	UPDATE_SCHEMAS=1 $(CARGO) test --release --locked -p etl-core --test spec_examples
