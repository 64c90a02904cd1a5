//! The worker that asks Icinga: what was decided to ask is asked, and who wanted it
//! hears how it went.
//!
//! Owns: when an action is tried again. Promises: every action ends with a result
//! that is kept and told; where an answer was lost, what Icinga has by then counts as done.
//! Never: repeats an action that is not harmless twice, such
//! as a downtime, when nobody knows whether the first try was heard.
//! After a crash, an action without a result is asked again: a second
//! acknowledgement is refused by Icinga, a second comment would stand twice.

use crate::crash;
use crate::model::{Action, ActionId, ActionKind, ActionResult, Input};
use crate::source::icinga::ActError;
use crate::store::writer::WriterHandle;
use crate::store::{Batch, Store};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Asks one action of an Icinga.
pub type Act = Arc<dyn Fn(Action) -> BoxFuture<'static, Result<String, ActError>> + Send + Sync>;

/// The store is asked at least this often.
const PERIOD: Duration = Duration::from_secs(5);
/// How often an action is tried while Icinga does not answer.
const TRIES: u32 = 6;

/// Asks the actions of one Icinga, one after the other.
#[derive(Clone)]
pub struct ActionWorker {
    /// The Icinga's name in the configuration.
    pub source: String,
    /// How to ask it.
    pub act: Act,
    /// Where actions wait.
    pub store: Arc<dyn Store>,
    /// Where results are kept.
    pub writer: WriterHandle,
    /// Told when actions were kept.
    pub nudge: Arc<Notify>,
    /// Hears the results.
    pub inputs: mpsc::Sender<Input>,
    /// Ends it.
    pub stop: CancellationToken,
}

impl ActionWorker {
    /// Works until stopped; what is not answered then is asked at the next start.
    pub async fn run(self) {
        let mut tries: BTreeMap<ActionId, u32> = BTreeMap::new();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(PERIOD) => {}
            }
            for action in self.pending().await {
                if self.stop.is_cancelled() {
                    return;
                }
                let tried = tries.entry(action.id).or_default();
                *tried += 1;
                let Some(outcome) = self.ask(&action, *tried).await else { break };
                tries.remove(&action.id);
                if self.keep(ActionResult { action, outcome }).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn pending(&self) -> Vec<Action> {
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || store.pending_actions()).await;
        match read {
            Ok(Ok(actions)) => {
                actions.into_iter().filter(|action| **action.object.source() == *self.source).collect()
            }
            Ok(Err(error)) => {
                tracing::error!(source = %self.source, %error, "cannot read what is to be asked of Icinga");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    /// Asks once. `None`: Icinga did not answer, and asking again does no harm.
    async fn ask(&self, action: &Action, tried: u32) -> Option<Result<String, String>> {
        crash::point("action.due");
        let answer = (self.act)(action.clone()).await;
        crash::point("action.answered");
        match answer {
            Ok(words) => Some(Ok(words)),
            Err(ActError::Already(words)) if tried > 1 => Some(Ok(words)),
            Err(ActError::Refused(reason) | ActError::Already(reason)) => Some(Err(reason)),
            Err(ActError::Unavailable(reason)) if tried >= TRIES || !harmless_twice(&action.kind) => {
                Some(Err(format!("Icinga did not answer ({reason}); look before you ask again")))
            }
            Err(ActError::Unavailable(reason)) => {
                tracing::warn!(source = %self.source, object = %action.object, reason, "Icinga did not answer; asking again");
                None
            }
        }
    }

    async fn keep(&self, result: ActionResult) -> Result<(), ()> {
        let batch = Batch { action_results: vec![result.clone()], ..Batch::default() };
        self.writer.keep(batch).await.map_err(|_| ())?;
        self.inputs.send(Input::ActionResult(result)).await.map_err(|_| ())
    }
}

fn harmless_twice(kind: &ActionKind) -> bool {
    matches!(
        kind,
        ActionKind::Acknowledge { .. }
            | ActionKind::ExtendAcknowledgement { .. }
            | ActionKind::RemoveAcknowledgement
            | ActionKind::RemoveDowntime { .. }
            | ActionKind::RescheduleCheck
    )
}
