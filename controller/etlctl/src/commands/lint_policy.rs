//! What an operator's rules refuse just before launch, told by `lint` already: bind mounts and added capabilities.
//! The rules are those of the controller.

use etl_core::service::{Allowed, forbidden};
use etl_core::spec::{Fault, Located, Object, ParsedFile};

/// Beside core's `E…`: the spec is well formed, and the operator's rules refuse it.
const FORBIDDEN: &str = "P001";

/// Faults of every task of a file, at its ETL's name.
pub fn faults(file: &ParsedFile, allowed: &Allowed) -> Vec<Fault> {
    file.objects.iter().flat_map(|object| of_object(object, allowed)).collect()
}

fn of_object(object: &Located<Object>, allowed: &Allowed) -> Vec<Fault> {
    let Object::Etl(etl) = &object.value else { return Vec::new() };
    let words = etl.tasks.iter().flat_map(|(name, task)| {
        let said = forbidden(task.into(), allowed);
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
