//! Small tasks that run beside the rest: what was heard is handed on, what is old is
//! forgotten.
//!
//! Never: ends the program; what goes wrong here is told by the log and tried again.

use crate::model::{Input, Timestamp, Utterance};
use crate::store::{JournalLimits, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the audit and finished deliveries are kept.
const KEEP: Duration = Duration::from_secs(7 * 86_400);
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// Hands what was heard to the engine.
pub(super) async fn hand_on(mut heard: mpsc::Receiver<Utterance>, inputs: mpsc::Sender<Input>) {
    while let Some(utterance) = heard.recv().await {
        if inputs.send(Input::Utterance(utterance)).await.is_err() {
            return;
        }
    }
}

/// Forgets what is older than it need be kept.
pub(super) async fn tidy(store: Arc<dyn Store>, limits: Option<JournalLimits>) {
    loop {
        let kept = store.clone();
        let tidied = tokio::task::spawn_blocking(move || {
            let now = Timestamp::now();
            kept.forget_before(now - KEEP)?;
            limits.map_or(Ok(()), |limits| kept.tidy_journal(limits, now))
        });
        if let Ok(Err(error)) = tidied.await {
            tracing::warn!(%error, "cannot forget what is old");
        }
        tokio::time::sleep(TIDY_EVERY).await;
    }
}
