//! Acknowledgements that are to get another end: Icinga takes the old one away for that, of
//! which nobody needs to hear.
//!
//! Promises: that one was cleared is held back only while we have asked for a new one ourselves;
//! it comes out again where none follows, after five minutes at the latest. Never: reads a clock.

use super::World;
use super::durable::Entry;
use crate::model::time::later;
use crate::model::{Action, ActionKind, ActionResult, Event, ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long Icinga's answer may take: longer than it is asked again and again.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);
/// How long its events may come behind its answer.
const EVENTS_WITHIN: Duration = Duration::from_secs(60);

/// That Icinga was asked for another end of an acknowledgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Extension {
    /// How often it was asked and has not answered.
    asked: u32,
    /// Whether its event of a new acknowledgement came, and none since that it was cleared.
    is_set: bool,
    /// That it was cleared, held back.
    cleared: Option<Event>,
    /// Until when it is waited for.
    until: Timestamp,
}

impl World {
    /// Notes which acknowledgements Icinga is asked to extend.
    pub fn note_extensions(&mut self, actions: &[Action], now: Timestamp) {
        let extending = |action: &&Action| matches!(action.kind, ActionKind::ExtendAcknowledgement { .. });
        for object in actions.iter().filter(extending).map(|action| &action.object) {
            let new = Extension { asked: 0, is_set: false, cleared: None, until: now };
            let extension = self.extensions.entry(object.clone()).or_insert(new);
            extension.asked += 1;
            extension.until = later(now, ANSWER_WITHIN);
            self.change(|| Entry::Extension(object.clone()));
        }
    }

    /// Holds back that an acknowledgement was cleared, if we have asked for a new one; whether
    /// it is held.
    pub fn hold_clearing(&mut self, object: &ObjectKey, event: &Event) -> bool {
        let Some(extension) = self.extensions.get_mut(object) else { return false };
        extension.is_set = false;
        extension.cleared = Some(event.clone());
        self.change(|| Entry::Extension(object.clone()));
        true
    }

    /// A problem is acknowledged, whoever did it: what was held back is over.
    pub fn note_acknowledgement(&mut self, object: &ObjectKey) {
        let Some(extension) = self.extensions.get_mut(object) else { return };
        extension.is_set = true;
        extension.cleared = None;
        if extension.asked == 0 {
            self.extensions.remove(object);
        }
        self.change(|| Entry::Extension(object.clone()));
    }

    /// Icinga has answered an action. That the acknowledgement was cleared, if it was held back
    /// and no new one follows.
    pub fn extension_answered(&mut self, result: &ActionResult, now: Timestamp) -> Option<Event> {
        if !matches!(result.action.kind, ActionKind::ExtendAcknowledgement { .. }) {
            return None;
        }
        let object = &result.action.object;
        let extension = self.extensions.get_mut(object)?;
        extension.asked = extension.asked.saturating_sub(1);
        let is_over = extension.asked == 0 && (extension.is_set || result.outcome.is_err());
        if is_over {
            return self.end_extension(object);
        }
        if extension.asked == 0 {
            extension.until = later(now, EVENTS_WITHIN);
        }
        self.change(|| Entry::Extension(object.clone()));
        None
    }

    /// Takes out those of which nothing more was heard in time: what was held back.
    pub fn take_late_extensions(&mut self, now: Timestamp) -> Vec<Event> {
        let late = self.extensions.iter().filter(|(_, extension)| extension.until <= now);
        let late: Vec<ObjectKey> = late.map(|(object, _)| object.clone()).collect();
        late.iter().filter_map(|object| self.end_extension(object)).collect()
    }

    /// What was held back is news now, whatever checks have said of it meanwhile; that the
    /// problem ended has ended the acknowledgement, too.
    fn end_extension(&mut self, object: &ObjectKey) -> Option<Event> {
        let cleared = self.extensions.remove(object)?.cleared;
        self.change(|| Entry::Extension(object.clone()));
        if cleared.is_some() {
            self.change_status(object, |status| {
                status.acknowledged = status.state.is_some_and(|state| state.is_problem());
            });
        }
        cleared
    }

    /// When the first is waited for no longer.
    pub(super) fn next_late_extension(&self) -> Option<Timestamp> {
        self.extensions.values().map(|extension| extension.until).min()
    }

    pub(super) fn set_back_extensions(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        self.extensions.values_mut().for_each(|extension| extension.until = back(extension.until));
        let objects: Vec<ObjectKey> = self.extensions.keys().cloned().collect();
        objects.into_iter().for_each(|object| self.change(|| Entry::Extension(object)));
    }
}
