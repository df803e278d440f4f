//! Image references, by Docker's grammar. Whether the image exists is asked when a run starts.

use super::decode::{Decoder, Slot};
use super::fault::{BAD_IMAGE, quote};

/// Longest repository that Docker takes.
const REPOSITORY_CHARS_MAX: usize = 255;
const TAG_CHARS_MAX: usize = 128;

/// The reference as written, if Docker can read it.
pub(super) fn check_image(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<String> {
    let image = decoder.filled_text(slot)?;
    match image_flaw(image) {
        None => Some(image.to_owned()),
        Some(help) => {
            let message = format!("{} is not an image reference", quote(image));
            decoder.fault(BAD_IMAGE, &slot.node.span, &message, Some(help));
            None
        }
    }
}

/// What to do about a wrong reference: `[registry[:port]/]path[:tag][@sha256:…]`.
fn image_flaw(image: &str) -> Option<&'static str> {
    let (image, digest) =
        image.split_once('@').map_or((image, None), |(image, digest)| (image, Some(digest)));
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Some("a digest is `@sha256:` and 64 hexadecimal characters");
    }
    if image.contains("://") {
        return Some("remove the scheme: an image is `registry.example.org/team/name:tag`");
    }
    let name_start = image.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match image[name_start..].find(':') {
        Some(colon) => (&image[..name_start + colon], Some(&image[name_start + colon + 1..])),
        None => (image, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Some("a tag has letters, digits, `_`, `.` and `-`, at most 128");
    }
    let (registry, path) = match repository.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        Some(_) | None => (None, repository),
    };
    if registry.is_some_and(|registry| !is_registry(registry)) {
        return Some("a registry is a host name, and a port if need be: `registry.example.org:5000/name`");
    }
    let is_path = repository.len() <= REPOSITORY_CHARS_MAX && path.split('/').all(is_path_part);
    (!is_path).then_some("its name has lower-case letters, digits, and `.`, `_` or `-` between them")
}

fn is_digest(digest: &str) -> bool {
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

fn is_tag(tag: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    !tag.is_empty() && tag.len() <= TAG_CHARS_MAX && tag.chars().all(inner) && !tag.starts_with(['.', '-'])
}

fn is_registry(registry: &str) -> bool {
    let (host, port) = registry.split_once(':').map_or((registry, None), |(host, port)| (host, Some(port)));
    let label = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    host.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn is_path_part(part: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut run = String::new();
    let separated = part.chars().all(|c| match c {
        c if alphanumeric(c) => {
            run.clear();
            true
        }
        c @ ('.' | '_' | '-') => {
            run.push(c);
            matches!(run.as_str(), "." | "_" | "__") || run.chars().all(|c| c == '-')
        }
        _ => false,
    });
    separated && part.starts_with(alphanumeric) && part.ends_with(alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_docker_does() {
        let digest = format!("a@sha256:{}", "0f".repeat(32));
        for good in [
            "busybox",
            "etl-lab/busybox:1",
            "registry.example.org:5000/a/b__c/d--e:V1.2-x",
            "localhost/x",
            "LOCALHOST.example/x",
            digest.as_str(),
        ] {
            assert_eq!(image_flaw(good), None, "{good}");
        }
        for bad in [
            "Busybox",
            "a b",
            "a:",
            "a:b:c",
            ":1",
            "a//b",
            "/a",
            "a/",
            "a-",
            "a..b",
            "a___b",
            "a@sha256:12",
            "a@",
            "",
            "https://x.org/a",
            "x.org:99999/a",
            "a:.b",
            "-x.org/a",
        ] {
            assert!(image_flaw(bad).is_some(), "{bad}");
        }
    }
}
