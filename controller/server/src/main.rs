//! `etl-controller`: reads its settings, starts the log, runs until SIGTERM or SIGINT. `etl-controller healthcheck` only
//! asks the one that runs.

mod healthcheck;

use std::process::ExitCode;

use etl_server::observer::Chain;
use etl_server::settings::{Settings, SettingsError};
use etl_server::{controller, telemetry};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A setting is wrong; nothing was started.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let (args, asks_health) = healthcheck::strip(std::env::args_os());
    let loaded = match Settings::load(args, std::env::vars_os()) {
        Ok(loaded) => loaded,
        Err(SettingsError::Usage(usage)) => usage.exit(),
        Err(error) => {
            eprintln!("error: {}", Chain(&error));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if asks_health {
        return check_health(&loaded.settings);
    }
    if loaded.print_config {
        print!("{}", loaded.settings.to_yaml());
        return ExitCode::SUCCESS;
    }
    match start(loaded.settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check_health(settings: &Settings) -> ExitCode {
    match healthcheck::ask(settings.metrics_listen.0) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", Chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn start(settings: Settings) -> anyhow::Result<()> {
    telemetry::start(settings.log_format, &settings.log_level)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let running = controller::run(settings, stop.clone());
        tokio::pin!(running);
        tokio::select! {
            result = &mut running => return result,
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("stopping; running services go on, and are found again at the next start");
        stop.cancel();
        running.await
    })
}
