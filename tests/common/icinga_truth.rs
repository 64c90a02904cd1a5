//! What an Icinga would answer when all of its objects are read.

use crate::common::engine::{SOURCE, key};
use std::collections::BTreeMap;
use std::sync::Arc;
use watchbell::model::event::{Comment, Downtime};
use watchbell::model::{Broken, Object, ObjectKey, Snapshot, SnapshotObject, State, Timestamp};

/// The whole truth of one Icinga, before it is read.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    objects: BTreeMap<ObjectKey, SnapshotObject>,
    /// `None`: we may not read them.
    comments: Option<Vec<(ObjectKey, Comment)>>,
    /// `None`: we may not read them.
    pub(crate) downtimes: Option<Vec<(ObjectKey, Downtime)>>,
}

impl Truth {
    /// Icinga has nothing.
    pub(crate) fn new() -> Truth {
        Truth { objects: BTreeMap::new(), comments: Some(Vec::new()), downtimes: Some(Vec::new()) }
    }

    /// An object in this hard state.
    pub(crate) fn state(mut self, name: &str, state: State) -> Truth {
        self.change(name, |found| {
            found.state = Some(state);
            found.last_hard_state = Some(state);
            found.hard = true;
        });
        self
    }

    /// Changes an object, which is made where there is none; it is not checked yet.
    pub(crate) fn change(&mut self, name: &str, change: impl FnOnce(&mut SnapshotObject)) {
        change(self.objects.entry(key(name)).or_insert_with(|| unchecked(name)));
    }

    /// The user lacks the permissions to read comments and downtimes.
    pub(crate) fn unreadable(mut self) -> Truth {
        (self.comments, self.downtimes) = (None, None);
        self
    }

    /// As [`Truth::change`].
    pub(crate) fn with(mut self, name: &str, change: impl FnOnce(&mut SnapshotObject)) -> Truth {
        self.change(name, change);
        self
    }

    /// A comment stands on an object.
    pub(crate) fn comment(mut self, name: &str, comment: Comment) -> Truth {
        self.comments.get_or_insert_default().push((key(name), comment));
        self
    }

    /// A downtime of an object.
    pub(crate) fn downtime(mut self, name: &str, downtime: Downtime) -> Truth {
        let in_effect = downtime.trigger_time.is_some();
        self.change(name, |found| found.downtime_depth += u32::from(in_effect));
        self.downtimes.get_or_insert_default().push((key(name), downtime));
        self
    }

    /// Read now, on the first connection of this process.
    pub(crate) fn read(&self, now: Timestamp) -> Snapshot {
        Snapshot {
            source: Arc::from(SOURCE),
            at: now,
            broken: None,
            beside: None,
            started: None,
            settled: true,
            objects: self.objects.values().cloned().collect(),
            comments: self.comments.clone(),
            downtimes: self.downtimes.clone(),
        }
    }

    /// Read now, after a stream that ended at `broken`.
    pub(crate) fn read_after_break(&self, broken: Timestamp, now: Timestamp) -> Snapshot {
        let reason = "connection reset".to_owned();
        Snapshot { broken: Some(Broken { reason, at: broken }), ..self.read(now) }
    }

    /// Read now, after a stream that ended at `broken`, from an Icinga that runs since `started`.
    pub(crate) fn read_after_start(&self, broken: Timestamp, started: Timestamp, now: Timestamp) -> Snapshot {
        Snapshot { started: Some(started), ..self.read_after_break(broken, now) }
    }

    /// Read now from one master, while another told of these objects.
    pub(crate) fn read_beside(&self, moved: &[&str], now: Timestamp) -> Snapshot {
        let moved = moved.iter().map(|name| key(name)).collect();
        Snapshot { beside: Some(moved), ..self.read(now) }
    }
}

fn unchecked(name: &str) -> SnapshotObject {
    SnapshotObject {
        object: Arc::new(Object::bare(key(name))),
        state: None,
        hard: false,
        last_hard_state: None,
        attempt: 1,
        since: None,
        output: String::new(),
        execution_end: None,
        exit_status: 0,
        reachable: true,
        acknowledged: false,
        sticky: false,
        acknowledgement_expiry: None,
        flapping: false,
        downtime_depth: 0,
    }
}
