//! Rows about templates: those that cannot be understood, and those that stand where none may.

use super::{Row, task};

pub fn template_rows() -> Vec<Row> {
    vec![
        (
            "a template with a misspelt variable",
            task("command: [a, '--from={{ window.strat }}']"),
            vec!["8:31 E024 unknown variable `window.strat`"],
        ),
        (
            "a template of Airflow in a script",
            task("script: |\n  echo ok\n  echo {{ ds }}"),
            vec!["10:17 E024 unknown variable `ds`"],
        ),
        (
            "a parameter that is not declared",
            task("environment: {A: '{{ params.region }}'}"),
            vec!["8:28 E024 unknown variable `params.region`"],
        ),
        (
            "a template beside others that are good, in folded text",
            task("command: \"a {{ run.id }} \\\n  {{ run.ids }}\""),
            vec!["9:12 E024 unknown variable `run.ids`"],
        ),
        (
            "a template that calls",
            task("command: ['{{ range(9) }}']"),
            vec!["8:26 E024 calls are not understood"],
        ),
        (
            "a literal pair of braces",
            task("command: [docker, inspect, -f, '{{json .State}}']"),
            vec!["8:41 E024 unknown variable `json`"],
        ),
        (
            "a template without end",
            task("working_dir: '/x/{{ run.id'"),
            vec!["8:24 E024 `{{` is not closed by `}}`"],
        ),
        (
            "an output of a task, which is not built yet",
            task("environment: ['ROWS={{ tasks.extract.outputs.rows }}']"),
            vec!["8:30 E024 `tasks` is not supported yet"],
        ),
        (
            "a template in a key that never has one",
            task("user: '{{ params.u }}'"),
            vec!["8:13 E066 `{{ params.u }}` is no user", "8:14 E023 a template may not stand here"],
        ),
        (
            "templates in what grants something",
            task("secrets: ['x{{ run.id }}']\nnetworks: ['{{ run.id }}']"),
            vec![
                "8:17 E063 `x{{ run.id }}` is not the name of a secret or config",
                "8:19 E023 a template may not stand here",
                "9:18 E062 `{{ run.id }}` is not the name of a network",
                "9:19 E023 a template may not stand here",
            ],
        ),
        (
            "an image of a parameter",
            task("x-a: y").replace("busybox:1", "'{{ params.image }}:1'"),
            vec![
                "7:14 E064 `{{ params.image }}:1` is not an image reference",
                "7:18 E024 unknown variable `params.image`",
            ],
        ),
        (
            "a template in a variable's name",
            task("environment: {'{{ run.id }}': x}"),
            vec!["8:21 E023 `{{ run.id }}` is not the name of a variable"],
        ),
        (
            "a condition that is text",
            task("when: '{{ run.id }}'"),
            vec!["8:16 E024 it is text, not true or false"],
        ),
        (
            "a condition without braces",
            task("when: not params.dryRun"),
            vec!["8:13 E024 a condition is one `{{ … }}` and nothing beside it"],
        ),
        ("a condition that is a list", task("when: [a]"), vec!["8:13 E013 `when` must be text, not a list"]),
    ]
}
