//! One scrape: families of metrics as Prometheus' text. Labels are escaped by the encoder, and their number is bounded.

use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// Series of one family: what a scrape can carry, and what a runaway template cannot exceed.
const SERIES_MAX: usize = 20_000;
/// Longest value of a label: an owner is a team's name, not an essay.
const LABEL_CHARS_MAX: usize = 128;

/// Whether a number only rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// One name with its series.
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    metrics: Vec<Metric>,
    dropped: u64,
}

impl Family {
    pub(super) fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge, labels, metrics: Vec::new(), dropped: 0 }
    }

    pub(super) fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { kind: Kind::Counter, ..Self::gauge(name, labels, help) }
    }

    /// Adds a series: a value for each label, in the labels' order.
    pub(super) fn add(&mut self, values: &[&str], value: f64) {
        debug_assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        if self.metrics.len() >= SERIES_MAX {
            self.dropped += 1;
            return;
        }
        let pairs = self.labels.iter().zip(values).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value.chars().take(LABEL_CHARS_MAX).collect());
            pair
        });
        let mut metric = Metric::from_label(pairs.collect());
        match self.kind {
            Kind::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            Kind::Gauge => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        }
        self.metrics.push(metric);
    }

    /// The family with one series more.
    pub(super) fn with(mut self, values: &[&str], value: f64) -> Self {
        self.add(values, value);
        self
    }
}

/// The families of one scrape.
#[derive(Default)]
pub(super) struct Page {
    families: Vec<MetricFamily>,
    dropped: u64,
}

impl Page {
    /// Adds a family; one without series is left out, as Prometheus has no use for it.
    pub(super) fn push(&mut self, family: Family) {
        self.dropped += family.dropped;
        if family.metrics.is_empty() {
            return;
        }
        let mut written = MetricFamily::default();
        written.set_name(family.name.to_owned());
        written.set_help(family.help.to_owned());
        written.set_field_type(match family.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
        });
        written.set_metric(family.metrics);
        self.families.push(written);
    }

    /// The page's text, with what a registry has gathered beside it.
    pub(super) fn text(mut self, gathered: Vec<MetricFamily>) -> Result<String, prometheus::Error> {
        let help = "Series that this scrape left out, because their metric has too many";
        let dropped = Family::gauge("etl_metrics_dropped_series", &[], help);
        let value = self.dropped as f64;
        self.push(dropped.with(&[], value));
        self.families.extend(gathered);
        TextEncoder::new().encode_to_string(&self.families)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_break_out_of_its_quotes_or_grow_without_bound() {
        let mut page = Page::default();
        let owner = "a\"} 1\netl_run 2\\".to_owned() + &"x".repeat(500);
        page.push(Family::gauge("etl_info", &["owner"], "h").with(&[&owner], 1.0));
        let text = page.text(vec![]).unwrap();
        let line = text.lines().find(|line| line.starts_with("etl_info")).unwrap();
        assert!(line.starts_with(r#"etl_info{owner="a\"} 1\netl_run 2\\xxx"#) && line.len() < 200, "{text}");
    }

    #[test]
    fn a_family_is_cut_at_its_bound_and_says_so() {
        let mut family = Family::counter("etl_many_total", &["n"], "h");
        (0..SERIES_MAX + 3).for_each(|n| family.add(&[&n.to_string()], 1.0));
        let mut page = Page::default();
        page.push(family);
        let text = page.text(vec![]).unwrap();
        assert!(text.contains("etl_metrics_dropped_series 3\n"));
        assert_eq!(text.lines().filter(|line| line.starts_with("etl_many_total")).count(), SERIES_MAX);
    }
}
