//! Who starts every task, knows its name, and keeps it running.
//!
//! Owns: the way by which tasks that fail again and again come to be told. Promises:
//! a panic in one task ends no other; see [`crate::supervise`]. Never: waits for a task;
//! whoever starts one gives the tracker to wait with.

use crate::model::event::Trouble;
use crate::supervise::supervise;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many troubles may wait to be told; what is more stands in the log alone.
const WAITING_TROUBLES: usize = 64;

/// Starts tasks that are kept running. Cheap to clone.
#[derive(Clone)]
pub(super) struct Supervisor {
    troubles: mpsc::Sender<Trouble>,
}

impl Supervisor {
    /// A supervisor, and where troubles come out.
    pub(super) fn new() -> (Supervisor, mpsc::Receiver<Trouble>) {
        let (troubles, told) = mpsc::channel(WAITING_TROUBLES);
        (Supervisor { troubles }, told)
    }

    /// Has people hear of a trouble.
    pub(super) fn tell(&self, trouble: Trouble) {
        if let Err(error) = self.troubles.try_send(trouble) {
            tracing::error!(%error, "a trouble cannot be told");
        }
    }

    /// Starts a task that ends by itself, at the latest when `stop` is cancelled.
    pub(super) fn start<T, R>(
        &self,
        tracker: &TaskTracker,
        name: impl Into<String>,
        stop: &CancellationToken,
        state: T,
        run: R,
    ) where
        T: Send + 'static,
        R: for<'a> FnMut(&'a mut T) -> BoxFuture<'a, ()> + Send + 'static,
    {
        let (name, stop, supervisor) = (name.into(), stop.clone(), self.clone());
        tracker.spawn(async move {
            supervise(&name, state, run, &stop, |trouble| supervisor.tell(trouble)).await;
        });
    }

    /// Starts a task that is dropped wherever it is when `stop` is cancelled.
    pub(super) fn start_until<T, R>(
        &self,
        tracker: &TaskTracker,
        name: &str,
        stop: &CancellationToken,
        state: T,
        mut run: R,
    ) where
        T: Send + 'static,
        R: for<'a> FnMut(&'a mut T) -> BoxFuture<'a, ()> + Send + 'static,
    {
        let until = stop.clone();
        self.start(tracker, name, stop, state, move |state| {
            let (running, until) = (run(state), until.clone());
            Box::pin(async move {
                until.run_until_cancelled(running).await;
            })
        });
    }
}
