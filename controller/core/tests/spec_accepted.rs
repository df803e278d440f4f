//! What good specs mean: each key by its value, in all its forms, and what is there when nothing is written.

use std::collections::BTreeMap;

use etl_core::name::Name;
use etl_core::spec::{
    Backoff, Catchup, ConcurrencyPolicy, Condition, Etl, MountSource, Object, OnNodeLost, ParamFault,
    ParamKind, ParamValue, Schedule, Task, When, WindowRule, check_param_values, parse_file, parse_param,
};
use jiff::{SignedDuration, Timestamp};

fn objects(text: &str) -> Vec<Object> {
    let parsed = parse_file("a.etl.yaml", text.as_bytes());
    let drawn: Vec<String> = parsed.faults.iter().map(|fault| fault.render(text, false)).collect();
    assert!(drawn.is_empty(), "{}", drawn.join("\n"));
    parsed.objects.into_iter().map(|object| object.value).collect()
}

fn etl(spec: &str) -> Etl {
    let text = format!("apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: a}}\nspec:\n{spec}\n");
    match objects(&text).remove(0) {
        Object::Etl(etl) => etl,
        other => panic!("not an ETL: {other:?}"),
    }
}

fn task(lines: &str) -> Task {
    etl(&format!("  tasks:\n    t:\n      image: busybox:1\n      {}", lines.replace('\n', "\n      "))).tasks
        [0]
    .clone()
}

fn schedule(lines: &str) -> Schedule {
    let text = format!(
        "apiVersion: etl.swarm/v1alpha1\nkind: Schedule\nmetadata: {{name: s}}\nspec:\n  etl: a\n  {}\n",
        lines.replace('\n', "\n  ")
    );
    match objects(&text).remove(0) {
        Object::Schedule(schedule) => schedule,
        other => panic!("not a Schedule: {other:?}"),
    }
}

fn words(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

#[test]
fn commands_in_all_their_forms() {
    for (lines, entrypoint, command) in [
        ("command: [sh, -c, 'a b']", None, words(&["sh", "-c", "a b"])),
        ("command: sh -c 'a b'", None, words(&["sh", "-c", "a b"])),
        ("entrypoint: /bin/x --y", words(&["/bin/x", "--y"]), None),
        ("entrypoint: [/x]\ncommand: [y]", words(&["/x"]), words(&["y"])),
        ("script: |\n  a\n  b", words(&["/bin/sh", "-ec", "a\nb\n"]), None),
        ("command: [no, on, '1']", None, words(&["no", "on", "1"])),
        ("command: ['{{.Node.Hostname}}']", None, words(&["{{.Node.Hostname}}"])),
    ] {
        let task = task(lines);
        assert_eq!((task.entrypoint, task.command), (entrypoint, command), "{lines}");
    }
}

#[test]
fn environment_in_all_its_forms() {
    for (lines, expected) in [
        ("environment: {A: b}", ("A", "b")),
        ("environment: {A: 010}", ("A", "010")),
        ("environment: {A: 1.10}", ("A", "1.10")),
        ("environment: {A: true}", ("A", "true")),
        ("environment: {A: no}", ("A", "no")),
        ("environment: {A: ''}", ("A", "")),
        ("environment: ['A=b=c']", ("A", "b=c")),
        ("environment: [A=]", ("A", "")),
        ("environment: {ETL_LEVEL: x}", ("ETL_LEVEL", "x")),
    ] {
        let expected = BTreeMap::from([(expected.0.to_owned(), expected.1.to_owned())]);
        assert_eq!(task(lines).environment, expected, "{lines}");
    }
}

#[test]
fn files_and_volumes_in_all_their_forms() {
    let task = task(
        "secrets: [a, {source: b, target: c, uid: '5', gid: '6', mode: 0o400}]\nconfigs: [d, {source: e, target: /f, mode: '0440'}]\nvolumes:\n- v:/a\n- w:/b:ro\n- /srv/x:/c\n- {type: volume, source: y, target: /d, read_only: true}\n- {type: tmpfs, target: /e, tmpfs: {size: 64M}}\n- {type: tmpfs, target: /f}\n- {type: bind, source: /g, target: /h}",
    );
    let files: Vec<_> = task
        .secrets
        .iter()
        .chain(&task.configs)
        .map(|it| (&*it.source, &*it.target, &*it.uid, &*it.gid, it.mode))
        .collect();
    assert_eq!(
        files,
        [
            ("a", "a", "0", "0", 0o444),
            ("b", "c", "5", "6", 0o400),
            ("d", "/d", "0", "0", 0o444),
            ("e", "/f", "0", "0", 0o440),
        ]
    );
    let mounts: Vec<_> = task.volumes.into_iter().map(|it| (it.source, it.target, it.read_only)).collect();
    let volume = |name: &str| MountSource::Volume(name.into());
    let bind = |path: &str| MountSource::Bind(path.into());
    assert_eq!(
        mounts,
        [
            (volume("v"), "/a".into(), false),
            (volume("w"), "/b".into(), true),
            (bind("/srv/x"), "/c".into(), false),
            (volume("y"), "/d".into(), true),
            (MountSource::Tmpfs(Some(64 << 20)), "/e".into(), false),
            (MountSource::Tmpfs(None), "/f".into(), false),
            (bind("/g"), "/h".into(), false),
        ]
    );
}

#[test]
fn a_pasted_stack_service_keeps_its_meaning() {
    let task = task(
        "x-note: anything\nworking_dir: /w\nuser: '1000:1000'\nnetworks: {n: null, m: {}}\nstop_grace_period: 1m30s\ncap_add: [cap_net_admin]\ndeploy:\n  resources:\n    limits: {cpus: '2.0', memory: 4G, pids: 100}\n    reservations:\n      cpus: 0.5\n      memory: 1.5g\n      generic_resources: [{discrete_resource_spec: {kind: gpu, value: 2}}]\n  placement:\n    constraints: [node.labels.etl == true, node.role!=manager]\n    preferences: [{spread: node.labels.rack}]",
    );
    assert_eq!((task.working_dir.as_deref(), task.user.as_deref()), (Some("/w"), Some("1000:1000")));
    assert_eq!(task.networks, ["n", "m"]);
    assert_eq!(task.stop_grace_period, SignedDuration::from_secs(90));
    assert_eq!(task.cap_add, ["NET_ADMIN"]);
    let (limits, reservations) = (task.resources.limits, task.resources.reservations);
    assert_eq!(
        (limits.nano_cpus, limits.memory, limits.pids),
        (Some(2_000_000_000), Some(4 << 30), Some(100))
    );
    assert_eq!((reservations.nano_cpus, reservations.memory), (Some(500_000_000), Some(3 << 29)));
    assert_eq!(reservations.generic, BTreeMap::from([("gpu".into(), 2)]));
    assert_eq!(task.placement.constraints, ["node.labels.etl == true", "node.role!=manager"]);
    assert_eq!(task.placement.spread, ["node.labels.rack"]);
}

#[test]
fn retries_in_both_forms_and_by_default() {
    let seconds = SignedDuration::from_secs;
    for (lines, expected) in [
        ("timeout: 1m", (0, seconds(10), Backoff::Exponential, seconds(360))),
        ("retries: 2", (2, seconds(10), Backoff::Exponential, seconds(360))),
        (
            "retries: {limit: 3, delay: 2s, backoff: constant, maxDelay: 1m}",
            (3, seconds(2), Backoff::Constant, seconds(60)),
        ),
        ("retries: {limit: 1, delay: 10m}", (1, seconds(600), Backoff::Exponential, seconds(600))),
    ] {
        let it = task(lines).retries;
        assert_eq!((it.limit, it.delay, it.backoff, it.max_delay), expected, "{lines}");
    }
}

#[test]
fn what_is_not_written_has_its_default() {
    let it = task("timeout: 1m");
    assert_eq!(it.on_node_lost, OnNodeLost::Retry);
    assert_eq!(it.start_timeout, SignedDuration::from_mins(10));
    assert_eq!(it.node_lost_deadline, SignedDuration::from_hours(24));
    assert_eq!(it.stop_grace_period, SignedDuration::from_secs(10));
    let etl = etl("  tasks: {t: {image: a}}");
    assert_eq!((etl.version, etl.max_active_runs, etl.timeout), (1, None, None));
}

#[test]
fn tasks_keep_their_order_and_their_conditions() {
    let etl = etl(
        "  tasks:\n    z: {image: a}\n    y: {image: a, dependsOn: [z]}\n    x: {image: a, dependsOn: {z: failed, y: finished}}",
    );
    let names: Vec<&str> = etl.tasks.keys().map(Name::as_str).collect();
    assert_eq!(names, ["z", "y", "x"]);
    let conditions: Vec<Condition> = etl.tasks[2].depends_on.values().copied().collect();
    assert_eq!(conditions, [Condition::Failed, Condition::Finished]);
    assert_eq!(etl.tasks[1].depends_on[0], Condition::Succeeded);
}

#[test]
fn anchors_and_merge_keys_follow_yaml() {
    let text = "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {name: a}\nx-base: &base {image: base:1, timeout: 1m}\nspec:\n  tasks:\n    t: {<<: *base, timeout: 2m}\n    u: *base\n";
    let Object::Etl(etl) = objects(text).remove(0) else { panic!("not an ETL") };
    assert_eq!((&*etl.tasks[0].image, etl.tasks[0].timeout), ("base:1", Some(SignedDuration::from_mins(2))));
    assert_eq!(etl.tasks[1].timeout, Some(SignedDuration::from_mins(1)));
}

#[test]
fn schedules_in_all_their_forms() {
    let it = schedule(
        "cron: ['0 6 * * SAT', '@daily']\ntimezone: europe/madrid\nconcurrencyPolicy: Replace\nstartingDeadline: 2h\nsuspend: true\nparams: {a: 1, b: x, c: true}",
    );
    let When::Cron { crons, zone, .. } = &it.when else { panic!("no cron") };
    assert_eq!((crons.len(), zone.iana_name()), (2, Some("Europe/Madrid")));
    assert_eq!((it.rules.concurrency, it.suspend), (ConcurrencyPolicy::Replace, true));
    assert_eq!(it.rules.starting_deadline, Some(SignedDuration::from_hours(2)));
    let values: Vec<String> = it.rules.params.values().map(ToString::to_string).collect();
    assert_eq!(values, ["1", "x", "true"]);
    assert_eq!((it.rules.window, it.rules.catchup), (Some(WindowRule::default()), Catchup::Merge));
    let every = schedule("every: 15m");
    assert_eq!(every.when, When::Every(SignedDuration::from_mins(15)));
    assert_eq!((every.rules.concurrency, every.suspend), (ConcurrencyPolicy::Queue, false));
}

#[test]
fn windows_and_catching_up_in_all_their_forms_and_by_default() {
    use Catchup::{All, Last, Merge};
    use ConcurrencyPolicy::*;
    let rule = |lag: i64, size: i64| {
        Some(WindowRule { lag: SignedDuration::from_hours(lag), size: SignedDuration::from_hours(size) })
    };
    for (lines, window, concurrency, catchup, limit) in [
        ("", rule(0, 0), Queue, All, 100),
        ("window: {}", rule(0, 0), Queue, All, 100),
        ("window: {lag: 2h}", rule(2, 0), Queue, All, 100),
        ("window: {lag: 0s, size: 7d}", rule(0, 168), Queue, All, 100),
        ("window: none", None, Forbid, Catchup::None, 100),
        ("window: none\nconcurrencyPolicy: Queue\ncatchup: last", None, Queue, Last, 100),
        ("concurrencyPolicy: Forbid", rule(0, 0), Forbid, Merge, 100),
        ("concurrencyPolicy: Replace", rule(0, 0), Replace, Merge, 100),
        ("concurrencyPolicy: Allow", rule(0, 0), Allow, All, 100),
        ("concurrencyPolicy: Replace\nwindow: none", None, Replace, Catchup::None, 100),
        ("concurrencyPolicy: Forbid\ncatchup: last", rule(0, 0), Forbid, Last, 100),
        ("catchup: none", rule(0, 0), Queue, Catchup::None, 100),
        ("catchup: merge\ncatchupLimit: 1", rule(0, 0), Queue, Merge, 1),
        ("catchup: all\ncatchupLimit: 1000", rule(0, 0), Queue, All, 1_000),
    ] {
        let it = schedule(&format!("every: 1m\n{lines}"));
        let actual = (it.rules.window, it.rules.concurrency, it.rules.catchup, it.rules.catchup_limit);
        assert_eq!(actual, (window, concurrency, catchup, limit), "{lines}");
    }
}

#[test]
fn a_schedule_may_begin_end_and_be_spread() {
    let instant = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    for (lines, start, end, jitter) in [
        ("", None, None, 0),
        ("startAt: 2026-01-03T00:00:00Z", instant("2026-01-03T00:00:00Z"), None, 0),
        (
            "startAt: '2026-01-03T01:00:00+01:00'\nendAt: 2026-01-03T00:00:01Z",
            instant("2026-01-03T00:00:00Z"),
            instant("2026-01-03T00:00:01Z"),
            0,
        ),
        ("endAt: 2026-01-03 00:00:00Z\njitter: 5m", None, instant("2026-01-03T00:00:00Z"), 300),
        ("jitter: 0s", None, None, 0),
    ] {
        let it = schedule(&format!("every: 1m\n{lines}"));
        let jitter = SignedDuration::from_secs(jitter);
        assert_eq!((it.rules.start_at, it.rules.end_at, it.rules.jitter), (start, end, jitter), "{lines}");
    }
}

#[test]
fn an_etl_may_begin_anew() {
    assert_eq!(etl("  version: 7\n  tasks: {t: {image: a}}").version, 7);
}

#[test]
fn an_inline_schedule_is_a_schedule_of_its_etls_name() {
    let text = "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {name: a}\nspec:\n  schedule: {every: 1m}\n  tasks: {t: {image: a}}\n";
    let objects = objects(text);
    let Object::Schedule(schedule) = &objects[1] else { panic!("not a Schedule") };
    assert_eq!((schedule.key.to_string(), schedule.etl.as_str()), ("default/a".into(), "a"));
}

fn with_params() -> Etl {
    etl(
        "  params: {size: {type: integer}, name: {type: string, default: x}, dry: {type: boolean, default: false}}\n  tasks: {t: {image: a}}",
    )
}

#[test]
fn values_given_for_a_run_are_checked_and_completed() {
    let values = |pairs: &[(&str, ParamValue)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<BTreeMap<_, _>>()
    };
    let (text, integer) = (|text: &str| ParamValue::String(text.into()), ParamValue::Integer);
    let complete = values(&[("size", integer(5)), ("name", text("x")), ("dry", ParamValue::Boolean(false))]);
    assert_eq!(check_param_values(&with_params(), &values(&[("size", integer(5))])), Ok(complete));
    for (given, expected) in [
        (values(&[]), "parameter `size` needs a value: it has no default"),
        (values(&[("size", text("5"))]), "parameter `size` must be integer, not `5`"),
        (values(&[("size", integer(1)), ("nme", text("y"))]), "unknown parameter `nme`"),
        (
            values(&[("size", integer(1)), ("name", text("a\0"))]),
            "parameter `name` holds a NUL or more than 65536 bytes",
        ),
    ] {
        assert_eq!(check_param_values(&with_params(), &given).unwrap_err().to_string(), expected);
    }
}

#[test]
fn values_of_the_command_line_are_read_by_type() {
    assert_eq!(parse_param("a", ParamKind::Integer, "-5"), Ok(ParamValue::Integer(-5)));
    assert_eq!(parse_param("a", ParamKind::Boolean, "true"), Ok(ParamValue::Boolean(true)));
    assert_eq!(parse_param("a", ParamKind::String, "5"), Ok(ParamValue::String("5".into())));
    for (kind, text) in [
        (ParamKind::Integer, "5.0"),
        (ParamKind::Integer, "99999999999999999999"),
        (ParamKind::Boolean, "yes"),
    ] {
        assert!(matches!(parse_param("a", kind, text), Err(ParamFault::WrongType { .. })), "{text}");
    }
}

#[test]
fn a_webhook_has_no_clock_and_its_calls_wait_for_their_turn() {
    let it = schedule("webhook: {secretFile: /run/secrets/hook, params: {day: '{{ body.day }}', all: ''}}");
    let When::Webhook(webhook) = &it.when else { panic!("no webhook") };
    assert_eq!(webhook.secret_file, "/run/secrets/hook");
    let params: Vec<(&str, &str)> =
        webhook.params.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(params, [("all", ""), ("day", "{{ body.day }}")]);
    assert_eq!((it.rules.window, it.rules.concurrency), (None, ConcurrencyPolicy::Queue));
    let it = schedule("webhook: {secretFile: /a}\nconcurrencyPolicy: Forbid\nsuspend: true");
    assert_eq!((it.rules.concurrency, it.suspend), (ConcurrencyPolicy::Forbid, true));
}
