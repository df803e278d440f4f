//! How ledgers are kept: window by window, so that a run's end writes what it changed, however long the ledger is.

use etl_core::ledger::{Ledger, LedgerKey};
use etl_core::recorded::Recorded;
use etl_core::window::Window;
use jiff::Timestamp;

use super::{Edit, Fault, after, all_that_begin, beginning, corrupt, ledger_key, parse, put, schema_edit};

/// More nanoseconds than there are before the first instant that a window may have.
const BEFORE_ALL: i128 = 1_000_000_000_000_000_000_000;

/// A ledger is kept window by window, since most of a long one stays as it is. What begins within the data that was touched is
/// written anew, and so is what reaches into it: that begins where it began, whatever became of its end.
pub(super) fn edit(
    edits: &mut Vec<Edit>,
    key: &LedgerKey,
    ledger: &Ledger,
    touched: Window,
) -> Result<(), Fault> {
    for (set, windows) in ledger.sets() {
        let from = window_subject(key, set, touched.start());
        let to = window_subject(key, set, touched.end());
        edits.push(Edit::Remove(beginning(&from)..after(beginning(&to))));
        for window in windows.touching(touched) {
            edits.push(put(window_subject(key, set, window.start()), &window.end())?);
        }
    }
    Ok(())
}

/// Every window of a ledger: its record's name, and its end.
pub(crate) fn windows_of<'a>(
    key: &'a LedgerKey,
    ledger: &'a Ledger,
) -> impl Iterator<Item = (String, Timestamp)> + 'a {
    let sets = ledger.sets().into_iter();
    sets.flat_map(move |(set, windows)| {
        windows.iter().map(move |window| (window_subject(key, set, window.start()), window.end()))
    })
}

/// Sorted as the instants are: nanoseconds since a year before all years.
fn window_subject(key: &LedgerKey, set: &str, start: Timestamp) -> String {
    format!("window/{}/{}/{set}/{:022}", key.etl, key.version, start.as_nanosecond() + BEFORE_ALL)
}

/// What a store of an older layout has to write to be one of this layout.
pub(crate) fn upgrade(recorded: &Recorded) -> Result<Vec<Edit>, Fault> {
    let mut edits = vec![Edit::Remove(all_that_begin(b"ledger/".to_vec()))];
    for (key, ledger) in &recorded.ledgers {
        for (subject, end) in windows_of(key, ledger) {
            edits.push(put(subject, &end)?);
        }
    }
    edits.push(schema_edit());
    Ok(edits)
}

/// Puts a window in its place.
pub(super) fn place(recorded: &mut Recorded, subject: &str, path: &str, json: &[u8]) -> Result<(), Fault> {
    let foreign = || corrupt(subject, "not a key of this layout");
    let (key, set, start) = window_key(path).ok_or_else(foreign)?;
    let window = Window::new(start, parse(subject, json)?);
    let window = window.ok_or_else(|| corrupt(subject, "it ends before it starts"))?;
    let windows = recorded.ledgers.entry(key).or_default();
    windows.set_mut(set).ok_or_else(foreign)?.insert(window);
    Ok(())
}

fn window_key(path: &str) -> Option<(LedgerKey, &str, Timestamp)> {
    let (path, start) = path.rsplit_once('/')?;
    let (path, set) = path.rsplit_once('/')?;
    let start = Timestamp::from_nanosecond(start.parse::<i128>().ok()? - BEFORE_ALL).ok()?;
    Some((ledger_key(path)?, set, start))
}
