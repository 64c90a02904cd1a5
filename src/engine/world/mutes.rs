//! The mutes of the world: added, counted, and ended by the time or by what happens.
//!
//! Promises: each end comes once. Never: reads a clock, tells anybody.

use super::durable::Entry;
use super::{MuteError, World};
use crate::engine::bounds;
use crate::engine::mute::{ActiveMute, Ending, Mute};
use crate::model::Timestamp;

/// What came due of the mutes.
#[derive(Debug, Default)]
pub struct DueMutes {
    /// Those that are over, and why.
    pub ended: Vec<(Mute, Ending)>,
    /// Those that end soon, whose owners are to be told.
    pub soon: Vec<Mute>,
    /// Whether the span of one is over for now.
    pub paused: bool,
}

impl World {
    /// All mutes, by number.
    pub fn mutes(&self) -> impl Iterator<Item = &ActiveMute> {
        self.mutes.values()
    }

    /// Adds a mute under the next number.
    pub fn add_mute(&mut self, mut mute: Mute) -> Result<u64, MuteError> {
        if self.mutes.len() >= bounds::MUTES {
            self.forgotten.mutes += 1;
            return Err(MuteError::TooMany);
        }
        mute.id = self.next_mute;
        let (id, since) = (mute.id, mute.since);
        let mut active = ActiveMute::new(mute)?;
        active.plan_pause(since);
        self.mutes.insert(id, active);
        self.next_mute += 1;
        self.change(|| Entry::Mute(id));
        self.change(|| Entry::NextMute);
        Ok(id)
    }

    /// Gives a mute another end; its owner is warned anew.
    pub fn prolong_mute(&mut self, id: u64, until: Timestamp) -> Option<&Mute> {
        let active = self.mutes.get_mut(&id)?;
        (active.mute.until, active.mute.warned) = (Some(until), false);
        active.mute.downtimes.clear();
        active.mute.acknowledged.clear();
        self.change(|| Entry::Mute(id));
        self.mutes.get(&id).map(|active| &active.mute)
    }

    /// Takes a mute away.
    pub fn remove_mute(&mut self, id: u64) -> Option<Mute> {
        let mute = self.mutes.remove(&id)?.mute;
        self.change(|| Entry::Mute(id));
        Some(mute)
    }

    /// Counts one event that a mute kept quiet.
    pub fn count_muted(&mut self, id: u64, now: Timestamp) {
        if let Some(active) = self.mutes.get_mut(&id) {
            active.mute.events += 1;
            active.mute.used = Some(now);
            self.change(|| Entry::Mute(id));
        }
    }

    /// Notes that Icinga made a downtime for a mute.
    pub fn note_downtime_of(&mut self, id: u64, downtime: &str) {
        if let Some(active) = self.mutes.get_mut(&id) {
            active.mute.downtimes.push(downtime.to_owned());
            self.change(|| Entry::Mute(id));
        }
    }

    /// Takes away the mutes whose time is over, and notes what else came due.
    pub fn due_mutes(&mut self, now: Timestamp) -> DueMutes {
        let is_due = |active: &&ActiveMute| active.mute.next().is_some_and(|next| next <= now);
        let numbers: Vec<u64> = self.mutes.values().filter(is_due).map(|active| active.mute.id).collect();
        let mut due = DueMutes::default();
        for id in numbers {
            let Some(active) = self.mutes.get_mut(&id) else { continue };
            let is_past = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment <= now);
            let ending = match &active.mute {
                mute if is_past(mute.until) => Some(Ending::Ended),
                mute if is_past(mute.unused_at()) => Some(Ending::Unused),
                _ => None,
            };
            if let Some(ending) = ending {
                due.ended.extend(self.remove_mute(id).map(|mute| (mute, ending)));
                continue;
            }
            if is_past(active.mute.soon_at()) {
                active.mute.warned = true;
                due.soon.push(active.mute.clone());
            }
            if is_past(active.mute.pause) {
                active.plan_pause(now);
                due.paused = true;
            }
            self.change(|| Entry::Mute(id));
        }
        due
    }

    /// Whether a problem ended since this was asked last, so that mutes may be over that last
    /// until all is well.
    pub fn take_recovered(&mut self) -> bool {
        std::mem::take(&mut self.recovered)
    }

    /// The clock was set back: what was to come still has as long to go, and spans of the week
    /// go by the new time.
    pub(super) fn set_back_mutes(&mut self, now: Timestamp, back: impl Fn(Timestamp) -> Timestamp) {
        let numbers: Vec<u64> = self.mutes.keys().copied().collect();
        for active in self.mutes.values_mut() {
            let mute = &mut active.mute;
            mute.since = back(mute.since);
            (mute.until, mute.used) = (mute.until.map(&back), mute.used.map(&back));
            active.plan_pause(now);
        }
        numbers.into_iter().for_each(|number| self.change(|| Entry::Mute(number)));
    }
}
