//! A backup: every record as a line of JSON, between a line that says what it is and one by which a cut or altered file is found
//! out. The records are those of the store, under the same names. Must never leave a record out, nor take a file in part.

use std::io::{BufRead, Read, Write};

use etl_core::recorded::Recorded;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::encoding::{self, Edit, Fault, SCHEMA};

/// Longest line: a record has at most 12 MiB, and its name some more.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// How the last line begins, and no other: there is no such record.
const END: &[u8] = b"{\"kind\":\"end\",";

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupHead {
    kind: HeadKind,
    /// The version of the records.
    pub schema: u32,
    /// When it was made.
    pub at: Timestamp,
    /// `--controller-name` of the controller that made it.
    pub controller: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum HeadKind {
    #[serde(rename = "backup")]
    Backup,
}

/// The last line.
#[derive(Serialize, Deserialize)]
struct End {
    kind: String,
    records: u64,
    sha256: String,
}

/// One record.
#[derive(Deserialize)]
struct Record {
    kind: String,
    #[serde(default)]
    key: String,
    value: serde_json::Value,
}

/// Why a backup cannot be made or taken.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It cannot be read or written.
    #[error("the backup cannot be read or written")]
    Io(#[from] std::io::Error),
    /// It begins with something else.
    #[error("this is no backup of an etl-controller: its first line is not of kind `backup`")]
    Head,
    /// A newer controller made it.
    #[error(
        "the backup has version {found}, and this etlctl knows versions up to {known}: take the newer one"
    )]
    Newer {
        /// The version found.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Its last line is missing.
    #[error("the backup is cut off after line {0}: its last line, of kind `end`, is missing")]
    Cut(u64),
    /// Its last line does not fit to the ones before it.
    #[error("the backup is damaged: what is in it does not fit to its last line ({0})")]
    Damaged(&'static str),
    /// There is something after its end.
    #[error("the backup goes on after its end, at line {0}")]
    Trailing(u64),
    /// A line is none.
    #[error("line {line} of the backup is damaged: {why}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// A record that has no place in a backup.
    #[error("record `{key}` cannot be backed up: {why}")]
    Unkeepable {
        /// The record's key.
        key: String,
        /// Why not.
        why: String,
    },
}

impl BackupHead {
    /// The head of a backup made now.
    pub fn new(controller: &str, at: Timestamp) -> Self {
        Self { kind: HeadKind::Backup, schema: SCHEMA, at, controller: controller.to_owned() }
    }
}

/// Writes everything recorded as a backup, and says how many records that were.
pub fn write_backup(
    recorded: &Recorded,
    head: &BackupHead,
    out: &mut impl Write,
) -> Result<u64, BackupError> {
    let (mut hasher, mut records) = (Sha256::new(), 0);
    let mut line = serde_json::to_vec(head).expect("a head has only text keys, so it is always JSON");
    let mut put = |line: &mut Vec<u8>| {
        line.push(b'\n');
        hasher.update(&line);
        out.write_all(line)
    };
    put(&mut line)?;
    each_record(recorded, |subject, json| {
        records += 1;
        put(&mut record_line(subject, json)).map_err(BackupError::from)
    })?;
    let sha256 = hex(&hasher.finalize());
    let end = End { kind: "end".to_owned(), records, sha256 };
    serde_json::to_writer(&mut *out, &end).map_err(std::io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(records)
}

fn record_line(subject: &str, json: &[u8]) -> Vec<u8> {
    let (kind, key) = subject.split_once('/').unwrap_or((subject, ""));
    let text = |text: &str| serde_json::to_string(text).expect("text is always JSON");
    let mut line = format!("{{\"kind\":{},", text(kind)).into_bytes();
    if !key.is_empty() {
        line.extend_from_slice(format!("\"key\":{},", text(key)).as_bytes());
    }
    line.extend_from_slice(b"\"value\":");
    line.extend_from_slice(json);
    line.push(b'}');
    line
}

/// Every record with its name, in an order in which it can be read: a backfill before its progress, a run before its tasks.
pub(crate) fn each_record<E: From<Fault>>(
    recorded: &Recorded,
    mut each: impl FnMut(&str, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    // Each field by name: one that is added must be thought of here.
    let Recorded {
        counters,
        files,
        source: _,
        ledgers,
        unsaved_ledgers: _,
        schedules,
        runs,
        open: _,
        specs,
        backfills,
        resets,
        problems,
        notices,
        watch: _,
        unsaved_schedules: _,
        agenda: _,
        swept_at: _,
    } = recorded;
    let mut put = |edit: Result<Edit, Fault>| match edit? {
        Edit::Put(subject, json) => each(&subject, &json),
        Edit::Remove(_) => unreachable!("a record that is there is not removed"),
    };
    put(encoding::put("counters".to_owned(), counters))?;
    for (key, record) in backfills {
        put(encoding::put(format!("backfill/{key}"), record.backfill.as_ref()))?;
        put(encoding::put(format!("progress/{key}"), &record.progress))?;
    }
    for (path, file) in files {
        put(encoding::put(format!("file/{path}"), file))?;
    }
    for (id, notice) in notices {
        put(encoding::put(format!("notice/{id}"), notice))?;
    }
    for (key, problem) in problems {
        put(encoding::put(encoding::problem_subject(key), problem))?;
    }
    for (key, ledger) in ledgers {
        for (subject, end) in encoding::windows_of(key, ledger) {
            put(encoding::put(subject, &end))?;
        }
    }
    for (etl, reset) in resets {
        put(encoding::put(format!("reset/{etl}"), reset))?;
    }
    for (key, schedule) in schedules {
        put(encoding::put(format!("schedule/{key}"), schedule))?;
    }
    for (hash, spec) in specs {
        put(encoding::put(format!("spec/{hash}"), spec.as_ref()))?;
    }
    for (key, run) in runs {
        let path = encoding::run_path(key)?;
        put(encoding::put(format!("run/{path}"), run))?;
        for (name, task) in &run.tasks {
            put(encoding::put(format!("task/{path}/{name}"), task))?;
        }
    }
    Ok(())
}

impl From<Fault> for BackupError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Corrupt { key, why } | Fault::Unkeepable { key, why } => Self::Unkeepable { key, why },
            Fault::Newer { found, known } => Self::Newer { found, known },
            Fault::Unversioned => Self::Head,
        }
    }
}

/// Looks at a backup line by line: whether it is whole, without reading what its records say.
#[derive(Default)]
pub struct BackupCheck {
    head: Option<BackupHead>,
    hasher: Sha256,
    lines: u64,
    end: Option<End>,
}

impl BackupCheck {
    /// Takes the next line, with its end. Says whether it holds a record.
    pub fn line(&mut self, line: &[u8]) -> Result<bool, BackupError> {
        self.lines += 1;
        let wrong = |why: String| BackupError::Line { line: self.lines, why };
        if self.end.is_some() {
            return Err(BackupError::Trailing(self.lines));
        }
        let Some(bare) = line.strip_suffix(b"\n") else { return Err(BackupError::Cut(self.lines - 1)) };
        if self.head.is_none() {
            let head: BackupHead = serde_json::from_slice(bare).map_err(|_| BackupError::Head)?;
            if head.schema > SCHEMA {
                return Err(BackupError::Newer { found: head.schema, known: SCHEMA });
            }
            self.head = Some(head);
        } else if bare.starts_with(END) {
            self.end = Some(serde_json::from_slice(bare).map_err(|error| wrong(error.to_string()))?);
            return Ok(false);
        }
        self.hasher.update(line);
        Ok(self.lines > 1)
    }

    /// The head and the number of records, if the backup is whole.
    pub fn finish(self) -> Result<(BackupHead, u64), BackupError> {
        let head = self.head.ok_or(BackupError::Head)?;
        let end = self.end.ok_or(BackupError::Cut(self.lines))?;
        if end.sha256 != hex(&self.hasher.finalize()) {
            return Err(BackupError::Damaged("its checksum"));
        }
        // All lines but the first and the last.
        let records = self.lines.saturating_sub(2);
        if end.records == records { Ok((head, records)) } else { Err(BackupError::Damaged("its count")) }
    }
}

/// A backup, read to its end and found whole.
#[derive(Debug)]
pub struct Backup {
    /// What it says of itself.
    pub head: BackupHead,
    /// Everything that was recorded.
    pub recorded: Recorded,
    /// How many records.
    pub records: u64,
}

impl Backup {
    /// Reads all of it.
    pub fn read(mut input: impl BufRead) -> Result<Self, BackupError> {
        let (mut check, mut recorded, mut line) = (BackupCheck::default(), Recorded::default(), Vec::new());
        // Ends: each turn takes a line of the file.
        loop {
            line.clear();
            if (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
                return Err(BackupError::Line { line: check.lines + 1, why: "it does not end".to_owned() });
            }
            if check.line(&line)? {
                let wrong = |why: String| BackupError::Line { line: check.lines, why };
                place(&mut recorded, &line).map_err(wrong)?;
            }
        }
        let (head, records) = check.finish()?;
        recorded.index();
        Ok(Self { head, recorded, records })
    }
}

fn place(recorded: &mut Recorded, line: &[u8]) -> Result<(), String> {
    let Record { kind, key, value } = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let subject = if key.is_empty() { kind } else { format!("{kind}/{key}") };
    let json = serde_json::to_vec(&value).map_err(|error| error.to_string())?;
    encoding::place(recorded, &subject, &json).map_err(|fault| match fault {
        Fault::Corrupt { key, why } | Fault::Unkeepable { key, why } => format!("record `{key}`: {why}"),
        Fault::Newer { .. } | Fault::Unversioned => "it is of another version".to_owned(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
