//! What templates give, what they refuse and where, and that no value ever becomes a template of Docker's.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn values() -> Values {
    Values::new(json!({
        "run": {"id": "load-m1", "attempt": 2, "trigger": "manual", "user": ""},
        "etl": {"name": "load", "version": 1},
        "project": {"name": "north"},
        "window": {"start": "2026-01-03T00:00:00Z", "end": "2026-01-04T01:30:00.5+02:00", "days": 1},
        "params": {
            "region": "eu", "batch": 500, "dryRun": false, "brace": "{", "docker": "{.Node.Hostname}}",
            "whole": "{{.Node.Hostname}}", "nul": "\0", "ours": "{{ run.id }}",
        },
        "body": {"items": [{"name": "a"}], "big": "x".repeat(600_000), "x-y": 1, "nothing": null},
    }))
}

fn scope() -> Scope {
    let params = ["region", "batch", "dryRun", "brace", "docker", "whole"].map(str::to_owned);
    Scope::of_task(params.to_vec()).with("body", Members::Any)
}

fn rendered(text: &str, reader: Reader) -> String {
    render(text, &values(), reader).unwrap_or_else(|error| format!("! {error}"))
}

#[test]
fn an_expression_becomes_its_value() {
    for (text, expected) in [
        ("{{ run.id }}", "load-m1"),
        ("{{run.id}}{{run.attempt}}", "load-m12"),
        ("s3://x/{{ run.id }}/\n", "s3://x/load-m1/\n"),
        ("{{ params.dryRun }} {{ params.batch }}", "false 500"),
        ("{{ window.start }}", "2026-01-03T00:00:00Z"),
        ("{{ window.start | date }}", "2026-01-03"),
        ("{{ window.start|compact }}", "20260103T000000"),
        ("{{ window.start | unix }}", "1767398400"),
        ("{{ window.end | date }} {{ window.end | utc | date }}", "2026-01-04 2026-01-03"),
        ("{{ window.end | utc }}", "2026-01-03T23:30:00.5Z"),
        ("{{ window.start | zone('America/Los_Angeles') }}", "2026-01-02T16:00:00-08:00"),
        ("{{ window.start | zone('America/Los_Angeles') | date }}", "2026-01-02"),
        ("{{ params.region | upper }}", "EU"),
        ("{{ 'AbÉ' | lower }}", "abé"),
        ("{{ cursor.value | default('none') }}", "! it is undefined"),
        ("{{ window.lag | default('0s') }}", "0s"),
        ("{{ body.nothing | default('none') }}", "none"),
        ("{{ 'full' if params.dryRun else 'thin' }}", "thin"),
        ("{{ params.region == 'eu' and not params.dryRun }}", "true"),
        ("{{ params.region in ['eu', 'us'] }}", "true"),
        ("{{ params.batch >= -1 }}", "true"),
        ("{{ (run.attempt > 1) or false }}", "true"),
        ("{{ '}}' }}{{ \"\\\"}}\" }}", "}}\"}}"),
        ("{{ '{{' }}.Name}}", "{{.Name}}"),
        ("{{ body.items[0].name }}{{ body['x-y'] }}", "a1"),
        ("{{ params.ours }}", "{{ run.id }}"),
    ] {
        let expected = expected.replace("! it is undefined", "! `cursor.value` has no value");
        assert_eq!(rendered(text, Reader::Program), expected, "{text}");
    }
}

#[test]
fn what_is_not_ours_stays() {
    for text in [
        "",
        "${#array[@]} ${x%%.*} ${y#*{}",
        "printf '{%s}' \"$x\" {# no comment #} {% no block %}",
        "{{.Node.Hostname}}",
        "a {{.Task.Slot | printf \"%03d}}\"}} b",
        "{{.Never closed",
        "{ {} } }} %}",
        "line\n",
    ] {
        for reader in [Reader::Program, Reader::Docker] {
            assert_eq!(rendered(text, reader), text);
        }
    }
    let script = "for i in ${#a[@]}; do printf '{%s}' {{ run.id }}; done # {# \n";
    assert_eq!(rendered(script, Reader::Program), script.replace("{{ run.id }}", "load-m1"));
}

#[test]
fn a_value_never_becomes_a_placeholder_of_dockers() {
    for (text, program, docker) in [
        ("{{.Node.Hostname}}-{{ run.id }}", "{{.Node.Hostname}}-load-m1", "{{.Node.Hostname}}-load-m1"),
        ("{{ params.whole }}", "{{.Node.Hostname}}", r#"{{"{{"}}.Node.Hostname}}"#),
        ("{ {{ params.docker }}", "{ {.Node.Hostname}}", "{ {.Node.Hostname}}"),
        ("x{{ params.brace }}{.Node}}", "x{{.Node}}", r#"x{{"{{"}}.Node}}"#),
        ("{{ params.brace }}{{ params.docker }}", "{{.Node.Hostname}}", r#"{{"{{"}}.Node.Hostname}}"#),
        ("{{ params.brace }}{{.Node.ID}}", "{{{.Node.ID}}", r#"{{"{"}}{{.Node.ID}}"#),
        ("{{ '{{' }}.Node}}", "{{.Node}}", r#"{{"{{"}}.Node}}"#),
        ("a{b} {{ run.id }}", "a{b} load-m1", "a{b} load-m1"),
    ] {
        assert_eq!(rendered(text, Reader::Program), program, "{text}");
        assert_eq!(rendered(text, Reader::Docker), docker, "{text}");
    }
    // The author's own brace before a value that begins with one: `{` and `{.Node…` make `{{.Node…`.
    let trap = "{ignored} {{{ params.docker }}";
    assert_eq!(rendered(trap, Reader::Docker), "! `{` is not understood here");
    assert_eq!(rendered("{{ '{' }}{{ params.docker }}", Reader::Docker), r#"{{"{{"}}.Node.Hostname}}"#);
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_a_cure() {
    for (text, at, message, cure) in [
        ("a {{ window.strat }}", "window.strat", "unknown variable `window.strat`", "did you mean `start`?"),
        ("{{ params.regio }}", "params.regio", "unknown variable `params.regio`", "did you mean `region`?"),
        ("{{ parms.region }}", "parms.region", "unknown variable `parms`", "did you mean `params`?"),
        ("{{ ds }}", "ds", "unknown variable `ds`", "window.start | date"),
        ("{{ window }}", "window", "`window` is no value", "window.start"),
        ("{{ run.id.x }}", "run.id.x", "`run.id` has no parts", "remove"),
        ("{{ params['region'] }}", "params", "`params[…]` is not understood", "params.NAME"),
        ("{{ tasks.a.outputs.b }}", "tasks.a.outputs.b", "`tasks` is not supported yet", "volume"),
        ("{{ cursor.value }}", "cursor.value", "`cursor` is not supported yet", "store"),
        ("{{ run.id | dat }}", "dat", "unknown filter `dat`", "did you mean `date`?"),
        ("{{ run.id | safe }}", "safe", "unknown filter `safe`", "filters are"),
        ("{{ window.start | zone }}", "zone", "`zone` needs the name of a time zone", "Europe/Madrid"),
        ("{{ window.start | zone('Mars') }}", "zone", "unknown time zone `Mars`", "IANA"),
        ("{{ range(9) }}", "(", "calls are not understood", "filters are"),
        ("{{ run.id.upper() }}", "(", "calls are not understood", "filters are"),
        ("{{ 'x' * 100000000 }}", "*", "`*` is not understood here", "beside each other"),
        ("{{ run.id ~ run.id }}", "~", "`~` is not understood here", "beside each other"),
        ("{{ run.id + 'x' }}", "+", "`+` is not understood here", "beside each other"),
        ("{{ run.attempt - 1 }}", "-", "`-` is not understood here", "calculate"),
        ("{{ run.attempt -1 }}", "-", "`-` is not understood here", "calculate"),
        ("{{- run.id }}", "-", "`-` is not understood here", "trimmed"),
        ("{{ run.id -}}", "-", "`-` is not understood here", "trimmed"),
        ("{{ run.id = 'x' }}", "=", "`=` is not understood here", "=="),
        ("{{ {'a': 1} }}", "{", "`{` is not understood here", "{{ '{{' }}"),
        ("{{ body.x[1:2] }}", ":", "`:` is not understood here", "{{ '{{' }}"),
        ("{{ run.id is defined }}", "is", "tests (`is …`) are not understood", "default"),
        ("{{ }}", " ", "an expression is empty", "{{ '{{' }}"),
        ("{{ run.id run.id }}", " run.id run.id ", "it is no expression", "{{ '{{' }}"),
        ("x {{ run.id", "{{", "`{{` is not closed by `}}`", "{{ '{{' }}"),
        ("{{ 'x }}", "{{", "a quote after `{{` is not closed", "{{ '{{' }}"),
        ("{{json .}}", "json", "unknown variable `json`", "variables begin with"),
        ("{{.A {{ run.id }}", "{{", "inside of `{{.…}}`", "close"),
        ("{{.A | printf \"}}{{ run.id }}\"}}", "{{", "inside of `{{.…}}`", "close"),
    ] {
        let errors = check(text, &scope());
        let [error] = errors.as_slice() else { panic!("{text}: {errors:?}") };
        assert_eq!(&text[error.at.clone()], at, "{text}");
        assert!(error.message.contains(message), "{text}: {error}");
        assert!(error.help.as_ref().is_some_and(|help| help.contains(cure)), "{text}: {:?}", error.help);
    }
    assert_eq!(check("{{ a }} {{ run.id }} {{ b }}", &scope()).len(), 2);
}

#[test]
fn what_has_no_value_is_told_by_its_name() {
    let manual =
        Values::new(json!({"window": {}, "run": {"user": ""}, "params": {"day": "tomorrow", "n": 1}}));
    for (text, missing, message) in [
        ("{{ window.start }}", Some("window.start"), "`window.start` has no value"),
        ("{{ window.start | date }}", Some("window.start"), "`window.start` has no value"),
        ("{{ window.start == 'x' }}", Some("window.start"), "`window.start` has no value"),
        ("{{ window.start | zone('UTC') }}", Some("window.start"), "`window.start` has no value"),
        ("{{ not window.start }}", Some("window.start"), "`window.start` has no value"),
        ("{{ 'a' if params.n == 2 }}", None, "it is nothing, not text"),
        (
            "{{ params.day | date }}",
            None,
            "the filter `date` wants an instant such as `2026-01-03T00:00:00Z`, not the text `tomorrow`",
        ),
        (
            "{{ params.n | date }}",
            None,
            "the filter `date` wants an instant such as `2026-01-03T00:00:00Z`, not `1`",
        ),
        ("{{ params.n | lower }}", None, "the filter `lower` wants text, not `1`"),
        ("{{ [params.n] }}", None, "it is a list, not text"),
        ("{{ params.n in params.n }}", None, "cannot perform a containment check on this value"),
    ] {
        let error = render(text, &manual, Reader::Program).unwrap_err();
        assert_eq!((error.missing.as_deref(), error.message.as_str()), (missing, message), "{text}");
    }
    for (text, expected) in [("[{{ run.user }}]", "[]"), ("{{ window.start | default('-') }}", "-")] {
        assert_eq!(render(text, &manual, Reader::Program).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_condition_is_one_expression_that_is_true_or_false() {
    for (text, expected) in [
        ("true", Ok(true)),
        (" false ", Ok(false)),
        ("{{ not params.dryRun }}", Ok(true)),
        (" {{ params.batch > 500 }}\n", Ok(false)),
        ("{{ params.dryRun }}", Ok(false)),
        ("{{ params.region }}", Err("it is the text `eu`, not true or false")),
        ("{{ params.batch }}", Err("it is `500`, not true or false")),
        ("{{ params.dryRun }} or true", Err("a condition is one `{{ … }}` and nothing beside it")),
        ("{{ true }}{{ true }}", Err("a condition is one `{{ … }}` and nothing beside it")),
        ("params.dryRun", Err("a condition is one `{{ … }}` and nothing beside it")),
        ("", Err("a condition is empty")),
        ("{{.Node.ID}}", Err("a condition is one `{{ … }}` and nothing beside it")),
    ] {
        let actual = truth(text, &values()).map_err(|error| error.message);
        assert_eq!(actual, expected.map_err(str::to_owned), "{text}");
        let told = check_condition(text, &scope(), &values());
        assert_eq!(told.is_some(), actual.is_err(), "{text}: {told:?}");
    }
    let told = check_condition("{{ run.attempt }}", &scope(), &values()).map(|error| error.message);
    assert_eq!(told.as_deref(), Some("it is a number, not true or false"));
    let told = check_condition("{{ params.region | date == 'x' }}", &scope(), &values());
    assert_eq!(told, None, "another value may be an instant");
}

#[test]
fn nothing_grows_beyond_its_bound() {
    let message = |text: &str| render(text, &values(), Reader::Program).unwrap_err().message;
    assert!(message("{{ body.big }}{{ body.big }}").starts_with("it has more than 1048576 bytes"));
    assert_eq!(message("a{{ params.nul }}"), "it holds a NUL once its values are filled in");
    assert_eq!(message(r"{{ '\u0000' }}"), "it holds a NUL once its values are filled in");
    assert_eq!(message(&"{{ 1 }}".repeat(EXPRESSIONS_MAX + 1)), "a text has at most 1000 templates");
    let long = format!("{{{{ '{}' }}}}", "x".repeat(EXPRESSION_BYTES_MAX));
    assert_eq!(message(&long), "an expression has at most 1024 bytes");
}

/// What Go's template engine makes of a text, as far as we let one get there: texts in quotes, and placeholders.
fn expanded_by_docker(text: &str) -> Result<String, String> {
    let mut said = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        said.push_str(&rest[..start]);
        let action = &rest[start + 2..];
        let (value, after) = if let Some(quoted) = action.strip_prefix('"') {
            let (value, after) = quoted.split_once('"').ok_or("an open quote")?;
            (value.to_owned(), after.strip_prefix("}}").ok_or("an open action")?)
        } else if action.starts_with('.') {
            let (path, after) = action.split_once("}}").ok_or("an open action")?;
            (format!("<{path}>"), after)
        } else {
            return Err(format!("an action of its own: {action}"));
        };
        said.push_str(&value);
        rest = after;
    }
    Ok(said + rest)
}

proptest! {
    #[test]
    fn a_text_without_braces_in_a_row_comes_back_as_it_is(text in "\\PC*") {
        prop_assume!(!text.contains("{{"));
        for reader in [Reader::Program, Reader::Docker] {
            prop_assert_eq!(render(&text, &values(), reader).unwrap(), text.clone());
        }
    }

    #[test]
    fn docker_gives_every_value_back_as_it_was(
        before in "[{}a.]{0,3}", value in "[{}.\"a\\n]{0,9}", between in "[}a.]{0,2}\\{?", other in "[{}.a]{0,4}"
    ) {
        prop_assume!(!before.contains("{{") && !before.ends_with('{') && !between.ends_with('{'));
        let text = format!("{before}{{{{ params.a }}}}{between}{{{{ params.b }}}}{{{{.Node.ID}}}}");
        let values = Values::new(json!({"params": {"a": value, "b": other}}));
        let written = render(&text, &values, Reader::Docker).unwrap();
        let expected = format!("{before}{value}{between}{other}<.Node.ID>");
        prop_assert_eq!(expanded_by_docker(&written), Ok(expected));
        prop_assert_eq!(expanded_by_docker(&escape(&value)), Ok(value));
    }

    #[test]
    fn no_text_hangs_or_panics(text in "(\\{\\{|\\}\\}|[a-z.|'\"()\\[\\]{} \\\\<=!0-9-]|run\\.id|not |if |else | in ){0,40}") {
        let _ = check(&text, &scope());
        let _ = render(&text, &values(), Reader::Docker);
        let _ = check_condition(&text, &scope(), &values());
    }
}
