//! The end, in order: what feeds ends before what is fed.
//!
//! Owns: what runs, until it has ended. Promises: what was taken in is on the disk when
//! the end was in order, and an error says when it is not; a disk that takes nothing
//! keeps nobody from ending.

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
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the last batches may take to reach the disk at the end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long engine and workers may take to end; more than the outbox gives what is
/// under way.
const END_WITHIN: Duration = Duration::from_secs(20);

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
    /// Ends everything.
    pub(super) async fn stop(self, why: Why) -> anyhow::Result<()> {
        let Running { inputs, groups, engine, writer, sinks } = self;
        let Groups { sources, tasks, workers, upstream, sending } = groups;
        tracing::info!("stopping");
        upstream.cancel();
        sources.wait().await;
        tasks.close();
        tasks.wait().await;
        let handle = writer.handle();
        let mut ending = std::pin::pin!(async move {
            flush(&handle, inputs).await;
            sending.cancel();
            workers.close();
            workers.wait().await;
            tokio::task::spawn_blocking(move || engine.join()).await
        });
        // Engine and workers wait for the disk; one that cannot be written must not keep
        // the program from ending.
        let in_time = tokio::time::timeout(END_WITHIN, &mut ending).await;
        let mut writer = Some(writer);
        let mut written = Ok(());
        let ended = match in_time {
            Ok(ended) => ended,
            Err(_) => {
                written = stop_writer(writer.take(), Duration::ZERO).await;
                ending.await
            }
        };
        if !matches!(ended, Ok(Ok(Ok(())))) {
            tracing::error!("the engine's thread ended before its time");
        }
        for sink in sinks.values() {
            sink.close().await;
        }
        written.and(stop_writer(writer, PATIENCE).await)?;
        anyhow::ensure!(
            why != Why::EngineEnded,
            "the engine ended by itself; this is a bug in Watchbell, please report it"
        );
        Ok(())
    }
}

async fn stop_writer(writer: Option<StoreWriter>, patience: Duration) -> anyhow::Result<()> {
    let Some(writer) = writer else { return Ok(()) };
    tokio::task::spawn_blocking(move || writer.stop(patience)).await?.context("cannot end the writing thread")
}

/// Waits until what the engine has taken in is durable.
async fn flush(writer: &WriterHandle, inputs: mpsc::Sender<Input>) {
    drop(inputs);
    if writer.flush().await.is_err() {
        tracing::error!("the database is no longer written");
    }
}
