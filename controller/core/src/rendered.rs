//! What of a task is rendered for an attempt, with which values, and what is checked of the result.
//! The same run gives the same texts for ever: instants are in UTC, whatever became of its schedule's time zone since.

use jiff::SignedDuration;
use serde_json::json;

use crate::run::Run;
use crate::spec::{ARGUMENT_BYTES_MAX, SHELL, Task, is_tag, tag_of};
use crate::template::{self, Reader, TemplateError, Values, quote};
use crate::window::Window;

/// What of a task depends on its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The image, its tag filled in.
    pub image: String,
    /// Swarm's `Command`.
    pub entrypoint: Option<Vec<String>>,
    /// Swarm's `Args`.
    pub command: Option<Vec<String>>,
    /// `KEY=value`, fit for Docker's expansion.
    pub environment: Vec<String>,
    /// Working directory.
    pub working_dir: Option<String>,
}

/// A key of a task that cannot be rendered for this run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` cannot be rendered: {message}")]
pub struct RenderError {
    /// The key in the spec.
    pub key: String,
    /// What is wrong, and the cure.
    pub message: String,
}

impl RenderError {
    fn new(key: &str, message: impl Into<String>) -> Self {
        Self { key: key.to_owned(), message: message.into() }
    }

    fn of(key: &str, error: &TemplateError) -> Self {
        let cure = match error.missing.as_deref() {
            Some(path) if path.starts_with("window.") => Some(
                "the run has no window; start one that has with `etlctl run ETL --window START/END`, or write `| default('…')`",
            ),
            Some(_) | None => error.help.as_deref(),
        };
        Self::new(
            key,
            cure.map_or_else(|| error.message.clone(), |cure| format!("{}: {cure}", error.message)),
        )
    }
}

/// The texts of an attempt.
pub fn rendered(run: &Run, task: &Task, attempt: u32) -> Result<Rendered, RenderError> {
    let values = values(run, attempt);
    let is_script = task.command.is_none()
        && task.entrypoint.as_ref().is_some_and(|words| words.starts_with(&SHELL.map(str::to_owned)));
    let entrypoint_key = if is_script { "script" } else { "entrypoint" };
    Ok(Rendered {
        image: render_image(&task.image, &values)?,
        entrypoint: words(entrypoint_key, task.entrypoint.as_deref(), &values)?,
        command: words("command", task.command.as_deref(), &values)?,
        environment: environment(task, &values)?,
        working_dir: working_dir(task.working_dir.as_deref(), &values)?,
    })
}

/// The image of an attempt.
pub fn image(run: &Run, task: &Task, attempt: u32) -> Result<String, RenderError> {
    render_image(&task.image, &values(run, attempt))
}

/// Whether a task runs, once what comes before it is done.
pub fn condition(run: &Run, task: &Task, attempt: u32) -> Result<bool, RenderError> {
    let Some(when) = &task.when else { return Ok(true) };
    template::truth(when, &values(run, attempt)).map_err(|error| RenderError::of("when", &error))
}

/// What templates of a run's tasks may name; the names are those of [`template::Scope::of_task`].
fn values(run: &Run, attempt: u32) -> Values {
    let user = run.trigger.user().unwrap_or_default();
    let window = run.window.map_or_else(|| json!({}), window);
    Values::new(json!({
        "run": {"id": run.key.name(), "attempt": attempt, "trigger": run.trigger.word(), "user": user},
        "etl": {"name": run.key.etl.name, "version": run.version},
        "project": {"name": run.key.etl.project},
        "window": window,
        "params": run.params,
    }))
}

fn window(window: Window) -> serde_json::Value {
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    // A day of a changing clock has 23 or 25 hours, and is one all the same.
    let halves = window.end().duration_since(window.start()).as_secs() / (DAY.as_secs() / 2);
    json!({"start": window.start(), "end": window.end(), "days": (halves + 1) / 2})
}

fn render_image(image: &str, values: &Values) -> Result<String, RenderError> {
    let Some((name, tag)) = tag_of(image) else { return Ok(image.to_owned()) };
    let error = |error: &TemplateError| RenderError::of("image", error);
    let tag = template::render(tag, values, Reader::Program).map_err(|failed| error(&failed))?;
    // Nothing but a tag: a value with a `/` in it would name an image of somebody else.
    if !is_tag(&tag) {
        let tag = quote(&tag);
        let message = format!("{tag} is not a tag, which has letters, digits, `_`, `.` and `-`, at most 128");
        return Err(RenderError::new("image", message));
    }
    Ok(format!("{name}:{tag}"))
}

fn words(key: &str, words: Option<&[String]>, values: &Values) -> Result<Option<Vec<String>>, RenderError> {
    let render = |word: &String| argument(key, word, 0, values, Reader::Program);
    words.map(|words| words.iter().map(render).collect()).transpose()
}

fn environment(task: &Task, values: &Values) -> Result<Vec<String>, RenderError> {
    let variable = |(name, value): (&String, &String)| {
        let value = argument(&format!("environment.{name}"), value, name.len() + 1, values, Reader::Docker)?;
        Ok(format!("{name}={value}"))
    };
    task.environment.iter().map(variable).collect()
}

fn working_dir(path: Option<&str>, values: &Values) -> Result<Option<String>, RenderError> {
    let Some(path) = path else { return Ok(None) };
    let path = argument("working_dir", path, 0, values, Reader::Program)?;
    if !path.starts_with('/') {
        let message = format!("{} is not absolute: begin it with `/`", quote(&path));
        return Err(RenderError::new("working_dir", message));
    }
    Ok(Some(path))
}

/// One text that a program is given. `beside` are bytes that go along with it.
fn argument(
    key: &str,
    text: &str,
    beside: usize,
    values: &Values,
    reader: Reader,
) -> Result<String, RenderError> {
    let text = template::render(text, values, reader).map_err(|error| RenderError::of(key, &error))?;
    let bytes = text.len() + beside;
    if bytes > ARGUMENT_BYTES_MAX {
        let message = format!("it has {bytes} bytes, and Linux takes at most {ARGUMENT_BYTES_MAX}");
        return Err(RenderError::new(key, message));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fixtures::{at, etl_key};
    use crate::name::RunKey;
    use crate::run::Trigger;
    use crate::spec::{Etl, Object, ParamValue, parse_file};

    /// An ETL with one task of these lines, and parameters of every type.
    fn etl(lines: &str) -> Etl {
        let text = format!(
            "apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: hello}}\nspec:\n  params:\n    text: {{type: string, default: eu}}\n    count: {{type: integer, default: 5}}\n    flag: {{type: boolean, default: false}}\n  tasks:\n    load:\n      {}\n",
            lines.replace('\n', "\n      ")
        );
        let parsed = parse_file("hello.etl.yaml", text.as_bytes());
        match parsed.objects.into_iter().next().map(|object| object.value) {
            Some(Object::Etl(etl)) => etl,
            Some(_) | None => panic!("{:?}", parsed.faults),
        }
    }

    fn task(lines: &str) -> Task {
        etl(lines).tasks[0].clone()
    }

    fn run(text: &str, window: Option<Window>) -> Run {
        let params = [
            ("text", ParamValue::String(text.to_owned())),
            ("count", ParamValue::Integer(5)),
            ("flag", ParamValue::Boolean(false)),
        ];
        Run {
            key: RunKey::of_request(&etl_key("hello"), "one"),
            version: 3,
            spec: "hash".into(),
            commit: "c".into(),
            trigger: Trigger::Manual { user: "ada".to_owned() },
            window,
            params: params.map(|(name, value)| (name.to_owned(), value)).into(),
            admitted_at: at(0),
            started_at: None,
            stopping: None,
            end: None,
            digests: BTreeMap::new(),
            tasks: BTreeMap::new(),
        }
    }

    fn day() -> Option<Window> {
        Window::new(at(0), at(23 * 3_600))
    }

    /// All that is rendered, in one line.
    fn line(lines: &str, value: &str, window: Option<Window>) -> String {
        match rendered(&run(value, window), &task(lines), 2) {
            Err(error) => format!("! {error}"),
            Ok(Rendered { image, entrypoint, command, environment, working_dir }) => {
                let words =
                    |words: Option<Vec<String>>| words.map_or_else(String::new, |words| words.join("|"));
                let texts = [
                    image,
                    words(entrypoint),
                    words(command),
                    environment.join("|"),
                    working_dir.unwrap_or_default(),
                ];
                texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ; ")
            }
        }
    }

    #[test]
    fn each_key_is_rendered_for_its_reader() {
        let trap = "{{.Node.Hostname}}";
        for (lines, value, expected) in [
            ("image: 'a:1'", "x", "a:1"),
            ("image: 'a:v{{ params.count }}-{{ params.text }}'", "x", "a:v5-x"),
            (
                "image: a\ncommand: [x, '--from={{ window.start }}', '{{ params.text }}']",
                trap,
                "a ; x|--from=2023-11-14T22:13:20Z|{{.Node.Hostname}}",
            ),
            (
                "image: a\ncommand: x --from {{ window.start | date }} \"{{ params.text }} b\"",
                "it's",
                "a ; x|--from|2023-11-14|it's b",
            ),
            ("image: a\nentrypoint: ['{{ params.text }}']", "sh", "a ; sh"),
            (
                "image: a\nscript: |\n  echo ${#a[@]} {{ window.days }} {{.X}}",
                "x",
                "a ; /bin/sh|-ec|echo ${#a[@]} 1 {{.X}}\n",
            ),
            (
                "image: a\nenvironment: {A: 'x{{ params.text }}', B: '{{.Node.ID}}', C: 1}",
                trap,
                r#"a ; A=x{{"{{"}}.Node.Hostname}}|B={{.Node.ID}}|C=1"#,
            ),
            ("image: a\nenvironment: ['A={{ params.flag }}=']", "x", "a ; A=false="),
            ("image: a\nworking_dir: '/data/{{ run.id }}'", "x", "a ; /data/hello-mpi40qejrb"),
            ("image: a\nworking_dir: '{{ params.text }}'", "/data", "a ; /data"),
            (
                "image: a\ncommand: ['{{ run.attempt }} {{ run.trigger }} {{ run.user }} {{ etl.name }} {{ etl.version }} {{ project.name }}']",
                "x",
                "a ; 2 manual ada hello 3 default",
            ),
        ] {
            let id = RunKey::of_request(&etl_key("hello"), "one").name();
            let expected = expected.replace("hello-mpi40qejrb", &id);
            assert_eq!(line(lines, value, day()), expected, "{lines} with {value}");
        }
    }

    #[test]
    fn what_cannot_be_rendered_is_told_with_its_key() {
        let no_window = "`window.start` has no value: the run has no window; start one that has with `etlctl run ETL --window START/END`, or write `| default('…')`";
        let bad_tag = |tag: &str| {
            format!(
                "! `image` cannot be rendered: `{tag}` is not a tag, which has letters, digits, `_`, `.` and `-`, at most 128"
            )
        };
        for (lines, value, expected) in [
            ("image: a\ncommand: ['{{ window.start }}']", "x", format!("! `command` cannot be rendered: {no_window}")),
            ("image: a\nscript: 'echo {{ window.start | unix }}'", "x", format!("! `script` cannot be rendered: {no_window}")),
            ("image: a\nentrypoint: ['{{ window.start }}']", "x", format!("! `entrypoint` cannot be rendered: {no_window}")),
            ("image: a\nenvironment: {DAY: '{{ window.start }}'}", "x", format!("! `environment.DAY` cannot be rendered: {no_window}")),
            ("image: a\nworking_dir: '{{ params.text }}'", "data", "! `working_dir` cannot be rendered: `data` is not absolute: begin it with `/`".into()),
            ("image: 'a:{{ params.text }}'", "5000/evil/x", bad_tag("5000/evil/x")),
            ("image: 'a:{{ params.text }}'", "1@sha256:0", bad_tag("1@sha256:0")),
            ("image: 'a:{{ params.text }}'", "", bad_tag("")),
            ("image: a\ncommand: ['{{ params.text | date }}']", "today", "! `command` cannot be rendered: the filter `date` wants an instant such as `2026-01-03T00:00:00Z`, not the text `today`".into()),
            ("image: a\nenvironment: {LONG: '{{ params.text }}{{ params.text }}{{ params.text }}'}", &"x".repeat(60_000), "! `environment.LONG` cannot be rendered: it has 180005 bytes, and Linux takes at most 131071".into()),
        ] {
            assert_eq!(line(lines, value, None), expected, "{lines} with {}", value.len());
        }
    }

    #[test]
    fn a_window_has_its_length_in_whole_days() {
        for (hours, expected) in
            [(1, 0), (11, 0), (12, 1), (23, 1), (24, 1), (25, 1), (7 * 24 - 1, 7), (7 * 24, 7)]
        {
            let window = Window::new(at(0), at(hours * 3_600));
            let days = line("image: a\ncommand: ['{{ window.days }}']", "x", window);
            assert_eq!(days, format!("a ; {expected}"), "{hours} hours");
        }
    }

    #[test]
    fn a_condition_is_that_of_the_run() {
        for (when, value, expected) in [
            ("true", "x", Ok(true)),
            ("false", "x", Ok(false)),
            ("'{{ not params.flag }}'", "x", Ok(true)),
            ("\"{{ params.text in ['eu', 'us'] }}\"", "eu", Ok(true)),
            ("\"{{ params.text == 'full' }}\"", "eu", Ok(false)),
            ("\"{{ run.user == 'ada' and run.attempt == 2 }}\"", "eu", Ok(true)),
            ("\"{{ window.start | default('') == '' }}\"", "eu", Ok(true)),
            (
                "\"{{ window.days > 0 }}\"",
                "eu",
                Err(
                    "`when` cannot be rendered: `window.days` has no value: the run has no window; start one that has with `etlctl run ETL --window START/END`, or write `| default('…')`",
                ),
            ),
        ] {
            let actual = condition(&run(value, None), &task(&format!("image: a\nwhen: {when}")), 2);
            assert_eq!(actual.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{when}");
        }
    }

    #[test]
    fn every_variable_that_is_promised_has_a_value() {
        let values = values(&run("x", day()), 1);
        for path in [
            "run.id",
            "run.attempt",
            "run.trigger",
            "run.user",
            "etl.name",
            "etl.version",
            "project.name",
            "window.start",
            "window.end",
            "window.days",
            "params.text",
            "params.count",
            "params.flag",
        ] {
            let text = format!("{{{{ {path} }}}}");
            assert!(template::render(&text, &values, Reader::Program).is_ok(), "{path}");
            assert!(etl(&format!("image: a\ncommand: ['{text}']")).tasks.len() == 1, "{path}");
        }
    }
}
