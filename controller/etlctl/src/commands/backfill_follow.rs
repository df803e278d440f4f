//! Waits for a backfill's end by asking each second, and tells each step. Never stops it.

use etl_core::view::{BackfillStatusView, BackfillView};

use super::get_watch::{PERIOD, Patience};
use crate::address::Route;
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::safe;
use crate::screen::Screen;

/// Waits; the exit code is the backfill's end.
pub async fn until_over(
    client: &Client,
    project: &str,
    name: &str,
    screen: &mut Screen,
) -> Result<Exit, Failure> {
    let route = Route::new(&["backfills", project, name]);
    let mut patience = Patience::default();
    let mut told = String::new();
    loop {
        let found: Option<BackfillView> = patience.bear(client.get(&route).await, screen)?;
        if let Some(backfill) = found {
            let line = line(name, &backfill.status);
            if line != told {
                screen.note(&line)?;
                told = line;
            }
            if let Some(exit) = Exit::of_state(&backfill.status.state) {
                return Ok(exit);
            }
        }
        tokio::time::sleep(PERIOD).await;
    }
}

fn line(name: &str, status: &BackfillStatusView) -> String {
    let BackfillStatusView { state, done, failed, left, message, .. } = status;
    let message = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    safe::line(&format!("backfill/{name} {state}, {done} done, {failed} failed, {left} left{message}"))
}
