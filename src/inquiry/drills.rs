//! Watching a drill: whom its messages reach, until all have ended or a minute is over.
//!
//! Owns: the drills that are watched. Promises: each is reported within [`LONGEST`] of its begin, or
//! within [`LEAST`] of a restart where that is later; other questions are answered meanwhile.
//! Never: sends anything but the report, changes what it reads. After a crash the engine asks again.

use super::addressed;
use crate::engine::Drill;
use crate::explain;
use crate::model::time::age;
use crate::model::{DeliveryId, Input, Reply};
use crate::store::{PastDelivery, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// How long it is waited for all messages to end.
const LONGEST: Duration = Duration::from_secs(60);
/// How long at least, after a restart: what waited for it is tried first.
const LEAST: Duration = Duration::from_secs(10);
/// The store is asked at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many drills are watched at once.
const MOST: usize = 8;

/// Watches drills, each by itself.
pub(super) struct Drills {
    eye: Eye,
    tasks: JoinSet<()>,
    /// By the number of each drill.
    watched: BTreeMap<i64, AbortHandle>,
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
        Drills { eye, tasks: JoinSet::new(), watched: BTreeMap::new() }
    }

    /// Watches a drill, unless it is watched already; what comes of it is told as `reply`.
    pub(super) async fn watch(&mut self, drill: Drill, reply: Reply) {
        while self.tasks.try_join_next().is_some() {}
        self.watched.retain(|_, task| !task.is_finished());
        if self.watched.contains_key(&drill.number) {
            return;
        }
        if self.watched.len() >= MOST {
            let text = format!("{MOST} drills are watched already; `why` tells what became of this one");
            return self.eye.say(drill.number, text, reply).await;
        }
        let (eye, number) = (self.eye.clone(), drill.number);
        let task = self.tasks.spawn(async move {
            let text = eye.report(&drill).await;
            eye.say(number, text, reply).await;
        });
        self.watched.insert(number, task);
    }
}

impl Eye {
    async fn report(&self, drill: &Drill) -> String {
        let begun = Instant::now();
        let mut accepted = BTreeMap::new();
        let longest = LONGEST.saturating_sub(drill.waited).max(LEAST);
        loop {
            let tried = self.tried.notified();
            tokio::pin!(tried);
            // What is tried while the store is read counts, too.
            tried.as_mut().enable();
            let read = self.read(drill.keys.clone()).await;
            let (waited, is_over) = (drill.waited + begun.elapsed(), begun.elapsed() >= longest);
            if let Ok(messages) = &read {
                note_accepted(&mut accepted, drill, messages, waited);
                if has_ended(drill, messages) || is_over {
                    return explain::drill(drill, messages, &accepted, waited, &self.prefix);
                }
            }
            if let Err(error) = read
                && is_over
            {
                return format!("the drill of {}: the database cannot be used: {error}", drill.what);
            }
            let wait = LOOK_EVERY.min(longest.saturating_sub(begun.elapsed()));
            let _woken = tokio::time::timeout(wait, tried).await;
        }
    }

    async fn read(&self, keys: Vec<String>) -> Result<Vec<PastDelivery>, StoreError> {
        let store = self.store.clone();
        let reading = tokio::task::spawn_blocking(move || store.of_keys(&keys));
        reading.await.expect("the store returns its failures, and the runtime outlives its tasks")
    }

    async fn say(&self, number: i64, text: String, reply: Reply) {
        // Without an engine nobody waits for a report.
        let _ = self.inputs.send(Input::Drilled { number, report: addressed(text, reply) }).await;
    }
}

fn has_ended(drill: &Drill, messages: &[PastDelivery]) -> bool {
    messages.len() == drill.keys.len() && messages.iter().all(explain::is_ended)
}

/// Notes after how long messages were accepted: when that was seen, or of what was accepted before
/// anybody looked, when it was tried.
fn note_accepted(
    accepted: &mut BTreeMap<DeliveryId, Duration>,
    drill: &Drill,
    messages: &[PastDelivery],
    waited: Duration,
) {
    let is_first_look = waited.saturating_sub(drill.waited) < LOOK_EVERY;
    let is_late = is_first_look && !drill.waited.is_zero();
    for past in messages.iter().filter(|past| past.status == "sent") {
        let tried = past.last_attempt.filter(|_| is_late).map(|at| age(drill.at, at));
        accepted.entry(past.delivery.id).or_insert(tried.unwrap_or(waited));
    }
}
