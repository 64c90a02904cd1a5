//! What systemd hears of us: that all has begun, that it ends, that it lives (`sd_notify(3)`).
//!
//! Promises: where nobody listens, nothing happens; it hears that we live only while the
//! engine answers, or waits for a disk, which no restart would mend. Never: ends anything.

use super::auditor::pulse;
use crate::model::{Input, Timestamp};
use sd_notify::NotifyState;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// All has begun.
pub(super) fn ready() {
    tell(NotifyState::Ready);
}

/// The end has begun.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd does not hear of us");
    }
}

/// Tells that we live, as often as systemd wants to hear it (`WatchdogSec`).
pub(super) struct Watchdog {
    every: Duration,
    inputs: mpsc::Sender<Input>,
    wake: watch::Receiver<Option<Timestamp>>,
    /// Why nothing can be written, if so.
    trouble: watch::Receiver<Option<String>>,
}

impl Watchdog {
    /// `None` where systemd does not want to hear it.
    pub(super) fn wanted(
        inputs: mpsc::Sender<Input>,
        wake: watch::Receiver<Option<Timestamp>>,
        trouble: watch::Receiver<Option<String>>,
    ) -> Option<Watchdog> {
        // Three times within its patience, so that one that comes late does no harm.
        let every = sd_notify::watchdog_enabled()? / 3;
        Some(Watchdog { every, inputs, wake, trouble })
    }

    /// Runs for ever.
    pub(super) async fn run(&mut self) {
        loop {
            if self.lives().await {
                tell(NotifyState::Watchdog);
            } else {
                tracing::error!("the engine does not answer; systemd starts Watchbell anew if it goes on");
            }
            sleep(self.every).await;
        }
    }

    async fn lives(&mut self) -> bool {
        let answers = pulse(&self.inputs, &mut self.wake, self.every).await.is_some();
        answers || self.trouble.borrow().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_lives_while_the_engine_answers_or_waits_for_the_disk() {
        let (inputs, mut engine) = mpsc::channel(16);
        let (woken, wake) = watch::channel(None);
        let (troubled, trouble) = watch::channel(None);
        let mut watchdog = Watchdog { every: Duration::from_secs(40), inputs, wake, trouble };
        assert!(!watchdog.lives().await, "nobody takes the tick");
        troubled.send_replace(Some("the disk is full".to_owned()));
        assert!(watchdog.lives().await);
        troubled.send_replace(None);
        let answering = tokio::spawn(async move {
            while engine.recv().await.is_some() {
                woken.send_replace(None);
            }
        });
        assert!(watchdog.lives().await);
        answering.abort();
    }
}
