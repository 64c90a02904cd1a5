//! What waits to be told as one message.
//!
//! Owns: each gather's head and members, and where an object's state waits. Promises: one
//! entry for a head and one for each member, so that a member more writes little; an
//! object's state waits once for each target.

use super::World;
use super::durable::Entry;
use crate::engine::bounds;
use crate::engine::outcome::Notification;
use crate::model::{ObjectKey, RuleRef, State, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// The head of a gather.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gather {
    /// Who is to be told.
    pub target: String,
    /// What it is gathered under.
    pub key: String,
    /// The rule that gathers.
    pub rule: RuleRef,
    /// When its first member came; `None` while it rests after a message.
    pub since: Option<Timestamp>,
    /// When it is told; until when it rests.
    pub due: Timestamp,
    /// How long it rests after a message; zero if not at all.
    pub every: Duration,
    /// How many members found no room and are only counted.
    pub beyond: u64,
}

/// One object's state, or one other thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// What it is about.
    pub object: Option<ObjectKey>,
    /// The state told; `None` for what is told besides a state.
    pub state: Option<State>,
    /// The worst that the target heard before, or that waited before.
    pub was: Option<State>,
    /// What a check or a person wrote, shortened.
    pub words: String,
    /// When it came.
    pub at: Timestamp,
}

/// A gather whose time has come.
pub struct Due {
    /// Its head.
    pub gather: Gather,
    /// Its members, in the order they came.
    pub members: Vec<Member>,
    /// The very notification, where a single event is all of it.
    pub only: Option<Notification>,
}

/// All gathers.
#[derive(Clone, Default)]
pub(super) struct Gathers {
    held: HashMap<String, Held>,
    /// Where the state of an object waits for a target: the gather's name and the
    /// member's number.
    waiting: HashMap<(String, ObjectKey), (String, u64)>,
    due: BTreeSet<(Timestamp, String)>,
    members: usize,
}

#[derive(Clone)]
struct Held {
    head: Gather,
    members: BTreeMap<u64, Member>,
    only: Option<Notification>,
}

impl Gathers {
    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Forgets what waits, and leaves how it is gathered.
    pub(super) fn forget_members(&mut self) {
        for held in self.held.values_mut() {
            held.members.clear();
            held.only = None;
            held.head.beyond = 0;
        }
        self.waiting.clear();
        self.members = 0;
    }

    pub(super) fn head(&self, name: &str) -> Option<&Gather> {
        self.held.get(name).map(|held| &held.head)
    }

    /// The heads of all that wait or rest, in no order.
    pub(super) fn heads(&self) -> impl Iterator<Item = (&String, &Gather)> {
        self.held.iter().map(|(name, held)| (name, &held.head))
    }

    pub(super) fn member(&self, name: &str, number: u64) -> Option<&Member> {
        self.held.get(name)?.members.get(&number)
    }

    /// Puts a head in, over an older one of the same name.
    pub(super) fn put_head(&mut self, name: &str, head: Gather) {
        let due = (head.due, name.to_owned());
        let waits = head.since.is_some();
        match self.held.get_mut(name) {
            Some(held) => {
                self.due.remove(&(held.head.due, name.to_owned()));
                held.head = head;
            }
            None => {
                let held = Held { head, members: BTreeMap::new(), only: None };
                self.held.insert(name.to_owned(), held);
            }
        }
        if waits {
            self.due.insert(due);
        }
    }

    /// Puts a member in, under its number.
    pub(super) fn put(&mut self, name: &str, number: u64, member: Member) {
        let Some(held) = self.held.get_mut(name) else { return };
        if let (Some(_), Some(object)) = (member.state, &member.object) {
            let place = (held.head.target.clone(), object.clone());
            self.waiting.insert(place, (name.to_owned(), number));
        }
        if held.members.insert(number, member).is_none() {
            self.members += 1;
        }
    }

    fn remove(&mut self, name: &str, number: u64) {
        let Some(held) = self.held.get_mut(name) else { return };
        let Some(member) = held.members.remove(&number) else { return };
        self.members -= 1;
        held.only = None;
        if let (Some(_), Some(object)) = (member.state, member.object) {
            self.waiting.remove(&(held.head.target.clone(), object));
        }
    }
}

impl World {
    /// The head of a gather.
    pub fn gather(&self, name: &str) -> Option<&Gather> {
        self.gathers.head(name)
    }

    /// How many messages are being gathered.
    pub fn gathers_waiting(&self) -> usize {
        self.gathers.due.len()
    }

    /// Whether one more gather finds room, where need be in place of one that rested
    /// long enough.
    pub fn has_room_to_gather(&self, now: Timestamp) -> bool {
        let full = self.gathers.held.len() >= bounds::GATHERS;
        !full || self.gathers.held.values().any(|held| rested(&held.head, now))
    }

    /// In which gather an object's state waits for a target.
    pub fn waits_in(&self, target: &str, object: &ObjectKey) -> Option<&str> {
        let place = (target.to_owned(), object.clone());
        self.gathers.waiting.get(&place).map(|(name, _)| name.as_str())
    }

    /// Puts the head of a gather in, over an older one.
    pub fn put_gather(&mut self, name: &str, head: Gather) {
        let since = head.since;
        if self.gathers.held.len() >= bounds::GATHERS && self.gather(name).is_none() {
            self.forget_rested(since.unwrap_or(head.due));
        }
        if self.gather(name) == Some(&head) {
            return;
        }
        self.gathers.put_head(name, head);
        self.change(|| Entry::Gather(name.to_owned()));
    }

    /// Puts a member into a gather. A state takes the place of the one of its object.
    pub fn put_member(&mut self, name: &str, mut member: Member, notification: Notification) {
        let room = self.gathers.members < bounds::GATHERED;
        let Some(held) = self.gathers.held.get_mut(name) else { return };
        let place = member.object.clone().map(|object| (held.head.target.clone(), object));
        let before = place.filter(|_| member.state.is_some());
        let before = before.and_then(|place| self.gathers.waiting.get(&place)).map(|(_, number)| *number);
        let is_first = held.members.is_empty() && held.head.beyond == 0;
        held.only = is_first.then_some(notification);
        let number = match before.and_then(|number| Some((number, held.members.get(&number)?))) {
            Some((number, older)) => {
                let worst = |state: &Option<State>| state.map_or(0, State::severity);
                member.was = [older.was, older.state].into_iter().max_by_key(worst).flatten();
                number
            }
            None if !room || (member.state.is_none() && held.members.len() >= bounds::GATHERED_LINES) => {
                held.head.beyond += 1;
                return self.change(|| Entry::Gather(name.to_owned()));
            }
            None => held.members.last_key_value().map_or(0, |(number, _)| number + 1),
        };
        self.gathers.put(name, number, member);
        self.change(|| Entry::Member(name.to_owned(), number));
    }

    /// Takes back the state of an object that waits for a target, unless it waits in the
    /// gather `but`.
    pub fn take_back(&mut self, target: &str, object: Option<&ObjectKey>, but: &str) {
        let Some(object) = object else { return };
        let place = (target.to_owned(), object.clone());
        let Some((name, number)) = self.gathers.waiting.get(&place).cloned() else { return };
        if name == but {
            return;
        }
        self.gathers.remove(&name, number);
        self.change(|| Entry::Member(name.clone(), number));
        let Some(held) = self.gathers.held.get(&name) else { return };
        if held.members.is_empty() && held.head.beyond == 0 {
            let rests = Gather { since: None, ..held.head.clone() };
            self.put_gather(&name, rests);
        }
    }

    /// Takes out what is due, oldest first. A gather that tells at most so often rests.
    pub fn due_gathers(&mut self, now: Timestamp) -> Vec<Due> {
        let mut all = Vec::new();
        while let Some((due, name)) = self.gathers.due.first().cloned() {
            if due > now {
                break;
            }
            self.gathers.due.pop_first();
            all.extend(self.take_gather(&name, now));
        }
        all
    }

    fn take_gather(&mut self, name: &str, now: Timestamp) -> Option<Due> {
        let held = self.gathers.held.get_mut(name)?;
        let gather = held.head.clone();
        let only = held.only.take();
        let numbers: Vec<u64> = held.members.keys().copied().collect();
        let members: Vec<Member> = held.members.values().cloned().collect();
        for number in numbers {
            self.gathers.remove(name, number);
            self.change(|| Entry::Member(name.to_owned(), number));
        }
        let rests_until = crate::model::time::later(now, gather.every);
        if gather.every.is_zero() {
            self.gathers.held.remove(name);
            self.change(|| Entry::Gather(name.to_owned()));
        } else {
            self.put_gather(name, Gather { since: None, due: rests_until, beyond: 0, ..gather.clone() });
        }
        let is_empty = members.is_empty() && gather.beyond == 0;
        (!is_empty).then_some(Due { gather, members, only })
    }

    /// Makes due at once what waits for a target that is gone.
    pub fn hasten_gathers(&mut self, is_gone: impl Fn(&str) -> bool) {
        let waiting = self.gathers.held.iter().filter(|(_, held)| held.head.since.is_some());
        let astray: Vec<(String, Gather)> = waiting
            .filter(|(_, held)| is_gone(&held.head.target))
            .filter_map(|(name, held)| {
                Some((name.clone(), Gather { due: held.head.since?, ..held.head.clone() }))
            })
            .collect();
        for (name, head) in astray {
            self.put_gather(&name, head);
        }
    }

    /// Forgets the gathers that have rested long enough.
    pub(super) fn forget_rested(&mut self, now: Timestamp) {
        let over = self.gathers.held.iter().filter(|(_, held)| rested(&held.head, now));
        let over: Vec<String> = over.map(|(name, _)| name.clone()).collect();
        for name in over {
            self.gathers.held.remove(&name);
            self.change(|| Entry::Gather(name));
        }
    }
}

fn rested(gather: &Gather, now: Timestamp) -> bool {
    gather.since.is_none() && gather.due <= now
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::outcome::By;
    use crate::model::{Detail, Event, Scene};
    use std::sync::Arc;

    fn of_a_gap() -> Notification {
        let now = Timestamp::UNIX_EPOCH;
        let gap = crate::model::event::Gap {
            since: None,
            until: now,
            reason: String::new(),
            open: false,
            made_up: 0,
            problems: 0,
        };
        let scene = Scene {
            event: Event::ours(now, Detail::Gap(gap)),
            now,
            host: None,
            service: None,
            status: Arc::default(),
            host_status: Arc::default(),
            incident: None,
        };
        let target = "ops".to_owned();
        Notification {
            target,
            scene: Arc::new(scene),
            by: By::Default,
            text: None,
            template: None,
            note: None,
        }
    }

    #[test]
    fn what_is_only_counted_is_not_told_as_if_it_were_all() {
        let now = Timestamp::UNIX_EPOCH;
        let mut world = World::new(true);
        let rule = RuleRef { file: "t.rhai".into(), line: 1, name: "r".into() };
        let head = Gather {
            target: "ops".to_owned(),
            key: "k".to_owned(),
            rule,
            since: Some(now),
            due: now,
            every: Duration::ZERO,
            beyond: 0,
        };
        world.put_gather("g", head);
        world.gathers.members = bounds::GATHERED;
        for _ in 0..2 {
            let member = Member { object: None, state: None, was: None, words: String::new(), at: now };
            world.put_member("g", member, of_a_gap());
        }
        let due = world.due_gathers(now).pop().expect("it is due");
        assert_eq!((due.gather.beyond, due.only.is_none()), (2, true));
    }
}
