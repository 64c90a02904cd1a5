//! `watchbell why`, as a program: what was decided and who was told, in plain words.

use crate::common::cli::{installation, put, watchbell};
use crate::common::happenings;
use crate::common::site::Site;
use watchbell::model::event::Webhook;
use watchbell::model::{AttemptResult, Detail, Event, Input, State, Timestamp};

const DB: &str = "db1!postgres";

/// A soft state, a problem that two targets hear, a repeat, an acknowledgement and the
/// end; then a service whose host is down. What is accepted is known, but to carol.
fn a_night() -> Site {
    let mut site = Site::new();
    site.object("db1", serde_json::json!({ "role": "db" }));
    site.state(DB, "CRITICAL", false);
    site.reported(DB, "CRITICAL", |report| report.output = "too many connections\nsecond line".to_owned());
    site.accepted();
    site.wait("10m");
    site.state(DB, "CRITICAL", true);
    site.happens(DB, happenings::acknowledged(State::Critical));
    site.state(DB, "OK", true);
    site.sent(AttemptResult::Dead("no such channel".to_owned()));
    site
}

fn why(site: &Site, arguments: &[&str]) -> String {
    watchbell(site.path(), &[&["why"], arguments].concat()).fine()
}

#[test]
fn the_story_of_an_object_is_told_newest_first_while_it_runs() {
    insta::assert_snapshot!("story", why(&a_night(), &[DB]));
}

#[test]
fn an_incident_is_told_by_its_number() {
    let mut site = a_night();
    site.state("web", "DOWN", true);
    insta::assert_snapshot!("incident", why(&site, &["#2"]));
}

#[test]
fn a_delivery_is_told_by_the_number_that_is_shown() {
    insta::assert_snapshot!("delivery", why(&a_night(), &["d2"]));
}

#[test]
fn what_is_about_no_object_is_told_by_its_delivery() {
    let mut site = Site::new();
    let webhook =
        Webhook { name: "deploys".to_owned(), body: serde_json::json!({ "text": "shop 4.2" }), id: None };
    site.take(Input::Event(Event::ours(
        "2026-11-22T12:00:00Z".parse::<Timestamp>().expect("a moment"),
        Detail::Webhook(webhook),
    )));
    let story = why(&site, &["d1"]);
    assert!(story.starts_with("about no object\n"), "{story}");
    assert!(story.contains("shop 4.2"), "{story}");
}

#[test]
fn what_hid_a_problem_is_told_with_what_came_later() {
    let mut site = Site::new();
    site.state("web", "DOWN", true);
    let downtime = happenings::downtime("web!1", site.now);
    site.state("web!http", "CRITICAL", true);
    site.happens("web", Detail::DowntimeAdded(downtime));
    site.wait("3m");
    site.state("web", "UP", true);
    site.wait("3m");
    insta::assert_snapshot!("hidden", why(&site, &["web!http"]));
}

#[test]
fn what_rules_looked_at_is_told() {
    let rules = r#"rule("looks", #{ on: "StateChange" }, |e| {
        e.seen(e.object, "10m");
        e.count("all", "5m");
        e.get("nothing");
        e.set("answer", 42);
        e.get("answer");
        e.flapping(#{ window: "30m", changes: 6 });
        e.muted();
        e.drop("done", #{ again: "90s" });
    });"#;
    let mut site = Site::with(&[("00-looks.rhai", rules)]);
    site.object("web", serde_json::json!({}));
    site.say("!mute web 2h it is being moved");
    site.state("web", "DOWN", true);
    insta::assert_snapshot!("looked_at", why(&site, &["web"]));
}

#[test]
fn a_part_of_a_name_is_enough_where_only_one_has_it() {
    let mut site = a_night();
    assert_eq!(why(&site, &["postgr"]), why(&site, &[DB]));
    site.state("db2!postgres", "CRITICAL", true);
    let ended = watchbell(site.path(), &["why", "postgr"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.out, "`postgr` could be db1!postgres, db2!postgres; write more of the name\n");
    let ended = watchbell(site.path(), &["why", "db1!postgers"]);
    assert_eq!(ended.out, "I know no `db1!postgers`; did you mean `db1!postgres`?\n");
}

#[test]
fn only_as_many_as_asked_for_are_shown() {
    let out = why(&a_night(), &[DB, "--limit", "1"]);
    assert_eq!(out.matches(" StateChange ").count(), 1, "{out}");
    assert!(out.contains("OK hard"), "the newest: {out}");
    assert!(!out.contains("CRITICAL hard"), "no other: {out}");
}

#[test]
fn what_nothing_is_kept_of_is_said_so() {
    let mut site = a_night();
    site.object("silent", serde_json::json!({}));
    for (what, words) in [
        ("silent", "nothing was decided about silent as far back as is kept; events that no rule asks for"),
        ("#99", "nothing is kept of #99;"),
        ("d99", "nothing is kept of d99;"),
    ] {
        let ended = watchbell(site.path(), &["why", what]);
        assert_eq!(ended.code, Some(1));
        assert!(ended.out.starts_with(words), "{}", ended.out);
    }
}

#[test]
fn hostile_output_is_inert() {
    let mut site = Site::new();
    let hostile = "\u{1b}]0;title\u{7}\u{9b}31mred\u{202e}back\r\u{0}";
    site.reported(DB, "CRITICAL", |report| report.output = hostile.to_owned());
    let out = why(&site, &[DB]);
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
fn a_database_of_an_older_watchbell_is_told() {
    let site = a_night();
    let path = site.config.store.clone();
    let operator = rusqlite::Connection::open(path).expect("it opens");
    operator.execute_batch("PRAGMA user_version = 1").expect("the version is set");
    let err = watchbell(site.path(), &["why", DB]).refused();
    assert!(err.contains("is from an older Watchbell; start this one once"), "{err}");
}

#[test]
fn a_faulty_configuration_is_told() {
    let folder = installation();
    put(folder.path(), "watchbell.toml", "rules = 1\n");
    assert!(watchbell(folder.path(), &["why", DB]).refused().contains("watchbell.toml:1:"));
}
