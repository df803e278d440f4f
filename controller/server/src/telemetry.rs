//! The controller's own log, on stderr. Task output never goes there, and neither do request bodies.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{LogFilter, LogFormat};

/// The Docker client logs whole bodies below `info`, and with them what specs put into environments.
const BODY_LOGGER: &str = "bollard";

/// The log was started twice.
#[derive(Debug, thiserror::Error)]
#[error("the log is started already")]
pub struct AlreadyStarted(#[from] tracing_subscriber::util::TryInitError);

/// Starts the log; once in a process.
pub fn start(format: LogFormat, filter: &LogFilter) -> Result<(), AlreadyStarted> {
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = match format {
        LogFormat::Text => layer.with_ansi(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(capped(filter))).try_init()?;
    Ok(())
}

/// The operator's filter, except that nothing makes the Docker client print bodies.
fn capped(
    filter: &LogFilter,
) -> impl tracing_subscriber::layer::Filter<tracing_subscriber::Registry> + use<> {
    use tracing_subscriber::filter::{FilterExt, filter_fn};
    let bodies = |target: &str| target.split("::").next() == Some(BODY_LOGGER);
    let harmless = filter_fn(move |meta| !bodies(meta.target()) || *meta.level() <= LevelFilter::INFO);
    EnvFilter::new(&filter.0).and(harmless)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::{Layer, SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_filter_makes_the_docker_client_print_bodies() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let filter = LogFilter("bollard=trace,trace".to_owned());
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(capped(&filter)));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "bollard::docker", "a body");
            tracing::info!(target: "bollard::docker", "a fact");
            tracing::debug!(target: "bollards", "another crate");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("a body"), "{text}");
        assert!(text.contains("a fact") && text.contains("another crate"), "{text}");
    }
}
