//! How mutes end: by the time, because all is well again, for want of use; and what follows.
//!
//! Promises: each end is judged as one event, and what the mute hid is judged after it; what
//! stood in Icinga for it is removed with it. Never: ends one that hides a
//! problem still, unless its time is over.

use super::mute::{ActiveMute, Ending, Mute, SOON};
use super::outcome::Outcome;
use super::stage::{Stage, mute_ending};
use super::{Engine, Next, World, mirror, standing};
use crate::model::time::short_length;
use crate::model::words::counted;
use crate::model::{ObjectKey, Reply, Timestamp};
use std::collections::VecDeque;

impl Engine {
    /// What is due of the mutes by the time.
    pub(super) fn due_mutes(&mut self, now: Timestamp, queue: &mut VecDeque<Next>, outcome: &mut Outcome) {
        let due = self.world_mut().due_mutes(now);
        self.end_mutes(due.ended, now, queue);
        outcome.actions.append(&mut self.stage().run.actions);
        outcome.replies.extend(due.soon.iter().filter_map(|mute| ends_soon(self.stage_ref(), mute, now)));
        if due.paused {
            queue.extend(self.all_owed());
        }
    }

    /// Ends the mutes that last until all they cover is well, where it is.
    pub(super) fn end_well_mutes(&mut self, now: Timestamp, outcome: &mut Outcome) {
        if !self.world_mut().take_recovered() {
            return;
        }
        let world = self.world();
        let is_well = |active: &&ActiveMute| active.mute.until_ok && problems(world, active, now).is_empty();
        let well: Vec<u64> = world.mutes().filter(is_well).map(|active| active.mute.id).collect();
        let ended = well.into_iter().filter_map(|id| self.world_mut().remove_mute(id));
        let ended: Vec<_> = ended.map(|mute| (mute, Ending::Recovered)).collect();
        let mut queue = VecDeque::new();
        self.end_mutes(ended, now, &mut queue);
        outcome.actions.append(&mut self.stage().run.actions);
        self.take_all(queue, now, outcome);
    }

    /// Ends a mute because somebody took away what stood in Icinga for it.
    pub(super) fn end_in_icinga(
        &mut self,
        mute: Mute,
        now: Timestamp,
        queue: &mut VecDeque<Next>,
        outcome: &mut Outcome,
    ) {
        if self.world_mut().remove_mute(mute.id).is_some() {
            self.end_mutes(vec![(mute, Ending::Withdrawn)], now, queue);
            outcome.actions.append(&mut self.stage().run.actions);
        }
    }

    fn end_mutes(&mut self, ended: Vec<(Mute, Ending)>, now: Timestamp, queue: &mut VecDeque<Next>) {
        for (mute, ending) in ended {
            // At its time the downtime ends by itself.
            if ending != Ending::Ended {
                let removals = mirror::removals(self.world(), &mute);
                self.stage().run.actions.extend(removals);
            }
            queue.push_back(Next::Event(mute_ending(mute, ending, "", now)));
        }
    }
}

/// The objects with a problem now that a mute is about, by name.
pub(super) fn problems(world: &World, active: &ActiveMute, now: Timestamp) -> Vec<ObjectKey> {
    let open = world.incidents().filter(|incident| incident.closed.is_none());
    let is_covered = |key: &&ObjectKey| active.concerns(&standing::scene(world, key, now));
    let mut found: Vec<ObjectKey> =
        open.map(|incident| &incident.object).filter(is_covered).cloned().collect();
    found.sort();
    found
}

/// Tells whoever made a mute that it ends soon, where they made it.
fn ends_soon(stage: &Stage, mute: &Mute, now: Timestamp) -> Option<Reply> {
    let (sink, room, nick) = mute.made_in.clone()?;
    let until = mute.until?;
    let active = stage.world.mutes().find(|active| active.mute.id == mute.id)?;
    let left = short_length(until.duration_since(now).as_secs_f64().min(SOON.as_secs_f64()));
    let at = until.to_zoned(stage.settings.zone.clone()).strftime("%H:%M");
    let problems = counted(problems(&stage.world, active, now).len() as u64, "problem");
    let text = format!(
        "{nick}: m{id}: {what} is heard again in {left}, at {at} ({kept}, {problems} now); `{prefix}mute m{id} 2h` goes on",
        id = mute.id,
        what = mute.what,
        kept = mute.kept_quiet(),
        prefix = stage.settings.prefix,
    );
    Some(Reply { sink, room, text, at: now, thread: Vec::new() })
}
