//! How long an event takes from its line to the sink that accepts it, at 100 events a second:
//! decoding, rules, templates, the commit to the disk, and the worker of a sink that
//! accepts at once; beside single commits to a bare SQLite, one each 10 ms, in turns.
//!
//! `cargo bench --bench latency` prints the median and the 99th percentile of both for each
//! turn, in ms, and the middle one of all turns; then where the slowest percent of all events
//! spent its time: before the commit, in it, and between it and the sink. In a folder in memory
//! (`TMPDIR=/dev/shm`) there is no disk to wait for: what is left is Watchbell and the machine.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../tests/common/committing.rs"]
mod committing;

use committing::Committing;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use watchbell::config::{self, ConsoleSettings, SinkKind};
use watchbell::engine::World;
use watchbell::load::Set;
use watchbell::model::{Delivery, Input, Timestamp};
use watchbell::outbox::{BackoffPolicy, Fallbacks, Worker};
use watchbell::pipeline::{self, Pipeline, Wires};
use watchbell::sink::{Receipt, SendError, Sink};
use watchbell::source::icinga::decode;
use watchbell::store::Store;
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::writer::StoreWriter;

/// How many turns each of the two takes.
const TURNS: usize = 7;

/// How many events in a turn, and how far apart.
const EVENTS: u32 = 500;
const APART: Duration = Duration::from_millis(10);

/// Accepts at once, and notes when each object was told.
#[derive(Default)]
struct Accepting {
    told: Mutex<HashMap<String, Instant>>,
}

impl Sink for Accepting {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>> {
        self.told.lock().expect("no panic").insert(delivery.object.clone(), Instant::now());
        Box::pin(std::future::ready(Ok(Receipt("accepted".to_owned()))))
    }
}

/// The commit that held a delivery.
#[derive(Clone, Copy)]
struct Commit {
    began: Instant,
    took: Duration,
}

/// How long one event took, piece by piece.
#[derive(Clone, Copy)]
struct Road {
    /// From its line to the begin of the commit: decoded, judged, rendered, queued.
    judged: Duration,
    /// In the commit.
    kept: Duration,
    /// From there to the sink: the worker is woken, and asks the store.
    told: Duration,
}

impl Road {
    fn whole(&self) -> Duration {
        self.judged + self.kept + self.told
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("{EVENTS} events a turn, one each {APART:?}; in ms");
    let mut turns: [Vec<f64>; 6] = Default::default();
    let mut roads = Vec::new();
    for _ in 0..TURNS {
        let [bare, bare_worst] = percentiles(bare_commits());
        let [told, told_worst] = {
            let all = runtime.block_on(events());
            roads.extend_from_slice(&all);
            percentiles(all.iter().map(Road::whole).collect())
        };
        let figures = [told, told_worst, bare, bare_worst, told / bare, told_worst / bare_worst];
        print(figures);
        turns.iter_mut().zip(figures).for_each(|(turns, figure)| turns.push(figure));
    }
    println!("the middle one of each:");
    print(turns.map(|mut turns| {
        turns.sort_by(f64::total_cmp);
        turns[TURNS / 2]
    }));
    print_slowest(roads);
}

/// Where the slowest percent of the events spent its time, in the mean.
fn print_slowest(mut roads: Vec<Road>) {
    roads.sort_by_key(Road::whole);
    let typical = roads[roads.len() / 2];
    let slowest = &roads[roads.len() - roads.len() / 100..];
    let mean = |part: fn(&Road) -> Duration| {
        slowest.iter().map(part).sum::<Duration>().as_secs_f64() * 1000.0 / slowest.len() as f64
    };
    println!(
        "the slowest {}: {:.2} before the commit, {:.2} in it, {:.2} from there to the sink (the middle one of \
         all: {:.2}, {:.2}, {:.2})",
        slowest.len(),
        mean(|road| road.judged),
        mean(|road| road.kept),
        mean(|road| road.told),
        typical.judged.as_secs_f64() * 1000.0,
        typical.kept.as_secs_f64() * 1000.0,
        typical.told.as_secs_f64() * 1000.0
    );
}

fn print([told, told_worst, bare, bare_worst, ratio, ratio_worst]: [f64; 6]) {
    println!(
        "told after {told:.2}, 99% within {told_worst:.2}; a bare commit {bare:.2}, 99% within \
         {bare_worst:.2}; {ratio:.1} and {ratio_worst:.1} times as long"
    );
}

/// How long each commit of one row takes.
fn bare_commits() -> Vec<Duration> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let connection = rusqlite::Connection::open(folder.path().join("bare.db")).expect("a database");
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (row TEXT)")
        .expect("a table");
    let commit = |_| {
        std::thread::sleep(APART);
        let began = Instant::now();
        connection.execute("INSERT INTO rows VALUES ('a row')", []).expect("durable");
        began.elapsed()
    };
    (0..EVENTS).map(commit).collect()
}

/// How long each event takes from its line to the sink.
async fn events() -> Vec<Road> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(SqliteStore::open(&folder.path().join("watchbell.db")).expect("a database"));
    let commits: Arc<Mutex<HashMap<String, Commit>>> = Arc::default();
    let noted = commits.clone();
    // The workers read the store itself.
    let watched = Committing::new(store.clone(), move |store, batch| {
        let began = Instant::now();
        store.commit(batch)?;
        let commit = Commit { began, took: began.elapsed() };
        let objects = batch.deliveries.iter().map(|delivery| delivery.object.clone());
        noted.lock().expect("no panic").extend(objects.map(|object| (object, commit)));
        Ok(())
    });
    let nudge = Arc::new(Notify::new());
    let told = nudge.clone();
    let committed = move |batch: &watchbell::store::Batch| {
        if !batch.deliveries.is_empty() {
            told.notify_one();
        }
    };
    let writer = StoreWriter::start(watched, committed).expect("a thread");
    let (inputs, engine_inputs) = mpsc::channel(4096);
    let (_sets, sets) = mpsc::channel(1);
    let (ask, _asks) = mpsc::channel(1);
    let (wake, _wake) = watch::channel(None);
    let set = Set::shipped().expect("the shipped rules and templates are sound");
    let config = config::builtin("".into(), "".into());
    let kind = SinkKind::Console(ConsoleSettings { zone: config.zone.clone() });
    let pipeline = Pipeline::for_replay_from(World::new(true), config, set);
    let wires = Wires {
        inputs: engine_inputs,
        posts: mpsc::channel(1).1,
        sets,
        writer: writer.handle(),
        wake,
        asks: ask,
        restore: Box::new(|| Ok(World::new(true))),
    };
    pipeline::spawn(pipeline, wires).expect("a thread");
    let sink = Arc::new(Accepting::default());
    let stop = CancellationToken::new();
    let worker = Worker {
        sink_name: "console".to_owned(),
        sink: sink.clone(),
        store,
        writer: writer.handle(),
        nudge,
        inputs: inputs.clone(),
        fallbacks: Fallbacks::default(),
        storms: None,
        policy: BackoffPolicy::of(&kind),
        stop: stop.clone(),
    };
    let working = tokio::spawn(worker.run());

    let mut read = Vec::new();
    let source: Arc<str> = "icinga".into();
    for number in 0..EVENTS {
        tokio::time::sleep(APART).await;
        let (name, line) = problem(number);
        read.push((name, Instant::now()));
        let event = decode(&source, line.as_bytes()).expect("it is as Icinga writes it");
        inputs.send(Input::Event(event)).await.expect("the engine listens");
    }
    while sink.told.lock().expect("no panic").len() < EVENTS as usize {
        tokio::time::sleep(APART).await;
    }
    stop.cancel();
    working.await.expect("no panic").expect("the writer listens");
    let told = sink.told.lock().expect("no panic");
    let commits = commits.lock().expect("no panic");
    let road = |(name, read): (String, Instant)| {
        let commit = commits[&name];
        Road {
            judged: commit.began.duration_since(read),
            kept: commit.took,
            told: told[&name].duration_since(commit.began + commit.took),
        }
    };
    read.into_iter().map(road).collect()
}

/// A host that is down, as a line of Icinga.
fn problem(number: u32) -> (String, String) {
    let name = format!("host{number}");
    let now = Timestamp::now().as_microsecond() as f64 / 1e6;
    let check = format!(
        r#"{{"active":true,"check_source":"main","command":null,"execution_end":{now},"execution_start":{now},"exit_status":2,"output":"PING CRITICAL","performance_data":[],"schedule_end":{now},"schedule_start":{now},"state":2,"ttl":0,"type":"CheckResult","vars_after":{{"attempt":1,"reachable":true,"state":1,"state_type":1}},"vars_before":{{"attempt":1,"reachable":true,"state":0,"state_type":1}}}}"#
    );
    let line = format!(
        r#"{{"acknowledgement":false,"check_result":{check},"downtime_depth":0,"host":"{name}","state":1,"state_type":1,"timestamp":{now},"type":"StateChange"}}"#
    );
    (name, line)
}

/// The median and the 99th percentile, in milliseconds.
fn percentiles(mut times: Vec<Duration>) -> [f64; 2] {
    times.sort();
    [50, 99].map(|percent| times[times.len() * percent / 100].as_secs_f64() * 1000.0)
}
