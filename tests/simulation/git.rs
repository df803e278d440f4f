//! A model of the git branch that the controller follows: people edit, break, remove, revert and force-push.

use std::collections::BTreeMap;

use etl_core::recorded::SourceError;
use etl_core::source::{Blob, Reading, Tree};

use crate::dice::{Dice, hash};
use crate::dst::ClockChange;
use crate::fault::Fault;
use crate::sim::{Event, Life, Sim};
use crate::time::{Ms, SECOND, timestamp};
use crate::told::{SPECS, TOLD_SHARE};
use crate::workload::{self, Style};

/// The controller reads git this often.
const SYNC_PERIOD: Ms = 30 * SECOND;

/// The file with who is told of what.
pub const ALERTS: &str = "alerts.etl.yaml";
/// One edit in so many thousand raises the ETL's version.
const VERSION_SHARE: u64 = 250;

/// A branch.
#[derive(Debug, Default)]
pub struct Git {
    files: BTreeMap<String, String>,
    commit: u64,
    /// What the branch was before, for force-pushes.
    before: Vec<BTreeMap<String, String>>,
    failing: bool,
    allow_prune: bool,
    style: Style,
    etls: u64,
    /// Of each ETL, as far as it was ever raised.
    versions: BTreeMap<String, u32>,
}

impl Git {
    /// A first commit with a few ETLs.
    pub fn new(dice: &mut Dice, now: Ms, change: Option<ClockChange>) -> Self {
        let style = Style { every_secs_min: dice.one_of([40, 60, 90]), now, change };
        let mut git = Self { style, ..Self::default() };
        for _ in 0..dice.between(1, 4) {
            git.add(dice);
        }
        if dice.permille(TOLD_SHARE) {
            git.files.insert(ALERTS.to_owned(), SPECS.to_owned());
        }
        git
    }

    fn add(&mut self, dice: &mut Dice) {
        let name = format!("e{}", self.etls);
        self.etls += 1;
        let text = workload::etl_file(dice, &name, 1, self.style);
        self.files.insert(format!("{name}.etl.yaml"), text);
    }

    fn tree(&self) -> Tree {
        let blob =
            |text: &String| Blob { id: format!("{:016x}", hash(text, 1)), bytes: text.clone().into_bytes() };
        let files = self.files.iter().map(|(path, text)| (path.clone(), blob(text)));
        Tree { commit: format!("{:040x}", self.commit), files: files.collect(), ..Tree::default() }
    }

    /// Nothing is left, on purpose.
    pub fn empty(&mut self) {
        (self.failing, self.allow_prune) = (false, true);
        // Who is told stays: what is over is said, too.
        self.files.retain(|path, text| path == ALERTS && text == SPECS);
        self.commit += 1;
    }

    /// The change of the clock that people write crons for, if there is one.
    pub fn change(&self) -> Option<ClockChange> {
        self.style.change
    }

    /// Whether somebody still wants to be told.
    pub fn has_alerts(&self) -> bool {
        self.files.contains_key(ALERTS)
    }

    /// It can be read.
    pub fn heal(&mut self) {
        self.failing = false;
    }
}

impl Sim {
    /// The process reads git.
    pub fn read_git(&mut self, life: Life) {
        if life != self.process.life || !self.process.alive {
            return;
        }
        let at = timestamp(self.wall());
        let failed = || SourceError { reason: "Unreachable".into(), message: "no route to host".into(), at };
        let result = if self.git.failing { Err(failed()) } else { Ok(self.git.tree()) };
        self.process.readings.push(Reading { at, allow_prune: self.git.allow_prune, result });
        self.later(SYNC_PERIOD - 3 * SECOND, SYNC_PERIOD + 3 * SECOND, Event::ReadGit(life));
        self.wake();
    }

    /// Somebody pushes.
    pub fn push(&mut self) {
        (self.git.failing, self.git.style.now) = (false, self.wall());
        let old = self.git.files.clone();
        let fault = match self.dice.below(10) {
            0..=3 => self.edit(),
            4 => self.break_one(),
            5 => self.remove_one(),
            6 => {
                self.git.files.clear();
                Some(Fault::DirectoryEmptied)
            }
            7 => {
                self.git.allow_prune = !self.git.allow_prune;
                self.git.allow_prune.then_some(Fault::PruneAcknowledged)
            }
            8 => {
                self.git.failing = true;
                Some(Fault::GitFailed)
            }
            _ => {
                let before = self.dice.pick(&self.git.before).cloned();
                before.map(|files| {
                    self.git.files = files;
                    Fault::ForcePush
                })
            }
        };
        self.git.commit += 1;
        self.git.before.push(old);
        if let Some(fault) = fault {
            self.befalls(fault);
        }
    }

    fn one_file(&mut self) -> Option<String> {
        let paths: Vec<String> = self.git.files.keys().cloned().collect();
        self.dice.pick(&paths).cloned()
    }

    fn edit(&mut self) -> Option<Fault> {
        match self.one_file() {
            Some(path) if self.dice.permille(800) => {
                let name = path.trim_end_matches(".etl.yaml").to_owned();
                let raised = self.dice.permille(VERSION_SHARE);
                let version = self.git.versions.entry(name.clone()).or_insert(1);
                *version += u32::from(raised);
                let text = workload::etl_file(&mut self.dice, &name, *version, self.git.style);
                self.git.files.insert(path, text);
                if raised {
                    self.befalls(Fault::VersionRaised);
                }
            }
            Some(_) | None => self.git.add(&mut self.dice),
        }
        Some(Fault::SpecEdited)
    }

    fn break_one(&mut self) -> Option<Fault> {
        let path = self.one_file()?;
        let text = workload::broken(&mut self.dice, self.git.files.get(&path)?);
        self.git.files.insert(path, text);
        Some(Fault::SpecBroken)
    }

    fn remove_one(&mut self) -> Option<Fault> {
        let path = self.one_file()?;
        self.git.files.remove(&path);
        Some(Fault::FileRemoved)
    }
}
