//! A store that notes when each delivery came to its commit and when it was on the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use watchbell::model::{About, Action, Decision, Delivery, DeliveryId, Input, Timestamp};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, Entry, Past, PastDelivery, Store, StoreError};

/// For the writer alone: the workers read the store itself.
pub(crate) struct Watched {
    store: Arc<SqliteStore>,
    commits: Mutex<HashMap<String, Commit>>,
}

/// The commit that held a delivery.
#[derive(Clone, Copy)]
pub(crate) struct Commit {
    pub(crate) began: Instant,
    pub(crate) took: Duration,
}

impl Watched {
    pub(crate) fn new(store: Arc<SqliteStore>) -> Arc<Watched> {
        Arc::new(Watched { store, commits: Mutex::default() })
    }

    /// The commits, by the object that was told of.
    pub(crate) fn commits(&self) -> MutexGuard<'_, HashMap<String, Commit>> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Watched {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let began = Instant::now();
        self.store.commit(batch)?;
        let commit = Commit { began, took: began.elapsed() };
        self.commits().extend(batch.deliveries.iter().map(|delivery| (delivery.object.clone(), commit)));
        Ok(())
    }

    fn load_state(&self) -> Result<Vec<Entry>, StoreError> {
        self.store.load_state()
    }

    fn due(
        &self,
        sink: &str,
        now: Timestamp,
        busy: &[String],
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.store.due(sink, now, busy, limit)
    }

    fn supersede(&self, waiting: &[DeliveryId]) -> Result<bool, StoreError> {
        self.store.supersede(waiting)
    }

    fn superseded_by(&self, id: DeliveryId) -> Result<u64, StoreError> {
        self.store.superseded_by(id)
    }

    fn waiting(&self, sink: &str, after: DeliveryId, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        self.store.waiting(sink, after, limit)
    }

    fn count_waiting(&self, sink: &str) -> Result<u64, StoreError> {
        self.store.count_waiting(sink)
    }

    fn next_due(&self, sink: &str) -> Result<Option<Timestamp>, StoreError> {
        self.store.next_due(sink)
    }

    fn pending_actions(&self) -> Result<Vec<Action>, StoreError> {
        self.store.pending_actions()
    }

    fn unheard(&self) -> Result<Vec<Input>, StoreError> {
        self.store.unheard()
    }

    fn decisions(&self, object: &str, limit: usize) -> Result<Vec<Decision>, StoreError> {
        self.store.decisions(object, limit)
    }

    fn deliveries(&self, object: &str, limit: usize) -> Result<Vec<PastDelivery>, StoreError> {
        self.store.deliveries(object, limit)
    }

    fn past(&self, about: &About, limit: usize) -> Result<Past, StoreError> {
        self.store.past(about, limit)
    }

    fn forget_before(&self, moment: Timestamp) -> Result<(), StoreError> {
        self.store.forget_before(moment)
    }
}
