//! What exactly is promised, and what somebody needs it to be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Length;

/// The figure of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "kebab-case")]
pub enum Figure {
    /// A whole number of something that the sentence names.
    Count(u64),
    /// A version such as `1.2`, part by part.
    Version(Vec<u32>),
    /// A length of time.
    Length(Length),
    /// One of a few words.
    Word(String),
    /// A set of names.
    Words(Vec<String>),
}

/// What a requirement needs of a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The claim must exist, whatever its figure.
    Any,
    /// `>= FIGURE`
    AtLeast(Figure),
    /// `<= FIGURE`
    AtMost(Figure),
    /// `= FIGURE`, or a bare word
    Equal(Figure),
}

impl Comparison {
    /// Does the claimed figure satisfy the need? A figure of another kind never does.
    #[must_use]
    pub fn satisfied_by(&self, claimed: &Figure) -> bool {
        match self {
            Self::Any => true,
            Self::AtLeast(needed) => at_least(claimed, needed),
            Self::AtMost(needed) => at_least(needed, claimed),
            Self::Equal(needed) => at_least(claimed, needed) && at_least(needed, claimed),
        }
    }
}

fn at_least(high: &Figure, low: &Figure) -> bool {
    match (high, low) {
        (Figure::Count(high), Figure::Count(low)) => high >= low,
        (Figure::Version(high), Figure::Version(low)) => high >= low,
        (Figure::Length(high), Figure::Length(low)) => high.at_least(*low),
        (Figure::Word(high), Figure::Word(low)) => high == low,
        (Figure::Words(high), Figure::Words(low)) => low.iter().all(|word| high.contains(word)),
        _ => false,
    }
}

impl FromStr for Comparison {
    type Err = String;

    /// Reads `>= 14 d`, `<= 15 min`, `>= 1.2`, `>= 12`, `= generated`, `any`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "any" {
            return Ok(Self::Any);
        }
        for (sign, make) in [
            (">=", Self::AtLeast as fn(Figure) -> Self),
            ("<=", Self::AtMost as fn(Figure) -> Self),
            ("=", Self::Equal as fn(Figure) -> Self),
        ] {
            if let Some(rest) = text.strip_prefix(sign) {
                return Ok(make(rest.parse()?));
            }
        }
        Err(format!(
            "`{text}` is not a comparison: write `any`, `>= 14 d`, `<= 15 min` or `= generated`"
        ))
    }
}

impl FromStr for Figure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("a figure is missing".to_owned());
        }
        if let Ok(count) = text.parse() {
            return Ok(Self::Count(count));
        }
        if let Ok(length) = text.parse() {
            return Ok(Self::Length(length));
        }
        let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
        Ok(parts.map_or_else(|| Self::Word(text.to_owned()), Self::Version))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Length(length) => write!(f, "{length}"),
            Self::Word(word) => f.write_str(word),
            Self::Words(words) => f.write_str(&words.join(", ")),
            Self::Version(parts) => {
                let parts: Vec<String> = parts.iter().map(u32::to_string).collect();
                f.write_str(&parts.join("."))
            }
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::AtLeast(figure) => write!(f, "at least {figure}"),
            Self::AtMost(figure) => write!(f, "at most {figure}"),
            Self::Equal(figure) => write!(f, "{figure}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_met_only_by_a_figure_of_its_own_kind() {
        for (need, figure, met) in [
            (">= 1.2", "1.2", true),
            (">= 1.2", "1.3", true),
            (">= 1.2", "1.1", false),
            (">= 1.2", "12", false),
            (">= 14 d", "14 d", true),
            (">= 14 d", "13 d", false),
            (">= 2 months", "8 weeks", false),
            ("<= 15 min", "15 min", true),
            ("<= 15 min", "1 h", false),
            (">= 12", "11", false),
            ("= generated", "generated", true),
            ("= generated", "chosen", false),
            ("any", "whatever", true),
        ] {
            let need: Comparison = need.parse().unwrap();
            assert_eq!(
                need.satisfied_by(&figure.parse().unwrap()),
                met,
                "{need} by {figure}"
            );
        }
    }
}
