//! The examples and the JSON Schemas: every example is free of faults, the schemas are fresh, and they take and refuse
//! what the reader takes and refuses. `UPDATE_SCHEMAS=1` writes the schemas anew.

use std::fs;
use std::path::{Path, PathBuf};

use etl_core::spec::{
    Object, alert_schema, all_schema, check_together, etl_schema, notifier_schema, parse_file,
    schedule_schema,
};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All example files, as (folder, path, text).
fn examples() -> Vec<(PathBuf, PathBuf, String)> {
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("the folder can be read");
        entries.map(|entry| entry.expect("its entry can be read").path()).collect::<Vec<PathBuf>>()
    };
    let mut found = Vec::new();
    for folder in entries(&root().join("examples")).into_iter().filter(|path| path.is_dir()) {
        assert!(folder.join("README.md").exists(), "{} has no README.md", folder.display());
        for file in entries(&folder).into_iter().filter(|file| file.to_string_lossy().ends_with(".etl.yaml"))
        {
            let text = fs::read_to_string(&file).expect("an example is text");
            found.push((folder.clone(), file, text));
        }
    }
    found.sort();
    found
}

/// The documents by another YAML reader, so that the two are held against each other.
fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple::<Value>(text).expect("YAML")
}

fn is_valid(document: &Value) -> bool {
    jsonschema::draft7::is_valid(&all_schema(), document)
}

#[test]
fn every_example_is_free_of_faults() {
    let examples = examples();
    let mut folders: Vec<&PathBuf> = examples.iter().map(|(folder, ..)| folder).collect();
    folders.dedup();
    assert!(folders.len() >= 6, "{folders:?}");
    for folder in folders {
        let files = examples.iter().filter(|(of, ..)| of == folder);
        let parsed: Vec<_> = files
            .map(|(_, path, text)| {
                let parsed = parse_file(path.file_name().unwrap().to_str().unwrap(), text.as_bytes());
                let drawn: Vec<String> =
                    parsed.faults.iter().map(|fault| fault.render(text, false)).collect();
                assert!(drawn.is_empty(), "{}", drawn.join("\n"));
                parsed
            })
            .collect();
        assert_eq!(check_together(&parsed), [], "{}", folder.display());
        assert!(parsed.iter().all(|file| !file.objects.is_empty()));
    }
}

#[test]
fn examples_run_in_the_lab() {
    for (_, path, text) in examples() {
        for object in parse_file("a.etl.yaml", text.as_bytes()).objects {
            let Object::Etl(etl) = object.value else { continue };
            assert!(etl.tasks.values().all(|task| task.image == "etl-lab/busybox:1"), "{}", path.display());
        }
    }
}

#[test]
fn the_schemas_take_every_example() {
    for (_, path, text) in examples() {
        for document in documents(&text) {
            let errors: Vec<String> = jsonschema::draft7::new(&all_schema())
                .unwrap()
                .iter_errors(&document)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        }
    }
}

#[test]
fn schema_and_reader_refuse_the_same_mistakes() {
    for (mistake, spec) in [
        ("an unknown key", "tasks: {t: {image: a, memmory: 4G}}"),
        ("a key of compose", "tasks: {t: {image: a, ports: ['80']}}"),
        ("a key that is not built yet", "tasks: {t: {image: a, pool: x}}"),
        ("no tasks", "timeout: 1m"),
        ("a task without image", "tasks: {t: {command: [x]}}"),
        ("tasks as a list", "tasks: [{image: a}]"),
        ("a number for an image", "tasks: {t: {image: 3}}"),
        ("a duration without unit", "tasks: {t: {image: a, timeout: '30'}}"),
        ("a unit of Kubernetes", "tasks: {t: {image: a, deploy: {resources: {limits: {memory: 16Gi}}}}}"),
        ("a name with capitals", "tasks: {T: {image: a}}"),
        ("too many retries", "tasks: {t: {image: a, retries: 100000}}"),
        ("an unknown condition", "tasks: {s: {image: a}, t: {image: a, dependsOn: {s: done}}}"),
        ("an unknown policy", "tasks: {t: {image: a}}\n  schedule: {every: 1m, concurrencyPolicy: queue}"),
        ("an unknown word for windows", "tasks: {t: {image: a}}\n  schedule: {every: 1m, window: nonsense}"),
        (
            "an unknown key of windows",
            "tasks: {t: {image: a}}\n  schedule: {every: 1m, window: {length: 1h}}",
        ),
        ("an unknown way to catch up", "tasks: {t: {image: a}}\n  schedule: {every: 1m, catchup: some}"),
        ("too many to catch up", "tasks: {t: {image: a}}\n  schedule: {every: 1m, catchupLimit: 1001}"),
        ("a bad parameter name", "tasks: {t: {image: a}}\n  params: {a-b: {type: string}}"),
        ("an unknown type", "tasks: {t: {image: a}}\n  params: {a: {type: text}}"),
        ("a null variable", "tasks: {t: {image: a, environment: {A: null}}}"),
    ] {
        let text =
            format!("apiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: a}}\nspec:\n  {spec}\n");
        assert!(!parse_file("a.etl.yaml", text.as_bytes()).faults.is_empty(), "the reader takes {mistake}");
        assert!(!is_valid(&documents(&text)[0]), "the schema takes {mistake}");
    }
}

#[test]
fn every_key_of_the_schemas_is_documented() {
    fn check(path: &str, schema: &Value) {
        // The conditions of `if` name a key without describing it again.
        let properties =
            schema.get("properties").and_then(Value::as_object).filter(|_| !path.ends_with(".if"));
        for (key, value) in properties.into_iter().flatten() {
            let described = value["description"].as_str().is_some_and(|text| text.len() > 4);
            assert!(described, "{path}.{key} has no description");
        }
        match schema {
            Value::Object(inner) => {
                inner.iter().for_each(|(key, value)| check(&format!("{path}.{key}"), value))
            }
            Value::Array(items) => items.iter().for_each(|item| check(path, item)),
            _ => {}
        }
    }
    check("all", &all_schema());
}

#[test]
fn the_schemas_in_crds_are_fresh() {
    for (name, schema) in [
        ("etl", etl_schema()),
        ("schedule", schedule_schema()),
        ("notifier", notifier_schema()),
        ("alert", alert_schema()),
        ("all", all_schema()),
    ] {
        jsonschema::draft7::meta::validate(&schema).unwrap();
        let path = root().join(format!("crds/{name}.schema.json"));
        let expected = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::write(&path, &expected).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == expected, "{} is stale: run `make schema`", path.display());
    }
}
