//! What answers have in common: how much is shown, how long ago it was, and when it will be.

use crate::model::Timestamp;
use crate::model::time::short_length;
use crate::model::words;

/// How many lines of a list are shown.
const SHOWN: usize = 8;

/// How much of a word stands in an answer, in characters: the word may be all that somebody wrote.
const LONGEST_WORD: usize = 200;

/// An answer that says back what somebody wrote, without the end of a word that has none.
pub(super) fn short(answer: &str) -> String {
    words::short_words(answer, LONGEST_WORD)
}

/// ` for 5m`; nothing where no moment is known.
pub(super) fn ago(since: Option<Timestamp>, now: Timestamp) -> String {
    since.map_or(String::new(), |since| {
        format!(" for {}", short_length(now.duration_since(since).as_secs_f64()))
    })
}

/// `: WORDS`; nothing where there are none.
pub(super) fn first_line(text: &str) -> String {
    let line = words::first_line(text, 160);
    if line.is_empty() { String::new() } else { format!(": {line}") }
}

/// The first of these lines, and how many there are more.
pub(super) fn capped(mut lines: Vec<String>, of_what: &str) -> Vec<String> {
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if more > 0 {
        lines.push(format!("  and {more} more {of_what}"));
    }
    lines
}
