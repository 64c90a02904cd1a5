//! What a worker does while its sink is down, besides trying.
//!
//! Promises: the engine hears once that the sink went down, and once that it is up
//! again; what waits for it is handed to the fallbacks of its targets, once each.

use super::fallback::Fallbacks;
use crate::model::event::SinkOutage;
use crate::model::{Delivery, DeliveryId, Input, Timestamp};
use crate::store::writer::WriterHandle;
use crate::store::{Batch, Store, StoreError};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many waiting deliveries are handed over in one batch.
const SLICE: usize = 256;

/// What is known of a sink's failing; empty while it works.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// When the first of the failures in a row was.
    since: Option<Timestamp>,
    /// Why the last of them was.
    pub(super) reason: String,
    /// The last delivery that was looked at to be handed over.
    looked_at: DeliveryId,
}

impl Outage {
    /// One more delivery was not taken.
    pub(super) fn failed(&mut self, reason: String, now: Timestamp) {
        self.since.get_or_insert(now);
        self.reason = reason;
    }
}

/// What a worker has at hand to tell of its sink.
pub(super) struct Desk<'a> {
    pub(super) sink_name: &'a str,
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) writer: &'a WriterHandle,
    pub(super) inputs: &'a mpsc::Sender<Input>,
    pub(super) fallbacks: &'a Fallbacks,
}

impl Desk<'_> {
    /// Tells the engine that the sink went down (`open`), or is up again.
    pub(super) async fn tell(&self, outage: &Outage, open: bool) {
        let sink = self.sink_name;
        let told = SinkOutage {
            sink: sink.to_owned(),
            open,
            since: outage.since.unwrap_or_else(Timestamp::now),
            reason: outage.reason.clone(),
            waiting: self.read(|store, sink| store.count_waiting(sink)).await,
        };
        if self.inputs.send(Input::SinkOutage(told)).await.is_err() {
            tracing::warn!(%sink, open, "the engine has ended and does not hear of the sink");
        }
    }

    /// Hands what waits for the sink to the fallbacks of its targets.
    pub(super) async fn hand_over(&self, outage: &mut Outage) {
        if self.fallbacks.is_empty() {
            return;
        }
        loop {
            let after = outage.looked_at;
            let waiting = self.read(move |store, sink| store.waiting(sink, after, SLICE)).await;
            let Some(last) = waiting.last() else { return };
            let reason = format!("{} does not work: {}", self.sink_name, outage.reason);
            let deliveries: Vec<Delivery> = waiting
                .iter()
                .filter_map(|delivery| self.fallbacks.of(delivery, &reason))
                .flatten()
                .collect();
            let batch = Batch { deliveries, ..Batch::default() };
            // Without the writer nothing is kept any more; the worker ends at its next try.
            if !batch.deliveries.is_empty() && self.writer.keep(batch).await.is_err() {
                return;
            }
            outage.looked_at = last.id;
        }
    }

    /// What the store says of the sink; nothing if it cannot be read.
    async fn read<T: Default + Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        let (store, sink) = (self.store.clone(), self.sink_name.to_owned());
        let reading = tokio::task::spawn_blocking(move || read(&*store, &sink)).await;
        reading.expect("the store returns its failures, and the runtime outlives its tasks").unwrap_or_else(
            |error| {
                tracing::error!(sink = self.sink_name, %error, "cannot read what waits");
                T::default()
            },
        )
    }
}
