//! The worker of one sink.
//!
//! Promises: a lane is free again only when what became of its delivery is on the
//! disk. As many deliveries of different lanes are under way as the sink allows,
//! no more.
//! Never: shares anything with the worker of another sink but the store.

use super::attempt::{Health, attempt};
use super::backoff::BackoffPolicy;
use super::breaker::{Breaker, Change};
use super::due::{Question, due};
use super::fallback::Fallbacks;
use super::fold::Storms;
use super::outage::{Desk, Outage};
use crate::clock;
use crate::crash;
use crate::model::{Attempt, AttemptResult, Delivery, Input, Timestamp};
use crate::sink::Sink;
use crate::store::writer::{WriterGone, WriterHandle};
use crate::store::{Batch, Store, StoreError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The store is asked at least this often, should a nudge ever be missed.
const PERIOD: Duration = Duration::from_secs(5);

/// How many due deliveries are read at once.
const LOOK_AHEAD: usize = 256;

/// How long deliveries under way may still take when the worker is stopped.
const GRACE: Duration = Duration::from_secs(8);

/// Sends what is due for one sink, until it is stopped.
#[derive(Clone)]
pub struct Worker {
    /// The sink's name in the configuration, as deliveries carry it.
    pub sink_name: String,
    /// The way out.
    pub sink: Arc<dyn Sink>,
    /// Where deliveries wait.
    pub store: Arc<dyn Store>,
    /// Where attempts are kept.
    pub writer: WriterHandle,
    /// Told when deliveries for this sink were kept.
    pub nudge: Arc<Notify>,
    /// Hears of every delivery that was given up, and when the sink goes down and up.
    pub inputs: mpsc::Sender<Input>,
    /// How much its recipients are told; `None` where they have no budgets.
    pub storms: Option<Arc<Storms>>,
    /// Who hears of it besides, where a target cannot be told.
    pub fallbacks: Fallbacks,
    /// When to try again.
    pub policy: BackoffPolicy,
    /// Ends it.
    pub stop: CancellationToken,
}

/// What a worker has in hand.
struct Work {
    /// Read as due, each of another lane, not yet tried.
    ready: VecDeque<Delivery>,
    /// Lanes of the deliveries under way.
    busy: Vec<String>,
    under_way: JoinSet<Result<Ended, WriterGone>>,
    breaker: Breaker,
    /// What is known of its failing, while it fails.
    outage: Outage,
    /// When the sink last did not work, or when the worker started: what was decided
    /// before then had to wait.
    waited: Timestamp,
    /// Whether the last look at the store failed.
    blind: bool,
}

impl Work {
    fn new(now: Timestamp) -> Work {
        Work {
            ready: VecDeque::new(),
            busy: Vec::new(),
            under_way: JoinSet::new(),
            breaker: Breaker::default(),
            outage: Outage::default(),
            waited: now,
            blind: false,
        }
    }

    /// The pause is over, if there was one.
    fn resume(&mut self, now: Timestamp) {
        if !self.breaker.is_sound() {
            self.waited = now;
        }
        self.breaker.resume();
    }
}

/// A delivery that is no longer under way, and that is on the disk.
struct Ended {
    lane: String,
    health: Health,
}

impl Worker {
    /// Works until stopped, then waits 8 s at most for what is under way; the rest
    /// stays pending. Fails only if the writer has ended before.
    pub async fn run(self) -> Result<(), WriterGone> {
        let worker = Arc::new(self);
        let mut work = Work::new(clock::now());
        while !worker.stop.is_cancelled() {
            let wake = worker.start_due(&mut work).await;
            tokio::select! {
                () = worker.stop.cancelled() => {}
                () = worker.nudge.notified() => {}
                () = tokio::time::sleep_until(wake) => {}
                () = worker.sink.ready(), if work.breaker.is_not_ready() => work.resume(clock::now()),
                Some(ended) = work.under_way.join_next() => worker.settle(&mut work, ended).await?,
            }
        }
        worker.finish(work).await
    }

    /// Puts under way what is due, as far as there is room. Returns when to come
    /// back at the latest.
    async fn start_due(self: &Arc<Self>, work: &mut Work) -> Instant {
        let mut wake = Instant::now() + PERIOD;
        if work.breaker.is_down() {
            self.desk().hand_over(&mut work.outage).await;
        }
        if let Some(until) = work.breaker.paused(Instant::now()) {
            return until;
        }
        work.resume(clock::now());
        while work.busy.len() < work.breaker.places(self.sink.concurrency()) {
            if work.ready.is_empty() {
                wake = self.look(work).await;
            }
            let Some(delivery) = work.ready.pop_front() else { break };
            work.busy.push(delivery.lane());
            self.count(&delivery);
            work.under_way.spawn(self.clone().carry(delivery));
        }
        wake
    }

    /// Reads what is due. Returns when to look again if that is nothing.
    ///
    /// While something is under way, a lane that comes due by time alone may be
    /// noticed up to [`PERIOD`] late.
    async fn look(&self, work: &mut Work) -> Instant {
        let period = Instant::now() + PERIOD;
        match self.read_due(work).await {
            Ok((due, next)) => {
                work.blind = false;
                work.ready = due.into();
                period.min(Instant::now() + next.unwrap_or(PERIOD))
            }
            Err(error) => {
                if !work.blind {
                    let sink = &self.sink_name;
                    tracing::error!(%sink, %error, "cannot read what is due; nothing is sent until it works");
                }
                work.blind = true;
                period
            }
        }
    }

    /// A sink that carries one thing at a time, such as a channel, is read as it was
    /// decided: looking ahead would show only the first of each lane.
    /// Nor is more read than has room where budgets are counted when something leaves.
    fn look_ahead(&self, work: &Work) -> usize {
        match self.sink.concurrency() {
            0 | 1 => 1,
            places if self.storms.is_some() => work.breaker.places(places).saturating_sub(work.busy.len()),
            _ => LOOK_AHEAD,
        }
    }

    /// What is due, and how long until the next comes due.
    async fn read_due(&self, work: &Work) -> Result<(Vec<Delivery>, Option<Duration>), StoreError> {
        let question = Question {
            sink: self.sink_name.clone(),
            busy: work.busy.clone(),
            limit: self.look_ahead(work),
            waited: work.waited,
            storms: self.storms.clone(),
            clock: Instant::now(),
        };
        let (store, sink) = (self.store.clone(), self.sink.clone());
        let reading =
            tokio::task::spawn_blocking(move || due(&*store, &question, &|delivery| sink.cost(delivery)));
        reading.await.expect("the store returns its failures, and the runtime outlives its tasks")
    }

    /// What leaves is counted in the budget of its recipient.
    fn count(&self, delivery: &Delivery) {
        if let Some(storms) = &self.storms {
            storms.spend(delivery, self.sink.cost(delivery), Instant::now());
        }
    }

    /// Tries a delivery once and makes the outcome durable.
    async fn carry(self: Arc<Self>, delivery: Delivery) -> Result<Ended, WriterGone> {
        let lane = delivery.lane();
        crash::point("delivery.due");
        let (attempt, health) = attempt(&*self.sink, delivery, &self.policy).await;
        crash::point("delivery.answered");
        let deliveries = self.fallbacks.after(&attempt);
        let batch = Batch { attempts: vec![attempt.clone()], deliveries, ..Batch::default() };
        self.writer.keep(batch).await?;
        crash::point("delivery.kept");
        self.report(&attempt);
        if matches!(attempt.result, AttemptResult::Dead(_)) {
            self.tell_given_up(attempt).await;
        }
        Ok(Ended { lane, health })
    }

    fn report(&self, attempt: &Attempt) {
        let (sink, delivery) = (&self.sink_name, attempt.delivery.id);
        let (target, recipient) = (&attempt.delivery.target, &attempt.delivery.recipient);
        match &attempt.result {
            AttemptResult::Sent(receipt) => {
                tracing::debug!(%sink, delivery, target, recipient, receipt, "sent");
            }
            AttemptResult::Retry { not_before, reason, .. } => {
                tracing::debug!(%sink, delivery, target, recipient, reason, %not_before, "not sent yet");
            }
            AttemptResult::Dead(reason) => {
                tracing::warn!(%sink, delivery, target, recipient, reason, "given up");
            }
        }
    }

    async fn tell_given_up(&self, attempt: Attempt) {
        let delivery = attempt.delivery.id;
        if self.inputs.send(Input::GivenUp(attempt)).await.is_err() {
            tracing::warn!(delivery, "the engine has ended and does not hear that this was given up");
        }
    }

    /// Frees the lane, and minds how the sink is doing.
    async fn settle(
        &self,
        work: &mut Work,
        ended: Result<Result<Ended, WriterGone>, JoinError>,
    ) -> Result<(), WriterGone> {
        let ended = ended.expect("a panic of the sink is caught, and no task is cancelled before the end")?;
        work.busy.retain(|lane| *lane != ended.lane);
        match ended.health {
            Health::Works => self.trust(work).await,
            Health::Unknown => {}
            Health::Fails(reason) => self.doubt(work, reason, false).await,
            Health::NotReady(reason) => {
                if let Some(storms) = &self.storms {
                    storms.take_back(&ended.lane);
                }
                // What was read as due is read again then, the oldest first.
                work.ready.clear();
                self.doubt(work, reason, true).await;
            }
        }
        Ok(())
    }

    fn desk(&self) -> Desk<'_> {
        let Worker { sink_name, store, writer, inputs, fallbacks, .. } = self;
        Desk { sink_name, store, writer, inputs, fallbacks }
    }

    async fn trust(&self, work: &mut Work) {
        if work.breaker.answered() == Change::Up {
            tracing::info!(sink = %self.sink_name, "the sink works again");
            self.desk().tell(&work.outage, false).await;
        }
        work.outage = Outage::default();
    }

    async fn doubt(&self, work: &mut Work, reason: String, not_ready: bool) {
        let change = work.breaker.failed(not_ready, &self.policy, Instant::now(), rand::random());
        work.outage.failed(reason, clock::now());
        if change == Change::Down {
            let reason = &work.outage.reason;
            tracing::warn!(sink = %self.sink_name, reason, "the sink does not work; its deliveries wait");
            self.desk().tell(&work.outage, true).await;
        }
    }

    /// Waits for what is under way; what takes too long is left pending.
    async fn finish(&self, mut work: Work) -> Result<(), WriterGone> {
        let deadline = Instant::now() + GRACE;
        while let Ok(next) = tokio::time::timeout_at(deadline, work.under_way.join_next()).await {
            let Some(ended) = next else { return Ok(()) };
            self.settle(&mut work, ended).await?;
        }
        let left = work.under_way.len();
        tracing::warn!(sink = %self.sink_name, left, "stopped with deliveries under way; they are sent again");
        work.under_way.shutdown().await;
        Ok(())
    }
}
