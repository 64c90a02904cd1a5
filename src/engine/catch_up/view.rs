//! What of a snapshot is compared, and in which order.
//!
//! Promises: hosts come before services, since whether a host is down decides what is said of
//! its services; comments and downtimes of objects that are not in the snapshot are left out:
//! those were deleted while it was read, or we may not see them. Never: changes or copies the
//! snapshot, which the journal keeps.

use crate::model::event::{Comment, Downtime};
use crate::model::{ObjectKey, Snapshot, SnapshotObject};
use std::collections::HashSet;

/// A snapshot as it is compared.
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) objects: Vec<&'a SnapshotObject>,
    /// `None` where we may not read them.
    pub(super) comments: Option<Vec<&'a (ObjectKey, Comment)>>,
    /// `None` where we may not read them.
    pub(super) downtimes: Option<Vec<&'a (ObjectKey, Downtime)>>,
}

impl<'a> View<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> View<'a> {
        let mut objects: Vec<&SnapshotObject> = snapshot.objects.iter().collect();
        objects.sort_by_key(|found| (!found.object.key.is_host(), &found.object.key));
        let there: HashSet<&ObjectKey> = objects.iter().map(|found| &found.object.key).collect();
        let (comments, downtimes) = (&snapshot.comments, &snapshot.downtimes);
        let comments = comments.as_ref().map(|all| all.iter().filter(|of| there.contains(&of.0)).collect());
        let downtimes = downtimes.as_ref().map(|all| all.iter().filter(|of| there.contains(&of.0)).collect());
        View { snapshot, objects, comments, downtimes }
    }

    /// Leaves these out.
    pub(super) fn without(&mut self, standing: &HashSet<ObjectKey>) {
        self.objects.retain(|found| !standing.contains(&found.object.key));
        self.comments.iter_mut().for_each(|all| all.retain(|(key, _)| !standing.contains(key)));
        self.downtimes.iter_mut().for_each(|all| all.retain(|(key, _)| !standing.contains(key)));
    }
}
