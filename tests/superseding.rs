//! What could not be sent in time gives way to what is true now, and nothing is lost
//! of the count.

use crate::common::deliveries::delivery;
use crate::outbox::{Answer, FAST, Office, ScriptedSink, Shared, folder, next, past};
use futures_util::future::BoxFuture;
use proptest::prelude::*;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use watchbell::explain::story;
use watchbell::model::{About, Brief, Delivery, State, Tells};
use watchbell::sink::{Receipt, SendError, Sink};
use watchbell::store::Store;

/// Remembers the text of all that the sink behind it accepted.
struct Texts {
    sink: Shared,
    accepted: Arc<Mutex<Vec<String>>>,
}

impl Sink for Texts {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let receipt = self.sink.send(delivery).await?;
            self.accepted.lock().expect("no panic").push(delivery.message.text.clone());
            Ok(receipt)
        })
    }
    fn concurrency(&self) -> usize {
        self.sink.concurrency()
    }
    fn ready(&self) -> BoxFuture<'_, ()> {
        self.sink.ready()
    }
}

fn telling(key: &str, object: &str, tells: Tells) -> Delivery {
    let state = match tells {
        Tells::Problem => Some(State::Critical),
        Tells::Recovery => Some(State::Ok),
        Tells::Other => None,
    };
    Delivery { brief: Brief { tells, state, ..Brief::default() }, ..delivery(key, object) }
}

fn problem(key: &str) -> Delivery {
    telling(key, "db1", Tells::Problem)
}

fn recovery(key: &str) -> Delivery {
    telling(key, "db1", Tells::Recovery)
}

fn other(key: &str) -> Delivery {
    telling(key, "db1", Tells::Other)
}

/// All that waits when the worker starts, through a sink that takes it; the texts it took.
async fn sent_after_a_wait(folder: &Path, waiting: Vec<Delivery>) -> Vec<String> {
    let mut office = Office::open(folder);
    let accepted = Arc::default();
    let (sink, _heard) = ScriptedSink::new(Answer::Accept, 4);
    office.keep(waiting).await;
    office.keep([delivery("last", "db9")]).await;
    office.employ("irc", Texts { sink: Shared(Arc::new(sink)), accepted: Arc::clone(&accepted) }, FAST);
    office.done().await;
    office.close().await;
    let mut texts = accepted.lock().expect("no panic").clone();
    texts.retain(|text| text != "text of last");
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_sink_is_told_as_it_is_now() {
    let folder = folder();
    let waiting = vec![problem("a1"), problem("a2"), recovery("a3"), telling("b1", "db2", Tells::Problem)];
    let mut texts = sent_after_a_wait(folder.path(), waiting).await;
    texts.sort();
    assert_eq!(texts, ["text of a3 (2 earlier changes)", "text of b1"]);

    let store = watchbell::store::sqlite::SqliteStore::open(&folder.path().join("watchbell.db"))
        .expect("the store opens");
    let fates: Vec<_> =
        past(&store, "db1").into_iter().rev().map(|past| (past.status, past.parent)).collect();
    let gave_way = ("superseded".to_owned(), Some(3));
    assert_eq!(fates, [gave_way.clone(), gave_way, ("sent".to_owned(), None)]);
    let about = About::Delivery(1);
    let kept = store.past(&about, 9).expect("the past");
    let told = story(&kept, &jiff::tz::TimeZone::UTC).join("\n");
    assert!(told.contains("d1 to #ops by irc: not sent, d3 goes in its stead"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_state_never_gives_way_and_keeps_its_place() {
    let folder = folder();
    let waiting = vec![other("a1"), problem("a2"), other("a3"), recovery("a4"), other("a5")];
    let texts = sent_after_a_wait(folder.path(), waiting).await;
    let kept = ["text of a1", "text of a3", "text of a4 (1 earlier change)", "text of a5"];
    assert_eq!(texts, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_pair_through_a_sink_that_works_is_told_as_two() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let accepted = Arc::default();
    let (sink, mut heard) = ScriptedSink::new(Answer::Accept, 4);
    office.employ("irc", Texts { sink: Shared(Arc::new(sink)), accepted: Arc::clone(&accepted) }, FAST);
    office.keep([delivery("first", "db9")]).await;
    next(&mut heard).await;
    office.keep([problem("a1"), recovery("a2")]).await;
    next(&mut heard).await;
    next(&mut heard).await;
    office.close().await;
    assert_eq!(*accepted.lock().expect("no panic"), ["text of first", "text of a1", "text of a2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_once_gives_way_and_what_is_under_way_does_not() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let accepted = Arc::default();
    let (sink, mut heard) = ScriptedSink::new(Answer::Accept, 4);
    let mut sink = sink.with("a1", [Answer::Retry]);
    sink.gate = Semaphore::new(0);
    let sink = Arc::new(sink);
    office.employ("irc", Texts { sink: Shared(sink.clone()), accepted: Arc::clone(&accepted) }, FAST);
    office.keep([problem("a1")]).await;
    next(&mut heard).await;
    office.keep([recovery("a2"), problem("a3")]).await;
    // It is under way: whatever comes behind it, its own answer decides.
    assert_eq!(past(&office.store, "db1").iter().filter(|past| past.status == "pending").count(), 3);
    sink.gate.add_permits(1);
    assert_eq!(next(&mut heard).await.0, "a3");
    // The newest goes on where the first was: the next state takes its place, too.
    assert_eq!(past(&office.store, "db1")[0].delivery.attempts, 1);
    sink.gate.add_permits(9);
    office.done().await;
    office.close().await;
    assert_eq!(*accepted.lock().expect("no panic"), ["text of a3 (2 earlier changes)"]);
}

#[derive(Debug, Clone)]
struct Told {
    lane: u8,
    tells: Tells,
    failures: usize,
}

fn told() -> impl Strategy<Value = Told> {
    let tells = prop_oneof![Just(Tells::Problem), Just(Tells::Recovery), Just(Tells::Other)];
    (0..3_u8, tells, 0..3_usize).prop_map(|(lane, tells, failures)| Told { lane, tells, failures })
}

async fn play(folder: &Path, story: &[Told]) {
    let mut office = Office::open(folder);
    let accepted: Arc<Mutex<Vec<String>>> = Arc::default();
    let (mut sink, _heard) = ScriptedSink::new(Answer::Accept, 2);
    for (n, told) in story.iter().enumerate() {
        sink = sink.with(&n.to_string(), std::iter::repeat_n(Answer::Retry, told.failures));
    }
    office.employ("irc", Texts { sink: Shared(Arc::new(sink)), accepted: Arc::clone(&accepted) }, FAST);
    for (n, told) in story.iter().enumerate() {
        office.keep([telling(&n.to_string(), &format!("db{}", told.lane), told.tells)]).await;
    }
    office.done().await;
    let store = office.store.clone();
    office.close().await;
    let texts = accepted.lock().expect("no panic").clone();
    check(&*store, story, &texts);
}

fn check(store: &impl Store, story: &[Told], texts: &[String]) {
    for lane in 0..3_u8 {
        let mut kept = store.deliveries(&format!("db{lane}"), 1000).expect("deliveries");
        kept.reverse();
        let newest_state = kept.iter().rev().find(|past| past.delivery.brief.tells != Tells::Other);
        assert!(newest_state.is_none_or(|past| past.status == "sent"), "the newest state is told");
        let mut expected = Vec::new();
        for past in &kept {
            match (&*past.status, past.delivery.brief.tells) {
                ("sent", _) => {
                    let mine = |other: &&watchbell::store::PastDelivery| {
                        other.status == "superseded" && other.parent == Some(past.delivery.id)
                    };
                    expected.push(with_note(&past.delivery.message.text, kept.iter().filter(mine).count()));
                }
                ("superseded", Tells::Problem | Tells::Recovery) => {
                    assert!(past.parent > Some(past.delivery.id), "it gives way to a later one");
                }
                other => panic!("{other:?}: {past:?}"),
            }
        }
        let of_lane = |text: &&String| {
            let number = text.split(' ').nth(2).and_then(|key| key.parse::<usize>().ok());
            story[number.expect("its number")].lane == lane
        };
        let said: Vec<&String> = texts.iter().filter(of_lane).collect();
        assert_eq!(said, expected.iter().collect::<Vec<_>>(), "in order, each once, none uncounted");
    }
}

fn with_note(text: &str, earlier: usize) -> String {
    match earlier {
        0 => text.to_owned(),
        1 => format!("{text} (1 earlier change)"),
        count => format!("{text} ({count} earlier changes)"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn order_and_counts_hold_whatever_fails(story in prop::collection::vec(told(), 0..16)) {
        let folder = folder();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(play(folder.path(), &story));
    }
}
