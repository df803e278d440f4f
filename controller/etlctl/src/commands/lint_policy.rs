//! What an operator's rules refuse just before launch, told by `lint` already: bind mounts and added capabilities.
//! The rules are those of the controller, applied to a draft that holds what they look at.

use std::collections::BTreeMap;

use etl_core::name::{AttemptKey, Name, RunKey};
use etl_core::service::{Allowed, ServiceDraft, forbidden};
use etl_core::spec::{Etl, Fault, Located, Object, ParsedFile, Task};

/// Beside core's `E…`: the spec is well formed, and the operator's rules refuse it.
const FORBIDDEN: &str = "P001";

/// Faults of every task of a file, at its ETL's name.
pub fn faults(file: &ParsedFile, allowed: &Allowed) -> Vec<Fault> {
    file.objects.iter().flat_map(|object| of_object(object, allowed)).collect()
}

fn of_object(object: &Located<Object>, allowed: &Allowed) -> Vec<Fault> {
    let Object::Etl(etl) = &object.value else { return Vec::new() };
    let words = etl.tasks.iter().flat_map(|(name, task)| {
        let said = forbidden(&draft(etl, name, task), allowed);
        said.into_iter().map(move |words| format!("task `{name}`: {words}"))
    });
    words.map(|message| fault(object, message)).collect()
}

fn fault(object: &Located<Object>, message: String) -> Fault {
    let at = &object.at;
    Fault {
        file: at.file.clone(),
        line: at.line,
        column: at.column,
        span: at.span.clone(),
        code: FORBIDDEN,
        message: crate::safe::line(&message),
        help: Some("where the controller allows it, give `lint` the same --allow-… flags".into()),
    }
}

/// As the first attempt of some run would be.
fn draft(etl: &Etl, name: &Name, task: &Task) -> ServiceDraft {
    let attempt = AttemptKey { run: RunKey::of_request(&etl.key, "lint"), task: name.clone(), number: 1 };
    ServiceDraft {
        name: attempt.service_name(),
        labels: BTreeMap::new(),
        image: task.image.clone(),
        pinned: None,
        entrypoint: task.entrypoint.clone(),
        args: task.command.clone(),
        env: Vec::new(),
        working_dir: task.working_dir.clone(),
        user: task.user.clone(),
        networks: task.networks.clone(),
        secrets: task.secrets.clone(),
        configs: task.configs.clone(),
        mounts: task.volumes.clone(),
        resources: task.resources.clone(),
        placement: task.placement.clone(),
        cap_add: task.cap_add.clone(),
        stop_grace_period: task.stop_grace_period,
    }
}
