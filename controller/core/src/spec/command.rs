//! What a container runs and with which variables: `entrypoint`, `command`, `script`, `environment`.
//! A text is split into words as compose does; no shell ever reads it, only `script` is given to one.

use std::collections::BTreeMap;

use super::decode::{Decoder, Fields, Slot};
use super::fault::{BAD_COMMAND, BAD_ENVIRONMENT, DUPLICATE_KEY, TEMPLATE, quote};
use crate::template;

/// Longest single argument or variable: Linux refuses to start a program with a longer one.
pub(crate) const ARGUMENT_BYTES_MAX: usize = 128 * 1024 - 1;

/// What runs a script, which follows.
pub(crate) const SHELL: [&str; 2] = ["/bin/sh", "-ec"];

/// Variables that every attempt is given.
const OWN_VARIABLES: [&str; 14] = [
    "ETL_PROJECT",
    "ETL_NAME",
    "ETL_TASK",
    "ETL_RUN_ID",
    "ETL_ATTEMPT",
    "ETL_FENCE",
    "ETL_TRIGGER",
    "ETL_TICK",
    "ETL_COMMIT",
    "ETL_VERSION",
    "ETL_WINDOW_START",
    "ETL_WINDOW_END",
    "ETL_CURSOR",
    "TRACEPARENT",
];
const OWN_PREFIX: &str = "ETL_PARAM_";

type Words = Option<Vec<String>>;

/// Entrypoint and command; `script` becomes an entrypoint.
pub(super) fn read_command(decoder: &mut Decoder<'_>, fields: &Fields<'_>) -> (Words, Words) {
    let entrypoint = fields.slot("entrypoint").and_then(|slot| read_words(decoder, &slot));
    let command = fields.slot("command").and_then(|slot| read_words(decoder, &slot));
    let Some(script) = fields.slot("script") else { return (entrypoint, command) };
    for other in ["entrypoint", "command"].into_iter().filter_map(|key| fields.slot(key)) {
        let message = format!("{} beside `script`", other.label);
        let help = "`script` is run by `/bin/sh -ec`: keep one of the two";
        decoder.fault(BAD_COMMAND, &other.at, &message, Some(help));
    }
    let Some(text) = decoder.filled_text(&script) else { return (None, None) };
    check_length(decoder, &script, text.len());
    (Some(SHELL.into_iter().chain([text]).map(str::to_owned).collect()), None)
}

fn check_length(decoder: &mut Decoder<'_>, slot: &Slot<'_>, bytes: usize) {
    if bytes > ARGUMENT_BYTES_MAX {
        let message = format!("{} has {bytes} bytes, Linux takes at most {ARGUMENT_BYTES_MAX}", slot.label);
        let help = "put it into the image, or into a config of the Swarm";
        decoder.fault(BAD_COMMAND, &slot.node.span, &message, Some(help));
    }
}

fn read_words(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Words {
    let words = if slot.items().is_some() {
        let read = |decoder: &mut Decoder<'_>, slot: &Slot<'_>| {
            let word = decoder.text(slot)?;
            check_length(decoder, slot, word.len());
            Some(word.to_owned())
        };
        decoder.list(slot, read)?
    } else if slot.entries().is_some() {
        return decoder.wrong_type(slot, "a list of words, or text", None);
    } else {
        let text = decoder.filled_text(slot)?;
        check_length(decoder, slot, text.len());
        split_words(text).or_else(|| {
            let message = format!("a quote in {} is not closed", slot.label);
            let help = "write a list of words, `[sh, -c, \"…\"]`, to be free of quoting";
            decoder.fault(BAD_COMMAND, &slot.node.span, &message, Some(help));
            None
        })?
    };
    if words.is_empty() && slot.items().is_none_or(|mut items| items.next().is_none()) {
        let message = format!("{} is empty", slot.label);
        decoder.fault(BAD_COMMAND, &slot.node.span, &message, Some("name the program, or remove the key"));
    }
    Some(words)
}

/// Words as a shell would split them, without anything else a shell does; nothing if a quote is not closed.
/// A template stays whole, whatever is in it.
fn split_words(text: &str) -> Words {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = template::undivided(text);
    // Ends: each turn consumes a character.
    while let Some(character) = characters.next() {
        match character {
            " " | "\t" | "\n" | "\r" => words.extend(word.take()),
            "'" => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        "'" => break,
                        inside => word.push_str(inside),
                    }
                }
            }
            "\"" => double_quoted(&mut characters, word.get_or_insert_default())?,
            "\\" => word.get_or_insert_default().push_str(characters.next()?),
            other => word.get_or_insert_default().push_str(other),
        }
    }
    words.extend(word);
    Some(words)
}

/// Inside of double quotes a backslash is one, unless it stands before `"`, `\`, `$` or a backtick.
fn double_quoted<'t>(characters: &mut impl Iterator<Item = &'t str>, word: &mut String) -> Option<()> {
    loop {
        match characters.next()? {
            "\"" => return Some(()),
            "\\" => match characters.next()? {
                escaped @ ("\"" | "\\" | "$" | "`") => word.push_str(escaped),
                plain => word.extend(["\\", plain]),
            },
            inside => word.push_str(inside),
        }
    }
}

/// A mapping, or a list of `KEY=value`. Numbers and booleans are taken as they are written.
pub(super) fn read_environment(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    if let Some(items) = slot.items() {
        for item in items {
            read_assignment(decoder, &item, &mut variables);
        }
    } else if let Some(entries) = slot.entries() {
        for entry in entries {
            let slot = Slot::of_entry(entry);
            check_variable(decoder, &entry.key, &entry.at);
            if slot.node.is_null() {
                let message = format!("the variable {} has no value", quote(&entry.key));
                let help = "write `\"\"` for an empty one; none is taken from the controller's environment";
                decoder.fault(BAD_ENVIRONMENT, &entry.at, &message, Some(help));
            } else if let Some(value) = decoder.scalar_text(&slot, "text, a number or a boolean") {
                check_length(decoder, &slot, entry.key.len() + 1 + value.len());
                variables.insert(entry.key.to_string(), value.to_owned());
            }
        }
    } else {
        let wanted = "a mapping of names to values, or a list of `KEY=value`";
        return decoder.wrong_type(slot, wanted, None).unwrap_or_default();
    }
    variables
}

fn read_assignment(decoder: &mut Decoder<'_>, slot: &Slot<'_>, variables: &mut BTreeMap<String, String>) {
    let Some(text) = decoder.text(slot) else { return };
    let Some((key, value)) = text.split_once('=') else {
        let message = format!("the variable {} has no value", quote(text));
        let help = "write `KEY=value`; none is taken from the controller's environment";
        return decoder.fault(BAD_ENVIRONMENT, &slot.node.span, &message, Some(help));
    };
    check_variable(decoder, key, &slot.node.span);
    check_length(decoder, slot, text.len());
    if variables.insert(key.to_owned(), value.to_owned()).is_some() {
        let message = format!("the variable {} is set twice", quote(key));
        decoder.fault(DUPLICATE_KEY, &slot.node.span, &message, Some("keep one of the two"));
    }
}

fn check_variable(decoder: &mut Decoder<'_>, key: &str, at: &std::ops::Range<usize>) {
    if OWN_VARIABLES.contains(&key) || key.starts_with(OWN_PREFIX) {
        let message = format!("the variable {} is set by the controller", quote(key));
        decoder.fault(
            BAD_ENVIRONMENT,
            at,
            &message,
            Some("choose another name, and read the value at run time"),
        );
    } else if template::is_template(key) {
        let message = format!("{} is not the name of a variable", quote(key));
        decoder.fault(TEMPLATE, at, &message, Some("a template may be a variable's value, never its name"));
    } else if key.is_empty() || key.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control()) {
        let message = format!("{} is not the name of a variable", quote(key));
        decoder.fault(BAD_ENVIRONMENT, at, &message, Some("use letters, digits and `_`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_as_compose_does() {
        for (text, expected) in [
            ("echo hello", Some(vec!["echo", "hello"])),
            ("  a\t b\n", Some(vec!["a", "b"])),
            ("sh -c 'echo \"x y\" | cat'", Some(vec!["sh", "-c", "echo \"x y\" | cat"])),
            ("echo \"a \\\"b\\\" \\n\"", Some(vec!["echo", "a \"b\" \\n"])),
            ("a\\ b c", Some(vec!["a b", "c"])),
            ("x ''", Some(vec!["x", ""])),
            ("echo $HOME #1", Some(vec!["echo", "$HOME", "#1"])),
            ("echo 'open", None),
            ("echo \"open", None),
            ("echo \\", None),
            ("a {{ run.id | default('b c') }}/x y", Some(vec!["a", "{{ run.id | default('b c') }}/x", "y"])),
            ("'{{ params.a }} b' \"{{ \"x\" }}\"", Some(vec!["{{ params.a }} b", "{{ \"x\" }}"])),
            ("f {{.A}} {{.B C}}", Some(vec!["f", "{{.A}}", "{{.B", "C}}"])),
            ("a {{ b", Some(vec!["a", "{{", "b"])),
        ] {
            let expected = expected.map(|words| words.into_iter().map(str::to_owned).collect());
            assert_eq!(split_words(text), expected, "{text:?}");
        }
    }
}
