//! Telling in private who watches an object of each change of it.
//!
//! Promises: the same for what is live and what was missed; a watch ends with the problem.
//! Never: asks the rules.

use super::outcome::Outcome;
use super::watch::{is_grave, is_over, words};
use super::world::World;
use crate::model::{Event, Reply, Timestamp};

/// Tells whoever watches the object of this event, which is new.
pub(super) fn tell(world: &mut World, event: &Event, now: Timestamp, outcome: &mut Outcome) {
    let Some(object) = event.object.as_ref().filter(|_| event.withheld.is_none()) else { return };
    let watches = world.watches_of(object);
    let Some(said) = words(event).filter(|_| !watches.is_empty()) else { return };
    let over = is_over(event);
    for watch in watches {
        let end = if over { "; you no longer watch it" } else { "" };
        if over {
            world.unwatch(&watch);
        }
        if is_grave(event) || world.quiet_until(&watch.who, now).is_none() {
            outcome.replies.push(Reply {
                sink: watch.sink,
                room: watch.room,
                text: format!("{said}{end}"),
                at: now,
                thread: Vec::new(),
            });
        }
    }
}
