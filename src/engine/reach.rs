//! Reachability: whether all that an object stands behind is up, as far as is known,
//! and since when.
//!
//! Icinga says so with each check result, and a state that is judged again may be
//! older than what has happened to its parents since. Never: asks Icinga.

use super::world::World;
use crate::model::{ObjectKey, State, Timestamp};
use std::collections::HashSet;

/// Whether neither the host of a service nor any host in front of it, near or far, is
/// in the hard state `DOWN`. A host of which nothing is known hides nothing.
pub(super) fn is_reachable(world: &World, key: &ObjectKey) -> bool {
    all_in_front(world, key).iter().all(|host| world.status(host).hard_state != Some(State::Down))
}

/// When the last of those in front of an object came back that are up now; `None` if none
/// of them was ever down.
pub(super) fn last_return(world: &World, key: &ObjectKey) -> Option<Timestamp> {
    let hosts = all_in_front(world, key);
    let records = hosts.iter().filter_map(|host| world.record(host));
    let up = records.filter(|record| record.status.hard_state == Some(State::Up));
    up.filter_map(|record| record.returned).max()
}

/// The host of a service, and all hosts in front of it, near and far.
fn all_in_front(world: &World, key: &ObjectKey) -> HashSet<ObjectKey> {
    let mut found = HashSet::new();
    let mut ahead = in_front_of(world, key);
    while let Some(host) = ahead.pop() {
        // Parents may form a circle; no object stands before itself.
        if host != *key && !found.contains(&host) {
            ahead.extend(in_front_of(world, &host));
            found.insert(host);
        }
    }
    found
}

fn in_front_of(world: &World, key: &ObjectKey) -> Vec<ObjectKey> {
    let own_host = (!key.is_host()).then(|| key.host_key());
    world.object(key).parents.iter().cloned().chain(own_host).collect()
}
