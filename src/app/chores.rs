//! Small tasks that run beside the rest: what was heard is handed on, what is old is
//! forgotten.
//!
//! Never: ends the program; what goes wrong here is told by the log and tried again.

use super::supervisor::Supervisor;
use crate::clock::{self, Jump};
use crate::config::Incoming;
use crate::model::event::Trouble;
use crate::model::{Detail, Event, Input, Utterance};
use crate::source::desk::Desk;
use crate::source::http::HttpSource;
use crate::source::post::Postbox;
use crate::store::{JournalLimits, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How often the clock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A clock that has gone evenly for this long is well again.
const CALM: Duration = Duration::from_secs(60);
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// Hands what was heard to the engine, until nobody speaks or listens any more.
pub(super) async fn hand_on(heard: &mut mpsc::Receiver<Utterance>, inputs: &mpsc::Sender<Input>) {
    while let Some(utterance) = heard.recv().await {
        if inputs.send(Input::Utterance(utterance)).await.is_err() {
            return;
        }
    }
}

/// How long what is over is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keep {
    /// Decisions and deliveries.
    pub(super) past: Duration,
    /// The audit of commands.
    pub(super) commands: Duration,
    /// The journal, where there is one.
    pub(super) journal: Option<JournalLimits>,
}

/// Forgets what is older than it need be kept.
pub(super) async fn tidy(store: Arc<dyn Store>, keep: Keep) {
    loop {
        let kept = store.clone();
        let tidied = tokio::task::spawn_blocking(move || {
            let now = clock::now();
            kept.forget_before(now - keep.past)?;
            kept.forget_commands_before(now - keep.commands)?;
            keep.journal.map_or(Ok(()), |limits| kept.tidy_journal(limits, now))
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
        let event = Event::ours(clock::now(), Detail::Trouble(trouble));
        if inputs.send(Input::Event(event)).await.is_err() {
            return;
        }
    }
}

/// Takes webhooks and commands.
pub(super) struct Listening {
    /// The socket, until the first run takes it; another is made for the next.
    pub(super) bound: Option<HttpSource>,
    pub(super) incoming: Incoming,
    pub(super) postbox: Postbox,
    pub(super) desk: Desk,
    pub(super) stop: CancellationToken,
}

impl Listening {
    /// Runs until stopped.
    pub(super) async fn run(&mut self) {
        let bound = match self.bound.take() {
            Some(bound) => Ok(bound),
            None => HttpSource::bind(&self.incoming).await,
        };
        let ended = async { bound?.run(self.postbox.clone(), self.desk.clone(), self.stop.clone()).await };
        if let Err(error) = ended.await {
            tracing::error!(%error, "webhooks and commands are no longer taken");
        }
    }
}

/// Looks at the clock each second, and tells when it was set: by that the engine takes
/// something in, and moves what is due.
pub(super) struct ClockWatch {
    pub(super) supervisor: Supervisor,
    /// Until when the last jump is told as one that lasts.
    pub(super) calm_at: Option<Instant>,
}

impl ClockWatch {
    /// Runs for ever.
    pub(super) async fn run(&mut self) {
        loop {
            clock::now();
            for jump in clock::take_jumps() {
                self.jumped(jump);
            }
            if self.calm_at.is_some_and(|at| at <= Instant::now()) {
                self.calm_at = None;
                self.tell("it has gone evenly for a minute", true);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn jumped(&mut self, jump: Jump) {
        match jump {
            Jump::Ahead(by) => self.tell(
                &format!(
                    "it jumped ahead by {by:#}; what comes due by that waits until it has lasted for a minute"
                ),
                false,
            ),
            Jump::Believed => self.tell("the jump ahead has lasted for a minute and is believed", true),
            Jump::TakenBack => self.tell("the jump ahead was taken back; nothing came of it", true),
            Jump::Back(by) => {
                self.tell(&format!("it was set back by {by:#}; what is to come moves along"), false);
                self.calm_at = Some(Instant::now() + CALM);
            }
        }
    }

    fn tell(&self, text: &str, over: bool) {
        tracing::warn!("the clock of this machine: {text}");
        self.supervisor.tell(Trouble { what: "the clock".to_owned(), text: text.to_owned(), over });
    }
}
