//! The world for a drill: a copy in which nothing happens by the time alone but to one object.
//!
//! Promises: all that is known is known there, too; what is due of anything else is not, so that
//! all that comes follows from what is played. Never: changes the world that it is a copy of.

use super::World;
use crate::engine::mute::ActiveMute;
use crate::engine::timers::Timers;
use crate::model::ObjectKey;

impl World {
    /// A copy to play the course of one object on. `concerns`: which mutes are about it; the
    /// others are gone.
    pub fn for_drill(&self, key: &ObjectKey, concerns: impl Fn(&ActiveMute) -> bool) -> World {
        let mut trial = self.for_trial();
        let incident = self.incident_of(key).map(|incident| incident.id);
        trial.again.retain(|(_, object)| object == key);
        trial.reminders.retain(|(_, id)| Some(*id) == incident);
        trial.escalations.leave_only(incident);
        trial.gathers.forget_members();
        trial.mutes.retain(|_, mute| concerns(mute));
        let of_object = self.timers.of_object(key);
        trial.timers = Timers::default();
        for timer in of_object.iter().filter_map(|key| self.timers.get(key)) {
            // It was taken when it was set.
            let _ = trial.timers.set(timer.clone());
        }
        trial
    }
}
