//! The Icinga of a trial: what it says of itself when it is asked something, or when a
//! time is over.
//!
//! Promises: the events that a real Icinga sends for the same, in the same order.

use crate::engine::World;
use crate::model::event::{Acknowledgement, AcknowledgementEnd, Comment, Downtime};
use crate::model::{Action, ActionKind, Detail, Event, ObjectKey, State, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// `entry_type` of a comment that a user wrote, and of one made with an acknowledgement.
const BY_USER: i64 = 1;
const BY_ACKNOWLEDGEMENT: i64 = 4;

/// What Icinga has yet to say.
#[derive(Default)]
pub(super) struct Icinga {
    /// By its moment, and in the order it was arranged.
    later: BTreeMap<(Timestamp, u64), Event>,
    arranged: u64,
}

/// A downtime to be scheduled.
pub(super) struct Plan {
    pub(super) author: String,
    pub(super) comment: String,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// For how long a flexible one lasts.
    pub(super) flexible: Option<Duration>,
}

impl Icinga {
    /// When it will say something by itself.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.later.keys().next().map(|(at, _)| *at)
    }

    /// Takes out the next thing it says by itself, if its moment has come.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Event> {
        let entry = self.later.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    fn arrange(&mut self, at: Timestamp, event: Event) {
        self.arranged += 1;
        self.later.insert((at, self.arranged), event);
    }

    /// What it says when this is asked of it.
    pub(super) fn asked(&mut self, action: &Action, world: &World, now: Timestamp) -> Vec<Event> {
        let (object, author) = (&action.object, action.author.clone());
        match &action.kind {
            ActionKind::Acknowledge { comment, expiry, sticky, .. } => {
                let set = acknowledgement(world, object, &author, comment);
                self.acknowledge(object, Acknowledgement { expiry: *expiry, sticky: *sticky, ..set }, now)
            }
            ActionKind::ExtendAcknowledgement { comment, expiry, sticky, .. } => {
                let mut events = vec![self.end_acknowledgement(world, object, now)];
                let set = acknowledgement(world, object, &author, comment);
                let set = Acknowledgement { expiry: *expiry, sticky: *sticky, ..set };
                events.extend(self.acknowledge(object, set, now));
                events
            }
            ActionKind::RemoveAcknowledgement => vec![self.end_acknowledgement(world, object, now)],
            ActionKind::AddComment { comment } => vec![self.comment(object, &author, comment, BY_USER, now)],
            ActionKind::ScheduleDowntime { comment, start, end, flexible_seconds, .. } => {
                let (comment, flexible) = (comment.clone(), flexible_seconds.map(Duration::from_secs));
                self.schedule(object, Plan { author, comment, start: *start, end: *end, flexible }, now)
            }
            ActionKind::RemoveDowntime { downtime } => {
                self.cancel_downtimes(world, object, Some(downtime), now)
            }
            ActionKind::RescheduleCheck | ActionKind::SendCustomNotification { .. } => Vec::new(),
        }
    }

    /// A problem is acknowledged.
    pub(super) fn acknowledge(
        &mut self,
        object: &ObjectKey,
        set: Acknowledgement,
        now: Timestamp,
    ) -> Vec<Event> {
        self.forget_expiry(object);
        if let Some(expiry) = set.expiry {
            let end = AcknowledgementEnd { state: set.state, hard: true };
            self.arrange(expiry, event(object, expiry, Detail::AcknowledgementCleared(end)));
        }
        let comment = self.comment(object, &set.author, &set.comment, BY_ACKNOWLEDGEMENT, now);
        vec![comment, event(object, now, Detail::AcknowledgementSet(set))]
    }

    /// An acknowledgement is taken away by a person.
    pub(super) fn end_acknowledgement(&mut self, world: &World, object: &ObjectKey, now: Timestamp) -> Event {
        self.forget_expiry(object);
        let end = AcknowledgementEnd { state: state_of(world, object), hard: true };
        event(object, now, Detail::AcknowledgementCleared(end))
    }

    fn forget_expiry(&mut self, object: &ObjectKey) {
        self.later.retain(|_, event| {
            event.object.as_ref() != Some(object)
                || !matches!(event.detail, Detail::AcknowledgementCleared(_))
        });
    }

    /// A user comments on an object.
    pub(super) fn commented(
        &mut self,
        object: &ObjectKey,
        author: &str,
        text: &str,
        now: Timestamp,
    ) -> Event {
        self.comment(object, author, text, BY_USER, now)
    }

    fn comment(
        &mut self,
        object: &ObjectKey,
        author: &str,
        text: &str,
        entry_type: i64,
        now: Timestamp,
    ) -> Event {
        let comment = Comment {
            name: self.name(object),
            author: author.to_owned(),
            text: text.to_owned(),
            entry_time: Some(now),
            entry_type,
            expire_time: None,
        };
        event(object, now, Detail::CommentAdded(comment))
    }

    /// A downtime is scheduled: what is said of it now. Its start, if that lies ahead, and
    /// its end are said at their time. A flexible one stays flexible: nothing begins it.
    pub(super) fn schedule(&mut self, object: &ObjectKey, plan: Plan, now: Timestamp) -> Vec<Event> {
        let downtime = Downtime {
            name: self.name(object),
            author: plan.author,
            comment: plan.comment,
            entry_time: Some(now),
            start_time: plan.start,
            end_time: plan.end,
            fixed: plan.flexible.is_none(),
            duration_seconds: plan.flexible.map_or(0.0, |length| length.as_secs_f64()),
            trigger_time: None,
            remove_time: None,
            parent: String::new(),
            config_owner: String::new(),
        };
        let mut events = vec![event(object, now, Detail::DowntimeAdded(downtime.clone()))];
        let mut ending = downtime.clone();
        if downtime.fixed {
            let in_effect = Downtime { trigger_time: Some(plan.start), ..downtime };
            let begins =
                [Detail::DowntimeStarted(in_effect.clone()), Detail::DowntimeTriggered(in_effect.clone())];
            for begin in begins.map(|detail| event(object, plan.start, detail)) {
                match plan.start <= now {
                    true => events.push(begin),
                    false => self.arrange(plan.start, begin),
                }
            }
            ending = in_effect;
        }
        self.arrange(plan.end, event(object, plan.end, Detail::DowntimeRemoved(ending)));
        events
    }

    /// An object's downtimes, or the one of this name, are taken away before their time.
    pub(super) fn cancel_downtimes(
        &mut self,
        world: &World,
        object: &ObjectKey,
        name: Option<&str>,
        now: Timestamp,
    ) -> Vec<Event> {
        let meant = |downtime: &Downtime| name.is_none_or(|name| downtime.name == name);
        let known = world.downtimes().values().filter(|(key, downtime)| key == object && meant(downtime));
        let mut cancelled: Vec<Downtime> =
            known.map(|(_, downtime)| Downtime { remove_time: Some(now), ..downtime.clone() }).collect();
        cancelled.sort_by(|a, b| a.name.cmp(&b.name));
        self.later.retain(|_, event| {
            event.downtime().is_none_or(|later| cancelled.iter().all(|gone| gone.name != later.name))
        });
        cancelled.into_iter().map(|gone| event(object, now, Detail::DowntimeRemoved(gone))).collect()
    }

    /// A full name that nothing else has.
    fn name(&mut self, object: &ObjectKey) -> String {
        self.arranged += 1;
        format!("{object}!{}", self.arranged)
    }
}

/// An acknowledgement of the state an object is in; not sticky, without an end.
pub(super) fn acknowledgement(
    world: &World,
    object: &ObjectKey,
    author: &str,
    comment: &str,
) -> Acknowledgement {
    Acknowledgement {
        author: author.to_owned(),
        comment: comment.to_owned(),
        state: state_of(world, object),
        hard: world.status(object).hard,
        sticky: false,
        notify: true,
        persistent: false,
        expiry: None,
    }
}

/// The state an object is in; well where nothing is known of it.
pub(super) fn state_of(world: &World, object: &ObjectKey) -> State {
    let well = if object.is_host() { State::Up } else { State::Ok };
    world.status(object).state.unwrap_or(well)
}

pub(super) fn event(object: &ObjectKey, timestamp: Timestamp, detail: Detail) -> Event {
    Event {
        source: object.source().clone(),
        timestamp,
        object: Some(object.clone()),
        missed: false,
        withheld: None,
        detail,
    }
}
