//! The keys of ETLs and Schedules: the envelope, `metadata`, `spec`, parameters and clocks. Tasks and alerts have tables of their own.
//! Data only.

use super::alert_tables::EXPECT;
use super::keys::{Key, Shape, Table, foreign, not_yet, optional, required, words};
use super::model::ParamKind;
use super::model_schedule::{Catchup, ConcurrencyPolicy, WindowRule};
use super::task_tables::TASK;
use crate::cron::Dst;

/// The only version.
pub(super) const API_VERSION: &str = "etl.swarm/v1alpha1";
/// Most runs of an ETL at once.
pub(super) const ACTIVE_RUNS_MAX: i64 = 1_000;

/// Highest version of an ETL.
pub(super) const VERSION_MAX: i64 = 1_000_000;

pub(super) const PARAM_KINDS: [(&str, ParamKind); 3] =
    [("string", ParamKind::String), ("integer", ParamKind::Integer), ("boolean", ParamKind::Boolean)];
pub(super) const CONCURRENCY_POLICIES: [(&str, ConcurrencyPolicy); 4] = [
    ("Allow", ConcurrencyPolicy::Allow),
    ("Forbid", ConcurrencyPolicy::Forbid),
    ("Replace", ConcurrencyPolicy::Replace),
    ("Queue", ConcurrencyPolicy::Queue),
];
pub(super) const CATCHUPS: [(&str, Catchup); 4] =
    [("none", Catchup::None), ("last", Catchup::Last), ("all", Catchup::All), ("merge", Catchup::Merge)];
/// The word that says that ticks close no windows.
pub(super) const NO_WINDOW: [(&str, Option<WindowRule>); 1] = [("none", None)];
/// The word that lets `every` count from the end of the run before.
pub(super) const AFTER: [(&str, ()); 1] = [("completion", ())];
/// Most runs that may fail in a row before a schedule is suspended.
pub(super) const FAILURES_MAX: i64 = 1_000;
/// Most finished runs of a schedule that may be kept.
pub(super) const KEPT_MAX: i64 = 100_000;
/// Most ticks of a schedule that may be caught up, or wait.
pub(super) const CATCHUP_LIMIT_MAX: i64 = 1_000;
pub(super) const DST_RULES: [(&str, Dst); 2] = [("once", Dst::Once), ("wallClock", Dst::WallClock)];

/// Kinds that are designed and not built.
pub(super) const KINDS_NOT_YET: [&str; 4] = ["Template", "Project", "Pool", "Queue"];
/// Kinds that the system makes itself.
pub(super) const KINDS_OF_THE_SYSTEM: [&str; 6] = ["Run", "Task", "Tick", "Backfill", "Cursor", "Event"];

pub(super) const METADATA_KEY: Key =
    required("metadata", Shape::Keys(&METADATA), "Name, project and labels.");
pub(super) const API_VERSION_KEY: Key =
    required("apiVersion", Shape::Only(API_VERSION), "The version of these specs: `etl.swarm/v1alpha1`.");

pub(super) static ETL: Table = Table {
    name: "an ETL",
    doc: "Tasks, their order, and when their runs start.",
    keys: &[
        API_VERSION_KEY,
        required("kind", Shape::Only("ETL"), "What this object is."),
        METADATA_KEY,
        required("spec", Shape::Keys(&ETL_SPEC), "What runs."),
    ],
    refused: &[foreign("status", "status is reported by the controller, never written")],
    also: None,
};

pub(super) static SCHEDULE: Table = Table {
    name: "a Schedule",
    doc: "When runs of an ETL start by themselves.",
    keys: &[
        API_VERSION_KEY,
        required("kind", Shape::Only("Schedule"), "What this object is."),
        METADATA_KEY,
        required("spec", Shape::Keys(&SCHEDULE_SPEC), "When runs start."),
    ],
    refused: &[foreign("status", "status is reported by the controller, never written")],
    also: None,
};

pub(super) static METADATA: Table = Table {
    name: "`metadata`",
    doc: "What the object is called.",
    keys: &[
        required(
            "name",
            Shape::Name,
            "The object's name: lower-case letters, digits and inner `-`, at most 40.",
        ),
        optional(
            "project",
            Shape::Name,
            "The project; must agree with the folder `projects/<name>/` of the file.",
        ),
        optional("labels", Shape::Map(&Shape::Text), "Labels of your own, shown and used to select."),
    ],
    refused: &[
        foreign("namespace", "the word is `project` here"),
        foreign("annotations", "use `labels`, or `description` in `spec`"),
        foreign("generateName", "write `name`: nothing is named at random"),
    ],
    also: None,
};

pub(super) static ETL_SPEC: Table = Table {
    name: "the spec of an ETL",
    doc: "What runs, and how its runs may overlap.",
    keys: &[
        optional("description", Shape::Text, "What the ETL is for; shown."),
        optional("owner", Shape::Text, "Who answers for it; shown."),
        optional("runbookUrl", Shape::Text, "Where to read what to do when it fails; shown."),
        optional("params", Shape::Parameters(&Shape::Keys(&PARAM)), "Typed parameters of a run, by name."),
        optional("schedule", Shape::Keys(&INLINE_SCHEDULE), "A Schedule named like the ETL."),
        optional("timeout", Shape::Duration, "Time limit of a whole run."),
        optional(
            "maxActiveRuns",
            Shape::Integer { min: 1, max: ACTIVE_RUNS_MAX },
            "Most runs of this ETL at once; 1 unless written.",
        ),
        optional(
            "version",
            Shape::Integer { min: 1, max: VERSION_MAX },
            "Raised to start anew: windows are accounted for afresh; 1 unless written.",
        ),
        optional("expect", Shape::Keys(&EXPECT), "What it promises: how fresh, and how fast."),
        optional(
            "notify",
            Shape::FilledList(&Shape::Name),
            "Notifiers that are told when its runs fail, stand still, are late or stale, and when that is over.",
        ),
        required("tasks", Shape::Names(&Shape::Keys(&TASK)), "The tasks by name; at least one."),
    ],
    refused: &[
        not_yet("queue", ""),
        not_yet("pool", ""),
        not_yet("priority", ""),
        not_yet("cursor", ""),
        not_yet("history", ""),
        not_yet("retention", ""),
        not_yet("defaults", "set it in each task; `x-` keys and anchors save repeating"),
        foreign("services", "the tasks of an ETL are under `tasks`"),
        foreign("steps", "the tasks of an ETL are under `tasks`, a mapping of names to tasks"),
        foreign("jobs", "the tasks of an ETL are under `tasks`"),
        foreign("cron", "write it under `schedule`"),
        foreign("every", "write it under `schedule`"),
        foreign("timezone", "write it under `schedule`"),
        foreign("suspend", "write it under `schedule`"),
        foreign("concurrencyPolicy", "write it under `schedule`"),
        foreign("startingDeadline", "write it under `schedule`"),
        foreign("retries", "retries belong to a task"),
        foreign("image", "an image belongs to a task"),
    ],
    also: None,
};

pub(super) static PARAM: Table = Table {
    name: "a parameter",
    doc: "A parameter's type and default.",
    keys: &[
        required("type", Shape::Word(|| words(&PARAM_KINDS)), "The type that values must have."),
        optional(
            "default",
            Shape::Scalar,
            "The value when a run names none; without it the parameter is required.",
        ),
        optional("description", Shape::Text, "What it does; shown."),
    ],
    refused: &[
        not_yet("enum", ""),
        not_yet("minimum", ""),
        not_yet("maximum", ""),
        not_yet("pattern", ""),
        foreign("required", "a parameter without a `default` is required"),
        foreign("value", "write `default`"),
    ],
    also: None,
};

/// What inline schedules and Schedules share.
static CLOCK: Table = Table {
    name: "a schedule",
    doc: "When runs start by themselves: `cron`, `every`, `on` or `webhook`.",
    keys: &[
        optional(
            "cron",
            Shape::Either(&[Shape::Text, Shape::FilledList(&Shape::Text)]),
            "Cron expression, or a list of them; a tick is due when any of them is.",
        ),
        optional("timezone", Shape::Text, "IANA time zone in which `cron` is read; UTC unless written."),
        optional("every", Shape::Duration, "A run every so often, at least a second; instead of `cron`."),
        optional(
            "after",
            Shape::Word(|| words(&AFTER)),
            "Beside `every`: count from the `completion` of the run before instead of from its start.",
        ),
        optional(
            "on",
            Shape::Keys(&INPUTS),
            "A run when all of these succeeded since the last start; instead of a clock.",
        ),
        optional("suspend", Shape::Boolean, "While true, ticks pass without runs."),
        optional(
            "concurrencyPolicy",
            Shape::Word(|| words(&CONCURRENCY_POLICIES)),
            "What a tick does while the ETL has all the runs it may have: wait (Queue), pass (Forbid), cancel them (Replace), or start all the same (Allow).",
        ),
        optional("startingDeadline", Shape::Duration, "A tick older than this is missed, not started."),
        optional(
            "dst",
            Shape::Word(|| words(&DST_RULES)),
            "At a change of the clock: fixed times run `once` a day, or all follow the `wallClock`.",
        ),
        optional("params", Shape::Parameters(&Shape::Scalar), "Values of parameters for the runs it starts."),
        optional("description", Shape::Text, "What the schedule is for; shown."),
        optional(
            "window",
            Shape::Either(&[Shape::Word(|| words(&NO_WINDOW)), Shape::Keys(&WINDOW)]),
            "The window of data that each tick closes: from the end of the one before it to the tick, unless `none`.",
        ),
        optional(
            "catchup",
            Shape::Word(|| words(&CATCHUPS)),
            "Ticks that came while nothing could start them: start `all`, the `last`, `none`, or `merge` their windows into one run. `all` with windows, `none` without.",
        ),
        optional(
            "catchupLimit",
            Shape::Integer { min: 1, max: CATCHUP_LIMIT_MAX },
            "The newest so many of them; as many wait in the queue. 100 unless written.",
        ),
        optional("startAt", Shape::Text, "An instant before which there are no ticks; windows begin here."),
        optional("endAt", Shape::Text, "An instant after which there are no ticks."),
        optional(
            "jitter",
            Shape::Duration,
            "Start each tick later by a part of this, always the same for a schedule, so that many do not start together.",
        ),
        optional(
            "suspendAfterFailures",
            Shape::Integer { min: 1, max: FAILURES_MAX },
            "Suspend the schedule when so many of its runs failed in a row.",
        ),
        optional("history", Shape::Keys(&HISTORY), "How many finished runs of this schedule are kept."),
        optional(
            "webhook",
            Shape::Keys(&WEBHOOK),
            "A run whenever `POST /hooks/PROJECT/SCHEDULE` is called with a good signature; instead of a clock.",
        ),
    ],
    refused: &[
        foreign("schedule", "write `cron` or `every`"),
        foreign("timeZone", "write `timezone`"),
        foreign("startingDeadlineSeconds", "write `startingDeadline` with a unit, such as `90s`"),
        foreign("interval", "write `every`"),
    ],
    also: None,
};

pub(super) static INPUTS: Table = Table {
    name: "`on`",
    doc: "What the schedule waits for: all of it.",
    keys: &[
        optional("etls", Shape::FilledList(&Shape::Name), "ETLs of the same project; their runs succeed."),
        optional(
            "datasets",
            Shape::FilledList(&Shape::Text),
            "Datasets that a task of any ETL lists under `produces`; that task succeeds.",
        ),
    ],
    refused: &[foreign("tasks", "wait for the ETL, or for a dataset that the task `produces`")],
    also: None,
};

pub(super) static HISTORY: Table = Table {
    name: "`history`",
    doc: "How many finished runs of a schedule are kept, in place of the operator's numbers.",
    keys: &[
        optional("keepSucceeded", Shape::Integer { min: 0, max: KEPT_MAX }, "Runs that succeeded."),
        optional("keepFailed", Shape::Integer { min: 0, max: KEPT_MAX }, "Runs that did not."),
    ],
    refused: &[],
    also: None,
};

pub(super) static WEBHOOK: Table = Table {
    name: "a webhook",
    doc: "Who may call, and what of the call becomes parameters.",
    keys: &[
        required(
            "secretFile",
            Shape::Text,
            "The file, where the controller runs, with the secret that signs calls; read at each call.",
        ),
        optional(
            "params",
            Shape::Parameters(&Shape::Text),
            "Values of parameters, as templates over the call's `body`.",
        ),
    ],
    refused: &[
        foreign("secret", "no secret is written in a spec: write `secretFile`"),
        foreign("token", "no secret is written in a spec: write `secretFile`"),
        foreign("url", "it is `POST /hooks/PROJECT/SCHEDULE` on the API's address"),
        foreign("path", "it is `POST /hooks/PROJECT/SCHEDULE` on the API's address"),
    ],
    also: None,
};

pub(super) static WINDOW: Table = Table {
    name: "a window",
    doc: "How a tick's window of data is cut.",
    keys: &[
        optional(
            "lag",
            Shape::Duration,
            "The window ends so long before its tick, for data that comes late.",
        ),
        optional("size", Shape::Duration, "The window reaches back at least so far: such windows overlap."),
    ],
    refused: &[
        foreign("start", "a window begins where the one before it ended"),
        foreign("end", "write `lag`"),
    ],
    also: None,
};

pub(super) static INLINE_SCHEDULE: Table = Table {
    name: "a schedule",
    doc: "When runs start by themselves: `cron`, `every`, `on` or `webhook`.",
    keys: &[],
    refused: &[foreign("etl", "a schedule inside of an ETL is that ETL's own; write a Schedule for another")],
    also: Some(&CLOCK),
};

pub(super) static SCHEDULE_SPEC: Table = Table {
    name: "the spec of a Schedule",
    doc: "Which ETL runs, and when: `cron`, `every`, `on` or `webhook`.",
    keys: &[required("etl", Shape::Name, "The ETL that runs, in the same project.")],
    refused: &[],
    also: Some(&CLOCK),
};
