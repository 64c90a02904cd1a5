//! Gathering: what many events tell one target becomes one message.
//!
//! Owns: where a notification goes, out at once or into a gather. Promises: what a
//! target hears of an object keeps its order; what finds no room is told at once, so
//! nothing is lost. Never: judges; what is gathered counts as told.

mod at;
mod telling;

pub use at::{At, AtError};

use super::outcome::{By, Notification};
use super::world::World;
use super::world::gathers::{Gather, Member};
use crate::model::time::later;
use crate::model::words::first_line;
use crate::model::{Detail, RuleRef, Scene, State, Timestamp};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How much of a check's output or a person's words a member keeps, in characters.
const KEPT_WORDS: usize = 100;

/// What a rule said of how to gather.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What belongs together; each target has its own gather of this key.
    pub key: String,
    /// When it is told.
    pub pace: Pace,
    /// The rule that said so.
    pub rule: RuleRef,
}

/// When what was gathered is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// `wait` after the first event, and at most once each `every`.
    Group {
        /// How long the first event waits for others.
        wait: Duration,
        /// How long it is quiet after a message.
        every: Duration,
    },
    /// At the next such time.
    Digest(At),
}

/// The plans that were made while one event was judged.
#[derive(Debug, Clone, Default)]
pub struct Plans {
    /// Set by `group`: holds for all that is told from then on.
    pub from_here: Option<Arc<Plan>>,
    /// What holds for a target that is told already, by its name.
    pub of_target: BTreeMap<String, Arc<Plan>>,
}

/// Where a notification goes.
enum Place {
    /// Out, at once.
    Out,
    /// Into the gather with this name, which exists and holds the object's state.
    Joins(String),
    /// Into the gather of this name, by a rule's plan.
    Planned(String, Arc<Plan>),
}

impl Plan {
    /// The name of the gather: its kind, target and key.
    fn name(&self, target: &str) -> String {
        let kind = match self.pace {
            Pace::Group { .. } => "group",
            Pace::Digest(_) => "digest",
        };
        format!("{kind}\u{1f}{target}\u{1f}{}", self.key)
    }

    /// The gather after one more event.
    fn applied(&self, known: Option<&Gather>, target: &str, now: Timestamp, zone: &TimeZone) -> Gather {
        let waits = known.filter(|gather| gather.since.is_some());
        let (due, every) = match &self.pace {
            Pace::Group { wait, every } => {
                let rests_until = known.map_or(Timestamp::MIN, |gather| gather.due);
                (waits.map_or(later(now, *wait).max(rests_until), |gather| gather.due), *every)
            }
            Pace::Digest(at) => {
                let due = at.next(now, zone);
                (waits.map_or(due, |gather| gather.due.min(due)), Duration::ZERO)
            }
        };
        Gather {
            target: target.to_owned(),
            key: self.key.clone(),
            rule: waits.map_or(&self.rule, |gather| &gather.rule).clone(),
            since: Some(waits.and_then(|gather| gather.since).unwrap_or(now)),
            due,
            every,
            beyond: waits.map_or(0, |gather| gather.beyond),
        }
    }
}

/// The state that an event tells of its object; a later one takes its place.
fn told_state(scene: &Scene) -> Option<State> {
    scene.event.report().map(|report| report.state)
}

/// Whether somebody is called by it now, whatever waits: a rule asked for this moment.
fn calls(scene: &Scene) -> bool {
    matches!(
        scene.event.detail,
        Detail::Timer(_) | Detail::Reminder(_) | Detail::Escalation(_) | Detail::Page(_)
    )
}

fn place(world: &World, scene: &Scene, target: &str, plan: Option<&Arc<Plan>>) -> Place {
    let object = scene.event.object.as_ref();
    let waits_in = object.and_then(|object| world.waits_in(target, object));
    let is_new_problem = told_state(scene).is_some_and(State::is_problem);
    match (waits_in, plan) {
        // What follows on a state that still waits must not overtake it. A new problem
        // may: the older state is taken back then. So may what calls somebody: it says how
        // things are now.
        (Some(name), _) if !is_new_problem && !calls(scene) => Place::Joins(name.to_owned()),
        (_, Some(plan)) => {
            let name = plan.name(target);
            let room = world.gather(&name).is_some() || world.has_room_to_gather(scene.now);
            if room { Place::Planned(name, plan.clone()) } else { Place::Out }
        }
        (_, None) => Place::Out,
    }
}

/// What a rule does by telling this target, for the audit.
pub(super) fn in_words(
    world: &World,
    zone: &TimeZone,
    scene: &Scene,
    target: &str,
    plan: Option<&Arc<Plan>>,
) -> String {
    let gather = match place(world, scene, target, plan) {
        Place::Out => return format!("notify {target}"),
        Place::Joins(name) => world.gather(&name).cloned(),
        Place::Planned(name, plan) => Some(plan.applied(world.gather(&name), target, scene.now, zone)),
    };
    let Some(gather) = gather else { return format!("notify {target}") };
    let (now, due) = (scene.now.to_zoned(zone.clone()), gather.due.to_zoned(zone.clone()));
    let form = if now.date() == due.date() { "%H:%M:%S" } else { "%a %F %H:%M:%S" };
    format!("gathered for {target} ({}), told at {}", gather.key, due.strftime(form))
}

/// Takes in what is to be gathered; what is to be told at once is left.
pub(super) fn gather(
    world: &mut World,
    zone: &TimeZone,
    plans: &Plans,
    told: Vec<Notification>,
) -> Vec<Notification> {
    told.into_iter().filter_map(|notification| take_in(world, zone, plans, notification)).collect()
}

fn take_in(
    world: &mut World,
    zone: &TimeZone,
    plans: &Plans,
    notification: Notification,
) -> Option<Notification> {
    let (scene, target) = (notification.scene.clone(), notification.target.clone());
    // The error of a rule does not wait. What waits of the object is older: it goes where a
    // newer state is told, and is told later where only something else happened.
    if notification.note.is_some() {
        if told_state(&scene).is_some() {
            world.take_back(&target, scene.event.object.as_ref(), "");
        }
        return Some(notification);
    }
    let plan = match notification.by {
        By::Rule(_) => plans.of_target.get(&target),
        By::Policy { .. } | By::Person(_) | By::Drill(_) => None,
        By::Default => plans.from_here.as_ref(),
    };
    let object = scene.event.object.as_ref();
    let name = match place(world, &scene, &target, plan) {
        Place::Out => {
            // Whatever of the object waits is older, and would be told after this.
            if !calls(&scene) {
                world.take_back(&target, object, "");
            }
            if plan.is_some() {
                world.forgotten.gathers += 1;
            }
            return Some(notification);
        }
        Place::Joins(name) => name,
        Place::Planned(name, plan) => {
            if !calls(&scene) {
                world.take_back(&target, object, &name);
            }
            let head = plan.applied(world.gather(&name), &target, scene.now, zone);
            world.put_gather(&name, head);
            name
        }
    };
    let member = member(&notification);
    world.put_member(&name, member, notification);
    None
}

fn member(notification: &Notification) -> Member {
    let scene = &notification.scene;
    let state = told_state(scene);
    let words = match (&notification.text, scene.event.report()) {
        (Some(text), _) => text.clone(),
        (None, Some(report)) => report.output.clone(),
        (None, None) => happened(scene),
    };
    Member {
        object: scene.event.object.clone(),
        state,
        was: state.and(scene.status.told),
        words: first_line(&words, KEPT_WORDS).to_owned(),
        at: scene.now,
    }
}

/// What happened besides a state, in a few words.
fn happened(scene: &Scene) -> String {
    let by = |what: &str, who: &str, words: &str| format!("{what} by {who}: {words}");
    match &scene.event.detail {
        Detail::AcknowledgementSet(set) => by("acknowledged", &set.author, &set.comment),
        Detail::AcknowledgementCleared(_) => "no longer acknowledged".to_owned(),
        Detail::CommentAdded(comment) => by("comment", &comment.author, &comment.text),
        Detail::CommentRemoved(comment) => by("comment removed, once", &comment.author, &comment.text),
        Detail::DowntimeAdded(downtime) => by("downtime scheduled", &downtime.author, &downtime.comment),
        Detail::DowntimeStarted(_) | Detail::DowntimeTriggered(_) => "downtime began".to_owned(),
        Detail::DowntimeRemoved(_) => "downtime over".to_owned(),
        Detail::Flapping(flapping) if flapping.is_flapping => "flapping began".to_owned(),
        Detail::Flapping(flapping) => format!("flapping ended: {}", flapping.state),
        Detail::Reminder(_) | Detail::Escalation(_) => {
            format!("still {}: {}", scene.state().map_or("broken", State::name), scene.status.output)
        }
        Detail::Notification(sent) => format!("Icinga sent {}", sent.notification_type),
        Detail::ObjectCreated(change) => format!("{} {} created", change.object_type, change.object_name),
        Detail::ObjectModified(change) => format!("{} {} changed", change.object_type, change.object_name),
        Detail::ObjectDeleted(change) => format!("{} {} deleted", change.object_type, change.object_name),
        Detail::MuteEnding(mute) => format!("the mute of {} is over", mute.what),
        Detail::Gap(gap) => format!("Icinga {} was out of reach: {}", scene.event.source, gap.reason),
        _ => scene.event.event_type().name().to_owned(),
    }
}
