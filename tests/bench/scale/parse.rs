//! From the texts of many files to specs that are checked, each and together; beside a plain parse of the same bytes.

use std::time::{Duration, Instant};

use anyhow::ensure;
use etl_core::spec::{ParsedFile, check_together, parse_file};
use serde::Deserialize;

use super::specs::{MONTH, write_etl};

const ROUNDS: usize = 3;

/// Seconds for all files.
pub struct ParseFigures {
    pub files: usize,
    pub seconds: f64,
    pub floor_seconds: f64,
}

/// Files of one ETL with its schedule each.
pub fn measure(files: usize) -> anyhow::Result<ParseFigures> {
    let texts: Vec<(String, String)> = (0..files).map(text).collect();
    let mut ours = Vec::new();
    let mut floor = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let parsed: Vec<ParsedFile> =
            texts.iter().map(|(path, text)| parse_file(path, text.as_bytes())).collect();
        let together = check_together(&parsed);
        ours.push(started.elapsed());
        let faults: usize = parsed.iter().map(|file| file.faults.len()).sum();
        ensure!(together.is_empty() && faults == 0, "the files are without faults");
        floor.push(plain(&texts)?);
    }
    let least = |rounds: Vec<Duration>| rounds.into_iter().min().unwrap_or_default().as_secs_f64();
    Ok(ParseFigures { files, seconds: least(ours), floor_seconds: least(floor) })
}

fn plain(texts: &[(String, String)]) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut documents = 0;
    for (_, text) in texts {
        for document in serde_yaml::Deserializer::from_str(text) {
            let value = serde_yaml::Value::deserialize(document)?;
            documents += usize::from(value.is_mapping());
        }
    }
    ensure!(documents >= texts.len(), "every file has a document");
    Ok(started.elapsed())
}

fn text(index: usize) -> (String, String) {
    let mut text = String::new();
    let schedule =
        format!("schedule: {{cron: \"{} {} * {MONTH} *\", timezone: Europe/Madrid}}", index % 60, index % 24);
    write_etl(&mut text, &format!("e{index:06}"), &schedule);
    (super::specs::path(index), text)
}
