//! A real store whose commits are done by somebody else, who may note them or fail.

use std::sync::Arc;
use watchbell::model::{About, Action, Decision, Delivery, DeliveryId, Input, Timestamp};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, Entry, Past, PastDelivery, Store, StoreError};

/// All but commits goes to the store itself.
pub(crate) struct Committing<C> {
    store: Arc<SqliteStore>,
    commit: C,
}

impl<C: Fn(&SqliteStore, &Batch) -> Result<(), StoreError> + Send + Sync> Committing<C> {
    /// `commit` does the commits.
    pub(crate) fn new(store: Arc<SqliteStore>, commit: C) -> Arc<Committing<C>> {
        Arc::new(Committing { store, commit })
    }
}

impl<C: Fn(&SqliteStore, &Batch) -> Result<(), StoreError> + Send + Sync> Store for Committing<C> {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        (self.commit)(&self.store, batch)
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
