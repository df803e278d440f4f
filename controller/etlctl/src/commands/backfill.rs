//! `etlctl backfill`: runs over windows of the past. What would be done is always shown first.

use clap::{Args, ValueEnum};
use etl_core::backfill::Reprocess;
use etl_core::view::{BackfillPreview, BackfillRequest, Done, SpanView};
use jiff::tz::TimeZone;

use super::{backfill_follow, done_line, params};
use crate::address::Route;
use crate::args::Globals;
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::kind::{Kind, named};
use crate::safe;
use crate::screen::{Screen, agrees};
use crate::span;

/// Windows that are shown of each end of a long list.
const SHOWN: usize = 10;

/// Run an ETL over windows of the past
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  etlctl backfill rna-daily --from 2025-11-01 --to 2025-11-20 --dry-run\n  \
                        etlctl backfill rna-daily --from 30d --to now --missing\n  \
                        etlctl backfill rna --schedule rna-hourly --from 2d --to now --dry-run\n  \
                        etlctl backfill rna-daily --from 2025-11-01 --to 2025-11-20 --reprocess failed --wait"
)]
pub struct Backfill {
    /// ETL or etl/ETL
    #[arg(value_name = "ETL")]
    etl: String,
    /// Where the data begins: a date, an instant, or how long ago, as 30d
    #[arg(long, value_name = "TIME")]
    from: String,
    /// Up to where it goes, itself not included; `now` for all that is past
    #[arg(long, value_name = "TIME")]
    to: String,
    /// The schedule of the ETL whose ticks cut the windows, if several do
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// Exactly the gaps: what was asked for, did not succeed, and is no run's
    #[arg(long, conflicts_with = "reprocess")]
    missing: bool,
    /// Which windows are done again, beside those that no run stood for
    #[arg(long, value_enum, default_value_t = Again::None)]
    reprocess: Again,
    /// At most so many of its runs at once; the ETL's maxActiveRuns bounds them as well
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_active: u32,
    /// Newest first
    #[arg(long)]
    reverse: bool,
    /// A parameter's value for all of its runs; may be given several times
    #[arg(short = 'p', long = "param", value_name = "NAME=VALUE", value_parser = params::pair)]
    params: Vec<(String, String)>,
    /// Only show the windows
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short = 'y', long)]
    yes: bool,
    /// Wait until it is over, and exit as it ended
    #[arg(long)]
    wait: bool,
    /// Asking twice with the same key makes one backfill
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Which windows are done again.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Again {
    /// None
    None,
    /// Those that failed, or of which nobody knows
    Failed,
    /// All
    All,
}

impl From<Again> for Reprocess {
    fn from(again: Again) -> Self {
        match again {
            Again::None => Self::None,
            Again::Failed => Self::Failed,
            Again::All => Self::All,
        }
    }
}

pub async fn run(args: &Backfill, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let etl = named(std::slice::from_ref(&args.etl), Kind::Etls)?;
    let schedule = args.schedule.as_ref().map(|word| named(std::slice::from_ref(word), Kind::Schedules));
    let schedule = schedule.transpose()?;
    let (now, zone) = (clock::now(), globals.zone());
    let (from, to) = (span::instant(&args.from, now, &zone)?, span::instant(&args.to, now, &zone)?);
    let client = globals.client()?;
    let project = &globals.project;
    let params = params::typed(&args.params, &client, project, &etl).await?;
    // Made here, so that a request whose answer was lost could be asked again.
    let key = args.idempotency_key.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let mut body = BackfillRequest {
        request_id: Some(key),
        from: Some(from),
        to: Some(to),
        schedule,
        missing: args.missing,
        reprocess: args.reprocess.into(),
        max_active: Some(args.max_active),
        reverse: args.reverse,
        params,
        dry_run: true,
    };
    let route = Route::new(&["etls", project, &etl, "backfills"]);
    let preview: BackfillPreview = client.post(&route, &body).await?;
    let count = preview.windows.len();
    if count == 0 {
        screen.note(&format!("No window of etl/{etl} is to be done there."))?;
        return Ok(Exit::Success);
    }
    let list = list(&preview.windows, &zone);
    if args.dry_run {
        screen.put(&list)?;
        return Ok(Exit::Success);
    }
    screen.note(list.trim_end())?;
    if !args.yes && !agrees(&format!("Start {} over etl/{etl}?", runs(count)))? {
        screen.note("Nothing was started.")?;
        return Ok(Exit::Failure);
    }
    body.dry_run = false;
    let done: Done = client.post(&route, &body).await?;
    screen.put(&done_line(&done))?;
    screen.flush()?;
    match done.object.strip_prefix("backfill/").filter(|_| args.wait) {
        Some(name) => backfill_follow::until_over(&client, project, name, screen).await,
        None => Ok(Exit::Success),
    }
}

fn runs(count: usize) -> String {
    format!("{count} {}", if count == 1 { "run" } else { "runs" })
}

/// One window a line, in the order in which they are done; a long list is cut in its middle.
fn list(windows: &[SpanView], zone: &TimeZone) -> String {
    let line = |window: &SpanView| span::window(window.start, window.end, zone) + "\n";
    let hidden = windows.len().saturating_sub(2 * SHOWN);
    if hidden <= 1 {
        return windows.iter().map(line).collect();
    }
    let (first, last) = (&windows[..SHOWN], &windows[windows.len() - SHOWN..]);
    let middle = format!("… {hidden} more, {} in all …\n", windows.len());
    safe::block(&first.iter().map(line).chain([middle]).chain(last.iter().map(line)).collect::<String>())
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    #[test]
    fn a_long_list_is_cut_in_its_middle() {
        let start: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
        let day = |day: i64| start + SignedDuration::from_hours(24 * day);
        for (count, lines, middle) in [(1, 1, None), (21, 21, None), (22, 21, Some("… 2 more, 22 in all …"))]
        {
            let windows: Vec<SpanView> =
                (0..count).map(|number| SpanView { start: day(number), end: day(number + 1) }).collect();
            let text = list(&windows, &TimeZone::UTC);
            assert_eq!(text.lines().count(), lines, "{count}");
            assert_eq!(text.lines().find(|line| line.starts_with('…')), middle, "{count}");
            assert!(text.starts_with("2025-01-01/1d\n"), "{text}");
        }
    }
}
