//! The kind Notifier: where messages go. Must never read a secret itself.

use super::alert_tables::{
    ALERTMANAGER, EMAIL, HEALTHCHECKS, MAIL_TLS, NOTIFIER, NOTIFIER_SPEC, SLACK, WEBHOOK_OUT,
};
use super::decode::{Decoder, Fields, Slot};
use super::fault::{BAD_NOTIFIER, OUT_OF_RANGE, quote};
use super::file::{Identity, Located, Object};
use super::model_alert::{Address, Destination, Email, HEARTBEAT, Notifier};
use super::webhook::read_path;

/// Longest address of a web page or a mailbox.
const ADDRESS_BYTES_MAX: usize = 2_000;
/// The kinds of destinations, as they are written.
const DESTINATIONS: [&str; 5] = ["slack", "webhook", "email", "alertmanager", "healthchecks"];

/// The notifier, if its parts could be read.
pub(super) fn read_notifier(
    decoder: &mut Decoder<'_>,
    slot: &Slot<'_>,
    identity: &Identity,
) -> Vec<Located<Object>> {
    let read = |decoder: &mut Decoder<'_>| {
        let spec = decoder.fields(slot, &NOTIFIER)?.slot("spec")?;
        let fields = decoder.fields(&spec, &NOTIFIER_SPEC)?;
        let destination = read_destination(decoder, &spec, &fields)?;
        let key = identity.key.clone()?;
        let at = decoder.place(&identity.at);
        let value = Object::Notifier(Box::new(Notifier { key, destination }));
        Some(Located { value, at, marks: Default::default() })
    };
    read(decoder).into_iter().collect()
}

/// Exactly one of the keys that say where to.
fn read_destination(decoder: &mut Decoder<'_>, spec: &Slot<'_>, fields: &Fields<'_>) -> Option<Destination> {
    let mut written = DESTINATIONS.into_iter().filter_map(|key| Some((key, fields.slot(key)?)));
    let Some((key, slot)) = written.next() else {
        let message = format!("the Notifier has none of `{}`", DESTINATIONS.join("`, `"));
        let help = "write `slack: {webhookUrlFile: /run/secrets/slack_url}`";
        decoder.fault(BAD_NOTIFIER, &spec.at, &message, Some(help));
        return None;
    };
    if let Some((other, second)) = written.next() {
        let help = "write one Notifier for each; an Alert may name several";
        decoder.fault(BAD_NOTIFIER, &second.at, &format!("`{other}` beside `{key}`"), Some(help));
        return None;
    }
    match key {
        "slack" => read_slack(decoder, &slot),
        "webhook" => read_webhook(decoder, &slot),
        "email" => read_email(decoder, &slot),
        "alertmanager" => {
            let fields = decoder.fields(&slot, &ALERTMANAGER)?;
            let url = read_url(decoder, &fields.slot("url")?)?;
            Some(Destination::Alertmanager { url: Address::Written(url.trim_end_matches('/').to_owned()) })
        }
        _ => read_healthchecks(decoder, &slot),
    }
}

fn read_slack(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<Destination> {
    let fields = decoder.fields(slot, &SLACK)?;
    let channel = fields.slot("channel").and_then(|slot| decoder.filled_text(&slot)).map(str::to_owned);
    let webhook_url_file = read_path(decoder, &fields.slot("webhookUrlFile")?)?;
    Some(Destination::Slack { webhook_url_file, channel })
}

fn read_webhook(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<Destination> {
    let fields = decoder.fields(slot, &WEBHOOK_OUT)?;
    let secret_file = fields.slot("secretFile").map(|slot| read_path(decoder, &slot));
    let url = match (fields.slot("url"), fields.slot("urlFile")) {
        (Some(url), None) => Address::Written(read_url(decoder, &url)?),
        (None, Some(file)) => Address::InFile(read_path(decoder, &file)?),
        (Some(_), Some(file)) => {
            decoder.fault(BAD_NOTIFIER, &file.at, "`urlFile` beside `url`", Some("keep one of the two"));
            return None;
        }
        (None, None) => {
            let help = "write `url: https://…`, or `urlFile` where the address is a secret";
            decoder.fault(BAD_NOTIFIER, &slot.at, "the webhook has no address", Some(help));
            return None;
        }
    };
    let secret_file = match secret_file {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Destination::Webhook { url, secret_file })
}

fn read_email(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<Destination> {
    let fields = decoder.fields(slot, &EMAIL)?;
    let to = fields.slot("to").and_then(|slot| decoder.list(&slot, read_mailbox));
    let from = fields.slot("from").and_then(|slot| read_mailbox(decoder, &slot));
    let smarthost = fields.slot("smarthost").and_then(|slot| read_host_and_port(decoder, &slot));
    let tls = fields.slot("tls").and_then(|slot| decoder.word(&slot, &MAIL_TLS)).unwrap_or_default();
    let user = fields.slot("user").and_then(|slot| decoder.filled_text(&slot)).map(str::to_owned);
    let [ca_file, password_file] =
        ["caFile", "passwordFile"].map(|key| fields.slot(key).and_then(|slot| read_path(decoder, &slot)));
    if to.as_ref().is_some_and(Vec::is_empty) && decoder.fault_count() == 0 {
        decoder.fault(BAD_NOTIFIER, &slot.at, "the mail goes to nobody", Some("write an address under `to`"));
    }
    let email = Email { to: to?, from: from?, smarthost: smarthost?, tls, ca_file, user, password_file };
    Some(Destination::Email(Box::new(email)))
}

fn read_healthchecks(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<Destination> {
    let fields = decoder.fields(slot, &HEALTHCHECKS)?;
    let heartbeat = fields.slot("heartbeat").map(|slot| decoder.duration(&slot));
    let heartbeat = match heartbeat {
        Some(read) => read?,
        None => HEARTBEAT,
    };
    let ping_url_file = read_path(decoder, &fields.slot("pingUrlFile")?)?;
    Some(Destination::Healthchecks { ping_url_file, heartbeat })
}

fn read_url(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<String> {
    let text = decoder.filled_text(slot)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let is_plain = text.chars().all(|c| c.is_ascii_graphic()) && text.len() <= ADDRESS_BYTES_MAX;
    if is_plain && !host.is_empty() && !host.contains('@') {
        return Some(text.to_owned());
    }
    let message = format!("{} of {} is no address", quote(text), slot.label);
    let help = "write `http://host…` or `https://host…`, without a password in it";
    decoder.fault(OUT_OF_RANGE, &slot.node.span, &message, Some(help));
    None
}

fn read_mailbox(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<String> {
    let text = decoder.filled_text(slot)?;
    let parts = text.split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty());
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && !"<>,;:\\\"()[]".contains(c));
    if is_plain && text.len() <= ADDRESS_BYTES_MAX && parts.is_some_and(|(_, host)| !host.contains('@')) {
        return Some(text.to_owned());
    }
    let message = format!("{} is no address of mail", quote(text));
    decoder.fault(
        OUT_OF_RANGE,
        &slot.node.span,
        &message,
        Some("write `name@example.org`, and nothing else"),
    );
    None
}

fn read_host_and_port(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<String> {
    let text = decoder.filled_text(slot)?;
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && c != '/' && c != '@');
    if is_plain && parts.is_some_and(|(host, port)| !host.is_empty() && port > 0) {
        return Some(text.to_owned());
    }
    let message = format!("{} of {} has no host and port", quote(text), slot.label);
    decoder.fault(OUT_OF_RANGE, &slot.node.span, &message, Some("write it as `smtp.example.org:587`"));
    None
}
