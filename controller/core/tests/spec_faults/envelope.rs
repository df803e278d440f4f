//! Rows about YAML itself, the envelope and parameters.

use super::{Row, metadata, schedule, spec, task};

pub fn yaml_rows() -> Vec<Row> {
    vec![
        ("a bracket that is not closed", "a: [1, 2".into(), vec!["1:4 E003 unclosed bracket '['"]),
        (
            "a tab for indentation",
            "a:\n\tb: 1".into(),
            vec!["2:1 E003 tabs disallowed within this context (block indentation)"],
        ),
        (
            "a document that is a list",
            "- a\n- b\n".into(),
            vec!["1:1 E013 a document must be a mapping with `apiVersion` and `kind`, not a list"],
        ),
        (
            "a document that is text",
            "hello\n".into(),
            vec!["1:1 E013 a document must be a mapping with `apiVersion` and `kind`, not the text `hello`"],
        ),
        (
            "a key written twice",
            task("timeout: 1m\ntimeout: 2m"),
            vec!["9:7 E004 the key `timeout` is written twice"],
        ),
        (
            "a tag",
            task("user: !!str 5"),
            vec![
                "8:13 E006 the tag `!!str` is not read here",
                "8:19 E013 `user` must be text, not the number `5`",
            ],
        ),
        (
            "an unknown alias",
            task("user: *nobody"),
            vec!["8:13 E003 while parsing node, found unknown anchor"],
        ),
        ("a mapping as a key", task("? {a: b}\n: c"), vec!["8:9 E005 a key must be text"]),
        (
            "a tag and an unknown key at once",
            task("usr: !x y"),
            vec!["8:7 E012 unknown field `usr`", "8:12 E006 the tag `!x` is not read here"],
        ),
    ]
}

pub fn envelope_rows() -> Vec<Row> {
    vec![
        ("no kind", "apiVersion: etl.swarm/v1alpha1\n".into(), vec!["1:1 E010 the document has no `kind`"]),
        ("an unknown kind", "kind: Etl\n".into(), vec!["1:7 E010 unknown kind `Etl`"]),
        (
            "a kind that is not built yet",
            "kind: Pool\n".into(),
            vec!["1:7 E020 kind `Pool` is not supported yet"],
        ),
        ("a kind of the system", "kind: Run\n".into(), vec!["1:7 E010 unknown kind `Run`"]),
        (
            "a CronJob",
            "apiVersion: batch/v1\nkind: CronJob\n".into(),
            vec!["2:7 E010 unknown kind `CronJob`"],
        ),
        (
            "another version",
            metadata("{name: a}").replace("v1alpha1", "v1"),
            vec!["1:13 E010 unknown apiVersion `etl.swarm/v1`"],
        ),
        (
            "no version",
            metadata("{name: a}").replace("apiVersion: etl.swarm/v1alpha1\n", ""),
            vec!["1:1 E011 the ETL needs the key `apiVersion`"],
        ),
        (
            "nothing but a kind",
            "kind: ETL\n".into(),
            vec![
                "1:1 E011 the ETL needs the key `apiVersion`",
                "1:1 E011 the ETL needs the key `metadata`",
                "1:1 E011 the ETL needs the key `spec`",
            ],
        ),
        (
            "a written status",
            metadata("{name: a}") + "status: {}\n",
            vec!["5:1 E021 `status` is a key that an ETL cannot have"],
        ),
        ("no name", metadata("{project: default}"), vec!["3:1 E011 `metadata` needs the key `name`"]),
        (
            "a name with capitals and underscores",
            metadata("{name: RNA_Daily}"),
            vec![
                "3:18 E030 `RNA_Daily` is not a name: a name has only lower-case letters, digits and inner `-`",
            ],
        ),
        (
            "a name of 41 characters",
            metadata(&format!("{{name: {}}}", "a".repeat(41))),
            vec![
                "3:18 E030 `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` is not a name: a name has at most 40 characters, this one has 41",
            ],
        ),
        (
            "a number for a name",
            metadata("{name: 5}"),
            vec!["3:18 E013 `name` must be text, not the number `5`"],
        ),
        (
            "a namespace",
            metadata("{name: a, namespace: b}"),
            vec!["3:21 E021 `namespace` is a key that `metadata` cannot have"],
        ),
        (
            "a label that is a number",
            metadata("{name: a, labels: {tier: 1}}"),
            vec!["3:36 E013 `tier` must be text, not the number `1`"],
        ),
        (
            "a label of the controller",
            metadata("{name: a, labels: {swarm.etl.run: x}}"),
            vec!["3:30 E015 the label `swarm.etl.run` is the controller's"],
        ),
    ]
}

pub fn param_rows() -> Vec<Row> {
    vec![
        (
            "an unknown type",
            spec("params: {a: {type: str}}"),
            vec!["6:22 E015 `str` is not a value of `type`"],
        ),
        (
            "a parameter without type",
            spec("params: {a: {default: 5}}"),
            vec!["6:12 E011 `a` needs the key `type`"],
        ),
        (
            "a parameter with a bound, which is not built yet",
            spec("params: {a: {type: integer, minimum: 1}}"),
            vec!["6:31 E020 `minimum` is not supported yet"],
        ),
        (
            "a default of another type",
            spec(
                "params: {a: {type: integer, default: x}, b: {type: string, default: 5}, c: {type: boolean, default: no}}",
            ),
            vec![
                "6:40 E013 `default` must be a whole number, not the text `x`",
                "6:71 E013 `default` must be text, not the number `5`",
                "6:103 E013 `default` must be `true` or `false`, not the text `no`",
            ],
        ),
        (
            "a default that is no whole number",
            spec("params: {a: {type: integer, default: 1.5}}"),
            vec!["6:40 E013 `default` must be text, a whole number or a boolean, not the number `1.5`"],
        ),
        (
            "an integer of more than 64 bits",
            spec("params: {a: {type: integer, default: 99999999999999999999}}"),
            vec!["6:40 E014 `default` must be between -9223372036854775808 and 9223372036854775807"],
        ),
        (
            "a name with a dash",
            spec("params: {batch-size: {type: integer}}"),
            vec!["6:12 E036 `batch-size` is not the name of a parameter"],
        ),
        (
            "two names that differ in case only",
            spec("params: {size: {type: integer}, SIZE: {type: integer}}"),
            vec!["6:35 E036 the parameters `size` and `SIZE` differ in case only"],
        ),
        (
            "a list for a value",
            schedule("every: 1m\nparams: {a: [1]}"),
            vec!["7:15 E013 `a` must be text, a whole number or a boolean, not a list"],
        ),
        (
            "no limit of runs",
            spec("maxActiveRuns: 0"),
            vec!["6:18 E014 `maxActiveRuns` must be between 1 and 1000"],
        ),
    ]
}
