//! The outbox: every delivery ends once, lanes keep order, sinks do not disturb
//! each other.

use crate::common::deliveries::{deliveries, delivery};
use futures_util::future::BoxFuture;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use watchbell::model::{AttemptResult, Delivery, Input, Timestamp};
use watchbell::outbox::{BackoffPolicy, Fallbacks, Worker};
use watchbell::sink::{Receipt, SendError, Sink};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::writer::{StoreWriter, WriterGone};
use watchbell::store::{Batch, PastDelivery, Store};

pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Tries again at once, almost.
pub(crate) const FAST: BackoffPolicy = BackoffPolicy {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(3),
    not_ready_least: Duration::from_millis(1),
    not_ready_most: Duration::from_millis(3),
    probe: Duration::from_millis(3),
};

/// What a sink does with one delivery.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Accept,
    Reject,
    Retry,
    PutOff,
    NotReady,
    Panic,
    Hang,
}

/// A sink that answers as the test says, and tells the test what it was given.
pub(crate) struct ScriptedSink {
    /// Answers by key of delivery, first one first; what is not there is accepted.
    pub(crate) script: Mutex<BTreeMap<String, VecDeque<Answer>>>,
    /// What it does with all that has no script.
    pub(crate) otherwise: Answer,
    pub(crate) places: usize,
    /// Each delivery takes one of these before it is answered.
    pub(crate) gate: Semaphore,
    /// Told when it can send again.
    pub(crate) ready: Notify,
    under_way: Mutex<BTreeSet<String>>,
    pub(crate) most_under_way: Mutex<usize>,
    heard: mpsc::UnboundedSender<(String, Answer)>,
}

pub(crate) type Heard = mpsc::UnboundedReceiver<(String, Answer)>;

impl ScriptedSink {
    pub(crate) fn new(otherwise: Answer, places: usize) -> (ScriptedSink, Heard) {
        let (heard, hears) = mpsc::unbounded_channel();
        let sink = ScriptedSink {
            script: Mutex::default(),
            otherwise,
            places,
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            ready: Notify::new(),
            under_way: Mutex::default(),
            most_under_way: Mutex::default(),
            heard,
        };
        (sink, hears)
    }

    pub(crate) fn with(self, key: &str, answers: impl IntoIterator<Item = Answer>) -> ScriptedSink {
        self.script.lock().expect("no panic").insert(key.to_owned(), answers.into_iter().collect());
        self
    }

    fn next_answer(&self, key: &str) -> Answer {
        let mut script = self.script.lock().expect("no panic");
        script.get_mut(key).and_then(VecDeque::pop_front).unwrap_or(self.otherwise.clone())
    }

    fn enter(&self, delivery: &Delivery) {
        let mut under_way = self.under_way.lock().expect("no panic");
        assert!(under_way.insert(delivery.lane()), "two deliveries of one lane are under way");
        let mut most = self.most_under_way.lock().expect("no panic");
        *most = under_way.len().max(*most);
    }

    fn leave(&self, delivery: &Delivery) {
        self.under_way.lock().expect("no panic").remove(&delivery.lane());
    }
}

impl Sink for ScriptedSink {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            self.enter(delivery);
            let answer = self.next_answer(&delivery.key);
            // A test that has heard enough no longer listens.
            let _ = self.heard.send((delivery.key.clone(), answer.clone()));
            self.gate.acquire().await.expect("the gate is never closed").forget();
            if answer == Answer::Hang {
                std::future::pending::<()>().await;
            }
            self.leave(delivery);
            match answer {
                Answer::Accept | Answer::Hang => Ok(Receipt("accepted".to_owned())),
                Answer::Reject => Err(SendError::Rejected("no such room".to_owned())),
                Answer::Retry => Err(SendError::Retry { reason: "try later".to_owned(), after: None }),
                Answer::PutOff => {
                    Err(SendError::PutOff { reason: "the room is full".to_owned(), after: None })
                }
                Answer::NotReady => Err(SendError::NotReady("connecting".to_owned())),
                // A panic without the noise of the panic hook.
                Answer::Panic => std::panic::resume_unwind(Box::new("scripted")),
            }
        })
    }

    fn concurrency(&self) -> usize {
        self.places
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.ready.notified())
    }
}

/// A store, its writer, and the workers of the sinks `irc` and `mail`.
pub(crate) struct Office {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) writer: StoreWriter,
    pub(crate) nudges: Arc<BTreeMap<&'static str, Arc<Notify>>>,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) given_up: mpsc::Receiver<Input>,
    pub(crate) fallbacks: Fallbacks,
    pub(crate) stop: CancellationToken,
    pub(crate) workers: Vec<JoinHandle<Result<(), WriterGone>>>,
}

impl Office {
    pub(crate) fn open(folder: &Path) -> Office {
        let store = Arc::new(SqliteStore::open(&folder.join("watchbell.db")).expect("the store opens"));
        let nudges: Arc<BTreeMap<_, Arc<Notify>>> =
            Arc::new(["irc", "mail"].into_iter().map(|name| (name, Arc::default())).collect());
        let bells = nudges.clone();
        let nudge = move |batch: &Batch| {
            for delivery in &batch.deliveries {
                bells[&*delivery.sink].notify_one();
            }
        };
        let writer = StoreWriter::start(store.clone(), nudge).expect("a thread");
        let (inputs, given_up) = mpsc::channel(1000);
        let stop = CancellationToken::new();
        Office {
            store,
            writer,
            nudges,
            inputs,
            given_up,
            fallbacks: Fallbacks::default(),
            stop,
            workers: Vec::new(),
        }
    }

    pub(crate) fn employ(
        &mut self,
        sink_name: &'static str,
        sink: impl Sink + 'static,
        policy: BackoffPolicy,
    ) {
        let worker = Worker {
            sink_name: sink_name.to_owned(),
            sink: Arc::new(sink),
            store: self.store.clone(),
            writer: self.writer.handle(),
            nudge: self.nudges[sink_name].clone(),
            inputs: self.inputs.clone(),
            storms: None,
            fallbacks: self.fallbacks.clone(),
            policy,
            stop: self.stop.clone(),
        };
        self.workers.push(tokio::spawn(worker.run()));
    }

    pub(crate) async fn keep(&self, kept: impl IntoIterator<Item = Delivery>) {
        self.writer.handle().keep(deliveries(kept)).await.expect("kept");
    }

    /// Waits until nothing waits for the sink `irc`.
    pub(crate) async fn done(&self) {
        while self.store.next_due("irc").expect("it can be read").is_some() {
            tokio::task::yield_now().await;
        }
    }

    /// Stops everything in order; gives back what the engine would still hear.
    pub(crate) async fn close(mut self) -> Vec<(String, AttemptResult)> {
        self.stop.cancel();
        for worker in self.workers {
            worker.await.expect("the worker did not panic").expect("the writer was there");
        }
        self.writer.stop(LONG).expect("stopped");
        let mut heard = Vec::new();
        while let Ok(input) = self.given_up.try_recv() {
            // How the sink is doing is another matter.
            let Input::GivenUp(attempt) = input else { continue };
            heard.push((attempt.delivery.key, attempt.result));
        }
        heard
    }
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub(crate) async fn next(heard: &mut Heard) -> (String, Answer) {
    tokio::time::timeout(LONG, heard.recv()).await.expect("the sink is called").expect("the sink lives")
}

pub(crate) async fn next_keys(heard: &mut Heard, count: usize) -> Vec<String> {
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(next(heard).await.0);
    }
    keys
}

pub(crate) fn rest(heard: &mut Heard) -> Vec<(String, Answer)> {
    std::iter::from_fn(|| heard.try_recv().ok()).collect()
}

pub(crate) fn past(store: &SqliteStore, object: &str) -> Vec<PastDelivery> {
    store.deliveries(object, 1000).expect("deliveries can be read")
}

pub(crate) fn statuses(folder: &Path, object: &str) -> Vec<String> {
    let store = SqliteStore::open(&folder.join("watchbell.db")).expect("the store opens");
    past(&store, object).into_iter().map(|past| past.status).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_waits_for_its_first_while_others_go_on() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::Accept, 4);
    office.keep([delivery("a1", "db1"), delivery("a2", "db1"), delivery("b1", "db2")]).await;
    office.employ("irc", sink.with("a1", [Answer::Retry, Answer::NotReady, Answer::Retry]), FAST);

    let mut order = next_keys(&mut heard, 6).await;
    assert_eq!(order.iter().filter(|key| *key == "b1").count(), 1);
    order.retain(|key| key != "b1");
    assert_eq!(order, ["a1", "a1", "a1", "a1", "a2"]);
    assert_eq!(office.close().await, []);
    assert_eq!(statuses(folder.path(), "db1"), ["sent", "sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_lanes_are_under_way_as_the_sink_allows() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (mut sink, mut heard) = ScriptedSink::new(Answer::Accept, 3);
    sink.gate = Semaphore::new(0);
    let sink = Arc::new(sink);
    let lanes = ["db1", "db1", "db2", "db3", "db4", "db5"];
    office.employ("irc", Shared(sink.clone()), FAST);
    office.keep(lanes.iter().enumerate().map(|(n, lane)| delivery(&format!("k{n}"), lane))).await;

    let mut first = next_keys(&mut heard, 3).await;
    first.sort();
    assert_eq!(first, ["k0", "k2", "k3"]);
    sink.gate.add_permits(100);
    next_keys(&mut heard, 3).await;
    office.close().await;
    assert_eq!(*sink.most_under_way.lock().expect("no panic"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_with_one_place_carries_in_the_order_of_the_decisions() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::Accept, 1);
    office
        .keep([delivery("a1", "db1"), delivery("b1", "db2"), delivery("a2", "db1"), delivery("c1", "db3")])
        .await;
    office.employ("irc", sink, FAST);
    assert_eq!(next_keys(&mut heard, 4).await, ["a1", "b1", "a2", "c1"]);
    office.close().await;
}

/// A sink that the test looks into while a worker uses it.
pub(crate) struct Shared(pub(crate) Arc<ScriptedSink>);

impl Sink for Shared {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>> {
        self.0.send(delivery)
    }
    fn concurrency(&self) -> usize {
        self.0.concurrency()
    }
    fn ready(&self) -> BoxFuture<'_, ()> {
        self.0.ready()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pending_is_sent_after_a_restart() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::Retry, 1);
    office.employ("irc", sink, FAST);
    office.keep([delivery("a1", "db1"), delivery("a2", "db1")]).await;
    assert_eq!(next(&mut heard).await.0, "a1");
    office.close().await;

    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::Accept, 1);
    office.employ("irc", sink, FAST);
    assert_eq!(next_keys(&mut heard, 2).await, ["a1", "a2"]);
    office.close().await;
    assert_eq!(statuses(folder.path(), "db1"), ["sent", "sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_delivery_is_dead_and_the_engine_hears_it_once() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::Accept, 1);
    office.employ("irc", sink.with("a1", [Answer::Reject]), FAST);
    office.keep([delivery("a1", "db1"), delivery("a2", "db1")]).await;

    let Some(Input::GivenUp(attempt)) = office.given_up.recv().await else { panic!("nothing given up") };
    assert_eq!(attempt.delivery.key, "a1");
    assert_eq!(attempt.result, AttemptResult::Dead("no such room".to_owned()));
    let kept = past(&office.store, "db1");
    assert_eq!(
        (&*kept[1].status, &*kept[1].note),
        ("dead", "no such room"),
        "it was told before it was kept"
    );

    assert_eq!(next_keys(&mut heard, 2).await, ["a1", "a2"]);
    assert_eq!(office.close().await, [], "it was told twice");
    assert_eq!(statuses(folder.path(), "db1"), ["sent", "dead"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_old_delivery_is_given_up_when_it_fails_again() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, _heard) = ScriptedSink::new(Answer::Retry, 1);
    office.employ("irc", sink.with("a1", [Answer::NotReady]), FAST);
    let old = Timestamp::now() - Duration::from_secs(25 * 3600);
    office.keep(["a1", "a2"].map(|key| Delivery { at: old, ..delivery(key, key) })).await;

    let mut reasons = Vec::new();
    for _ in 0..2 {
        let Some(Input::GivenUp(attempt)) = office.given_up.recv().await else { panic!("nothing given up") };
        reasons.push(attempt.result);
    }
    let dead = |reason: &str| AttemptResult::Dead(format!("given up after 24 hours: {reason}"));
    assert_eq!(reasons, [dead("connecting"), dead("try later")]);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_sink_does_not_disturb_another() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (dead, mut dead_heard) = ScriptedSink::new(Answer::Hang, 4);
    let (alive, mut heard) = ScriptedSink::new(Answer::Accept, 4);
    let for_mail = |n| Delivery { sink: "mail".to_owned(), ..delivery(&format!("m{n}"), &format!("db{n}")) };
    let for_irc = |n| delivery(&format!("i{n}"), &format!("db{n}"));
    office.employ("irc", dead, FAST);
    office.keep((0..50).map(for_irc)).await;
    next_keys(&mut dead_heard, 4).await;

    office.employ("mail", alive, FAST);
    office.keep((0..50).map(for_mail)).await;
    next_keys(&mut heard, 50).await;
    assert_eq!(rest(&mut dead_heard), [], "a hanging sink was given more than it has places");
    for worker in &office.workers {
        worker.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicking_sink_is_contained() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::Accept, 1);
    office.employ("irc", sink.with("a1", [Answer::Panic, Answer::Panic]), FAST);
    office.keep([delivery("a1", "db1")]).await;
    assert_eq!(next_keys(&mut heard, 3).await, ["a1", "a1", "a1"]);
    office.close().await;
    assert_eq!(statuses(folder.path(), "db1"), ["sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_not_ready_is_not_asked_for_every_lane() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::NotReady, 1);
    let hour = Duration::from_secs(3600);
    office.employ("irc", sink, BackoffPolicy { not_ready_least: hour, not_ready_most: hour, ..FAST });
    office.keep((0..50).map(|n| delivery(&format!("k{n}"), &format!("db{n}")))).await;
    next_keys(&mut heard, 1).await;
    for n in 50..60 {
        office.keep([delivery(&format!("k{n}"), &format!("db{n}"))]).await;
    }
    office.close().await;
    assert_eq!(rest(&mut heard), [], "it waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_ready_again_is_asked_at_once_the_oldest_first() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::Accept, 1);
    let sink = Arc::new(sink.with("k0", [Answer::NotReady]));
    let hour = Duration::from_secs(3600);
    let patient = BackoffPolicy { not_ready_least: hour, not_ready_most: hour, ..FAST };
    office.employ("irc", Shared(sink.clone()), patient);
    office.keep([delivery("k0", "db0"), delivery("k1", "db1")]).await;
    assert_eq!(next(&mut heard).await, ("k0".to_owned(), Answer::NotReady));
    sink.ready.notify_one();
    assert_eq!(next_keys(&mut heard, 2).await, ["k0", "k1"]);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_works_again_gets_all_that_waited() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (mut sink, mut heard) = ScriptedSink::new(Answer::Accept, 4);
    for n in 0..20 {
        sink = sink.with(&format!("k{n}"), [Answer::NotReady, Answer::Retry]);
    }
    office.employ("irc", sink, FAST);
    office.keep((0..20).map(|n| delivery(&format!("k{n}"), "db1"))).await;
    next_keys(&mut heard, 60).await;
    office.close().await;
    assert_eq!(statuses(folder.path(), "db1"), ["sent"; 20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_waits_for_what_is_under_way_and_starts_nothing() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (mut sink, mut heard) = ScriptedSink::new(Answer::Accept, 1);
    sink.gate = Semaphore::new(0);
    let sink = Arc::new(sink);
    office.employ("irc", Shared(sink.clone()), FAST);
    office.keep([delivery("a1", "db1"), delivery("b1", "db2")]).await;
    assert_eq!(next(&mut heard).await.0, "a1");
    office.stop.cancel();
    sink.gate.add_permits(1);
    office.close().await;
    assert_eq!(rest(&mut heard), []);
    assert_eq!(statuses(folder.path(), "db1"), ["sent"]);
    assert_eq!(statuses(folder.path(), "db2"), ["pending"]);
}

#[tokio::test(start_paused = true)]
async fn stopping_leaves_pending_what_takes_too_long() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::Hang, 1);
    office.employ("irc", sink, FAST);
    office.keep([delivery("a1", "db1")]).await;
    assert_eq!(next(&mut heard).await.0, "a1");
    office.close().await;
    assert_eq!(statuses(folder.path(), "db1"), ["pending"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_ends_when_nothing_can_be_kept_any_more() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (mut sink, mut heard) = ScriptedSink::new(Answer::Accept, 1);
    sink.gate = Semaphore::new(0);
    let sink = Arc::new(sink);
    office.employ("irc", Shared(sink.clone()), FAST);
    office.keep([delivery("a1", "db1")]).await;
    next(&mut heard).await;
    office.writer.stop(LONG).expect("stopped");
    sink.gate.add_permits(1);
    let worker = office.workers.remove(0);
    assert_eq!(worker.await.expect("it did not panic"), Err(WriterGone));
}

/// One delivery of a random story: its lane, and how the sink answers.
#[derive(Debug, Clone)]
struct Fate {
    lane: u8,
    failures: Vec<Answer>,
    end: Answer,
}

fn fate() -> impl Strategy<Value = Fate> {
    let failure = prop_oneof![Just(Answer::Retry), Just(Answer::NotReady), Just(Answer::Panic)];
    let end = prop_oneof![3 => Just(Answer::Accept), 1 => Just(Answer::Reject)];
    (0..4_u8, prop::collection::vec(failure, 0..3), end).prop_map(|(lane, failures, end)| Fate {
        lane,
        failures,
        end,
    })
}

/// Plays a story in parts, each with a run of the worker of its own.
async fn play(folder: &Path, parts: &[Vec<Fate>], places: usize) {
    let mut ended: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    let mut given_up = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let mut office = Office::open(folder);
        let (mut sink, mut heard) = ScriptedSink::new(Answer::Hang, places);
        let key = |n: usize| format!("{number}-{n}");
        for (n, fate) in part.iter().enumerate() {
            sink = sink.with(&key(n), fate.failures.iter().cloned().chain([fate.end.clone()]));
        }
        office.employ("irc", sink, FAST);
        for (n, fate) in part.iter().enumerate() {
            office.keep([delivery(&key(n), &format!("db{}", fate.lane))]).await;
        }
        let tries = part.iter().map(|fate| fate.failures.len() + 1).sum();
        for _ in 0..tries {
            let (key, answer) = next(&mut heard).await;
            let (_, n) = key.split_once('-').expect("a key of this story");
            let fate = &part[n.parse::<usize>().expect("a number")];
            if answer == fate.end {
                ended.entry(fate.lane).or_default().push(key);
            }
        }
        given_up.extend(office.close().await.into_iter().map(|(key, _)| key));
        assert_eq!(rest(&mut heard), [], "something was sent again after its end");
    }
    check_story(folder, parts, &ended, given_up);
}

fn check_story(
    folder: &Path,
    parts: &[Vec<Fate>],
    ended: &BTreeMap<u8, Vec<String>>,
    mut given_up: Vec<String>,
) {
    let store = SqliteStore::open(&folder.join("watchbell.db")).expect("the store opens");
    let mut rejected = Vec::new();
    let mut decided: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for (number, part) in parts.iter().enumerate() {
        for (n, fate) in part.iter().enumerate() {
            let key = format!("{number}-{n}");
            let kept = past(&store, &format!("db{}", fate.lane));
            let kept = kept.iter().find(|past| past.delivery.key == key).expect("it is kept");
            let expected = if fate.end == Answer::Accept { "sent" } else { "dead" };
            assert_eq!(kept.status, expected, "{key}");
            if fate.end == Answer::Reject {
                rejected.push(key.clone());
            }
            decided.entry(fate.lane).or_default().push(key);
        }
    }
    given_up.sort();
    rejected.sort();
    assert_eq!(given_up, rejected, "each rejected delivery is given up once");
    assert_eq!(*ended, decided, "each lane ends in the order it was decided, each delivery once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_delivery_ends_once_and_lanes_keep_order(
        parts in prop::collection::vec(prop::collection::vec(fate(), 0..12), 1..3),
        places in 1..5_usize,
    ) {
        let folder = folder();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(play(folder.path(), &parts, places));
    }
}
