//! What is wrong with a line: which field, where, and why.
//!
//! Owns: the words for undecodable lines, and the repair of lone surrogates.
//! Promises: an error names type, field and position, is short, and holds no raw
//! control character, whatever the line held. Never: panics on any text.

use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Longer words from a line are cut to this many characters in an error.
const LONGEST_WORDS: usize = 160;

/// Why a line was not understood.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The line is not one JSON object.
    #[error("not one JSON object: {reason} (byte {position})")]
    NotJson {
        /// How many bytes of the line were read when it was found.
        position: usize,
        /// What the reader of JSON says.
        reason: String,
    },
    /// A field holds what it cannot hold.
    #[error("{event_type}: field `{field}`: {reason} (byte {position})")]
    Field {
        /// `type` of the line, `?` if that is not readable.
        event_type: String,
        /// Path of the field, such as `check_result.state`.
        field: String,
        /// How many bytes of the line were read when it was found.
        position: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A field that the type cannot do without is missing, null or empty.
    #[error("{event_type}: field `{field}` is missing")]
    Missing {
        /// `type` of the line, `?` if that is what is missing.
        event_type: &'static str,
        /// Path of the field.
        field: &'static str,
    },
    /// A time is outside what can be a time.
    #[error("{event_type}: field `{field}` is no moment in time")]
    NoMoment {
        /// `type` of the line.
        event_type: &'static str,
        /// Path of the field.
        field: &'static str,
    },
    /// Icinga has a type that Watchbell does not know.
    #[error("unknown event type `{0}`")]
    UnknownType(String),
}

/// Makes text from outside fit for an error: escaped and short.
pub(super) fn words(text: &str) -> String {
    let mut characters = text.chars();
    let mut words: String = characters.by_ref().take(LONGEST_WORDS).flat_map(char::escape_debug).collect();
    if characters.next().is_some() {
        words.push_str("...");
    }
    words
}

/// Explains why `line` was not read; `part` is the piece of it that was.
pub(super) fn explain(line: &str, part: &str, error: &serde_json::Error) -> DecodeError {
    let begin = (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    let before: usize = part.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let position = begin + before + error.column();
    let reason = words(&error.to_string());
    let Ok(fields) = fields_of(line) else {
        return DecodeError::NotJson { position, reason };
    };
    let event_type = fields
        .get("type")
        .and_then(|raw| serde_json::from_str::<String>(raw.get()).ok())
        .map_or_else(|| "?".to_owned(), |name| words(&name));
    DecodeError::Field { event_type, field: words(&path_at(line, position)), position, reason }
}

/// Replaces each `\u` escape of a surrogate without its partner by U+FFFD's;
/// `None` if there is none.
pub(super) fn repair_surrogates(line: &str) -> Option<String> {
    let mut repaired = String::with_capacity(line.len());
    let mut rest = line;
    let mut changed = false;
    while let Some(at) = rest.find('\\') {
        repaired.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match (surrogate(rest), rest.get(6..).and_then(surrogate)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(_), _) => {
                repaired.push_str("\\ufffd");
                rest = &rest[6..];
                changed = true;
                continue;
            }
            (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        repaired.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    repaired.push_str(rest);
    changed.then_some(repaired)
}

/// The surrogate whose escape `text` begins with.
fn surrogate(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let code = u32::from_str_radix(digits, 16).ok()?;
    (0xD800..=0xDFFF).contains(&code).then_some(code)
}

type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

fn fields_of(json: &str) -> serde_json::Result<Fields<'_>> {
    serde_json::from_str(json)
}

/// The path of the field whose value is, or begins, at this byte of a JSON object.
fn path_at(json: &str, position: usize) -> String {
    let Ok(fields) = fields_of(json) else {
        return String::new();
    };
    let start = |raw: &RawValue| raw.get().as_ptr() as usize - json.as_ptr() as usize;
    let nearest = fields.iter().filter(|(_, raw)| start(raw) <= position).max_by_key(|(_, raw)| start(raw));
    let Some((name, raw)) = nearest else {
        return String::new();
    };
    match path_at(raw.get(), position - start(raw)) {
        inner if inner.is_empty() => name.clone().into_owned(),
        inner => format!("{name}.{inner}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_are_not() {
        let cases = [
            (r#""\ud83d\ude00""#, None),
            (r#""\ud83d""#, Some(r#""\ufffd""#)),
            (r#""\ude00\ud83d""#, Some(r#""\ufffd\ufffd""#)),
            (r#""\ud83d\ud83d\ude00""#, Some(r#""\ufffd\ud83d\ude00""#)),
            (r#""\\ud83d \" é""#, None),
            (r#""\ud8"#, None),
            (r"\", None),
            (r"\é\uD800", Some(r"\é\ufffd")),
        ];
        for (line, repaired) in cases {
            assert_eq!(repair_surrogates(line).as_deref(), repaired, "{line}");
        }
    }

    #[test]
    fn words_from_outside_are_short_and_tame() {
        assert_eq!(words("a\r\nb\u{1b}"), r"a\r\nb\u{1b}");
        assert_eq!(words(&"x".repeat(200)).len(), LONGEST_WORDS + 3);
    }
}
