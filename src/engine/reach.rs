//! Reachability: whether all that an object stands behind is up, as far as is known.
//!
//! Icinga says so with each check result, and a state that is judged again may be
//! older than what has happened to its parents since. Never: asks Icinga.

use super::world::World;
use crate::model::{ObjectKey, State};
use std::collections::HashSet;

/// Whether neither the host of a service nor any host in front of it, near or far, is
/// in the hard state `DOWN`. A host of which nothing is known hides nothing.
pub fn is_reachable(world: &World, key: &ObjectKey) -> bool {
    // Parents may form a circle; no object stands before itself.
    let mut seen = HashSet::from([key.clone()]);
    let mut ahead = in_front_of(world, key);
    while let Some(host) = ahead.pop() {
        if !seen.insert(host.clone()) {
            continue;
        }
        if world.status(&host).hard_state == Some(State::Down) {
            return false;
        }
        ahead.extend(in_front_of(world, &host));
    }
    true
}

fn in_front_of(world: &World, key: &ObjectKey) -> Vec<ObjectKey> {
    let own_host = (!key.is_host()).then(|| key.host_key());
    world.object(key).parents.iter().cloned().chain(own_host).collect()
}
