//! Windows of data, as the ledgers have them: how far each ETL is complete, and how many of its windows nothing stands for.

use etl_core::desired::Desired;
use etl_core::ledger::LedgerKey;
use etl_core::recorded::Recorded;
use etl_core::view::windows_missing;

use super::page::{Family, Page};
use super::scrape::unix;

/// Ticks of one ETL that are looked at for its gaps: the figure is then a least one.
const TICKS_MAX: u64 = 10_000;
/// Ticks that are looked at in one scrape, which the loop waits for; of the ETLs after them only the gaps are counted.
const SCRAPE_TICKS_MAX: u64 = 50_000;

const ETL: &[&str] = &["project", "etl"];

pub(super) fn write(page: &mut Page, desired: &Desired, recorded: &Recorded) {
    let help = "Windows that were asked for, did not succeed, and are no open run's";
    let mut missing = Family::gauge("etl_windows_missing", ETL, help);
    let help = "Up to when all windows succeeded, without a gap";
    let mut complete = Family::gauge("etl_windows_complete_until_timestamp_seconds", ETL, help);
    let mut left = SCRAPE_TICKS_MAX;
    for object in desired.etls.values() {
        let key = LedgerKey { etl: object.etl.key.clone(), version: object.etl.version };
        let Some(ledger) = recorded.ledgers.get(&key) else { continue };
        let labels = [object.etl.key.project.as_str(), object.etl.key.name.as_str()];
        if let Some(count) = windows_missing(desired, recorded, object, TICKS_MAX.min(left)) {
            left = left.saturating_sub(count);
            missing.add(&labels, count as f64);
        }
        if let Some(until) = ledger.complete_until() {
            complete.add(&labels, unix(until));
        }
    }
    page.push(missing);
    page.push(complete);
}
