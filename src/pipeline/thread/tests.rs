//! A judge that panics, which only a test can have.

use super::*;
use crate::config::builtin;
use crate::model::event::Webhook;
use crate::model::{Delivery, Detail, Event, Speaker, Utterance};
use crate::store::Store;
use crate::store::sqlite::SqliteStore;
use crate::store::writer::StoreWriter;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const RULE: &str = r#"rule("counts", #{ on: "Webhook" }, |e| {
    e.notify("default", #{ text: `${e.webhook.name} is number ${e.count("all", "1h")}` });
});"#;

fn sent_by(name: &str) -> Input {
    let webhook = Webhook { name: name.to_owned(), body: serde_json::Value::Null, id: None };
    Input::Event(Event::ours(Timestamp::UNIX_EPOCH, Detail::Webhook(webhook)))
}

/// Judges, and then panics over what a sender of this name sent: the state has changed.
fn panicking(pipeline: &mut Pipeline, input: Input, now: Timestamp) -> Finished {
    let is_poison = input == sent_by("poison");
    let finished = pipeline.take(input, now);
    assert!(!is_poison, "over the poison");
    finished
}

/// What is told when all of these wait at once.
fn told(inputs: &[&str]) -> Vec<String> {
    told_and_kept(inputs, &[], panicking, |_| {}).0
}

/// The same where senders wait for some of it, and whether each of these heard that it is kept;
/// `committed` is called with what is on the disk.
fn told_and_kept(
    inputs: &[&str],
    posts: &[&str],
    judge: impl Judge,
    committed: impl Fn(&Batch) + Send + 'static,
) -> (Vec<String>, Vec<bool>) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    std::fs::write(folder.path().join("all.rhai"), RULE).expect("a new file");
    let config = Arc::new(builtin(folder.path().to_owned(), Path::new("").to_owned()));
    let set = Set::load(&config).unwrap_or_else(|faults| panic!("{faults:?}"));
    let store = Arc::new(SqliteStore::open_in_memory().expect("there is memory"));
    let writer = StoreWriter::start(store.clone(), committed).expect("a thread");
    let (send, inputs_of_engine) = mpsc::channel(inputs.len());
    for name in inputs {
        send.try_send(sent_by(name)).expect("there is room");
    }
    drop(send);
    let (post, posts_of_engine) = mpsc::channel(posts.len().max(1));
    let send_post = |name: &&str| {
        let (kept, answer) = oneshot::channel();
        post.try_send(Post { input: sent_by(name), kept }).expect("there is room");
        answer
    };
    let answers: Vec<_> = posts.iter().map(send_post).collect();
    let kept = store.clone();
    let wires = Wires {
        inputs: inputs_of_engine,
        posts: posts_of_engine,
        sets: mpsc::channel(1).1,
        writer: writer.handle(),
        wake: watch::channel(None).0,
        asks: mpsc::channel(1).0,
        restore: Box::new(move || Ok(World::restore(kept.load_state()?)?)),
    };
    run_with(Pipeline::new(config, set, World::new(true)), wires, judge).expect("it goes on");
    writer.stop(Duration::from_secs(60)).expect("nothing keeps it");
    let mut past = store.deliveries("", 1000).expect("it can be read");
    past.reverse();
    let told = past.into_iter().map(|past| text(past.delivery)).collect();
    (told, answers.into_iter().map(|answer| answer.blocking_recv().is_ok()).collect())
}

fn text(delivery: Delivery) -> String {
    delivery.message.text
}

#[test]
fn an_input_whose_judging_panics_takes_no_other_along_and_leaves_no_trace_in_the_state() {
    let told = told(&["a", "poison", "b"]);
    let [first, poison, last] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!([&**first, &**last], ["a is number 1", "b is number 2"]);
    assert!(poison.starts_with("Watchbell: could not be judged: watchbell: Webhook: poison"), "{poison}");
    assert!(poison.contains("over the poison"), "{poison}");
}

#[test]
fn a_command_whose_judging_panics_is_told_without_its_code() {
    for text in ["!code alice 492039 ack #12", " code alice 492039 ack #12"] {
        let speaker = Speaker { nick: "alice".to_owned(), account: None, local: false };
        let utterance = Utterance {
            sink: "irc".to_owned(),
            room: "alice".to_owned(),
            private: true,
            speaker,
            text: text.to_owned(),
            at: Timestamp::UNIX_EPOCH,
        };
        let input = Input::Utterance(utterance);
        let poison = Poison { input, at: Timestamp::UNIX_EPOCH, reason: "a bug".to_owned() };
        let words = poison.in_words("!");
        assert!(words.contains("what alice said: code alice ****** ack #12"), "{words}");
    }
}

#[test]
fn what_was_on_the_disk_before_a_panic_is_still_known_behind_it() {
    let mut inputs = vec!["a"; BATCH];
    inputs.extend(["poison", "poison", "b"]);
    let told = told(&inputs);
    assert_eq!(told.last().map(String::as_str), Some(&*format!("b is number {}", BATCH + 1)));
}

#[test]
fn where_judging_is_slow_what_was_decided_first_waits_for_no_full_batch() {
    let (committed, on_the_disk) = std::sync::mpsc::channel();
    let judge = |pipeline: &mut Pipeline, input: Input, now| {
        if input == sent_by("last") {
            on_the_disk.recv_timeout(Duration::from_secs(60)).expect("the first one is kept by now");
        }
        std::thread::sleep(BATCH_TIME);
        pipeline.take(input, now)
    };
    let (told, _) = told_and_kept(&["first", "last"], &[], judge, move |batch| {
        // The last one is kept when nobody listens any more.
        let _ = committed.send(batch.deliveries.len());
    });
    assert_eq!(told, ["first is number 1", "last is number 2"]);
}

#[test]
fn who_waits_for_an_input_hears_that_it_is_kept_also_where_another_one_panics() {
    let (told, kept) = told_and_kept(&["before"], &["a", "poison", "b"], panicking, |_| {});
    assert_eq!(kept, [true, true, true]);
    let [.., poison, last] = told.as_slice() else { panic!("{told:?}") };
    assert!(told.contains(&"before is number 1".to_owned()), "{told:?}");
    assert!(told.contains(&"a is number 2".to_owned()), "{told:?}");
    assert!(told.contains(&"b is number 3".to_owned()), "{told:?}");
    assert!(
        told.len() == 4 && [poison, last].iter().any(|text| text.contains("over the poison")),
        "{told:?}"
    );
}
