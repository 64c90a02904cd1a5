//! The auditor: looks each minute whether Watchbell does what it is for.
//!
//! Owns: what is out of bounds, and since when that is known. Promises: each is told once
//! when it begins and once when it is over; a look ends within a minute also where
//! nothing answers. Never: mends anything, waits for a delivery.
//!
//! What it measures itself: how long an input takes to be judged, and a batch to reach
//! the disk. How late Icinga hands events over is measured where they are read ([`Lag`]).

mod bounds;
mod report;

pub(in crate::app) use report::Report;

use super::supervisor::Supervisor;
use crate::clock;
use crate::lag::Lag;
use crate::model::{Input, Timestamp};
use crate::patience::within;
use crate::store::writer::WriterHandle;
use crate::store::{Audit, Store};
use bounds::Look;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(60);
/// When it looks first: all has begun by then.
const FIRST: Duration = Duration::from_secs(3);
/// How long it waits for each answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks each minute.
pub(super) struct Auditor {
    pub(super) inputs: mpsc::Sender<Input>,
    /// Changes with each batch that the engine has judged.
    pub(super) wake: watch::Receiver<Option<Timestamp>>,
    pub(super) writer: WriterHandle,
    pub(super) store: Arc<dyn Store>,
    pub(super) lag: Arc<Lag>,
    pub(super) supervisor: Supervisor,
    pub(super) report: watch::Sender<Option<Report>>,
}

impl Auditor {
    /// Runs for ever.
    pub(super) async fn run(&mut self) {
        sleep(FIRST).await;
        loop {
            let (look, audit) = self.look().await;
            tracing::info!(target: "watchbell::audit", "{look}");
            let faults = look.faults();
            let before = self.report.borrow().clone();
            let known = before.as_ref().map(|before| before.faults.clone()).unwrap_or_default();
            for trouble in bounds::news(&known, &faults) {
                tracing::warn!("{}: {}", trouble.what, trouble.text);
                self.supervisor.tell(trouble);
            }
            let now = Instant::now();
            let report = Report { at: now, since: now, faults, queues: audit.waiting, dead: audit.dead };
            self.report.send_replace(Some(report.after(before.as_ref())));
            sleep(EVERY).await;
        }
    }

    async fn look(&mut self) -> (Look, Audit) {
        let store = self.store.clone();
        let now = clock::now();
        let audit = tokio::task::spawn_blocking(move || store.audit(now));
        let audit = match timeout(PATIENCE, audit).await {
            Ok(Ok(Ok(audit))) => Ok(audit),
            Ok(Ok(Err(error))) => Err(error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        };
        let (audit, unread) = match audit {
            Ok(audit) => (audit, None),
            Err(reason) => (Audit::default(), Some(reason)),
        };
        let look = Look {
            judging: pulse(&self.inputs, &mut self.wake, PATIENCE).await,
            writing: self.writing().await,
            overdue: self.overdue(now),
            sources: self.sources(),
            waiting: audit
                .waiting
                .iter()
                .map(|queue| (queue.sink.clone(), crate::model::time::age(queue.oldest, now)))
                .collect(),
            sums: audit.sums,
            unread,
            memory: memory(),
        };
        (look, audit)
    }

    /// How late each Icinga hands its events over, on average.
    fn sources(&self) -> BTreeMap<String, Duration> {
        let upstream = self.lag.upstream().into_iter();
        upstream
            .map(|(name, reading)| {
                (name.to_string(), Duration::try_from_secs_f64(reading.mean).unwrap_or_default())
            })
            .collect()
    }

    /// How long a batch takes to the disk; `None`: too long.
    async fn writing(&self) -> Option<Duration> {
        let begun = Instant::now();
        timeout(PATIENCE, self.writer.flush()).await.ok()?.ok().map(|()| begun.elapsed())
    }

    /// For how long what was to come by the time has not.
    fn overdue(&self, now: Timestamp) -> Duration {
        self.wake.borrow().map_or(Duration::ZERO, |at| crate::model::time::age(at, now))
    }
}

/// How long an input takes from here to the engine's answer; `None`: longer than `patience`.
/// `wake` changes with each batch that the engine has judged.
pub(super) async fn pulse(
    inputs: &mpsc::Sender<Input>,
    wake: &mut watch::Receiver<Option<Timestamp>>,
    patience: Duration,
) -> Option<Duration> {
    let begun = Instant::now();
    wake.mark_unchanged();
    let judged = async {
        inputs.send(Input::Tick).await.ok()?;
        wake.changed().await.ok()
    };
    within(patience, judged).await.flatten().map(|()| begun.elapsed())
}

/// How much memory the process holds, in bytes; `None` where the system does not say
/// (`VmRSS` of `proc_pid_status(5)`).
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
