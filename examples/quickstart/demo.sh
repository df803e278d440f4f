#!/bin/sh
# The main job, start to finish: a Swarm, an empty git repository, a commit, runs. Ends what it started, by pid.
#   demo.sh          show it, then end it
#   demo.sh up       the same, and leave it running
#   demo.sh down     end what `up` left
# SWARM=existing uses the Swarm in DOCKER_HOST instead of one of its own; IMAGE names a busybox that it can pull.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${CARGO_TARGET_DIR:-$root/target}/release
home=${ETL_DEMO_DIR:-/var/tmp/etl-demo}
socket=$home/api.sock
export ETLCTL_SERVER="unix://$socket"
SWARM=${SWARM:-lab}
mode=${1:-show}

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }
etlctl() { "$bin/etlctl" "$@"; }

# Ends the controller that a pid file names, if that process is still the one that was started.
end_controller() {
    [ -f "$home/pid" ] || return 0
    pid=$(cat "$home/pid")
    if [ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$(readlink -f "$bin/etl-controller")" ]; then
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 100); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
    fi
    rm -f "$home/pid"
}

end_all() {
    end_controller
    if [ "$SWARM" = lab ]; then
        "$bin/lab" down --name demo >/dev/null 2>&1 || true
    else
        # On a Swarm that is not ours to end, only what the demo made is removed.
        docker service ls -q --filter label=swarm.etl.controller=etl-demo | xargs -r docker service rm >/dev/null || true
    fi
    rm -rf "$home"
}

start_swarm() {
    if [ "$SWARM" = existing ]; then
        DOCKER_HOST=${DOCKER_HOST:-unix:///var/run/docker.sock}
        return 0
    fi
    say "A Swarm of three nodes on this machine"
    run "$bin/lab" up --name demo --nodes 3
    DOCKER_HOST=$("$bin/lab" env --name demo | sed -n 's/^export DOCKER_HOST=//p' | tr -d "\"'")
}

commit_example() {
    say "An empty git repository, and an example committed to it"
    git init -q --bare -b main "$home/specs.git"
    git init -q -b main "$home/work"
    cp "$here"/*.etl.yaml "$home/work/"
    if [ "$SWARM" = existing ]; then sed -i "s#etl-lab/busybox:1#${IMAGE:-busybox:1.36}#" "$home"/work/*.etl.yaml; fi
    git -C "$home/work" add .
    git -C "$home/work" -c user.name=demo -c user.email=demo@localhost commit -q -m "Three ETLs"
    git -C "$home/work" push -q "$home/specs.git" main
    run git -C "$home/work" log --stat --oneline
}

start_controller() {
    say "The controller, on its defaults"
    "$bin/etl-controller" --controller-name etl-demo --docker-host "$DOCKER_HOST" --git-url "file://$home/specs.git" \
        --git-period 5s --data-dir "$home/data" --api-socket "$socket" --metrics-listen 127.0.0.1:0 \
        >"$home/controller.log" 2>&1 &
    echo $! >"$home/pid"
    wait_for "the commit to be read" any_etl
    run etlctl get etls
}

# Waits until a command succeeds, at most two minutes; shows the controller's log if it does not.
wait_for() {
    what=$1
    shift
    for _ in $(seq 240); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        [ -d "/proc/$(cat "$home/pid")" ] || break
        sleep 0.5
    done
    echo "gave up waiting for $what" >&2
    tail -n 30 "$home/controller.log" >&2
    exit 1
}

any_etl() { etlctl get etls -o name | grep .; }
first_of() { etlctl get runs --etl "$1" --state succeeded -o name --limit 1 | grep .; }

show_runs() {
    say "Runs appear as their ticks come; one fails and is tried again"
    wait_for "a retried run to succeed" first_of flaky
    wait_for "a diamond to succeed" first_of diamond
    flaky=$(first_of flaky)
    run etlctl describe "$flaky"
    say "What it printed, attempt by attempt: its services are gone, its log is kept"
    run etlctl logs "$flaky" --all-attempts
    say "A run of your own"
    run etlctl run diamond --wait
    say "The table of runs"
    run etlctl get runs
}

next_commands() {
    if [ "$mode" = up ]; then say "It runs on; \`make down\` ends it. Try next"
    else say "All of it is ended. \`make up\` does the same and leaves it running; then try"; fi
    printf '  export ETLCTL_SERVER=%s\n' "$ETLCTL_SERVER"
    printf '  %s get runs -w\n' "$bin/etlctl"
    printf '  %s logs etl/flaky --all-attempts\n' "$bin/etlctl"
    printf '  %s run diamond --watch\n' "$bin/etlctl"
}

if [ "$mode" = down ]; then
    end_all
    echo "ended"
    exit 0
fi
end_all
mkdir -p "$home"
chmod 700 "$home"
if [ "$mode" = show ]; then trap end_all EXIT; trap 'exit 130' INT TERM; fi
start_swarm
commit_example
start_controller
show_runs
if [ "$mode" = show ]; then end_all; fi
next_commands
