//! Watching a drill: whom its messages reach, until all have ended or a minute is over.
//!
//! Owns: the drills that are watched. Promises: each is reported once, within [`LONGEST`]; other
//! questions are answered meanwhile. Never: sends anything but the report, changes what it reads.
//! After a crash there is no report; what became of the messages is in the audit.

use super::answer;
use crate::engine::Drill;
use crate::explain;
use crate::model::{DeliveryId, Input, Reply};
use crate::store::{PastDelivery, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long it is waited for all messages to end.
const LONGEST: Duration = Duration::from_secs(60);
/// The store is asked at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many drills are watched at once.
const MOST: usize = 8;

/// Watches drills, each by itself.
pub(super) struct Drills {
    eye: Eye,
    watched: JoinSet<()>,
}

/// What one watch needs.
#[derive(Clone)]
pub(super) struct Eye {
    /// Where the messages are kept.
    pub(super) store: Arc<dyn Store>,
    /// Told when a message of a drill was tried.
    pub(super) tried: Arc<Notify>,
    /// What marks a command.
    pub(super) prefix: String,
    /// Where reports go.
    pub(super) inputs: mpsc::Sender<Input>,
}

impl Drills {
    /// None is watched yet.
    pub(super) fn new(eye: Eye) -> Drills {
        Drills { eye, watched: JoinSet::new() }
    }

    /// Watches a drill; what comes of it is told as `reply`.
    pub(super) async fn watch(&mut self, drill: Drill, reply: Reply) {
        while self.watched.try_join_next().is_some() {}
        if self.watched.len() >= MOST {
            let text = format!("{MOST} drills are watched already; `why` tells what became of this one");
            return self.eye.say(text, reply).await;
        }
        let eye = self.eye.clone();
        self.watched.spawn(async move {
            let text = eye.report(&drill).await;
            eye.say(text, reply).await;
        });
    }
}

impl Eye {
    async fn report(&self, drill: &Drill) -> String {
        let begun = Instant::now();
        let mut accepted = BTreeMap::new();
        loop {
            let tried = self.tried.notified();
            tokio::pin!(tried);
            // What is tried while the store is read counts, too.
            tried.as_mut().enable();
            let read = self.read(drill.keys.clone()).await;
            let waited = begun.elapsed();
            if let Ok(messages) = &read {
                note_accepted(&mut accepted, messages, waited);
                if has_ended(drill, messages) || waited >= LONGEST {
                    return explain::drill(drill, messages, &accepted, waited, &self.prefix);
                }
            }
            if let Err(error) = read
                && waited >= LONGEST
            {
                return format!("the drill of {}: the database cannot be used: {error}", drill.what);
            }
            let wait = LOOK_EVERY.min(LONGEST.saturating_sub(waited));
            let _woken = tokio::time::timeout(wait, tried).await;
        }
    }

    async fn read(&self, keys: Vec<String>) -> Result<Vec<PastDelivery>, StoreError> {
        let store = self.store.clone();
        let reading = tokio::task::spawn_blocking(move || store.of_keys(&keys));
        reading.await.expect("the store returns its failures, and the runtime outlives its tasks")
    }

    async fn say(&self, text: String, reply: Reply) {
        // Without an engine nobody waits for a report.
        let _ = self.inputs.send(answer(text, reply)).await;
    }
}

fn has_ended(drill: &Drill, messages: &[PastDelivery]) -> bool {
    messages.len() == drill.keys.len() && messages.iter().all(explain::is_ended)
}

fn note_accepted(accepted: &mut BTreeMap<DeliveryId, Duration>, messages: &[PastDelivery], now: Duration) {
    for past in messages.iter().filter(|past| past.status == "sent") {
        accepted.entry(past.delivery.id).or_insert(now);
    }
}
