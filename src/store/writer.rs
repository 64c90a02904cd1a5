//! The one thread that writes.
//!
//! Owns: when batches become durable. All that waits is kept in one transaction,
//! so a thousand small batches cost one wait for the disk; when nothing waits, a
//! batch is written at once.
//! Promises: batches are kept in the order they were queued; nobody hears that a
//! batch is kept before it is on the disk. When the disk is full or fails, nobody
//! hears anything, nothing is thrown away, and the same batches are tried again
//! until it works. Meanwhile the queue fills, and those who queue wait.
//! Never: drops a batch it has taken, except when [`StoreWriter::stop`] has run
//! out of patience; then its sender hears [`WriterGone`].
//! On a crash, batches that were queued and not kept are gone, and nobody was told
//! otherwise.

use super::{Batch, Store, StoreError};
use crate::crash;
use crate::supervise::panic_text;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// How many batches may wait. More than this make their senders wait.
const QUEUED_BATCHES: usize = 256;

/// No further batch joins a transaction that has this many rows.
const ENOUGH_ROWS: usize = 16_384;

/// After a failed commit: the first wait, which doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The writer has ended; what was not acknowledged is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database is no longer written; what was not acknowledged is not kept")]
pub struct WriterGone;

/// The writer did not end in time, because the database cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database could not be written for {0:?} while stopping; what was not acknowledged is not kept")]
pub struct NotStopped(pub Duration);

/// The thread, for the one who starts and stops it.
///
/// If it is dropped instead, the thread goes on until the last handle is gone,
/// but gives up at the first commit that fails.
#[derive(Debug)]
pub struct StoreWriter {
    handle: WriterHandle,
    stopping: Arc<AtomicBool>,
    trouble: watch::Receiver<Option<String>>,
    /// Dropped to make the thread give up a commit that keeps failing.
    patience: SyncSender<()>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

/// Where batches are queued. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WriterHandle {
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
struct Order {
    batch: Batch,
    /// Who waits until it is on the disk.
    kept: Vec<oneshot::Sender<()>>,
}

impl StoreWriter {
    /// Starts the thread.
    ///
    /// `committed` is called on it after each commit, with all that is now on the
    /// disk, before the senders hear of it: the place to wake an outbox. It must
    /// neither wait nor panic.
    pub fn start(
        store: Arc<dyn Store>,
        committed: impl Fn(&Batch) + Send + 'static,
    ) -> std::io::Result<StoreWriter> {
        let (orders, queue) = mpsc::channel(QUEUED_BATCHES);
        let (patience, gives_up) = sync_channel(0);
        let (alive, ended) = sync_channel(0);
        let stopping = Arc::new(AtomicBool::new(false));
        let (troubled, trouble) = watch::channel(None);
        let writing = Writing { store, queue, stopping: stopping.clone(), troubled, gives_up, committed };
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            let _alive: SyncSender<()> = alive;
            writing.run();
        })?;
        Ok(StoreWriter { handle: WriterHandle { orders }, stopping, trouble, patience, ended, thread })
    }

    /// A way to queue batches.
    pub fn handle(&self) -> WriterHandle {
        self.handle.clone()
    }

    /// Why nothing can be kept now; `None` while all is well. Closed when the thread has ended.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.clone()
    }

    /// Keeps what is queued, then ends the thread; later batches are refused with
    /// [`WriterGone`]. Blocks for `patience` at most: a commit that still fails
    /// then is given up.
    pub fn stop(self, patience: Duration) -> Result<(), NotStopped> {
        self.stopping.store(true, Ordering::Release);
        self.handle.wake();
        if self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            drop(self.patience);
            return Err(NotStopped(patience));
        }
        if self.thread.join().is_err() {
            tracing::error!("the thread that writes the database had panicked");
        }
        Ok(())
    }
}

impl WriterHandle {
    /// Queues a batch and waits until it is on the disk.
    ///
    /// Once it is queued it is kept, even if this future is dropped.
    pub async fn keep(&self, batch: Batch) -> Result<(), WriterGone> {
        let (kept, answer) = oneshot::channel();
        self.orders.send(Order { batch, kept: vec![kept] }).await.map_err(|_| WriterGone)?;
        answer.await.map_err(|_| WriterGone)
    }

    /// Queues a batch from a thread outside the async runtime; waits only while
    /// the queue is full. The receiver hears when the batch is on the disk, or
    /// fails when the writer ended before.
    ///
    /// Panics inside an async task: use [`WriterHandle::keep`] there.
    pub fn queue_blocking(&self, batch: Batch) -> Result<oneshot::Receiver<()>, WriterGone> {
        let (kept, answer) = oneshot::channel();
        self.queue_for(batch, vec![kept])?;
        Ok(answer)
    }

    /// The same for many, or none, who wait: each hears when the batch is on the disk, and is
    /// dropped when the writer ended before.
    pub fn queue_for(&self, batch: Batch, kept: Vec<oneshot::Sender<()>>) -> Result<(), WriterGone> {
        self.orders.blocking_send(Order { batch, kept }).map_err(|_| WriterGone)
    }

    /// Waits until all that was queued before is on the disk.
    pub async fn flush(&self) -> Result<(), WriterGone> {
        self.keep(Batch::default()).await
    }

    /// The same from a thread outside the async runtime.
    pub fn flush_blocking(&self) -> Result<(), WriterGone> {
        self.queue_blocking(Batch::default())?.blocking_recv().map_err(|_| WriterGone)
    }

    /// Ends a wait for the next batch. A full queue is not waited for, so there
    /// is nothing to do then.
    fn wake(&self) {
        let _ = self.orders.try_send(Order { batch: Batch::default(), kept: Vec::new() });
    }
}

/// What the thread holds.
struct Writing<F> {
    store: Arc<dyn Store>,
    queue: mpsc::Receiver<Order>,
    stopping: Arc<AtomicBool>,
    troubled: watch::Sender<Option<String>>,
    gives_up: Receiver<()>,
    committed: F,
}

impl<F: Fn(&Batch)> Writing<F> {
    fn run(mut self) {
        while let Some(first) = self.next() {
            let (batch, senders) = self.gather(first);
            if !self.keep(&batch) {
                return;
            }
            crash::point("commit.done");
            (self.committed)(&batch);
            for sender in senders {
                // A sender that no longer waits has lost interest, not the batch.
                let _ = sender.send(());
            }
        }
    }

    /// Waits for a batch; `None` when there will be none.
    fn next(&mut self) -> Option<Order> {
        if self.stopping.load(Ordering::Acquire) {
            return self.queue.try_recv().ok();
        }
        self.queue.blocking_recv()
    }

    /// Joins what waits behind the first, in order.
    fn gather(&mut self, first: Order) -> (Batch, Vec<oneshot::Sender<()>>) {
        let mut batch = first.batch;
        let mut senders = first.kept;
        while row_count(&batch) < ENOUGH_ROWS
            && let Ok(next) = self.queue.try_recv()
        {
            append(&mut batch, next.batch);
            senders.extend(next.kept);
        }
        (batch, senders)
    }

    /// Commits once. A panic is a failure like others: what it began is rolled back.
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let committing = AssertUnwindSafe(|| self.store.commit(batch));
        let panicked = |panic: Box<dyn Any + Send>| StoreError::Panicked(panic_text(&*panic).to_owned());
        catch_unwind(committing).unwrap_or_else(|panic| Err(panicked(panic)))
    }

    /// Commits, however often it takes. False when told to give up.
    fn keep(&self, batch: &Batch) -> bool {
        let mut wait = FIRST_WAIT;
        let mut failing: Option<Failing> = None;
        while let Err(error) = self.commit(batch) {
            if let StoreError::Damaged { .. } = error {
                tracing::error!("{error}. Watchbell ends; its next start sets the database aside");
                return false;
            }
            failing = Some(Failing::report(failing, &error));
            self.troubled.send_replace(Some(error.to_string()));
            if self.gives_up.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
            wait = LONGEST_WAIT.min(wait * 2);
        }
        if let Some(failing) = failing {
            let seconds = failing.since.elapsed().as_secs();
            self.troubled.send_replace(None);
            tracing::info!(seconds, "the database can be written again; nothing was lost");
        }
        true
    }
}

/// A commit that fails again and again.
struct Failing {
    since: Instant,
    reason: String,
}

impl Failing {
    /// Logs each reason once, not once for every try.
    fn report(before: Option<Failing>, error: &StoreError) -> Failing {
        let reason = error.to_string();
        let since = before.as_ref().map_or_else(Instant::now, |before| before.since);
        if before.is_none_or(|before| before.reason != reason) {
            tracing::error!(
                %reason,
                "cannot write the database; nothing is decided or sent until it works again. \
                 Free space on its disk, or mend the disk or the permissions; no restart is needed"
            );
        }
        Failing { since, reason }
    }
}

fn row_count(batch: &Batch) -> usize {
    let Batch {
        state,
        deliveries,
        actions,
        decisions,
        commands,
        attempts,
        action_results,
        heard,
        answered,
        journal,
        answers: _,
    } = batch;
    state.len()
        + deliveries.len()
        + actions.len()
        + decisions.len()
        + commands.len()
        + attempts.len()
        + action_results.len()
        + heard.len()
        + answered.len()
        + journal.len()
}

fn append(batch: &mut Batch, next: Batch) {
    batch.state.extend(next.state);
    batch.deliveries.extend(next.deliveries);
    batch.actions.extend(next.actions);
    batch.decisions.extend(next.decisions);
    batch.commands.extend(next.commands);
    batch.attempts.extend(next.attempts);
    batch.action_results.extend(next.action_results);
    batch.heard.extend(next.heard);
    batch.answered.extend(next.answered);
    batch.journal.extend(next.journal);
    batch.answers.extend(next.answers);
}
