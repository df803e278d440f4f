//! Image references, as far as registries and digests need them read.

/// Where images live that name no registry.
pub(crate) const DOCKER_HUB: &str = "docker.io";

/// The registry that an image names: its first part, if that looks like a host, else Docker Hub.
pub(crate) fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => DOCKER_HUB,
    }
}

/// Whether the image is already named by digest.
pub(crate) fn has_digest(image: &str) -> bool {
    image.contains('@')
}

/// `name:tag@digest`, as Docker's own command line pins images.
pub(crate) fn pinned(image: &str, digest: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    let tag = if last.contains(':') { "" } else { ":latest" };
    format!("{image}{tag}@{digest}")
}

/// Whether a registry's answer is a digest, and not something that could change the reference's meaning.
pub(crate) fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm == "sha256" && hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Whether an image can be asked for in a URL without meaning another one.
pub(crate) fn is_plain(image: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    !image.is_empty()
        && image.bytes().all(inner)
        && !image.split('/').any(|part| matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_the_first_part_that_looks_like_a_host() {
        for (image, expected) in [
            ("busybox", "docker.io"),
            ("library/busybox:1", "docker.io"),
            ("etl-lab/busybox:1", "docker.io"),
            ("registry.example.com/a/b", "registry.example.com"),
            ("10.0.0.1:5000/a:1", "10.0.0.1:5000"),
            ("localhost/a", "localhost"),
        ] {
            assert_eq!(registry(image), expected, "{image}");
        }
    }

    #[test]
    fn a_pinned_image_keeps_its_tag() {
        for (image, expected) in [
            ("busybox", "busybox:latest@sha256:ab"),
            ("host:5000/busybox", "host:5000/busybox:latest@sha256:ab"),
            ("host:5000/busybox:1", "host:5000/busybox:1@sha256:ab"),
        ] {
            assert_eq!(pinned(image, "sha256:ab"), expected);
        }
    }

    #[test]
    fn only_a_digest_is_taken_for_one() {
        let good = format!("sha256:{}", "a".repeat(64));
        for (text, expected) in [(good.as_str(), true), ("sha256:ab", false), ("latest", false), ("", false)]
        {
            assert_eq!(is_digest(text), expected, "{text}");
        }
        for (image, expected) in
            [("a/b:1", true), ("a/../b", false), ("a b", false), ("a?x", false), ("", false)]
        {
            assert_eq!(is_plain(image), expected, "{image}");
        }
    }
}
