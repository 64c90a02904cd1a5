//! Wakes those who have work after a commit.
//!
//! Promises: whoever sends or asks something hears of it as soon as it is on the disk.
//! Never: says what there is to do; the store does.

use super::Peer;
use crate::config::Config;
use crate::store::Batch;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Notify;

/// The bells of all workers.
#[derive(Clone)]
pub(super) struct Nudges {
    sinks: Arc<BTreeMap<String, Arc<Notify>>>,
    sources: Arc<BTreeMap<String, Arc<Notify>>>,
    drills: Arc<Notify>,
}

impl Nudges {
    pub(super) fn new(config: &Config, peers: &[Peer]) -> Nudges {
        let fresh = |name: &String| (name.clone(), Arc::new(Notify::new()));
        Nudges {
            sinks: Arc::new(config.sinks.keys().map(fresh).collect()),
            sources: Arc::new(peers.iter().map(|peer| fresh(&peer.name)).collect()),
            drills: Arc::default(),
        }
    }

    pub(super) fn sink(&self, name: &str) -> Arc<Notify> {
        self.sinks[name].clone()
    }

    pub(super) fn actions(&self, name: &str) -> Arc<Notify> {
        self.sources[name].clone()
    }

    /// Rings when a message of a drill was tried.
    pub(super) fn drills(&self) -> Arc<Notify> {
        self.drills.clone()
    }

    pub(super) fn after(&self, batch: &Batch) {
        let sinks: BTreeSet<&str> = batch.deliveries.iter().map(|delivery| delivery.sink.as_str()).collect();
        for nudge in sinks.into_iter().filter_map(|sink| self.sinks.get(sink)) {
            nudge.notify_one();
        }
        let sources: BTreeSet<&str> = batch.actions.iter().map(|action| &**action.object.source()).collect();
        for nudge in sources.into_iter().filter_map(|source| self.sources.get(source)) {
            nudge.notify_one();
        }
        if batch.attempts.iter().any(|attempt| attempt.delivery.is_drill()) {
            self.drills.notify_waiters();
        }
    }

    pub(super) fn all(&self) {
        self.sinks.values().chain(self.sources.values()).for_each(|nudge| nudge.notify_one());
    }
}
