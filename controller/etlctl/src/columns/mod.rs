//! What `get` shows of each kind: its columns, in order. A column is a title, when it is shown, and how its cell is made.

mod backfill;
mod etl;
mod node;
mod run;
mod schedule;
mod source;
mod task;
mod telling;
#[cfg(test)]
mod tests;
mod tick;
mod window;

use etl_core::view::{
    AlertView, BackfillView, Condition, EtlView, NodeView, NotifierView, ProblemView, RunView, ScheduleView,
    SourceView, SpanView, TaskView, TickView, WindowView,
};
use jiff::{Timestamp, tz::TimeZone};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::kind::Kind;
use crate::span;
use crate::table::Cell;

/// Characters of a commit that are shown.
const COMMIT_CHARS: usize = 10;
/// Characters of a message in a cell; `describe` shows all of it.
const MESSAGE_CHARS_MAX: usize = 80;

/// How to show things: when it is, in whose zone, and how much.
#[derive(Debug, Clone)]
pub struct Look {
    /// The instant that ages are counted to.
    pub now: Timestamp,
    /// The reader's zone.
    pub zone: TimeZone,
    /// `-o wide`: more columns, and absolute times.
    pub wide: bool,
    /// `-A`: the project comes first.
    pub all_projects: bool,
}

/// When a column is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// With every table.
    Always,
    /// With `-o wide`.
    Wide,
    /// With `-A`.
    AllProjects,
    /// With `-o wide`, unless `-A` has it already.
    WideOfOne,
}

/// A column of one kind's table.
pub struct Column<V> {
    title: &'static str,
    shown: Shown,
    cell: fn(&V, &Look) -> Cell,
}

/// A kind that has a table.
trait Tabled: DeserializeOwned + 'static {
    const COLUMNS: &'static [Column<Self>];
}

impl Look {
    fn shows(&self, shown: Shown) -> bool {
        match shown {
            Shown::Always => true,
            Shown::Wide => self.wide,
            Shown::AllProjects => self.all_projects,
            Shown::WideOfOne => self.wide && !self.all_projects,
        }
    }

    /// How long ago or ahead; absolute with `-o wide`.
    pub fn time(&self, at: Option<Timestamp>) -> Option<String> {
        let at = at?;
        if self.wide {
            return Some(span::absolute(at, &self.zone));
        }
        Some(if at <= self.now { span::between(at, self.now) } else { span::between(self.now, at) })
    }

    /// A span of data: where it begins and how long it is; both ends with `-o wide`.
    pub fn window(&self, window: Option<SpanView>) -> Option<String> {
        let SpanView { start, end } = window?;
        if self.wide {
            return Some(format!(
                "{}/{}",
                span::absolute(start, &self.zone),
                span::absolute(end, &self.zone)
            ));
        }
        Some(span::window(start, end, &self.zone))
    }

    /// How long something took, or has been going on.
    pub fn duration(&self, start: Option<Timestamp>, end: Option<Timestamp>) -> Option<String> {
        Some(span::between(start?, end.unwrap_or(self.now)))
    }
}

/// The titles of a kind's table.
pub fn titles(kind: Kind, look: &Look) -> Vec<&'static str> {
    fn of<V: Tabled>(look: &Look) -> Vec<&'static str> {
        V::COLUMNS.iter().filter(|column| look.shows(column.shown)).map(|column| column.title).collect()
    }
    match kind {
        Kind::Etls => of::<EtlView>(look),
        Kind::Schedules => of::<ScheduleView>(look),
        Kind::Runs => of::<RunView>(look),
        Kind::Tasks => of::<TaskView>(look),
        Kind::Windows => of::<WindowView>(look),
        Kind::Ticks => of::<TickView>(look),
        Kind::Backfills => of::<BackfillView>(look),
        Kind::Nodes => of::<NodeView>(look),
        Kind::Problems => of::<ProblemView>(look),
        Kind::Notifiers => of::<NotifierView>(look),
        Kind::Alerts => of::<AlertView>(look),
        Kind::Sources => of::<SourceView>(look),
    }
}

/// The cells of one object.
pub fn cells(kind: Kind, item: &Value, look: &Look) -> Result<Vec<Cell>, serde_json::Error> {
    fn of<V: Tabled>(item: &Value, look: &Look) -> Result<Vec<Cell>, serde_json::Error> {
        let view = V::deserialize(item)?;
        let shown = V::COLUMNS.iter().filter(|column| look.shows(column.shown));
        Ok(shown.map(|column| (column.cell)(&view, look)).collect())
    }
    match kind {
        Kind::Etls => of::<EtlView>(item, look),
        Kind::Schedules => of::<ScheduleView>(item, look),
        Kind::Runs => of::<RunView>(item, look),
        Kind::Tasks => of::<TaskView>(item, look),
        Kind::Windows => of::<WindowView>(item, look),
        Kind::Ticks => of::<TickView>(item, look),
        Kind::Backfills => of::<BackfillView>(item, look),
        Kind::Nodes => of::<NodeView>(item, look),
        Kind::Problems => of::<ProblemView>(item, look),
        Kind::Notifiers => of::<NotifierView>(item, look),
        Kind::Alerts => of::<AlertView>(item, look),
        Kind::Sources => of::<SourceView>(item, look),
    }
}

/// A column that every table has.
const fn always<V>(title: &'static str, cell: fn(&V, &Look) -> Cell) -> Column<V> {
    Column { title, shown: Shown::Always, cell }
}

/// A column of `-o wide`.
const fn wide<V>(title: &'static str, cell: fn(&V, &Look) -> Cell) -> Column<V> {
    Column { title, shown: Shown::Wide, cell }
}

/// The project, first with `-A`, among the others with `-o wide`.
const fn project<V>(shown: Shown, cell: fn(&V, &Look) -> Cell) -> Column<V> {
    Column { title: "PROJECT", shown, cell }
}

/// The status word of a condition, `Unknown` if it is not there.
fn condition<'c>(conditions: &'c [Condition], kind: &str) -> &'c str {
    find(conditions, kind).map_or("Unknown", |condition| condition.status.as_str())
}

/// A condition by its type.
pub fn find<'c>(conditions: &'c [Condition], kind: &str) -> Option<&'c Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// The message of a condition that does not hold, or holds with a remark.
fn condition_message(conditions: &[Condition], kind: &str) -> Cell {
    Cell::maybe(find(conditions, kind).map(|condition| shortened(&condition.message)))
}

/// A message cut to what a cell bears.
pub fn shortened(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let mut kept: String = first.chars().take(MESSAGE_CHARS_MAX).collect();
    if kept.len() < message.trim_end().len() {
        kept.push('…');
    }
    kept
}

/// A commit, short.
pub fn commit(commit: &str) -> String {
    commit.chars().take(COMMIT_CHARS).collect()
}

/// `k=v,k=v`.
pub fn pairs<'m>(map: impl IntoIterator<Item = (&'m String, impl std::fmt::Display)>) -> String {
    map.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
