//! `etlctl next`: when a cron expression is due, offline: one instant a line, in UTC.

use clap::{Args, ValueEnum};
use etl_core::cron::{Cron, CronError, Dst, Seconds};
use jiff::{Timestamp, tz::TimeZone};
use unicode_width::UnicodeWidthStr;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::safe;
use crate::screen::Screen;
use crate::span;

/// How many instants when nobody says.
const COUNT_DEFAULT: u32 = 5;
/// Most instants at once: a minute's cron over two months.
const COUNT_MAX: u32 = 100_000;

/// Print the next instants of a cron expression, in UTC
#[derive(Debug, Args)]
#[command(after_help = "Example: etlctl next '30 2 * * *' --timezone America/Los_Angeles --count 3")]
pub struct Next {
    /// Five fields, six with seconds first, seven with the year last, or a macro such as @daily
    #[arg(value_name = "CRON", allow_hyphen_values = true)]
    cron: String,
    /// The zone in which it is read, an IANA name
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// Strictly after this time [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = COUNT_DEFAULT)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(COUNT_MAX)))]
    count: u32,
    /// What clock changes do to fixed times
    #[arg(long, value_enum, default_value_t = DstRule::Once)]
    dst: DstRule,
    /// The first of six fields is the second
    #[arg(long)]
    seconds: bool,
}

/// As a schedule's `dst`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DstRule {
    /// A fixed time runs exactly once a day
    Once,
    /// As the wall clock shows, Kubernetes' rule
    #[value(name = "wallClock", alias = "wallclock", alias = "wall-clock")]
    WallClock,
}

pub fn run(args: &Next, now: Timestamp, screen: &mut Screen) -> Result<Exit, Failure> {
    let seconds = if args.seconds { Seconds::First } else { Seconds::ByCount };
    let cron = Cron::parse_with(&args.cron, seconds).map_err(|error| refusal(&args.cron, &error))?;
    let zone = zone(&args.timezone)?;
    let mut at = args.from.as_ref().map_or(Ok(now), |from| span::instant(from, now, &zone))?;
    let dst = match args.dst {
        DstRule::Once => Dst::Once,
        DstRule::WallClock => Dst::WallClock,
    };
    for printed in 0..args.count {
        let Some(next) = cron.next_after(at, &zone, dst) else { return never(args, at, printed, screen) };
        screen.put(&format!("{next}\n"))?;
        at = next;
    }
    Ok(Exit::Success)
}

fn never(args: &Next, after: Timestamp, printed: u32, screen: &mut Screen) -> Result<Exit, Failure> {
    let cron = &args.cron;
    if printed > 0 {
        screen.note(&format!("`{cron}` is never due again after {after}"))?;
        return Ok(Exit::Success);
    }
    Err(Failure::failed(
        format!("`{cron}` is never due after {after}"),
        "no date there is matches all its fields",
    ))
}

fn zone(name: &str) -> Result<TimeZone, Failure> {
    TimeZone::get(name).map_err(|_| {
        Failure::usage(
            format!("unknown time zone `{name}`"),
            "write an IANA name such as America/Los_Angeles, Europe/Berlin or UTC",
        )
    })
}

/// The expression with carets under what is wrong.
fn refusal(cron: &str, error: &CronError) -> Failure {
    let start = error.span.start.min(cron.len());
    let end = error.span.end.clamp(start, cron.len());
    let before = safe::line(cron.get(..start).unwrap_or_default()).width();
    let marked = safe::line(cron.get(start..end).unwrap_or_default()).width().max(1);
    let (cron, blank, carets) = (safe::line(cron), " ".repeat(before), "^".repeat(marked));
    let message = format!("{}\n  {cron}\n  {blank}{carets}", error.message);
    Failure::Usage { message, help: error.help.clone() }
}
