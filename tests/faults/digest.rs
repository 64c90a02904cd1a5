//! How many changes of services the first line, or the subject, of a digest counts.
//!
//! Pure, so that `tests/judging.rs` can show it.

use regex::Regex;
use std::sync::LazyLock;

/// What it counts, state by state.
static STATES: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d+ changes(?: since [^,;]*?)?: ([^;]*)"));
static COUNT: LazyLock<Regex> = LazyLock::new(|| pattern(r"(\d+) (?:OK|WARNING|CRITICAL)\b"));

/// How many states of services: a digest may hold news of Watchbell as well, which it counts by
/// their own names. `None` if this is no digest.
pub(crate) fn services(text: &str) -> Option<usize> {
    let states = STATES.captures(text)?.get(1)?.as_str();
    let counts = COUNT.captures_iter(states);
    Some(counts.map(|found| found[1].parse::<usize>().expect("digits")).sum())
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression")
}
