//! Image references, by Docker's grammar; templates in the tag. Whether the image exists is asked when a run starts.

use super::decode::{Decoder, Slot};
use super::fault::{BAD_IMAGE, quote};
use crate::template;

/// Longest repository that Docker takes.
const REPOSITORY_CHARS_MAX: usize = 255;
const TAG_CHARS_MAX: usize = 128;
const TAG_CURE: &str = "a tag has letters, digits, `_`, `.` and `-`, at most 128";

/// The reference as written, if Docker can read it.
pub(super) fn check_image(decoder: &mut Decoder<'_>, slot: &Slot<'_>) -> Option<String> {
    let image = decoder.filled_text(slot)?;
    let flaw = if template::is_template(image) { template_flaw(image) } else { image_flaw(image) };
    match flaw {
        None => Some(image.to_owned()),
        Some(help) => {
            let message = format!("{} is not an image reference", quote(image));
            decoder.fault(BAD_IMAGE, &slot.node.span, &message, Some(help));
            None
        }
    }
}

/// What to do about a reference with templates: they may be in its tag, so that git says whose image it is.
fn template_flaw(image: &str) -> Option<&'static str> {
    let Some((name, tag)) = tag_of(image) else {
        return Some("a template may stand in the tag only: `name:{{ params.tag }}`");
    };
    let outside = template::undivided(tag).filter(|unit| !unit.starts_with("{{"));
    if outside.flat_map(str::chars).any(|c| !is_tag_character(c)) {
        return Some(TAG_CURE);
    }
    image_flaw(name)
}

/// The name and the tag of an image whose templates are all in its tag.
pub(crate) fn tag_of(image: &str) -> Option<(&str, &str)> {
    let before = &image[..image.find("{{")?];
    let name = before.rfind('/').map_or(0, |at| at + 1);
    let colon = name + before[name..].find(':')?;
    let (name, tag) = (&image[..colon], &image[colon + 1..]);
    // What looks like a tag is a registry's port if a path follows, and a digest leaves nothing to choose.
    let outside: String = template::undivided(tag).filter(|unit| !unit.starts_with("{{")).collect();
    (!outside.contains(['/', '@'])).then_some((name, tag))
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
        return Some(TAG_CURE);
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

pub(crate) fn is_tag(tag: &str) -> bool {
    !tag.is_empty()
        && tag.len() <= TAG_CHARS_MAX
        && tag.chars().all(is_tag_character)
        && !tag.starts_with(['.', '-'])
}

fn is_tag_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
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
    fn templates_stand_in_the_tag_only() {
        for (image, expected) in [
            ("a:{{ params.tag }}", Some(("a", "{{ params.tag }}"))),
            ("r.org:5000/a/b:v1-{{ params.tag }}-x", Some(("r.org:5000/a/b", "v1-{{ params.tag }}-x"))),
            ("a:{{ 'x/y@z' }}", Some(("a", "{{ 'x/y@z' }}"))),
            ("{{ params.image }}", None),
            ("a/{{ params.name }}:1", None),
            ("{{ params.registry }}/a:1", None),
            ("r.org:{{ params.port }}/a", None),
            ("a@{{ params.digest }}", None),
            ("a:{{ params.tag }}@sha256:00", None),
        ] {
            assert_eq!(tag_of(image), expected, "{image}");
            assert_eq!(template_flaw(image).is_none(), expected.is_some(), "{image}");
        }
        assert!(template_flaw("Big Name:{{ params.tag }}").is_some());
    }

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
