//! Rules and templates change while events pass at full speed: each event is judged once, by the
//! rules and the templates of one set.

use crate::common::place::Place;
use crate::common::reloading::Reloading;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};
use watchbell::engine::World;
use watchbell::model::event::RulesetChanged;
use watchbell::model::{Event, Input, Timestamp, Verdict};
use watchbell::pipeline::{self, Pipeline, Wires};
use watchbell::source::replay::{Replay, Speed};
use watchbell::store::Batch;
use watchbell::store::writer::StoreWriter;

/// How many sets are written, half of them broken.
const SETS: usize = 200;
/// How many events pass while one set is read.
const EVENTS_A_SET: usize = 40;

/// A set whose rule and template tell its number.
fn write_set(base: &Path, number: usize) {
    let set = base.join(number.to_string());
    for name in ["rules", "templates/default"] {
        fs::create_dir_all(set.join(name)).expect("it is new");
    }
    let is_broken = number % 2 == 1;
    let rule = format!("rule(\"{number}\", #{{}}, |e| {{ e.notify(\"default\"); e.stop(); }});\n");
    // A broken set has one sound half: a half set would show.
    let (rule, end) = match (is_broken, number % 4) {
        (true, 1) => (rule.replace("e.stop()", "e.stopp()"), ""),
        (true, _) => (rule, "{% if %}"),
        (false, _) => (rule, ""),
    };
    fs::write(set.join("rules/10-own.rhai"), rule).expect("it is new");
    fs::write(set.join("templates/default/StateChange.text"), format!("{number}{end}\n")).expect("it is new");
}

/// The first state changes of the recording.
fn events(count: usize) -> Vec<Event> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/storm.jsonl.gz");
    let replay = Replay::new(&path, &Arc::from("lab"), Speed::Max);
    let all = replay.events().expect("the recording is there").filter_map(Result::ok);
    let events: Vec<Event> = all
        .filter(|event| event.event_type() == watchbell::model::EventType::StateChange)
        .take(count)
        .collect();
    assert_eq!(events.len(), count, "the recording is long enough");
    events
}

/// What was kept of the run.
#[derive(Default)]
struct Kept {
    /// Of each decision on a state change: the rule that made it, and the set's hash.
    decisions: Vec<(String, String)>,
    /// Of each delivery of a state change: the rule that wanted it, and the text.
    deliveries: Vec<(String, String)>,
}

impl Kept {
    fn add(&mut self, batch: &Batch) {
        for decision in batch.decisions.iter().filter(|decision| decision.event == "StateChange") {
            assert!(matches!(decision.verdict, Verdict::Told(_)), "{decision:?}");
            let rules: Vec<&str> = decision.steps.iter().map(|step| &*step.rule.name).collect();
            self.decisions.push((rules.join(" "), decision.ruleset.clone()));
        }
        for delivery in batch.deliveries.iter().filter(|delivery| delivery.event == "StateChange") {
            let rule = delivery.rule.rsplit(' ').next().unwrap_or_default();
            self.deliveries.push((rule.to_owned(), delivery.message.text.clone()));
        }
    }
}

/// How many of these events are judged at all: a repeated one is not.
fn judged(reloading: &Reloading, events: &[Event]) -> usize {
    let mut pipeline = Pipeline::new(reloading.config.clone(), reloading.first.clone(), World::new(true));
    let take = |event: &Event| pipeline.take(Input::Event(event.clone()), Timestamp::now()).decisions.len();
    events.iter().map(take).sum()
}

fn known(hashes: &BTreeMap<String, String>, hash: &str) -> bool {
    hashes.values().any(|known| known == hash)
}

/// What the refusal of a broken set shows of it.
fn shown(number: usize) -> String {
    if number % 4 == 1 { format!("rule(\"{number}\"") } else { format!("| {number}{{% if") }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_sets_written_under_full_load_mix_nowhere_and_lose_nothing() {
    let mut reloading = Reloading::start_in(Path::new("current"), |base| {
        write_set(base, 0);
        std::os::unix::fs::symlink("0", base.join("current")).expect("it is new");
    });
    let events = events(SETS * EVENTS_A_SET);
    let expected = judged(&reloading, &events);

    let place = Place::new();
    let kept = Arc::new(Mutex::new(Kept::default()));
    let keep = kept.clone();
    let writer =
        StoreWriter::start(Arc::new(place.open()), move |batch| keep.lock().expect("no panic").add(batch))
            .expect("a thread");
    let (inputs, engine_inputs) = mpsc::channel(256);
    let (to_engine, sets) = mpsc::channel(4);
    let wires = Wires {
        inputs: engine_inputs,
        posts: mpsc::channel(1).1,
        sets,
        writer: writer.handle(),
        wake: watch::channel(None).0,
        asks: mpsc::channel(1).0,
        restore: Box::new(|| anyhow::bail!("nothing panics")),
    };
    let first = Pipeline::new(reloading.config.clone(), reloading.first.clone(), World::new(true));
    let engine = pipeline::spawn(first, wires).expect("a thread");

    let mut hashes = BTreeMap::from([("0".to_owned(), reloading.first.hash.clone())]);
    for (number, events) in (1..=SETS).zip(events.chunks(EVENTS_A_SET)) {
        write_set(&reloading.path(""), number);
        let (inputs, events) = (inputs.clone(), events.to_vec());
        let feeding = tokio::spawn(async move {
            for event in events {
                inputs.send(Input::Event(event)).await.expect("the engine runs");
            }
        });
        reloading.swap("current", &number.to_string());
        // A change may be told twice: as it was seen, and as it was asked for.
        let mut told = reloading.asked().await;
        let is_old = |told: &RulesetChanged| match told.accepted {
            true => known(&hashes, &told.hash),
            false => !told.error.contains(&shown(number)),
        };
        for _ in 0..10 {
            if !is_old(&told) {
                break;
            }
            told = reloading.asked().await;
        }
        assert_eq!(told.accepted, number % 2 == 0, "set {number}: {}", told.error);
        while let Ok(set) = reloading.sets.try_recv() {
            assert!(known(&hashes, &set.hash) || set.hash == told.hash, "a set that was never written");
            if known(&hashes, &set.hash) {
                continue;
            }
            hashes.insert(number.to_string(), set.hash.clone());
            to_engine.send(set).await.expect("the engine runs");
        }
        feeding.await.expect("all were taken");
    }
    drop(inputs);
    engine.join().expect("no panic").expect("the store works");
    writer.stop(std::time::Duration::from_secs(60)).expect("all is kept");

    let kept = kept.lock().expect("no panic");
    assert_eq!(kept.decisions.len(), expected, "each event is judged once");
    assert_eq!(kept.deliveries.len(), expected, "each event is told once");
    for (rule, hash) in &kept.decisions {
        assert_eq!(hashes.get(rule), Some(hash), "rule {rule} under the hash of another set");
    }
    for (rule, template) in &kept.deliveries {
        assert_eq!(rule, template, "the rule of one set and the template of another");
    }
    let used = kept.decisions.iter().map(|(rule, _)| rule).collect::<std::collections::BTreeSet<_>>().len();
    assert!(used > SETS / 4, "only {used} sets judged anything");
}
