//! How much is heard of one speaker. Pure; time is an argument.
//!
//! Promises: whoever floods takes the ears of nobody else; who changes only the nick stays the
//! same. Never: grows without bound.

use super::words::Source;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// So many lines of one speaker are heard within this time: more than anybody types.
const MOST_LINES: u32 = 30;
const WITHIN: Duration = Duration::from_secs(10);
/// How many speakers are known at once.
const MOST_SPEAKERS: usize = 1000;

/// What was heard of each speaker lately.
#[derive(Debug, Default)]
pub(super) struct Ears {
    /// By `user@host`: since when, and how many lines.
    speakers: HashMap<(String, String), (Instant, u32)>,
}

impl Ears {
    /// Whether a line of this speaker is heard.
    pub(super) fn hear(&mut self, source: &Source, now: Instant) -> bool {
        let speaker = (source.user.clone(), source.host.clone());
        if self.speakers.len() >= MOST_SPEAKERS && !self.speakers.contains_key(&speaker) {
            self.speakers.retain(|_, (since, _)| now.duration_since(*since) < WITHIN);
            if self.speakers.len() >= MOST_SPEAKERS {
                // So many at once are no single flood; what is too much is bounded further on.
                return true;
            }
        }
        let (since, lines) = self.speakers.entry(speaker).or_insert((now, 0));
        if now.duration_since(*since) >= WITHIN {
            (*since, *lines) = (now, 0);
        }
        *lines = lines.saturating_add(1);
        *lines <= MOST_LINES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(nick: &str, user: &str) -> Source {
        Source { nick: nick.to_owned(), user: user.to_owned(), host: "h".to_owned() }
    }

    #[test]
    fn who_floods_is_not_heard_for_a_time_and_others_are() {
        let mut ears = Ears::default();
        let start = Instant::now();
        let heard =
            (0..1000).filter(|number| ears.hear(&source(&format!("n{number}"), "mallory"), start)).count();
        assert_eq!(heard, MOST_LINES as usize, "another nick is no other speaker");
        assert!(ears.hear(&source("alice", "alice"), start));
        assert!(!ears.hear(&source("mallory", "mallory"), start + WITHIN / 2));
        assert!(ears.hear(&source("mallory", "mallory"), start + WITHIN));
    }

    #[test]
    fn a_crowd_is_not_remembered_without_bound() {
        let mut ears = Ears::default();
        let start = Instant::now();
        assert!((0..5000).all(|number| ears.hear(&source("n", &format!("u{number}")), start)));
        assert!(ears.speakers.len() <= MOST_SPEAKERS);
        assert!(ears.hear(&source("n", "late"), start + WITHIN));
        assert_eq!(ears.speakers.len(), 1, "who is silent is forgotten");
    }
}
