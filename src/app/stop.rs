//! The end, in order: what feeds ends before what is fed.
//!
//! Owns: what runs, until it has ended. Promises: ends within [`DEADLINE`], whatever
//! hangs; what was taken in is on the disk when the end is `Ok`, and the error says when
//! it may not be; what takes longer than a second is named in the log. What was not sent
//! in time waits in the store.

use super::crew::Groups;
use crate::model::Input;
use crate::pipeline::Ended;
use crate::sink::Sink;
use crate::store::writer::{StoreWriter, WriterHandle};
use anyhow::Context;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the end may take in all; more than the outbox gives what is under way.
const DEADLINE: Duration = Duration::from_secs(10);
/// What takes longer than this is named.
const PATIENCE: Duration = Duration::from_secs(1);

/// All that was started.
pub(super) struct Running {
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) groups: Groups,
    pub(super) engine: std::thread::JoinHandle<Result<(), Ended>>,
    pub(super) writer: StoreWriter,
    pub(super) sinks: BTreeMap<String, Arc<dyn Sink>>,
}

/// Why it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody asked for it.
    Asked,
    /// Every source has come to its end.
    NoSources,
    /// The engine is no more.
    EngineEnded,
}

/// Waits for a reason to end.
pub(super) async fn reason(
    inputs: &mpsc::Sender<Input>,
    sources: &TaskTracker,
    stop: &CancellationToken,
) -> Why {
    tokio::select! {
        () = stop.cancelled() => Why::Asked,
        () = sources.wait() => Why::NoSources,
        () = inputs.closed() => Why::EngineEnded,
    }
}

impl Running {
    /// Ends everything. `Err`: what was taken in last may not be kept.
    pub(super) async fn stop(self, why: Why) -> anyhow::Result<()> {
        let Running { inputs, groups, engine, writer, sinks } = self;
        let ending = Ending { deadline: Instant::now() + DEADLINE };
        tracing::info!("stopping");
        groups.upstream.cancel();
        ending.wait("sources", groups.sources.wait()).await;
        groups.tasks.close();
        ending.wait("the reloader and the tasks beside it", groups.tasks.wait()).await;
        // What the engine has taken in by now is on the disk before the workers end.
        let handle = writer.handle();
        drop(inputs);
        ending.wait("the database", flush(&handle)).await;
        groups.sending.cancel();
        groups.workers.close();
        ending.wait("deliveries under way", groups.workers.wait()).await;
        let joined = tokio::task::spawn_blocking(move || engine.join());
        let engine = ending.wait("the engine", joined).await;
        let goodbyes = futures_util::future::join_all(sinks.values().map(|sink| sink.close()));
        ending.wait("the goodbyes of sinks", goodbyes).await;
        let left = ending.deadline.saturating_duration_since(Instant::now());
        let stopping = tokio::task::spawn_blocking(move || writer.stop(left));
        stopping.await?.context("cannot end the writing thread")?;
        match engine {
            None => anyhow::bail!("the engine did not end in time; what came in last may not be kept"),
            Some(Ok(Ok(Ok(())))) => {}
            Some(Ok(Ok(Err(error)))) => tracing::error!("the engine's thread ended before its time: {error}"),
            Some(_) => tracing::error!("the engine's thread ended before its time"),
        }
        anyhow::ensure!(
            why != Why::EngineEnded,
            "the engine ended by itself; this is a bug in Watchbell, please report it"
        );
        Ok(())
    }
}

/// An end that is under way.
struct Ending {
    deadline: Instant,
}

impl Ending {
    /// Waits for a part to end; `None` where it does not in time.
    async fn wait<T>(&self, what: &str, part: impl Future<Output = T>) -> Option<T> {
        let mut part = std::pin::pin!(part);
        if let Ok(ended) = timeout_at(self.deadline.min(Instant::now() + PATIENCE), &mut part).await {
            return Some(ended);
        }
        tracing::info!("still waits for {what}");
        let ended = timeout_at(self.deadline, part).await;
        if ended.is_err() {
            tracing::warn!("waits no longer for {what}");
        }
        ended.ok()
    }
}

/// Waits until what the engine has handed to the store is durable.
async fn flush(writer: &WriterHandle) {
    if writer.flush().await.is_err() {
        tracing::error!("the database is no longer written");
    }
}
