//! Whether the server is still there. Pure; time is an argument.
//!
//! Owns: the tokens of our `PING`s. Promises: a link that brings no answer is
//! known to be dead within [`KEEPALIVE`] and [`ANSWER_WITHIN`] together. Never:
//! takes any other traffic for an answer.

use super::words::Said;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// A `PING` goes out at least this often.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long its answer may take.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// What tokens begin with, so that logs of servers show whose they are.
const TOKEN: &str = "watchbell-";

/// The `PING`s that wait for their `PONG`, the oldest first.
#[derive(Debug)]
pub(super) struct Pings {
    last: u64,
    last_at: Instant,
    waiting: VecDeque<(u64, Instant)>,
}

impl Pings {
    /// None yet; the first is due after [`KEEPALIVE`].
    pub(super) fn new(now: Instant) -> Pings {
        Pings { last: 0, last_at: now, waiting: VecDeque::new() }
    }

    /// Makes a `PING`; tokens count up.
    pub(super) fn ping(&mut self, now: Instant) -> (u64, Said) {
        self.last += 1;
        self.last_at = now;
        self.waiting.push_back((self.last, now + ANSWER_WITHIN));
        (self.last, Said::Ping(format!("{TOKEN}{}", self.last)))
    }

    /// Takes the token of a `PONG`; the number if it is one we wait for. Answers
    /// come in order, so all older ones are answered too.
    pub(super) fn pong(&mut self, token: &str) -> Option<u64> {
        let number: u64 = token.strip_prefix(TOKEN)?.parse().ok()?;
        self.waiting.iter().find(|(waiting, _)| *waiting == number)?;
        self.waiting.retain(|(waiting, _)| *waiting > number);
        Some(number)
    }

    /// Whether it is time to ask, although there is no other reason to.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.last_at + KEEPALIVE <= now
    }

    /// Whether an answer is overdue.
    pub(super) fn is_dead(&self, now: Instant) -> bool {
        self.waiting.front().is_some_and(|(_, deadline)| *deadline <= now)
    }

    /// When one of the two above turns true.
    pub(super) fn next_at(&self) -> Instant {
        let due = self.last_at + KEEPALIVE;
        self.waiting.front().map_or(due, |(_, deadline)| due.min(*deadline))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_link_is_dead_in_time() {
        let start = Instant::now();
        let mut pings = Pings::new(start);
        assert!(!pings.is_due(start) && !pings.is_dead(start));
        let asked = pings.next_at();
        assert!(pings.is_due(asked));
        pings.ping(asked);
        let dead = pings.next_at();
        assert_eq!(dead, start + KEEPALIVE + ANSWER_WITHIN);
        assert!(pings.is_dead(dead));
    }

    #[test]
    fn only_our_own_tokens_count_and_they_count_in_order() {
        let now = Instant::now();
        let mut pings = Pings::new(now);
        let tokens: Vec<u64> = (0..3).map(|_| pings.ping(now).0).collect();
        for other in ["", "watchbell-", "watchbell-9", "irc.lab.test", "2"] {
            assert_eq!(pings.pong(other), None, "{other}");
        }
        assert_eq!(pings.pong("watchbell-2"), Some(tokens[1]));
        assert_eq!(pings.pong("watchbell-1"), None, "answered with the second");
        assert_eq!(pings.pong("watchbell-3"), Some(tokens[2]));
        assert!(!pings.is_dead(now + ANSWER_WITHIN));
    }
}
