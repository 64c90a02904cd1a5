//! Small tasks that run beside the rest: what was heard is handed on, what is old is
//! forgotten.
//!
//! Never: ends the program; what goes wrong here is told by the log and tried again.

use crate::config::Incoming;
use crate::model::event::Trouble;
use crate::model::{Detail, Event, Input, Timestamp, Utterance};
use crate::source::webhook::WebhookSource;
use crate::store::{JournalLimits, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// Hands what was heard to the engine, until nobody speaks or listens any more.
pub(super) async fn hand_on(heard: &mut mpsc::Receiver<Utterance>, inputs: &mpsc::Sender<Input>) {
    while let Some(utterance) = heard.recv().await {
        if inputs.send(Input::Utterance(utterance)).await.is_err() {
            return;
        }
    }
}

/// Forgets what is older than it need be kept.
pub(super) async fn tidy(store: Arc<dyn Store>, keep: Duration, limits: Option<JournalLimits>) {
    loop {
        let kept = store.clone();
        let tidied = tokio::task::spawn_blocking(move || {
            let now = Timestamp::now();
            kept.forget_before(now - keep)?;
            limits.map_or(Ok(()), |limits| kept.tidy_journal(limits, now))
        });
        if let Ok(Err(error)) = tidied.await {
            tracing::warn!(%error, "cannot forget what is old");
        }
        tokio::time::sleep(TIDY_EVERY).await;
    }
}

/// Has the engine tell what is wrong with Watchbell itself.
pub(super) async fn tell(troubles: &mut mpsc::Receiver<Trouble>, inputs: &mpsc::Sender<Input>) {
    while let Some(trouble) = troubles.recv().await {
        let event = Event::ours(Timestamp::now(), Detail::Trouble(trouble));
        if inputs.send(Input::Event(event)).await.is_err() {
            return;
        }
    }
}

/// Takes webhooks.
pub(super) struct Webhooks {
    /// The socket, until the first run takes it; another is made for the next.
    pub(super) bound: Option<WebhookSource>,
    pub(super) incoming: Incoming,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) stop: CancellationToken,
}

impl Webhooks {
    /// Runs until stopped.
    pub(super) async fn run(&mut self) {
        let bound = match self.bound.take() {
            Some(bound) => Ok(bound),
            None => WebhookSource::bind(&self.incoming).await,
        };
        let ended = async { bound?.run(self.inputs.clone(), self.stop.clone()).await };
        if let Err(error) = ended.await {
            tracing::error!(%error, "webhooks are no longer taken");
        }
    }
}
