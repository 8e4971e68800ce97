//! Path patterns such as `/wards/{ward}/assessments/{id}`, and subjects made from what they capture.
//!
//! A path is compared segment by segment after percent-decoding and without empty segments, so that another spelling of
//! the same path cannot step around a rule.

use std::borrow::Cow;

/// A pattern, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Capture(String),
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It does not begin with `/`.
    #[error("a path pattern begins with `/`")]
    NoSlash,
    /// A brace without its partner, an empty or repeated name, or text beside a capture in one segment.
    #[error("`{0}` is not a whole segment such as `ward` or `{{ward}}`, or its name is used twice")]
    Segment(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The text does not start with `/`, or a segment is neither plain text nor one `{name}`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let rest = text.strip_prefix('/').ok_or(PatternError::NoSlash)?;
        let mut parts: Vec<Part> = Vec::new();
        for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
            let part = match segment
                .strip_prefix('{')
                .and_then(|inner| inner.strip_suffix('}'))
            {
                Some(name) if is_name(name) => Part::Capture(name.to_owned()),
                Some(_) => return Err(PatternError::Segment(segment.to_owned())),
                None if segment.contains(['{', '}']) => {
                    return Err(PatternError::Segment(segment.to_owned()));
                }
                None => Part::Literal(segment.to_owned()),
            };
            if matches!(part, Part::Capture(_)) && parts.contains(&part) {
                return Err(PatternError::Segment(segment.to_owned()));
            }
            parts.push(part);
        }
        Ok(Self { parts })
    }

    /// What the pattern captures from a path; `None` when the path is another one.
    pub fn matches<'a>(&'a self, path: &'a str) -> Option<Captures<'a>> {
        let mut captured = Vec::new();
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        for part in &self.parts {
            let segment = decode(segments.next()?);
            match part {
                Part::Literal(text) if *text == segment => {}
                Part::Literal(_) => return None,
                Part::Capture(name) => captured.push((name.as_str(), segment)),
            }
        }
        segments.next().is_none().then_some(Captures(captured))
    }

    /// Whether a template names only what this pattern captures.
    pub fn can_fill(&self, template: &str) -> bool {
        let sample = Captures(
            self.parts
                .iter()
                .filter_map(|part| match part {
                    Part::Capture(name) => Some((name.as_str(), Cow::Borrowed("0"))),
                    Part::Literal(_) => None,
                })
                .collect(),
        );
        sample.fill(template).is_some()
    }
}

/// What a pattern captured, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captures<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl Captures<'_> {
    /// Fills `{name}` places of a template; `None` when the template names something that was not captured.
    pub fn fill(&self, template: &str) -> Option<String> {
        let mut out = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}')?;
            out.push_str(before);
            out.push_str(&self.0.iter().find(|(known, _)| *known == name)?.1);
            rest = tail;
        }
        out.push_str(rest);
        Some(out)
    }
}

/// Percent-decodes one segment; a broken escape stays as it is.
fn decode(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(pattern: &str, path: &str, template: &str) -> Option<String> {
        Pattern::parse(pattern)
            .unwrap()
            .matches(path)
            .and_then(|captures| captures.fill(template))
    }

    #[test]
    fn a_subject_is_made_from_the_captured_segments() {
        let pattern = "/wards/{ward}/assessments/{id}";
        assert_eq!(
            filled(pattern, "/wards/7/assessments/12", "{ward}:{id}").as_deref(),
            Some("7:12")
        );
        assert_eq!(filled(pattern, "/wards/7/assessments", "{id}"), None);
        assert_eq!(
            filled(pattern, "/wards/7/assessments/12/more", "{id}"),
            None
        );
        assert_eq!(filled(pattern, "/wards/7/assessments/12", "{bed}"), None);
    }

    #[test]
    fn another_spelling_of_the_same_path_is_the_same_path() {
        for path in [
            "/wards/7/assessments/",
            "//wards//7/assessments",
            "/%77ards/7/assessment%73",
            "/wards/%37/assessments",
        ] {
            assert_eq!(
                filled("/wards/{ward}/assessments", path, "{ward}").as_deref(),
                Some("7"),
                "{path}"
            );
        }
    }

    #[test]
    fn a_broken_pattern_is_refused_with_its_segment() {
        assert_eq!(Pattern::parse("wards"), Err(PatternError::NoSlash));
        for (text, segment) in [
            ("/a/{b", "{b"),
            ("/a/b}", "b}"),
            ("/x{b}", "x{b}"),
            ("/{}", "{}"),
            ("/{a}/{a}", "{a}"),
        ] {
            assert_eq!(
                Pattern::parse(text),
                Err(PatternError::Segment(segment.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_template_that_names_nothing_captured_is_seen_beforehand() {
        let pattern = Pattern::parse("/wards/{ward}").unwrap();
        assert!(pattern.can_fill("ward {ward}"));
        assert!(!pattern.can_fill("{id}"));
    }
}
