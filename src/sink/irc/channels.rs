//! The channels we belong in. Pure; time is an argument.
//!
//! Owns: which are joined, which refused us and when to try again. Promises: a
//! channel that was lost is joined again, later and later while it refuses.
//! Never: joins a channel that no target names and no admin asked for.

use super::names::CaseMapping;
use crate::backoff::Backoff;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait before the next try to join.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// How long a server may take to answer a `JOIN`.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// A stay of this length was no failure: the waits start over.
const CALM: Duration = Duration::from_secs(60);
/// So that `JOIN` and its list stay within one line.
const LIST_BYTES: usize = 400;

/// Numbers that say a channel will not take us whatever we do: no such channel,
/// too many channels, banned, bad mask or name.
const FINAL: [u16; 5] = [403, 405, 474, 476, 479];

#[derive(Debug, Clone, Copy)]
enum State {
    /// To be joined then.
    Due(Instant),
    /// `JOIN` was sent; if nothing comes until then, it failed.
    Asked(Instant),
    /// We are in, since then.
    Joined(Instant),
}

#[derive(Debug)]
struct Channel {
    name: String,
    state: State,
    backoff: Backoff,
    /// Why we are not in, once we know: the server's number (0 for none) and words.
    why: Option<(u16, String)>,
}

/// Why a text cannot go to a channel now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Absence {
    /// In words.
    pub(super) reason: String,
    /// Whether there is no hope.
    pub(super) is_final: bool,
    /// When we try to join again, at the earliest.
    pub(super) next_try: Duration,
}

/// To be in a channel from now on, or no longer.
#[derive(Debug)]
pub(super) struct Attend {
    /// Which channel.
    pub(super) room: String,
    /// Whether to be in it.
    pub(super) stays: bool,
}

/// All channels we belong in.
#[derive(Debug)]
pub(super) struct Channels {
    mapping: CaseMapping,
    by_name: BTreeMap<String, Channel>,
}

impl Channels {
    /// To be joined now.
    pub(super) fn new<'a>(
        names: impl Iterator<Item = &'a String>,
        mapping: CaseMapping,
        now: Instant,
    ) -> Channels {
        let channel = |name: &String| Channel {
            name: name.clone(),
            state: State::Due(now),
            backoff: Backoff::new(LONGEST_WAIT),
            why: None,
        };
        let by_name = names.map(|name| (mapping.fold(name), channel(name))).collect();
        Channels { mapping, by_name }
    }

    /// One more to belong in, to be joined now.
    pub(super) fn add(&mut self, name: &str, now: Instant) {
        let (state, backoff) = (State::Due(now), Backoff::new(LONGEST_WAIT));
        let channel = Channel { name: name.to_owned(), state, backoff, why: None };
        self.by_name.entry(self.mapping.fold(name)).or_insert(channel);
    }

    /// One less; whether it was one of ours.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.by_name.remove(&self.mapping.fold(name)).is_some()
    }

    /// The next list of channels to join, between commas.
    pub(super) fn next_list(&mut self, now: Instant) -> Option<String> {
        let mut list = String::new();
        for channel in self.by_name.values_mut() {
            let due = matches!(channel.state, State::Due(at) if at <= now);
            if !due || list.len() + channel.name.len() > LIST_BYTES {
                continue;
            }
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(&channel.name);
            channel.state = State::Asked(now + ANSWER_WITHIN);
        }
        (!list.is_empty()).then_some(list)
    }

    /// We are in.
    pub(super) fn joined(&mut self, name: &str, now: Instant) {
        if let Some(channel) = self.by_name.get_mut(&self.mapping.fold(name)) {
            channel.state = State::Joined(now);
            channel.why = None;
        }
    }

    /// We are not in, and why: `number` is the server's, 0 for none.
    pub(super) fn lost(&mut self, name: &str, number: u16, words: &str, now: Instant) {
        if let Some(channel) = self.by_name.get_mut(&self.mapping.fold(name)) {
            channel.lost(number, words, now);
        }
    }

    /// Whether a `JOIN` of this channel waits for its answer.
    pub(super) fn is_asked(&self, name: &str) -> bool {
        let channel = self.by_name.get(&self.mapping.fold(name));
        channel.is_some_and(|channel| matches!(channel.state, State::Asked(_)))
    }

    /// Counts servers that did not answer a `JOIN` as refusing.
    pub(super) fn expire(&mut self, now: Instant) {
        for channel in self.by_name.values_mut() {
            if matches!(channel.state, State::Asked(until) if until <= now) {
                channel.lost(0, "the server did not answer JOIN", now);
            }
        }
    }

    /// Whether each channel is joined or has refused us at least once.
    pub(super) fn are_settled(&self) -> bool {
        let settled = |channel: &Channel| matches!(channel.state, State::Joined(_)) || channel.why.is_some();
        self.by_name.values().all(settled)
    }

    /// Our own way to write this name; `None` if it is none of our channels.
    pub(super) fn name(&self, name: &str) -> Option<&str> {
        self.by_name.get(&self.mapping.fold(name)).map(|channel| channel.name.as_str())
    }

    /// Why a text for this recipient must wait; `None` if we are in, or if it is
    /// none of our channels.
    pub(super) fn absence(&self, name: &str, now: Instant) -> Option<Absence> {
        let channel = self.by_name.get(&self.mapping.fold(name))?;
        let next_try = match channel.state {
            State::Joined(_) => return None,
            State::Due(at) | State::Asked(at) => at.saturating_duration_since(now),
        };
        let (number, words) = channel.why.as_ref().map_or((0, "joining"), |(number, words)| (*number, words));
        let is_final = FINAL.contains(&number);
        Some(Absence { reason: format!("not in {}: {words}", channel.name), is_final, next_try })
    }

    /// When [`Channels::next_list`] or [`Channels::expire`] has something to do.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let at = |channel: &Channel| match channel.state {
            State::Due(at) | State::Asked(at) => Some(at),
            State::Joined(_) => None,
        };
        self.by_name.values().filter_map(at).min()
    }
}

impl Channel {
    fn lost(&mut self, number: u16, words: &str, now: Instant) {
        if matches!(self.state, State::Joined(since) if now.saturating_duration_since(since) >= CALM) {
            self.backoff.reset();
        }
        self.state = State::Due(now + self.backoff.next_wait());
        self.why = Some((number, words.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(names: &[&str], now: Instant) -> Channels {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Channels::new(names.iter(), CaseMapping::Rfc1459, now)
    }

    #[test]
    fn all_are_joined_at_once_and_each_once() {
        let now = Instant::now();
        let mut channels = channels(&["#a", "#b"], now);
        assert_eq!(channels.next_list(now).as_deref(), Some("#a,#b"));
        assert_eq!(channels.next_list(now), None);
        assert!(!channels.are_settled());
        channels.joined("#A", now);
        channels.lost("#b", 473, "Cannot join channel (+i)", now);
        assert!(channels.are_settled());
        assert_eq!(channels.absence("#a", now), None);
        assert_eq!(channels.absence("#unknown", now), None);
        let absence = channels.absence("#b", now).expect("we are not in #b");
        assert_eq!(absence.reason, "not in #b: Cannot join channel (+i)");
        assert!(!absence.is_final);
    }

    #[test]
    fn many_are_joined_in_lists_that_fit_a_line() {
        let now = Instant::now();
        let names: Vec<String> = (0..100).map(|number| format!("#channel-{number:03}")).collect();
        let mut channels = Channels::new(names.iter(), CaseMapping::Ascii, now);
        let lists: Vec<String> = std::iter::from_fn(|| channels.next_list(now)).collect();
        assert!(lists.iter().all(|list| list.len() <= 500), "{lists:?}");
        assert_eq!(lists.join(",").split(',').count(), 100);
    }

    #[test]
    fn a_lost_channel_is_joined_again_later() {
        let start = Instant::now();
        let mut channels = channels(&["#a"], start);
        let mut now = start;
        for _ in 0..20 {
            assert_eq!(channels.next_list(now).as_deref(), Some("#a"));
            channels.lost("#a", 471, "full", now);
            let next = channels.next_at().expect("it is due");
            assert!(next <= now + LONGEST_WAIT);
            now = next;
        }
    }

    #[test]
    fn one_more_is_joined_once_and_one_less_never_again() {
        let now = Instant::now();
        let mut channels = channels(&["#a"], now);
        channels.next_list(now);
        channels.joined("#a", now);
        channels.add("#B", now);
        channels.add("#A", now);
        assert_eq!(channels.next_list(now).as_deref(), Some("#B"));
        assert!(channels.remove("#b") && !channels.remove("#b"));
        channels.lost("#b", 0, "parted", now);
        assert_eq!(channels.next_at(), None);
    }

    #[test]
    fn a_ban_is_final_and_silence_is_not() {
        let now = Instant::now();
        let mut channels = channels(&["#a", "#b"], now);
        channels.next_list(now);
        channels.lost("#a", 474, "banned", now);
        channels.expire(now + ANSWER_WITHIN);
        assert!(channels.absence("#a", now).is_some_and(|absence| absence.is_final));
        let silent = channels.absence("#b", now).expect("we are not in #b");
        assert!(!silent.is_final && silent.reason.contains("did not answer"), "{silent:?}");
    }
}
