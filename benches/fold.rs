//! How long a way out that was down takes to say what gathered: 600,000 deliveries of
//! 20,000 objects wait for one channel and are folded.
//!
//! `cargo bench --bench fold` prints how long each digest keeps the database, and how many
//! there are: at one every 20 s, that is how long the channel takes to hear all of it.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Instant;
use watchbell::model::{Brief, Delivery, Message, State, Tells, Timestamp};
use watchbell::store::fold::{Fold, Recipient};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, Store};

const DELIVERIES: usize = 600_000;
const OBJECTS: usize = 20_000;
const AT_ONCE: usize = 50_000;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("watchbell.db")).expect("the store opens");
    for first in (0..DELIVERIES).step_by(4000) {
        let deliveries = (first..first + 4000).map(delivery).collect();
        store.commit(&Batch { deliveries, ..Batch::default() }).expect("kept");
    }
    let to = Recipient { target: "ops".to_owned(), address: "#ops".to_owned() };
    let mut told = 0;
    let mut digests = 0;
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
        digests += 1;
        println!(
            "digest {digests} of {}: {:.2} s; who waits ({}) was found in {looked:.1?}",
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
    let began = Instant::now();
    let sums = store.digest_sums(Timestamp::UNIX_EPOCH).expect("read");
    println!("{digests} digests; all sums checked in {:.2} s: {sums:?}", began.elapsed().as_secs_f64());
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
