//! `etlctl check`: what the controller needs, and whether it has it.

use anstyle::AnsiColor;
use clap::Args;
use etl_core::view::CheckView;
use serde::Deserialize;

use crate::address::Route;
use crate::args::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::safe;
use crate::screen::{Screen, paint};

/// Look at what the controller needs: the Swarm, its store, git
#[derive(Debug, Args)]
pub struct Check {
    /// Print the findings as JSON
    #[arg(short, long, value_parser = ["json"], value_name = "FORMAT")]
    output: Option<String>,
}

/// The findings, as a list of the API or a plain one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Findings {
    Listed { items: Vec<CheckView> },
    Plain(Vec<CheckView>),
}

pub async fn run(args: &Check, globals: &Globals, screen: &mut Screen) -> Result<Exit, Failure> {
    let findings: Findings = globals.client()?.get(&Route::new(&["check"])).await?;
    let (Findings::Listed { items } | Findings::Plain(items)) = findings;
    if args.output.is_some() {
        let text = serde_json::to_string_pretty(&items).expect("findings are JSON");
        screen.put_document(&(text + "\n"))?;
    } else {
        let text: String = items.iter().map(|item| line(item, screen.color)).collect();
        screen.put(&text)?;
    }
    Ok(if items.iter().all(|item| item.ok) { Exit::Success } else { Exit::Failure })
}

fn line(check: &CheckView, color: bool) -> String {
    let (mark, hue) = if check.ok { ("✔", AnsiColor::Green) } else { ("✘", AnsiColor::Red) };
    let mark = paint(mark, Some(hue.on_default()), color);
    let (name, message) = (safe::line(&check.name), safe::line(&check.message));
    let help = check.help.as_deref().filter(|_| !check.ok).map(safe::line);
    let help = help.map(|help| format!("    help: {help}\n")).unwrap_or_default();
    format!("{mark} {name}: {message}\n{help}")
}
