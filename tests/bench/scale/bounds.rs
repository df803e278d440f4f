//! What each figure of `scale` may be at the most, or must be at the least; docs/reference/bench.md says what they mean.

use serde_json::Value;

use super::HERD_RATE;
use super::herd::HERD;
use crate::Figures;

/// Which side of its bound a figure has to be on.
#[derive(Debug, Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

use Bound::{AtLeast, AtMost};

const BOUNDS: [(&str, Bound); 14] = [
    ("cron_next_us", AtMost(2.0)),
    ("cron_never_us", AtMost(1_000.0)),
    ("specs10k_seconds", AtMost(2.0)),
    ("transitions_per_second", AtLeast(2_000.0)),
    ("commit_effective_ms", AtMost(500.0)),
    ("herd1000_last_ms", AtMost(HERD as f64 / HERD_RATE as f64 * 1e3 + 1e3)),
    ("herd1000_lag_ms_p99", AtMost(HERD as f64 / HERD_RATE as f64 * 1e3 + 1e3)),
    // Creations are sent side by side, so neighbours may pass each other; a herd out of order is off by hundreds.
    ("herd1000_out_of_place", AtMost(HERD as f64 / 20.0)),
    ("schedules100k_idle_cpu_percent", AtMost(1.0)),
    ("schedules100k_pss_mib", AtMost(200.0)),
    ("schedules100k_restarted_pss_mib", AtMost(200.0)),
    ("etls100k_idle_cpu_percent", AtMost(1.0)),
    ("schedules1m_pss_mib", AtMost(1_024.0)),
    // Proportional to what is due: with a million schedules, one that is due costs no more than some times what it does with a
    // thousand, although none of its memory is in a cache.
    ("wake_us_per_due_growth", AtMost(10.0)),
];

/// A line for each figure that is beyond its bound.
pub fn beyond(figures: &Figures) -> Vec<String> {
    let known = BOUNDS.iter().filter_map(|(key, bound)| Some((key, bound, figures.get(key)?)));
    known.filter_map(|(key, bound, figure)| complaint(key, *bound, figure)).collect()
}

fn complaint(key: &str, bound: Bound, figure: &Value) -> Option<String> {
    // What is no number is no proof either.
    let figure = figure.as_f64().unwrap_or(f64::NAN);
    let (holds, words) = match bound {
        AtMost(most) => (figure <= most, format!("at most {most}")),
        AtLeast(least) => (figure >= least, format!("at least {least}")),
    };
    (!holds).then(|| format!("{key} is {figure}, and has to be {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_beyond_its_bound_is_told() {
        for (key, figure, expected) in [
            ("cron_next_us", json!(2.0), 0),
            ("cron_next_us", json!(2.1), 1),
            ("transitions_per_second", json!(2_000), 0),
            ("transitions_per_second", json!(1_999), 1),
            ("transitions_per_second", json!(null), 1),
            ("chain10_ratio", json!(9), 0),
        ] {
            let figures: Figures = [(key, figure.clone())].into_iter().collect();
            assert_eq!(beyond(&figures).len(), expected, "{key} {figure}");
        }
    }
}
