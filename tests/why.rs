//! `watchbell why`, as a program: what was decided, in plain words.

use crate::common::cli::{installation, put, watchbell};
use crate::common::engine::World;
use std::path::Path;
use watchbell::model::{Attempt, AttemptResult, Delivery, Message};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, Store};

const DB: &str = "db1!postgres";

/// A problem, a repeat and its end, decided by the shipped rules.
fn decided(output: &str) -> World {
    let mut world = World::shipped();
    world.reported(DB, "CRITICAL", |report| report.output = output.to_owned());
    world.wait("10m");
    world.state(DB, "CRITICAL");
    world.state("web", "DOWN");
    world.state(DB, "OK");
    world
}

fn delivery(world: &World, text: &str) -> Delivery {
    Delivery {
        id: 0,
        key: "k1".to_owned(),
        at: world.now,
        sink: "terminal".to_owned(),
        target: "ops".to_owned(),
        recipient: "#ops".to_owned(),
        event: "StateChange".to_owned(),
        object: DB.to_owned(),
        incident: Some(1),
        rule: "50-route.rhai:11 problems".to_owned(),
        message: Message { text: text.to_owned(), ..Message::default() },
        attempts: 0,
    }
}

fn kept(folder: &Path, world: &World, text: &str) -> SqliteStore {
    let store = SqliteStore::open(&folder.join("watchbell.db")).expect("it opens");
    let batch = Batch {
        decisions: world.decisions.clone(),
        deliveries: vec![delivery(world, text)],
        ..Batch::default()
    };
    store.commit(&batch).expect("it is kept");
    store
}

#[test]
fn the_decisions_on_an_object_are_told_newest_first_while_it_runs() {
    let folder = installation();
    let world = decided("too many connections");
    let store = kept(folder.path(), &world, "db1!postgres is CRITICAL\nsecond line");
    let taken = store.due("terminal", world.now, &[], 10).expect("it is due");
    let result = AttemptResult::Dead("no such channel".to_owned());
    let attempt = Attempt { delivery: taken[0].clone(), at: world.now, result };
    store.commit(&Batch { attempts: vec![attempt], ..Batch::default() }).expect("it is kept");
    insta::assert_snapshot!("decisions", watchbell(folder.path(), &["why", DB]).fine());
    drop(store);
}

#[test]
fn only_as_many_as_asked_for_are_shown() {
    let folder = installation();
    let _store = kept(folder.path(), &decided("x"), "x");
    let out = watchbell(folder.path(), &["why", DB, "--limit", "1"]).fine();
    assert_eq!(out.matches(" StateChange ").count(), 2, "one decision, one delivery: {out}");
    assert!(out.contains("OK hard"), "the newest: {out}");
}

#[test]
fn an_object_that_nothing_was_decided_about_is_said_so() {
    let folder = installation();
    let _store = kept(folder.path(), &decided("x"), "x");
    let ended = watchbell(folder.path(), &["why", "nobody"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.starts_with("nothing was decided about nobody in the last days;"), "{}", ended.out);
}

#[test]
fn hostile_output_is_inert() {
    let folder = installation();
    let hostile = "\u{1b}]0;title\u{7}\u{9b}31mred\u{202e}back\r\u{0}";
    let _store = kept(folder.path(), &decided(hostile), hostile);
    let out = watchbell(folder.path(), &["why", DB]).fine();
    let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(out.contains("red") && !out.contains(harmful), "{out:?}");
}

#[test]
fn a_database_that_is_not_there_is_told_and_not_made() {
    let folder = installation();
    let err = watchbell(folder.path(), &["why", DB]).refused();
    assert!(err.starts_with("error: ") && err.contains("watchbell.db"), "{err}");
    assert!(!folder.path().join("watchbell.db").exists());
}

#[test]
fn a_faulty_configuration_is_told() {
    let folder = installation();
    put(folder.path(), "watchbell.toml", "rules = 1\n");
    assert!(watchbell(folder.path(), &["why", DB]).refused().contains("watchbell.toml:1:"));
}
