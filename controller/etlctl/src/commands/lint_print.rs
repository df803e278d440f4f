//! Prints the findings of `lint`: with carets for people, as JSON, or as annotations of a GitHub workflow.

use serde::Serialize;

use super::lint::Format;
use super::lint_files::{Finding, SpecFile};
use crate::failure::Failure;
use crate::screen::Screen;

/// A fault for programs.
#[derive(Serialize)]
struct FaultJson<'f> {
    file: &'f str,
    line: usize,
    column: usize,
    code: &'f str,
    message: &'f str,
    help: Option<&'f str>,
}

/// All findings to stdout, a summary to stderr.
pub fn print(
    format: Format,
    files: &[SpecFile],
    findings: &[Finding],
    screen: &mut Screen,
) -> Result<(), Failure> {
    match format {
        Format::Text => print_text(files, findings, screen)?,
        Format::Json => {
            let faults: Vec<FaultJson<'_>> = findings.iter().map(fault_json).collect();
            let text = serde_json::to_string_pretty(&faults).expect("faults are JSON");
            screen.put_document(&(text + "\n"))?;
        }
        Format::Github => {
            for finding in findings {
                screen.put(&annotation(finding))?;
            }
        }
    }
    Ok(screen.note(&summary(files, findings))?)
}

fn print_text(files: &[SpecFile], findings: &[Finding], screen: &mut Screen) -> Result<(), Failure> {
    let mut source = (usize::MAX, String::new());
    for finding in findings {
        if source.0 != finding.file {
            source = (finding.file, files[finding.file].source());
        }
        let text = finding.fault.render(&source.1, screen.color);
        screen.put(&format!("{text}\n\n"))?;
    }
    Ok(())
}

fn fault_json(finding: &Finding) -> FaultJson<'_> {
    let fault = &finding.fault;
    FaultJson {
        file: &fault.file,
        line: fault.line,
        column: fault.column,
        code: fault.code,
        message: &fault.message,
        help: fault.help.as_deref(),
    }
}

/// `::error file=…,line=…,col=…,title=…::message`, with what the format uses itself escaped.
fn annotation(finding: &Finding) -> String {
    let fault = &finding.fault;
    let help = fault.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    let message = escaped(&format!("{}{help}", fault.message));
    let file = escaped(&fault.file).replace(':', "%3A").replace(',', "%2C");
    format!("::error file={file},line={},col={},title={}::{message}\n", fault.line, fault.column, fault.code)
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn summary(files: &[SpecFile], findings: &[Finding]) -> String {
    let some = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    if files.is_empty() {
        return "No *.etl.yaml files found.".into();
    }
    if findings.is_empty() {
        return format!("{}, no faults.", some(files.len(), "file"));
    }
    let mut wrong: Vec<usize> = findings.iter().map(|finding| finding.file).collect();
    wrong.dedup();
    format!("{} in {} of {}.", some(findings.len(), "fault"), wrong.len(), some(files.len(), "file"))
}
