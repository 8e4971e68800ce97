//! The word that somebody probably meant.

/// The words, each in backquotes, with commas.
pub(crate) fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// The nearest known word, if it is near enough to be a slip of the pen.
pub(crate) fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    known
        .map(|other| (strsim::damerau_levenshtein(word, other), other))
        .filter(|(distance, other)| *distance <= 2.max(other.len() / 3))
        .min()
        .map(|(_, other)| other)
}
