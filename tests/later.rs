//! What rules wait for, and what of it outlives a restart, an edit of the rules and
//! another Watchbell.

use crate::common::engine::World;
use watchbell::engine;

const DB: &str = "db1!postgres";

// State of another Watchbell.

#[test]
fn what_a_newer_watchbell_has_written_is_kept_and_not_read() {
    let mut world =
        World::new(r#"rule("once", #{ on: "StateChange" }, |e| if !e.seen("k", "1h") { e.notify("dba") });"#);
    let unread = [("window", "a"), ("kept", "b"), ("timer", "c"), ("pager", "d"), ("next", "timer")];
    for (kind, key) in unread {
        world.holds(kind, key, r#"{"of": "tomorrow"}"#);
    }
    world.restart();
    let counted: Vec<(&str, usize)> =
        world.engine.world().unread().iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(counted, [("kept", 1), ("next", 1), ("pager", 1), ("timer", 1), ("window", 1)]);
    world.state(DB, "CRITICAL");
    world.expect(&["dba: StateChange db1!postgres CRITICAL"]);
    world.wait("30d");
    for (kind, key) in unread {
        assert!(world.held(kind).contains(&(key, r#"{"of": "tomorrow"}"#)), "{kind}: {:?}", world.held(kind));
    }
}

#[test]
fn state_that_tells_who_heard_of_what_must_be_readable() {
    for (kind, key) in [("record", "lab\u{1f}db1"), ("incident", "1"), ("mute", "1"), ("next", "incident")] {
        let entry = (kind.to_owned(), key.to_owned(), r#"{"of": "tomorrow"}"#.to_owned());
        let error = engine::World::restore(vec![entry]).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains(&format!("the kept {kind} `{key}`"))), "{kind}");
    }
}
