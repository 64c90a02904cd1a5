//! What was said lately in each room: what `last`, `!!` and `yes` stand for.
//!
//! Promises: what waits for a `yes` is for the one person, room and sink that asked for it.
//! Not kept on the disk: after a restart one says the command again.

use super::World;
use crate::engine::outcome::Notification;
use crate::model::time::age;
use crate::model::{ObjectKey, Timestamp, Utterance};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// How many talks are remembered; the one that is silent for longest goes first.
const MOST_TALKS: usize = 1000;
/// How long a command waits for its `yes`.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(60);

/// One person in one room.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Talker {
    sink: String,
    room: String,
    who: Who,
}

/// Who speaks, as far as the network vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Local,
    Account(String),
    Nick(String),
}

impl Talker {
    /// Whoever said this, where it was said.
    pub fn of(utterance: &Utterance) -> Talker {
        let speaker = &utterance.speaker;
        let who = match &speaker.account {
            _ if speaker.local => Who::Local,
            Some(account) => Who::Account(account.to_lowercase()),
            None => Who::Nick(speaker.nick.clone()),
        };
        Talker { sink: utterance.sink.clone(), room: utterance.room.clone(), who }
    }
}

/// A command that waits for its `yes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The command, without the prefix.
    pub line: String,
    /// When it was said: its times count from then.
    pub at: Timestamp,
    /// Since when it waits.
    pub since: Timestamp,
    /// What it hits: nothing else is touched by the `yes`.
    pub shown: Shown,
}

/// What a command hits, as it was shown before its `yes`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Which objects.
    pub objects: BTreeSet<ObjectKey>,
    /// Which targets it tells something that they would not hear otherwise.
    pub targets: BTreeSet<String>,
}

impl Shown {
    /// Whether all of the other was shown, too.
    pub fn covers(&self, other: &Shown) -> bool {
        self.objects.is_superset(&other.objects) && self.targets.is_superset(&other.targets)
    }
}

/// What one person said last in one room.
#[derive(Debug, Clone, Default)]
struct Talk {
    at: Timestamp,
    line: Option<String>,
    object: Option<(Timestamp, ObjectKey)>,
    waiting: Option<Waiting>,
}

/// All talks.
#[derive(Debug, Clone, Default)]
pub(super) struct Talks {
    talks: BTreeMap<Talker, Talk>,
    /// The object each target heard of last.
    told: HashMap<String, (Timestamp, ObjectKey)>,
}

impl Talks {
    fn talk(&mut self, talker: &Talker, now: Timestamp) -> &mut Talk {
        if self.talks.len() >= MOST_TALKS && !self.talks.contains_key(talker) {
            let oldest = self.talks.iter().min_by_key(|(_, talk)| talk.at).map(|(talker, _)| talker.clone());
            oldest.map(|oldest| self.talks.remove(&oldest));
        }
        let talk = self.talks.entry(talker.clone()).or_default();
        talk.at = now;
        talk
    }
}

impl World {
    /// Notes a command, for `!!`.
    pub fn note_said(&mut self, talker: &Talker, line: &str, now: Timestamp) {
        self.talks.talk(talker, now).line = Some(line.to_owned());
    }

    /// The last command that somebody said in this room.
    pub fn said_last(&self, talker: &Talker) -> Option<&str> {
        self.talks.talks.get(talker)?.line.as_deref()
    }

    /// Notes which object somebody named, for `last`.
    pub fn note_named(&mut self, talker: &Talker, object: &ObjectKey, now: Timestamp) {
        self.talks.talk(talker, now).object = Some((now, object.clone()));
    }

    /// Notes which targets heard of which objects, for `last`.
    pub fn note_heard(&mut self, told: &[Notification], now: Timestamp) {
        for Notification { target, scene, .. } in told {
            let Some(object) = &scene.event.object else { continue };
            match self.talks.told.get_mut(target) {
                Some(told) => *told = (now, object.clone()),
                None => drop(self.talks.told.insert(target.clone(), (now, object.clone()))),
            }
        }
    }

    /// What `last` is to somebody in a room where these targets are told: the object they
    /// named or the one that was told there, whichever came later; after a restart, that of
    /// the newest incident told there.
    pub fn last_object(&self, talker: &Talker, targets: &[&str]) -> Option<ObjectKey> {
        let named = self.talks.talks.get(talker).and_then(|talk| talk.object.as_ref());
        let told = targets.iter().filter_map(|target| self.talks.told.get(*target));
        let newest = told.chain(named).max_by_key(|(at, _)| *at).map(|(_, object)| object.clone());
        newest.or_else(|| {
            let told = self
                .incidents()
                .filter(|incident| targets.iter().any(|target| incident.told.contains_key(*target)));
            told.max_by_key(|incident| incident.id).map(|incident| incident.object.clone())
        })
    }

    /// Has a command wait for its `yes`, in place of any other.
    pub fn await_yes(&mut self, talker: &Talker, waiting: Waiting, now: Timestamp) {
        self.talks.talk(talker, now).waiting = Some(waiting);
    }

    /// Takes out the command that waits for a `yes`, if it is not too late.
    pub fn take_waiting(&mut self, talker: &Talker, now: Timestamp) -> Option<Waiting> {
        let waiting = self.talks.talks.get_mut(talker)?.waiting.take()?;
        (age(waiting.since, now) <= CONFIRM_WITHIN).then_some(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Speaker;

    fn utterance(room: &str, nick: &str, account: Option<&str>) -> Utterance {
        Utterance {
            sink: "irc".to_owned(),
            room: room.to_owned(),
            private: false,
            speaker: Speaker { nick: nick.to_owned(), account: account.map(str::to_owned), local: false },
            text: String::new(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_yes_is_for_one_account_in_one_room_and_for_a_minute() {
        let alice = Talker::of(&utterance("#ops", "al", Some("Alice")));
        let waiting = Waiting {
            line: "reload force".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            since: Timestamp::UNIX_EPOCH,
            shown: Shown::default(),
        };
        let at = |seconds| Timestamp::from_second(seconds).expect("a moment");
        for (by, when, taken) in [
            (("#ops", "al_away", Some("alice")), 60, true),
            (("#ops", "al", Some("alice")), 61, false),
            (("#dev", "al", Some("alice")), 1, false),
            (("#ops", "al", Some("mallory")), 1, false),
            (("#ops", "alice", None), 1, false),
        ] {
            let mut world = World::new(false);
            world.await_yes(&alice, waiting.clone(), waiting.at);
            let talker = Talker::of(&utterance(by.0, by.1, by.2));
            assert_eq!(world.take_waiting(&talker, at(when)).is_some(), taken, "{by:?} {when}");
            assert_eq!(world.take_waiting(&talker, at(when)), None, "only once");
        }
    }

    #[test]
    fn so_many_talks_are_remembered_and_no_more() {
        let mut world = World::new(false);
        for number in 0..=MOST_TALKS as i64 {
            let at = Timestamp::from_second(number).expect("a moment");
            world.note_said(&Talker::of(&utterance("#ops", &format!("n{number}"), None)), "ping", at);
        }
        assert_eq!(world.talks.talks.len(), MOST_TALKS);
        assert_eq!(world.said_last(&Talker::of(&utterance("#ops", "n0", None))), None);
        assert_eq!(world.said_last(&Talker::of(&utterance("#ops", "n1", None))), Some("ping"));
    }
}
