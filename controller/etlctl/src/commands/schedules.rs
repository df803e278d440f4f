//! Which schedules `suspend` and `resume` are about: one by its name, or all of a project.

use etl_core::view::{List, ScheduleView};

use crate::address::Route;
use crate::client::Client;
use crate::failure::Failure;
use crate::kind::{Kind, named};

/// Their names.
pub async fn chosen(
    words: &[String],
    all: bool,
    client: &Client,
    project: &str,
) -> Result<Vec<String>, Failure> {
    if !all {
        return Ok(vec![named(words, Kind::Schedules)?]);
    }
    let route = Route::new(&["schedules"]).with("project", project);
    let found: List<ScheduleView> = client.get(&route).await?;
    Ok(found.items.into_iter().map(|schedule| schedule.metadata.name).collect())
}
