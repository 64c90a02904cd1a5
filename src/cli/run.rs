//! `watchbell run`.

use crate::app;
use crate::config::Config;
use crate::crash;
use crate::engine::SCRIPT_STACK;
use crate::model::Timestamp;
use crate::router;
use crate::store::sqlite::SqliteStore;
use crate::store::{Batch, Store};
use anyhow::Context;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, RwLock};
use std::thread;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// As many threads as there are at once soon after the start.
const THREADS: usize = 8;

pub(super) fn run(path: &Path, force: bool) -> anyhow::Result<ExitCode> {
    super::log("info");
    room_for_threads()?;
    let _armed = crash::arm();
    let config = match super::load(path) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    anyhow::ensure!(
        !config.icinga.is_empty(),
        "{} names no Icinga to listen to; add an [[icinga]] section",
        path.display()
    );
    let store = open_store(&config)?;
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        stop_on_signals(stop.clone())?;
        tracing::info!(config = %path.display(), "watchbell {} starts", env!("CARGO_PKG_VERSION"));
        app::run(config, store, app::icingas, force, stop).await
    });
    // What is still read, such as rules whose tests are being run, is of no use any more.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

/// Fails, with what to raise, where a limit leaves no room for threads: what begins
/// without it could only panic later.
fn room_for_threads() -> anyhow::Result<()> {
    let gate = RwLock::new(());
    let started = thread::scope(|scope| {
        // All of them are there at the same time.
        let _held = gate.write();
        (0..THREADS).try_for_each(|_| {
            let waits = || drop(gate.read());
            thread::Builder::new().stack_size(SCRIPT_STACK).spawn_scoped(scope, waits).map(drop)
        })
    });
    started.with_context(|| {
        format!(
            "a limit leaves no room for {THREADS} threads; raise `ulimit -u` (systemd: LimitNPROC=, TasksMax=) \
             or `ulimit -v` (LimitAS=)"
        )
    })
}

/// Opens the database. What is wrong with it is logged, and told with the first deliveries.
fn open_store(config: &Config) -> anyhow::Result<Arc<SqliteStore>> {
    let now = Timestamp::now();
    let (store, alarm) = SqliteStore::open_or_replace(&config.store, now)?;
    if let Some(alarm) = alarm {
        tracing::error!("{alarm}");
        let deliveries = router::notice(config, "the database", &alarm.to_string(), now);
        store.commit(&Batch { deliveries, ..Batch::default() })?;
    }
    Ok(Arc::new(store))
}

/// The runtime of the whole program. Its threads also read rule files, when they change.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_stack_size(SCRIPT_STACK).build().context("cannot start the runtime")
}

/// SIGTERM and SIGINT end the program in order; a second one ends it at once.
pub(super) fn stop_on_signals(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop.is_cancelled() {
                end_at_once();
            }
            stop.cancel();
        }
    });
    Ok(())
}

#[expect(clippy::exit, reason = "whoever asks twice does not want to wait for an end in order")]
fn end_at_once() -> ! {
    std::process::exit(1)
}
