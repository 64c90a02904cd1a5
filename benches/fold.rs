//! How long a way out that was down takes to say what gathered: 600,000 deliveries of
//! 20,000 objects wait for one recipient and are folded.
//!
//! `cargo bench --bench fold` prints how long each digest takes, how long a commit of
//! somebody else has to wait meanwhile, and when all of it is told: a channel hears a digest
//! every 20 s, a mailbox one a minute.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use watchbell::model::{Brief, Delivery, Message, State, Tells, Timestamp};
use watchbell::store::fold::{Fold, Recipient};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, StateKey, StateValue, StateWrite, Store};

const DELIVERIES: usize = 600_000;
const OBJECTS: usize = 20_000;
const AT_ONCE: usize = 200_000;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(SqliteStore::open(&folder.path().join("watchbell.db")).expect("the store opens"));
    for first in (0..DELIVERIES).step_by(4000) {
        let deliveries = (first..first + 4000).map(delivery).collect();
        store.commit(&Batch { deliveries, ..Batch::default() }).expect("kept");
    }
    let to = Recipient { target: "ops".to_owned(), address: "#ops".to_owned() };
    let mut told = 0;
    let mut digests = Vec::new();
    let stop = Arc::new(AtomicBool::new(false));
    let (others, ended) = (store.clone(), stop.clone());
    let other = std::thread::spawn(move || commits(&others, &ended));
    loop {
        let began = Instant::now();
        let waiting = store.recipients("irc", 11).expect("read");
        let looked = began.elapsed();
        let fold = Fold {
            sink: "irc",
            to: &to,
            busy: &[],
            spare_calls: true,
            most: AT_ONCE,
            groups: 3,
            at: Timestamp::now(),
        };
        let count = std::cell::Cell::new(0);
        let made = store.fold(&fold, &|folded| {
            count.set(folded.count);
            Message { text: format!("{folded:?}"), ..Message::default() }
        });
        let Some(made) = made.expect("folded") else { break };
        told += count.get();
        digests.push(began.elapsed());
        println!(
            "digest {} of {}: {:.2} s; who waits ({}) was found in {looked:.1?}",
            digests.len(),
            count.get(),
            began.elapsed().as_secs_f64(),
            waiting.len()
        );
        let sent = watchbell::model::Attempt {
            delivery: made,
            at: Timestamp::now(),
            result: watchbell::model::AttemptResult::Sent("heard".to_owned()),
        };
        store.commit(&Batch { attempts: vec![sent], ..Batch::default() }).expect("kept");
    }
    assert_eq!(told, DELIVERIES as u64, "the sums add up");
    stop.store(true, Ordering::Relaxed);
    println!("a commit of another sink waited {:.2?} at most", other.join().expect("no panic"));
    let after = |apart: u64| {
        let last = digests.last().copied().unwrap_or_default();
        (Duration::from_secs(apart) * (digests.len() as u32 - 1) + last).as_secs()
    };
    println!("all is told after {} s to a channel and {} s to a mailbox", after(20), after(60));
    let began = Instant::now();
    let sums = store.digest_sums(Timestamp::UNIX_EPOCH).expect("read");
    println!("all sums checked in {:.2} s: {sums:?}", began.elapsed().as_secs_f64());
}

/// Commits a row each 5 ms: the longest that one took.
fn commits(store: &SqliteStore, stop: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let (key, value) = (StateKey::Text("row".to_owned()), StateValue::Json("{}".to_owned()));
        let state = vec![StateWrite { kind: "bench", key, value: Some(value) }];
        store.commit(&Batch { state, ..Batch::default() }).expect("kept");
        longest = longest.max(began.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    longest
}

fn delivery(number: usize) -> Delivery {
    let object = format!("host{}!service{}", number % OBJECTS / 50, number % OBJECTS);
    let bad = (number / OBJECTS).is_multiple_of(2);
    let state = if bad { State::Critical } else { State::Ok };
    let tells = if bad { Tells::Problem } else { Tells::Recovery };
    let group = format!("site{}", number % OBJECTS / 500);
    Delivery {
        id: 0,
        key: format!("{number}"),
        at: Timestamp::now(),
        sink: "irc".to_owned(),
        target: "ops".to_owned(),
        recipient: "#ops".to_owned(),
        event: "StateChange".to_owned(),
        object: object.clone(),
        incident: None,
        rule: "50-route.rhai:12 problems".to_owned(),
        message: Message {
            text: format!("{object} is {state}"),
            severity: state.severity(),
            ..Message::default()
        },
        brief: Brief { tells, state: Some(state), group, words: "no route to host".to_owned() },
        attempts: 0,
        revived: None,
    }
}
