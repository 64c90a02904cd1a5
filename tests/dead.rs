//! Dead letters: listed, shown and sent after all, by the program and in chat.

use crate::common::cli::{Ended, installation, put, watchbell};
use crate::common::deliveries::{attempt, deliveries, delivery, retry_at};
use crate::common::engine::{SOURCE, World};
use crate::common::inquiry::{answer, answered, heard};
use crate::common::site::{CONFIG, Site};
use crate::common::wait_for;
use crate::common::watchbell::Watchbell;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use watchbell::engine::Question;
use watchbell::model::{AttemptResult, Delivery, Input, ObjectKey, Timestamp};
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{DeadFilter, Store};

const PATIENCE: Duration = Duration::from_secs(90);

fn at(moment: &str) -> Timestamp {
    format!("2026-11-22T{moment}Z").parse().expect("a moment")
}

/// A night of which three messages were given up: d1 and d4 to #dba, d2 to carol.
fn a_bad_night() -> Site {
    let mut site = Site::new();
    site.object("db1", serde_json::json!({ "role": "db" }));
    site.reported("db1", "DOWN", |report| report.output = "no route\u{1b}[2J to host".to_owned());
    site.sent(AttemptResult::Retry { not_before: site.now, reason: "slow".to_owned(), counted: true });
    site.sent(AttemptResult::Dead("not in the channel: banned (474)".to_owned()));
    site
}

fn dead(folder: &Path, arguments: &[&str]) -> Ended {
    watchbell(folder, &[&["dead"], arguments].concat())
}

/// An installation whose console is asked to say what was given up.
fn with_dead(letters: &[Delivery]) -> (TempDir, SqliteStore) {
    let folder = installation();
    let store = SqliteStore::open(&folder.path().join("watchbell.db")).expect("it opens");
    let mine = letters.iter().map(|letter| Delivery { sink: "terminal".to_owned(), ..letter.clone() });
    store.commit(&deliveries(mine)).expect("it is kept");
    for letter in store.due("terminal", Timestamp::now(), &[], 100).expect("it can be read") {
        let end = attempt(&letter, letter.at, AttemptResult::Dead("gone".to_owned()));
        store.commit(&end).expect("it is kept");
    }
    (folder, store)
}

#[test]
fn dead_letters_are_listed_newest_first_while_it_runs() {
    let site = a_bad_night();
    insta::assert_snapshot!("list", dead(site.path(), &[]).fine());
    insta::assert_snapshot!("show", dead(site.path(), &["show", "d1"]).fine());
    let newest = dead(site.path(), &["--limit", "1"]);
    assert_eq!(newest.err, "the newest 1 of 3; --limit shows more\n");
    assert_eq!(newest.fine().lines().count(), 3);
}

#[test]
fn json_has_one_object_for_each() {
    let site = a_bad_night();
    let lines = dead(site.path(), &["--format", "json", "--target", "ops"]).fine();
    let letter: serde_json::Value = serde_json::from_str(lines.trim_end()).expect("one line of JSON");
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&letter).expect("JSON"));
}

#[test]
fn only_what_is_meant_is_listed_and_sent_again() {
    let old = Delivery { at: at("01:00:00"), ..delivery("old", "a") };
    let fresh = Delivery { at: Timestamp::now(), target: "dba".to_owned(), ..delivery("fresh", "b") };
    let (folder, store) = with_dead(&[old, fresh]);
    let listed = |arguments: &[&str]| dead(folder.path(), arguments).fine().lines().count() / 3;
    assert_eq!(listed(&[]), 2);
    assert_eq!(listed(&["--target", "dba"]), 1);
    assert_eq!(listed(&["--since", "1h"]), 1);
    assert_eq!(listed(&["--since", "1h", "--target", "ops"]), 0);
    let again = dead(folder.path(), &["replay", "--all", "--target", "dba"]).fine();
    assert_eq!(again, "1 message is sent again, marked as late\n");
    let due = store.due("terminal", Timestamp::now(), &[], 9).expect("it can be read");
    assert_eq!(due.iter().map(|delivery| delivery.key.as_str()).collect::<Vec<_>>(), ["fresh"]);
    assert_eq!(listed(&[]), 1);
}

#[test]
fn what_cannot_be_sent_again_is_told() {
    let site = a_bad_night();
    let refused = |arguments: &[&str]| dead(site.path(), arguments).refused();
    assert_eq!(dead(site.path(), &["replay", "d2"]).fine(), "1 message is sent again, marked as late\n");
    let ended = dead(site.path(), &["replay", "d2", "d99", "d3"]);
    assert_eq!(ended.code, Some(1));
    insta::assert_snapshot!(ended.out, @r"
    1 message is sent again, marked as late
    d2 is not dead: it waits to be sent
    there is no d99; what is older than 7 days is forgotten
    ");
    assert!(refused(&["replay", "17"]).contains("`17` is no number of a delivery; write it like d123"));
    assert!(refused(&["show", "d2"]).contains("d2 is not dead: it waits to be sent; `watchbell why d2`"));
    assert!(refused(&["show", "d99"]).contains("nothing is kept of d99"));
    assert!(refused(&["--target", "opps"]).contains("there is no target `opps`; did you mean `ops`?"));
    let neither = dead(site.path(), &["replay"]);
    assert_eq!(neither.code, Some(2), "{}", neither.err);
}

#[test]
fn what_no_sink_would_take_is_not_made_to_wait() {
    let (folder, _store) = with_dead(&[delivery("a", "a")]);
    let toml = std::fs::read_to_string(folder.path().join("watchbell.toml")).expect("it is there");
    put(folder.path(), "watchbell.toml", &toml.replace("terminal", "screen"));
    let ended = dead(folder.path(), &["replay", "d1"]);
    assert_eq!(ended.out, "d1 is for the sink `terminal`, which watchbell.toml no longer has\n");
    assert_eq!(dead(folder.path(), &[]).fine().lines().count(), 3);
}

#[test]
fn what_is_sent_again_has_its_age_and_tries_counted_anew_and_its_key_kept() {
    let old = Delivery { at: at("03:12:00") - Duration::from_secs(2 * 86_400), ..delivery("key", "a") };
    let (folder, store) = with_dead(std::slice::from_ref(&old));
    for _ in 0..2 {
        let before = Timestamp::now();
        dead(folder.path(), &["replay", "d1"]).fine();
        let due = store.due("terminal", Timestamp::now(), &[], 9).expect("it can be read");
        let [revived] = &due[..] else { panic!("{due:?}") };
        assert_eq!((revived.id, revived.key.as_str(), revived.attempts, revived.at), (1, "key", 0, old.at));
        assert!(revived.waits_since() >= before, "{:?}", revived.waits_since());
        // Marked once, also when it dies and is sent again.
        assert_eq!(revived.message.text, "(late: from 2026-11-20 03:12) text of key");
        let again = attempt(revived, Timestamp::now(), AttemptResult::Dead("gone again".to_owned()));
        store.commit(&again).expect("it is kept");
    }
}

#[test]
fn an_older_one_that_is_sent_again_goes_before_a_newer_one_under_way() {
    let (folder, store) = with_dead(&[delivery("older", "a")]);
    let newer = Delivery { sink: "terminal".to_owned(), ..delivery("newer", "a") };
    store.commit(&deliveries([newer])).expect("it is kept");
    let now = Timestamp::now();
    let under_way = store.due("terminal", now, &[], 9).expect("it can be read").remove(0);
    dead(folder.path(), &["replay", "d1"]).fine();
    // The try of the newer one ends only now.
    store.commit(&attempt(&under_way, now, retry_at(now))).expect("it is kept");
    let keys = |store: &SqliteStore| -> Vec<String> {
        let due = store.due("terminal", Timestamp::now(), &[], 9).expect("it can be read");
        due.into_iter().map(|delivery| delivery.key).collect()
    };
    assert_eq!(keys(&store), ["older"]);
    let older = store.due("terminal", Timestamp::now(), &[], 9).expect("it can be read").remove(0);
    store.commit(&attempt(&older, now, AttemptResult::Sent("ok".to_owned()))).expect("it is kept");
    assert_eq!(keys(&store), ["newer"]);
}

#[test]
fn a_watchbell_that_runs_sends_it_within_seconds() {
    let (folder, store) = with_dead(&[delivery("a", "a")]);
    drop(store);
    let toml = std::fs::read_to_string(folder.path().join("watchbell.toml")).expect("it is there");
    // Nobody listens there: what is sent comes from the database alone.
    let icinga = "[[icinga]]\nname = \"lab\"\nurls = [\"https://127.0.0.1:1\"]\nuser = \"bot\"\n\
                  password_file = \"icinga.password\"\n";
    put(folder.path(), "icinga.password", "botpw");
    let only_ours = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(folder.path().join("icinga.password"), only_ours).expect("it is ours");
    put(folder.path(), "watchbell.toml", &format!("{toml}\n{icinga}"));
    let mut running = Watchbell::start(folder.path(), &[]);
    running.log.expect("cannot reach Icinga");
    dead(folder.path(), &["replay", "--all"]).fine();
    assert!(running.out.expect("(late: from ").contains("text of a"), "{:?}", running.out.seen);
    wait_for("it to be known as sent", PATIENCE, || {
        dead(folder.path(), &["show", "d1"]).refused().contains("it was accepted").then_some(())
    });
}

#[test]
fn in_chat_anybody_may_list_and_an_operator_sends_again() {
    let mut world = World::shipped();
    for line in ["!dead", "!dead ops"] {
        assert_eq!(world.say("bob", line), "", "{line}");
    }
    let asked: Vec<Question> = world.asks.drain(..).map(|ask| ask.question).collect();
    let dead = |target: Option<&str>| Question::Dead { target: target.map(str::to_owned) };
    assert_eq!(asked, [dead(None), dead(Some("ops"))]);
    assert!(world.say("bob", "!dead replay d1").contains("this needs the role `operator`"));
    assert!(world.asks.is_empty());
    assert_eq!(world.say("alice", "!dead replay d1 d7"), "");
    let asked = &world.asks[0].question;
    assert!(matches!(asked, Question::ReplayDead { ids, .. } if *ids == [1, 7]), "{asked:?}");
    assert!(world.say("alice", "!dead replay 7").contains("`7` is no number of a delivery. write: dead "));
    for (line, usage) in
        [("!dead replay", "write: dead replay D12"), ("!dead ops dba", "write: dead [TARGET]")]
    {
        assert!(world.say("alice", line).contains(usage), "{line}");
    }
}

/// dora may send again what is about databases, and of those one at a time; olga all.
const ROLES: &str = r#"
[role.dba]
commands = ["dead replay"]
objects = { host.vars.role = "db" }
[role.one]
commands = ["dead replay"]
objects = { host.vars.role = ["db", "web"] }
most_objects = 1
[role.all]
commands = ["dead replay"]
[person.dora]
irc = "dora"
roles = ["dba", "one"]
[person.olga]
irc = "olga"
roles = ["all"]
"#;

/// What is answered to somebody who sends deliveries again.
async fn replayed(site: &mut Site, account: &str, line: &str) -> String {
    site.say_as(account, line);
    answered(site).await
}

#[tokio::test]
async fn a_role_sends_again_only_what_is_about_its_objects() {
    let mut site = Site::configured(&format!("{CONFIG}{ROLES}"), &[]);
    for (name, role) in [("db1", "db"), ("db2", "db"), ("web1", "web")] {
        site.object(name, serde_json::json!({ "role": role }));
        site.state(name, "DOWN", true);
    }
    site.say("!test ops");
    site.take(Input::ObjectsGone(vec![ObjectKey::from_name(&SOURCE.into(), "db2")]));
    site.sent(AttemptResult::Dead("banned".to_owned()));
    let (db1, db2, web1, no_object) = ("d1", "d2", "d3", "d5");
    let has = "you have dba: dead replay, where host.vars.role = db; one: dead replay, where \
               host.vars.role = db or web, at most 1 objects";
    for (ids, words) in [
        (format!("{db1} {web1}"), "this touches 2 objects, and one gives at most 1"),
        (format!("{no_object} {db1}"), "d5 (about no object) is none of the objects of one"),
        (no_object.to_owned(), "d5 (about no object) is none of the objects of one"),
        (format!("{db2} {no_object}"), "d2 (db2), d5 (about no object) are none of the objects of one"),
    ] {
        let answer = replayed(&mut site, "dora", &format!("!dead replay {ids}")).await;
        assert_eq!(answer, format!("dora: {words}; {has}"));
    }
    site.say_as("dora", "!dead replay d2 d5");
    let Input::Denied { command, .. } = heard(&mut site).await else { panic!("it is refused") };
    assert_eq!((command.person.as_deref(), command.line.as_str()), (Some("dora"), "dead replay d2 d5"));
    assert_eq!((command.end.name(), command.objects), ("refused", vec!["db2".to_owned()]));
    let letters = site.store.dead(&DeadFilter::default(), 9).expect("it can be read").in_all;
    assert_eq!(letters, 5, "nothing was sent again");
    for (who, id) in [("dora", db1), ("dora", web1), ("olga", db2), ("olga", no_object)] {
        let answer = replayed(&mut site, who, &format!("!dead replay {id} d99")).await;
        assert!(
            answer.starts_with("1 message is sent again, marked as late\nthere is no d99"),
            "{who} {id}: {answer}"
        );
    }
}

#[tokio::test]
async fn chat_answers_in_a_few_lines() {
    let mut site = Site::new();
    assert_eq!(answer(&mut site, "!dead").await, "no dead letters");
    let mut site = a_bad_night();
    assert!(answer(&mut site, "!dead opps").await.contains("there is no target `opps`"));
    let listed = answer(&mut site, "!dead ops").await;
    assert!(listed.contains("not in the channel: banned (474): \"#1 db1 is DOWN"), "{listed}");
    assert!(listed.ends_with("`!dead replay d3` sends one again"), "{listed}");
    let sent = answer(&mut site, "!dead replay d3").await;
    assert_eq!(sent, "1 message is sent again, marked as late");
    assert!(answer(&mut site, "!dead replay d3").await.contains("d3 is not dead: it waits to be sent"));
}
