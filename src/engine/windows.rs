//! Windows: what a rule remembers of the recent past, and values it keeps.
//!
//! Owns: the times inside each window, and kept values with their life time.
//! Promises: each entry ends by itself; a window never holds more than
//! [`WINDOW_CAP`] times. Never: reads a clock; the time is an argument.

use crate::model::Timestamp;
use crate::model::time::age;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// How many times one window holds at most; older ones are forgotten first.
pub const WINDOW_CAP: usize = 10_000;

/// The times of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    times: VecDeque<Timestamp>,
    keep: Duration,
}

impl Window {
    fn new(keep: Duration) -> Window {
        Window { times: VecDeque::new(), keep }
    }

    fn forget_old(&mut self, now: Timestamp, keep: Duration) {
        self.keep = keep;
        while self.times.front().is_some_and(|first| age(*first, now) >= keep) {
            self.times.pop_front();
        }
    }

    /// The newest of its times.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.times.back().copied()
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.times.back().is_none_or(|last| age(*last, now) > self.keep)
    }
}

/// A value kept by a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The value.
    pub value: serde_json::Value,
    /// When it is forgotten.
    pub until: Timestamp,
    /// The rule that keeps it, by name.
    pub by: String,
}

/// What a rule saw last under a key, and since when it has been the same. It is kept
/// like a value, under a name made by [`key`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// Digest of the value: a plugin's output may be huge, and it is only compared.
    digest: String,
    since: Timestamp,
}

impl Sighting {
    /// The first sight of a value.
    pub fn first(value: &serde_json::Value, now: Timestamp) -> Sighting {
        let digest = Sha256::digest(value.to_string());
        Sighting { digest: digest[..16].iter().map(|byte| format!("{byte:02x}")).collect(), since: now }
    }

    /// Whether both are of the same value.
    pub fn is_like(&self, other: &Sighting) -> bool {
        self.digest == other.digest
    }

    /// The same, begun now where it would have begun later: the clock was set back.
    pub fn not_after(self, now: Timestamp) -> Sighting {
        Sighting { since: self.since.min(now), ..self }
    }

    /// For how long the value has been the same.
    pub fn lasts(&self, now: Timestamp) -> Duration {
        age(self.since, now)
    }
}

/// All windows and kept values.
#[derive(Debug, Clone, Default)]
pub struct Windows {
    /// By rule, verb and key, joined by [`key`].
    pub windows: HashMap<String, Window>,
    /// By the key the script chose.
    pub kept: HashMap<String, Kept>,
}

/// The name of a window: the rule it belongs to, the verb, and the script's key.
/// An edited rule keeps its windows; a renamed one starts afresh.
pub fn key(rule: &str, verb: &str, key: &str) -> String {
    format!("{rule}\u{1f}{verb}\u{1f}{key}")
}

/// The rule that the window of this name belongs to.
pub(super) fn rule_of(name: &str) -> &str {
    name.split('\u{1f}').next().unwrap_or_default()
}

impl Windows {
    /// Whether there was a first time less than `within` ago; if not, this is it.
    pub fn seen(&mut self, key: &str, within: Duration, now: Timestamp) -> bool {
        let window = self.windows.entry(key.to_owned()).or_insert_with(|| Window::new(within));
        window.forget_old(now, within);
        if !window.times.is_empty() {
            return true;
        }
        window.times.push_back(now);
        false
    }

    /// How many times in the last `within`, this one included.
    pub fn count(&mut self, key: &str, within: Duration, now: Timestamp) -> usize {
        let window = self.windows.entry(key.to_owned()).or_insert_with(|| Window::new(within));
        window.forget_old(now, within);
        window.times.push_back(now);
        if window.times.len() > WINDOW_CAP {
            window.times.pop_front();
        }
        window.times.len()
    }

    /// How many times in the last `within`, without counting a new one.
    pub fn counted(&mut self, key: &str, within: Duration, now: Timestamp) -> usize {
        self.windows.get_mut(key).map_or(0, |window| {
            window.forget_old(now, within);
            window.times.len()
        })
    }

    /// The kept value, unless its life is over.
    pub fn get(&self, key: &str, now: Timestamp) -> Option<&serde_json::Value> {
        self.kept.get(key).filter(|kept| kept.until > now).map(|kept| &kept.value)
    }

    /// Moves all times; the names of what was moved, windows first.
    pub fn set_back(&mut self, back: impl Fn(Timestamp) -> Timestamp) -> (Vec<String>, Vec<String>) {
        for window in self.windows.values_mut() {
            window.times.iter_mut().for_each(|time| *time = back(*time));
        }
        for kept in self.kept.values_mut() {
            kept.until = back(kept.until);
        }
        (self.windows.keys().cloned().collect(), self.kept.keys().cloned().collect())
    }

    /// Forgets one window.
    pub fn forget(&mut self, key: &str) {
        self.windows.remove(key);
    }

    /// Forgets all that is over; the names of what was forgotten, windows first.
    pub fn forget_over(&mut self, now: Timestamp) -> (Vec<String>, Vec<String>) {
        let windows: Vec<String> = self
            .windows
            .iter()
            .filter(|(_, window)| window.is_over(now))
            .map(|(key, _)| key.clone())
            .collect();
        let kept: Vec<String> =
            self.kept.iter().filter(|(_, kept)| kept.until <= now).map(|(key, _)| key.clone()).collect();
        for key in &windows {
            self.windows.remove(key);
        }
        for key in &kept {
            self.kept.remove(key);
        }
        (windows, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).expect("a moment")
    }

    #[test]
    fn seen_is_false_once_and_again_when_the_window_is_over() {
        let mut windows = Windows::default();
        assert!(!windows.seen("k", MINUTE, at(0)));
        assert!(windows.seen("k", MINUTE, at(59)));
        assert!(!windows.seen("k", MINUTE, at(60)), "a repeat does not prolong the window");
        assert!(!windows.seen("other", MINUTE, at(60)));
    }

    #[test]
    fn count_holds_what_lies_inside_the_window() {
        let mut windows = Windows::default();
        assert_eq!(windows.count("k", MINUTE, at(0)), 1);
        assert_eq!(windows.count("k", MINUTE, at(30)), 2);
        assert_eq!(windows.count("k", MINUTE, at(61)), 2);
        assert_eq!(windows.counted("k", MINUTE, at(62)), 2);
        assert_eq!(windows.counted("none", MINUTE, at(62)), 0);
    }

    #[test]
    fn a_sighting_is_small_and_knows_its_value_again() {
        let huge = Sighting::first(&"x".repeat(100_000).into(), at(0));
        assert!(serde_json::to_string(&huge).expect("it is plain data").len() < 100);
        assert!(huge.is_like(&Sighting::first(&"x".repeat(100_000).into(), at(5))));
        for other in [serde_json::json!("x"), serde_json::json!(1), serde_json::json!(null)] {
            assert!(!huge.is_like(&Sighting::first(&other, at(5))), "{other}");
        }
        assert_eq!(huge.lasts(at(60)), MINUTE);
    }

    #[test]
    fn a_window_is_bounded() {
        let mut windows = Windows::default();
        for _ in 0..WINDOW_CAP + 5 {
            windows.count("k", MINUTE, at(0));
        }
        assert_eq!(windows.counted("k", MINUTE, at(0)), WINDOW_CAP);
    }

    #[test]
    fn what_is_over_is_forgotten_by_name() {
        let mut windows = Windows::default();
        windows.count("w", MINUTE, at(0));
        windows.kept.insert("v".to_owned(), Kept { value: 1.into(), until: at(10), by: "r".to_owned() });
        assert_eq!(windows.get("v", at(9)), Some(&1.into()));
        assert_eq!(windows.get("v", at(10)), None);
        assert_eq!(windows.forget_over(at(61)), (vec!["w".to_owned()], vec!["v".to_owned()]));
        assert!(windows.windows.is_empty() && windows.kept.is_empty());
    }
}
