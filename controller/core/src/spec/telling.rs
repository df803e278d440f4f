//! Who is told must exist: a Notifier of the same project, or one outside of any.

use std::collections::BTreeSet;

use super::alert::mark_of;
use super::fault::{Fault, UNKNOWN_NOTIFIER};
use super::file::{Located, Object};
use super::nearest::did_you_mean;
use crate::name::{Name, ObjectKey};

/// The notifier that a name means in a project: its own before one outside of any.
pub(crate) fn notifier_of(
    project: &Name,
    name: &Name,
    is_known: impl Fn(&ObjectKey) -> bool,
) -> Option<ObjectKey> {
    let own = ObjectKey::new(project.clone(), name.clone());
    let common = ObjectKey::new(Name::default_project(), name.clone());
    [own, common].into_iter().find(|key| is_known(key))
}

/// Whose notifiers an object names.
pub(super) fn told_by(object: &Object) -> Option<(&Name, &[Name])> {
    match object {
        Object::Etl(etl) => Some((&etl.key.project, &etl.notify)),
        Object::Alert(alert) => Some((&alert.key.project, &alert.notify)),
        Object::Schedule(_) | Object::Notifier(_) => None,
    }
}

/// Notifiers that an object names and that are not there.
pub(super) fn unknown_notifiers(
    object: &Located<Object>,
    is_known: impl Fn(&ObjectKey) -> bool,
    names: impl Fn() -> BTreeSet<Name>,
) -> Vec<Fault> {
    let Some((project, notify)) = told_by(&object.value) else { return Vec::new() };
    let unknown = notify.iter().filter(|name| notifier_of(project, name, &is_known).is_none());
    let tell = |name: &Name| {
        let known = names();
        let message = format!("no Notifier `{name}` in project `{project}`, nor outside of any");
        let help = did_you_mean(name.as_str(), known.iter().map(Name::as_str))
            .unwrap_or_else(|| "write an object of `kind: Notifier` with this name".to_owned());
        let at = object.marks.get(&mark_of(name)).unwrap_or(&object.at);
        Fault::new(at.clone(), UNKNOWN_NOTIFIER, &message, Some(&help))
    };
    unknown.map(tell).collect()
}
