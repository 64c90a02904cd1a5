//! What both sides told, in pairs; what is left differs.
//!
//! Promises: a notification is part of one pair at most. The same at the same moment is
//! paired at once and forgotten. At the end, what is left is paired by its subject:
//! first with the same target at another time, then with another target.

use super::side::Told;
use crate::engine::outcome::Notification;
use crate::model::words::first_line;
use crate::model::{EventType, ObjectKey, State, Timestamp};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// How much is shown of a text, in characters.
const SHOWN: usize = 80;

/// With more left than this, further ones have no text: it would fill the memory.
const WITH_TEXT: usize = 50_000;

/// A notification that the other side did not have at the same moment.
#[derive(Debug, Clone)]
pub(super) struct Left {
    pub(super) at: Timestamp,
    pub(super) target: String,
    /// Which rule wanted it: `file:line name`, or who else.
    pub(super) by: String,
    /// Icinga's full name, or who says it where it is about no object.
    pub(super) object: String,
    /// The event in a few words.
    pub(super) text: String,
}

/// How the sides differ in one thing.
#[derive(Debug)]
pub(super) enum Difference {
    /// Only the candidate tells it.
    More(Left),
    /// Only the current rules tell it.
    Less(Left),
    /// Both tell it to the same target, not at the same moment.
    Time(Left, Left),
    /// Both tell it, not to the same target.
    Elsewhere(Left, Left),
}

/// What a notification is about, over its whole life.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    object: Option<ObjectKey>,
    event: EventType,
    state: Option<State>,
    /// When its incident was opened: its number may depend on the rules.
    opened: Option<Timestamp>,
    /// The comment or downtime by name.
    thing: String,
}

/// The same subject told to the same target at the same moment.
type Moment<'a> = (Timestamp, &'a str, Option<&'a ObjectKey>, EventType, Option<State>);

/// What is left of each side.
#[derive(Default)]
struct Sides {
    current: VecDeque<Left>,
    candidate: VecDeque<Left>,
}

/// The pairing of both sides while they are played.
#[derive(Default)]
pub(super) struct Pairing {
    left: BTreeMap<Subject, BTreeMap<String, Sides>>,
    texts: usize,
}

impl Pairing {
    /// What both told on the same inputs.
    pub(super) fn add(&mut self, current: Vec<Told>, candidate: Vec<Told>) {
        let mut open: HashMap<Moment<'_>, VecDeque<&Told>> = HashMap::new();
        for told in &current {
            open.entry(moment(told)).or_default().push_back(told);
        }
        for told in &candidate {
            let same = open.get_mut(&moment(told)).and_then(VecDeque::pop_front);
            if same.is_none() {
                self.leave(told, |sides| &mut sides.candidate);
            }
        }
        let mut rest: Vec<&Told> = open.into_values().flatten().collect();
        rest.sort_by_key(|(at, _)| *at);
        rest.into_iter().for_each(|told| self.leave(told, |sides| &mut sides.current));
    }

    fn leave(&mut self, told: &Told, side: fn(&mut Sides) -> &mut VecDeque<Left>) {
        let (at, notification) = told;
        self.texts += 1;
        let text = if self.texts > WITH_TEXT { String::new() } else { text(notification) };
        let event = &notification.scene.event;
        let left = Left {
            at: *at,
            target: notification.target.clone(),
            by: notification.by.to_string(),
            object: event.object.as_ref().map_or(&*event.source, ObjectKey::name).to_owned(),
            text,
        };
        let targets = self.left.entry(subject(notification)).or_default();
        side(targets.entry(notification.target.clone()).or_default()).push_back(left);
    }

    /// All differences.
    pub(super) fn finish(self) -> Vec<Difference> {
        let mut differences = Vec::new();
        for targets in self.left.into_values() {
            let (mut current, mut candidate) = (Vec::new(), Vec::new());
            for mut sides in targets.into_values() {
                while let (Some(before), Some(after)) = (sides.current.front(), sides.candidate.front()) {
                    differences.push(Difference::Time(before.clone(), after.clone()));
                    sides.current.pop_front();
                    sides.candidate.pop_front();
                }
                current.extend(sides.current);
                candidate.extend(sides.candidate);
            }
            elsewhere(current, candidate, &mut differences);
        }
        differences
    }
}

/// What is left of one subject: no target has it on both sides.
fn elsewhere(mut current: Vec<Left>, mut candidate: Vec<Left>, differences: &mut Vec<Difference>) {
    current.sort_by_key(|left| left.at);
    candidate.sort_by_key(|left| left.at);
    let both = current.len().min(candidate.len());
    let less = current.split_off(both);
    let more = candidate.split_off(both);
    let pairs = current.into_iter().zip(candidate);
    differences.extend(pairs.map(|(before, after)| Difference::Elsewhere(before, after)));
    differences.extend(less.into_iter().map(Difference::Less));
    differences.extend(more.into_iter().map(Difference::More));
}

fn moment(told: &Told) -> Moment<'_> {
    let (at, notification) = told;
    let scene = &notification.scene;
    (*at, &notification.target, scene.event.object.as_ref(), scene.event.event_type(), scene.state())
}

fn subject(notification: &Notification) -> Subject {
    let scene = &notification.scene;
    let event = &scene.event;
    let comment = event.comment().map(|comment| &comment.name);
    let downtime = event.downtime().map(|downtime| &downtime.name);
    Subject {
        object: event.object.clone(),
        event: event.event_type(),
        state: scene.state(),
        opened: scene.incident.as_ref().map(|incident| incident.opened),
        thing: comment.or(downtime).cloned().unwrap_or_default(),
    }
}

/// The event in a few words: `StateChange CRITICAL: disk full`.
fn text(notification: &Notification) -> String {
    let scene = &notification.scene;
    let said = scene.event.report().map(|report| report.output.as_str());
    let said = said.or(notification.text.as_deref()).unwrap_or("");
    let first = first_line(said, SHOWN);
    let state = scene.state().map_or(String::new(), |state| format!(" {state}"));
    let colon = if first.is_empty() { "" } else { ": " };
    format!("{}{state}{colon}{first}", scene.event.event_type())
}
