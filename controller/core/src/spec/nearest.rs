//! The word that was meant: the nearest of those known, when it is near enough to be a slip.

/// Longest word that is compared: longer ones are no slips, and comparing takes time by the square.
const CHARS_MAX: usize = 64;

/// ``did you mean `word`?``, of the nearest candidate.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|nearest| format!("did you mean `{nearest}`?"))
}

/// The nearest candidate within a third of the word's length; case, `_` and `-` weigh nothing.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    if word.is_empty() || word.chars().take(CHARS_MAX + 1).count() > CHARS_MAX {
        return None;
    }
    let wanted = plain(word);
    let allowed = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["memory", "cpus", "working_dir", "env"];
        for (word, expected) in [
            ("memmory", Some("memory")),
            ("workingDir", Some("working_dir")),
            ("cpu", Some("cpus")),
            ("x", None),
            ("", None),
            ("banana", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
