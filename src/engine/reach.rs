//! Reachability: what an object stands behind, whether all of it is up, as far as is
//! known, and since when.
//!
//! Icinga says so with each check result, and a state that is judged again may be
//! older than what has happened to its parents since. Never: asks Icinga.

use super::world::World;
use crate::model::{ObjectKey, State, Timestamp};
use std::collections::{HashSet, VecDeque};

/// Whether neither the host of a service nor any host in front of it, near or far, is
/// in the hard state `DOWN`. A host of which nothing is known hides nothing.
pub fn is_reachable(world: &World, key: &ObjectKey) -> bool {
    chain(world, key).all(|host| world.status(&host).hard_state != Some(State::Down))
}

/// When the last of those in front of an object came back that are up now; `None` if none
/// of them was ever down.
pub(super) fn last_return(world: &World, key: &ObjectKey) -> Option<Timestamp> {
    let hosts: Vec<ObjectKey> = chain(world, key).collect();
    let records = hosts.iter().filter_map(|host| world.record(host));
    let up = records.filter(|record| record.status.hard_state == Some(State::Up));
    up.filter_map(|record| record.marks().returned).max()
}

/// The hosts in front of an object, near ones first: the own host of a service, then
/// whatever they depend on, each once.
pub(super) fn chain<'a>(world: &'a World, key: &ObjectKey) -> impl Iterator<Item = ObjectKey> + use<'a> {
    // Parents may form a circle; no object stands before itself.
    let mut seen = HashSet::from([key.clone()]);
    let mut ahead = VecDeque::from(in_front_of(world, key));
    std::iter::from_fn(move || {
        while let Some(host) = ahead.pop_front() {
            if seen.insert(host.clone()) {
                ahead.extend(in_front_of(world, &host));
                return Some(host);
            }
        }
        None
    })
}

/// The nearest ones: the own host of a service first, then parents by their names.
fn in_front_of(world: &World, key: &ObjectKey) -> Vec<ObjectKey> {
    let own_host = (!key.is_host()).then(|| key.host_key());
    let mut parents = world.object(key).parents.clone();
    parents.sort();
    own_host.into_iter().chain(parents).collect()
}
