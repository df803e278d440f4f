//! A task: what it waits for, its container, and what is tried again. Container settings mean what compose means by them.

use std::collections::HashSet;

use super::command::{read_command, read_environment};
use super::decode::{Decoder, Fields, Slot};
use super::deploy::read_deploy;
use super::fault::{BAD_COMMAND, DEFINED_TWICE, OUT_OF_RANGE, UNKNOWN_WORD, quote};
use super::graph::{Dependency, read_dependencies};
use super::image::check_image;
use super::inputs::read_datasets;
use super::model::{
    Backoff, FileRef, NODE_LOST_DEADLINE, OnNodeLost, RETRY_DELAY, RETRY_DELAY_MAX, Retries, START_TIMEOUT,
    STOP_GRACE_PERIOD, Task,
};
use super::mounts::{FileKind, read_files, read_networks, read_volumes};
use super::task_tables::{BACKOFFS, ON_NODE_LOST, RETRIES, RETRIES_MAX, TASK};
use super::templates::Templates;
use crate::template;

/// The task and what it depends on. What could not be read is told, and left at its default.
pub(super) fn read_task(
    decoder: &mut Decoder<'_>,
    slot: &Slot<'_>,
    templates: &Templates,
) -> Option<(Task, Vec<Dependency>)> {
    let fields = decoder.fields(slot, &TASK)?;
    templates.check(decoder, slot);
    let dependencies =
        fields.slot("dependsOn").map(|slot| read_dependencies(decoder, &slot)).unwrap_or_default();
    let (entrypoint, command) = read_command(decoder, &fields);
    let (resources, placement) =
        fields.slot("deploy").map(|slot| read_deploy(decoder, &slot)).unwrap_or_default();
    let secrets = read_refs(decoder, &fields, "secrets", FileKind::Secret);
    let configs = read_refs(decoder, &fields, "configs", FileKind::Config);
    let volumes = fields.slot("volumes").map(|slot| read_volumes(decoder, &slot)).unwrap_or_default();
    let task = Task {
        depends_on: dependencies.iter().map(|it| (it.on.clone(), it.condition)).collect(),
        when: templates.read_when(decoder, &fields),
        image: fields.slot("image").and_then(|slot| check_image(decoder, &slot)).unwrap_or_default(),
        entrypoint,
        command,
        environment: fields.slot("environment").map(|it| read_environment(decoder, &it)).unwrap_or_default(),
        working_dir: fields.slot("working_dir").and_then(|slot| read_working_dir(decoder, &slot)),
        user: fields.slot("user").and_then(|slot| read_user(decoder, &slot)),
        networks: fields.slot("networks").map(|slot| read_networks(decoder, &slot)).unwrap_or_default(),
        secrets,
        configs,
        volumes,
        resources,
        placement,
        cap_add: fields.slot("cap_add").map(|slot| read_capabilities(decoder, &slot)).unwrap_or_default(),
        stop_grace_period: fields
            .slot("stop_grace_period")
            .and_then(|slot| decoder.duration_or_zero(&slot))
            .unwrap_or(STOP_GRACE_PERIOD),
        timeout: fields.slot("timeout").and_then(|slot| decoder.duration(&slot)),
        stall_timeout: fields.slot("stallTimeout").and_then(|slot| decoder.duration(&slot)),
        start_timeout: duration_or(decoder, &fields, "startTimeout", START_TIMEOUT),
        retries: fields.slot("retries").and_then(|slot| read_retries(decoder, &slot)).unwrap_or_default(),
        on_node_lost: fields
            .slot("onNodeLost")
            .and_then(|slot| decoder.word(&slot, &ON_NODE_LOST))
            .unwrap_or(OnNodeLost::Retry),
        node_lost_deadline: duration_or(decoder, &fields, "nodeLostDeadline", NODE_LOST_DEADLINE),
        produces: fields.slot("produces").map(|slot| read_datasets(decoder, &slot)).unwrap_or_default(),
    };
    Some((task, dependencies))
}

fn duration_or(
    decoder: &mut Decoder<'_>,
    fields: &Fields<'_>,
    key: &'static str,
    default: jiff::SignedDuration,
) -> jiff::SignedDuration {
    fields.slot(key).and_then(|slot| decoder.duration(&slot)).unwrap_or(default)
}

fn read_refs(
    decoder: &mut Decoder<'_>,
    fields: &Fields<'_>,
    key: &'static str,
    kind: FileKind,
) -> Vec<FileRef> {
    fields.slot(key).map(|slot| read_files(decoder, &slot, kind)).unwrap_or_default()
}

fn read_working_dir(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<String> {
    let path = decoder.filled_text(slot)?;
    // What begins with a template is looked at when it is rendered.
    let is_open = path.starts_with("{{") && template::is_template(path);
    if !path.starts_with('/') && !is_open {
        let message = format!("the working directory {} is not absolute", quote(path));
        decoder.fault(BAD_COMMAND, &slot.node.span, &message, Some("begin it with `/`"));
        return None;
    }
    Some(path.to_owned())
}

fn read_user(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<String> {
    let user = decoder.filled_text(slot)?;
    if user.contains(char::is_whitespace) || user.matches(':').count() > 1 || user.starts_with(':') {
        let message = format!("{} is no user", quote(user));
        decoder.fault(
            BAD_COMMAND,
            &slot.node.span,
            &message,
            Some("write `user` or `user:group`, names or numbers"),
        );
        return None;
    }
    Some(user.to_owned())
}

/// Names as Docker has them, in capitals and without `CAP_`. Whether the operator allows them is asked at launch.
fn read_capabilities(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Vec<String> {
    let mut known = HashSet::new();
    let read = |decoder: &mut Decoder<'_>, slot: &Slot<'_>| {
        let text = decoder.filled_text(slot)?;
        let upper = text.to_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            let message = format!("{} is no capability", quote(text));
            decoder.fault(UNKNOWN_WORD, &slot.node.span, &message, Some("write it as `NET_ADMIN`"));
            return None;
        }
        if !known.insert(name.clone()) {
            let message = format!("the capability `{name}` is added twice");
            decoder.fault(DEFINED_TWICE, &slot.node.span, &message, Some("keep one of the two"));
        }
        Some(name)
    };
    decoder.list(slot, read).unwrap_or_default()
}

fn read_retries(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<Retries> {
    if slot.entries().is_none() {
        let limit = decoder.integer(slot, 0..=RETRIES_MAX)?;
        return Some(Retries { limit: u32::try_from(limit).ok()?, ..Retries::default() });
    }
    let fields = decoder.fields(slot, &RETRIES)?;
    let limit = fields.slot("limit").and_then(|slot| decoder.integer(&slot, 0..=RETRIES_MAX));
    let delay = fields.slot("delay").and_then(|slot| decoder.duration_or_zero(&slot)).unwrap_or(RETRY_DELAY);
    let backoff = fields.slot("backoff").and_then(|slot| decoder.word(&slot, &BACKOFFS));
    let written_max = fields.slot("maxDelay").and_then(|slot| Some((decoder.duration(&slot)?, slot)));
    if let Some((max, slot)) = &written_max
        && *max < delay
    {
        let message = "`maxDelay` is less than `delay`";
        decoder.fault(OUT_OF_RANGE, &slot.node.span, message, Some("raise `maxDelay`, or lower `delay`"));
    }
    // A written delay beyond the default bound lifts that bound.
    let max_delay = written_max.map_or(RETRY_DELAY_MAX.max(delay), |(max, _)| max);
    let limit = u32::try_from(limit?).ok()?;
    Some(Retries { limit, delay, backoff: backoff.unwrap_or(Backoff::Exponential), max_delay })
}
