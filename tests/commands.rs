//! What people can ask and do from chat, through the engine.

use crate::common::engine::{World, key};
use crate::common::happenings::{acknowledged, downtime, in_effect};
use proptest::prelude::*;
use std::sync::Arc;
use watchbell::engine::Question;
use watchbell::model::{
    Action, ActionKind, ActionResult, Detail, Input, Object, ObjectKey, Speaker, State, Utterance,
};

const RULES: &str = r#"
rule("soft", #{ on: "StateChange", hard: false }, |e| e.drop("soft"));
rule("muted", #{ is_recovery: false }, |e| if e.muted() { e.drop(e.muted_by()) });
rule("problems", #{ on: "StateChange", is_problem: true }, |e| e.notify("ops"));
rule("ends", #{ on: "StateChange", is_problem: false }, |e| if e.tell_those_told() == 0 { e.drop("untold") });
rule("mutes", #{ on: "MuteEnding" }, |e| e.notify("ops", #{ text: `${e.mute.what}: ${e.mute.events}` }));
command("freeze", #{ role: "operator", help: "TEAM: quiet" }, |c| "frozen");
"#;

/// Two databases and a web server, some of it broken.
fn site() -> World {
    let mut world = World::new(RULES);
    world.object("db1", |host| {
        host.display_name = "Database 1".to_owned();
        host.address = "192.0.2.1".to_owned();
        host.groups = Arc::new(vec!["linux".to_owned(), "databases".to_owned()]);
        host.notes_url = "https://wiki.example.org/db1".to_owned();
    });
    for name in ["db1!postgres", "db1!disk", "db2", "db2!postgres", "web", "web!http", "web!new"] {
        world.object(name, |_| {});
    }
    for (name, state) in [("db1", "UP"), ("db2", "UP"), ("db1!disk", "OK"), ("db2!postgres", "OK")] {
        world.state(name, state);
    }
    world.state("web", "DOWN");
    world.state("web!http", "CRITICAL");
    world.state("db1!postgres", "WARNING");
    world.soft("db1!disk", "WARNING");
    world.happens("web", acknowledged(State::Down));
    let window = in_effect(&downtime("web!http!d", world.now), world.now);
    world.happens("web!http", Detail::DowntimeTriggered(window));
    world.wait("5m");
    world.told();
    world
}

/// A talk: what is said, and what is answered.
fn talk(world: &mut World, nick: &str, lines: &[&str]) -> String {
    let mut talk = String::new();
    for line in lines {
        let answer = world.say(nick, line);
        let answer = if answer.is_empty() { "(nothing)".to_owned() } else { answer };
        talk.push_str(&format!("<{nick}> {line}\n{answer}\n"));
    }
    talk
}

#[test]
fn what_anybody_may_ask_is_answered() {
    let mut world = site();
    let lines = [
        "!help",
        "!help ack",
        "!help !mute",
        "!help freeze",
        "!help nothing",
        "!ping",
        "!whoami",
        "!i2status",
        "!host db1",
        "!host web",
        "!service db1!postgres",
        "!service db1 disk",
        "!service web!new",
        "!problems",
        "!problems POST",
        "!problems nothing",
        "!problems warning",
        "!downtimes",
        "!mutes",
        "!rules",
    ];
    let said = talk(&mut world, "bob", &lines);
    // On a busy machine `!rules` names a rule that is slow there.
    let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("slow: ")).collect();
    insta::assert_snapshot!(said.join("\n"));
    assert!(world.actions.is_empty());
}

#[test]
fn what_an_operator_may_do_is_asked_of_icinga_under_their_name() {
    let mut world = site();
    let lines = [
        "!ack #2 looking into it",
        "!ack db1!postgres for 2h sticky looking",
        "!unack web",
        "!comment db1 moved to rack 7",
        "!recheck web!http",
    ];
    let talk = talk(&mut world, "alice", &lines);
    assert_eq!(talk.matches("(nothing)").count(), lines.len(), "the answer comes with Icinga's: {talk}");
    let asked: Vec<_> = world.actions.iter().map(|action| (action.object.name(), &action.kind)).collect();
    insta::assert_debug_snapshot!(asked);
    for action in &world.actions {
        assert_eq!((action.author.as_str(), action.asked_by.as_str()), ("alice@icinga", "alice"));
        assert_eq!(action.reply_to, Some(("irc".to_owned(), "#ops".to_owned())));
    }
}

#[test]
fn who_asked_hears_how_it_went() {
    let mut world = site();
    let results = [
        (ActionKind::RescheduleCheck, Ok("done".to_owned()), "alice: db1 is checked now"),
        (
            ActionKind::RemoveAcknowledgement,
            Ok(String::new()),
            "alice: the acknowledgement of db1 is removed",
        ),
        (
            ActionKind::AddComment { comment: "x".to_owned() },
            Err("Icinga says 409".to_owned()),
            "alice: not done: Icinga says 409",
        ),
    ];
    for (kind, outcome, expected) in results {
        let action = Action {
            id: 1,
            object: key("db1"),
            author: "alice".to_owned(),
            kind,
            reply_to: Some(("irc".to_owned(), "#ops".to_owned())),
            asked_by: "alice".to_owned(),
            thread: Vec::new(),
            is_one_of_many: false,
        };
        let unasked = Action { reply_to: None, ..action.clone() };
        let replies = world.step(Input::ActionResult(ActionResult { action, outcome: outcome.clone() }));
        assert_eq!(replies.iter().map(|reply| reply.text.as_str()).collect::<Vec<_>>(), [expected]);
        assert_eq!((replies[0].sink.as_str(), replies[0].room.as_str()), ("irc", "#ops"));
        assert!(world.step(Input::ActionResult(ActionResult { action: unasked, outcome })).is_empty());
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_the_reason() {
    let mut world = site();
    let lines = [
        "!ack db2 looking",
        "!ack web looking",
        "!ack web!new looking",
        "!unack db1",
        "!ack #2",
        "!ack",
        "!ack #2 for 2h",
        "!ack #2 for ever",
        "!ack #2 until 2020-01-01 9:00 looking",
        "!comment db1",
        "!mute db1 until yesterday",
        "!unmute m7",
        "!unmute db1",
        "!unmute",
    ];
    insta::assert_snapshot!(talk(&mut world, "alice", &lines));
    assert!(world.actions.is_empty());
}

#[test]
fn an_acknowledgement_is_asked_for_once() {
    let mut world = site();
    assert_eq!(world.say("alice", "!ack #3 looking"), "");
    world.happens("db1!postgres", acknowledged(State::Warning));
    assert_eq!(
        world.say("alice", "!ack #3 again"),
        "alice: db1!postgres is acknowledged already; `ack db1!postgres for 2h` extends it, `unack db1!postgres` \
         removes it"
    );
    assert_eq!(world.actions.len(), 1);
}

#[test]
fn who_may_not_change_anything_is_told_why() {
    let mut world = site();
    for line in
        ["!ack #2 x", "!unack web", "!comment db1 x", "!recheck db1", "!mute db1", "!unmute m1", "!reload"]
    {
        assert_eq!(
            world.say("bob", line),
            "bob: this needs the role `operator`: account bob, person bob, has no role",
            "{line}"
        );
        assert_eq!(
            world.utter("alice", None, false, line),
            "alice: this needs the role `operator`: the network does not vouch for your nick; log in to services",
            "{line}"
        );
    }
    assert!(world.actions.is_empty() && world.asks.is_empty());
    assert_eq!(world.engine.world().mutes().count(), 0);
}

// Which object is meant.

#[test]
fn an_object_is_found_by_its_name_a_part_of_it_or_its_number() {
    let mut world = site();
    for (line, expected) in [
        ("!service db1!postgres", "#3 db1!postgres is WARNING"),
        ("!service DB1!Postgres", "#3 db1!postgres is WARNING"),
        ("!service 1!post", "#3 db1!postgres is WARNING"),
        ("!host eb", "#1 web is DOWN"),
        ("!host #1", "#1 web is DOWN"),
        ("!service #3", "#3 db1!postgres is WARNING"),
        ("!service lab/db1!postgres", "#3 db1!postgres is WARNING"),
        ("!service postgres", "`postgres` could be db1!postgres, db2!postgres; write more of the name"),
        ("!host db", "`db` could be db1, db2; write more of the name"),
        ("!host bd1", "I know no `bd1`"),
        ("!host #99", "there is no incident #99; `problems` lists them"),
        ("!host #x", "`#x` is not a number of an incident like #12"),
        ("!host db1!postgres", "db1!postgres is a service; `service db1!postgres` shows it"),
    ] {
        let answer = world.say("bob", line);
        assert!(answer.trim_start_matches("bob: ").starts_with(expected), "{line}: {answer}");
    }
}

#[test]
fn the_number_of_what_is_over_says_so() {
    let mut world = site();
    world.state("db1!postgres", "OK");
    assert_eq!(world.say("alice", "!ack #3 looking"), "alice: #3 is over: db1!postgres has recovered");
    world.state("db1!postgres", "CRITICAL");
    assert_eq!(world.say("alice", "!ack #4 looking"), "", "numbers are never used twice");
}

#[test]
fn the_same_name_in_two_icingas_is_told_apart() {
    let mut world = site();
    let other = ObjectKey::from_name(&"site2".into(), "db1");
    world.step(Input::Objects(vec![Object::bare(other.clone())]));
    let mut event = world.event("db1", Detail::StateChange(world.report("db1", "DOWN")));
    (event.source, event.object) = (other.source().clone(), Some(other));
    world.step(Input::Event(event));
    assert_eq!(
        world.say("bob", "!host db1"),
        "bob: `db1` could be lab/db1, site2/db1; write more of the name"
    );
    assert!(world.say("bob", "!host site2/db1").contains("db1 is DOWN"));
}

// Mutes.

#[test]
fn a_mute_is_counted_listed_and_removed() {
    let mut world = site();
    let before = talk(
        &mut world,
        "alice",
        &["!mute db1 2h reboots", "!mute *!postgres until 18:00", "!mute web!http", "!mutes"],
    );
    world.state("db1", "DOWN");
    world.state("db1!disk", "CRITICAL");
    world.state("db1!postgres", "CRITICAL");
    world.state("db2!postgres", "CRITICAL");
    world.expect_silence();
    let after =
        talk(&mut world, "alice", &["!mutes", "!unmute db1", "!unmute *!postgres", "!unmute m3", "!mutes"]);
    insta::assert_snapshot!(format!("{before}...\n{after}"));
}

#[test]
fn a_pattern_covers_hosts_with_their_services_or_services_alone() {
    for (pattern, covers) in [
        ("db*", ["db1!postgres", "db1!disk"].as_slice()),
        ("*!postgres", &["db1!postgres", "db2!postgres"]),
        ("db?!p*", &["db1!postgres"]),
    ] {
        let mut world = site();
        world.say("alice", &format!("!mute {pattern} 1h"));
        for name in covers {
            world.state(name, "CRITICAL");
            world.expect_dropped("muted by alice@icinga");
        }
        world.state("web!new", "CRITICAL");
        assert_eq!(world.told(), ["ops: StateChange web!new CRITICAL"], "{pattern}");
    }
}

#[test]
fn a_mute_ends_at_its_time_and_says_what_it_kept_quiet() {
    let mut world = site();
    world.say("alice", "!mute db2 30m reboots");
    world.soft("db2", "DOWN");
    world.state("db2", "DOWN");
    world.state("db2", "UP");
    world.wait("30m");
    world.expect(&["ops: MuteEnding \"db2 and its services: 1\""]);
    assert_eq!(world.say("bob", "!mutes"), "bob: nothing is muted");
}

#[test]
fn the_end_of_one_mute_tells_nothing_that_another_still_covers() {
    let mut world = site();
    world.say("alice", "!mute db2 1h");
    world.say("alice", "!mute db* 2h");
    world.state("db2", "DOWN");
    world.wait("1h");
    world.expect(&["ops: MuteEnding \"db2 and its services: 1\""]);
    world.wait("1h");
    world.expect(&["ops: MuteEnding \"db*: 0\"", "ops: StateChange db2 DOWN (was: muted by alice@icinga)"]);
}

// Where it is said.

#[test]
fn in_a_channel_the_prefix_marks_a_command_and_the_answer_names_who_asked() {
    let mut world = site();
    assert_eq!(world.say("bob", "!ping"), "bob: pong");
    assert_eq!(world.say("bob", "  !PING  "), "bob: pong");
    for line in ["ping", "! ping", "!!ping", "!", "!!!", "", "hello !ping"] {
        assert_eq!(world.say("bob", line), "", "{line}");
    }
    assert!(world.say("bob", "!mutes").starts_with("bob: "));
    assert!(world.say("bob", "!rules").starts_with("ruleset "), "several lines need no name in front");
}

#[test]
fn in_private_the_prefix_may_be_left_out() {
    let mut world = site();
    for line in ["ping", "!ping"] {
        assert_eq!(world.whisper("bob", line), "pong", "{line}");
    }
    assert_eq!(world.whisper("bob", "zzz"), "there is no command `zzz`; `help` lists them");
}

#[test]
fn in_a_channel_a_command_of_another_bot_is_left_alone_and_a_slip_is_not() {
    let mut world = site();
    assert_eq!(world.say("bob", "!weather berlin"), "");
    assert_eq!(world.say("bob", "!problms"), "bob: there is no command `problms`; did you mean `problems`?");
}

#[test]
fn whoever_sits_at_the_terminal_may_do_all() {
    let mut world = site();
    let utterance = Utterance {
        sink: "console".to_owned(),
        room: String::new(),
        private: true,
        speaker: Speaker { nick: "me".to_owned(), account: None, local: true },
        text: "ack #3 looking".to_owned(),
        at: world.now,
    };
    assert!(world.step(Input::Utterance(utterance)).is_empty());
    assert_eq!(world.actions[0].author, "me");
}

#[test]
fn reading_the_rules_again_is_asked_for_with_the_place_to_answer() {
    let mut world = site();
    assert_eq!(world.say("root", "!reload"), "root: reading rules and templates again");
    let [ask] = world.asks.as_slice() else { panic!("one thing was asked for: {:?}", world.asks) };
    assert_eq!(ask.question, Question::Reload { force: false });
    assert_eq!((ask.reply.sink.as_str(), ask.reply.room.as_str()), ("irc", "#ops"));
    world.say("root", "!reload force");
    world.say("root", "!yes");
    assert_eq!(world.asks[1].question, Question::Reload { force: true });
}

#[test]
fn a_comparison_is_asked_for_by_operators_only() {
    let mut world = site();
    assert!(world.say("bob", "!diff 2h").contains("operator"));
    assert!(world.asks.is_empty());
    assert!(world.say("alice", "!diff 2h").contains("the answer follows"));
    let length = std::time::Duration::from_secs(7200);
    assert_eq!(world.asks[0].question, Question::Diff { length });
}

#[test]
fn what_was_said_and_answered_is_kept_for_the_audit() {
    let mut world = site();
    world.decisions.clear();
    world.say("alice", "!mute db1 1h x");
    let decision = &world.decisions[0];
    assert_eq!(
        (decision.event.as_str(), decision.summary.as_str()),
        ("Command", "alice in #ops: mute db1 1h x")
    );
}

fn any_line() -> impl Strategy<Value = String> {
    let words = proptest::sample::select(vec![
        "ack",
        "unack",
        "comment",
        "recheck",
        "downtime",
        "undowntime",
        "notify",
        "history",
        "yes",
        "again",
        "last",
        "host.name=*",
        "state=DOWN&",
        "db1,web",
        "from",
        "flexible",
        "children",
        "mute",
        "unmute",
        "host",
        "service",
        "problems",
        "help",
        "freeze",
        "#1",
        "#0",
        "#99999999999999999999",
        "m1",
        "m99999999999999999999",
        "db1",
        "web!http",
        "*",
        "?!",
        "for",
        "until",
        "2h",
        "9999999w",
        "sticky",
        "tomorrow",
        "24:00",
        "2026-11-22",
        "9999-12-31",
        "-9999-01-01",
        "!",
        "ä",
        "\u{202e}",
        "lab/",
        "/",
        "",
    ]);
    prop_oneof![proptest::collection::vec(words, 0..8).prop_map(|words| words.join(" ")), any::<String>(),]
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(lines in proptest::collection::vec((any_line(), any::<bool>()), 1..6)) {
        let mut world = site();
        for (line, private) in lines {
            world.utter("alice", Some("alice"), private, &line);
            world.utter("alice", Some("alice"), private, &format!("!{line}"));
            world.utter("mallory", None, private, &line);
        }
        world.wait("1d");
    }
}

#[test]
fn a_command_that_takes_away_what_cannot_be_a_mute_is_answered_and_its_log_is_its_own() {
    let mut world = World::new(
        r#"rule("all", #{ on: "StateChange" }, |e| e.log("of the event"));
        command("away", #{}, |c| { print("of the command"); unmute(-1, c.by) });"#,
    );
    let answer = world.say("alice", "!away");
    assert!(answer.contains("there is no mute m-1; `mutes` lists them"), "{answer}");
    assert_eq!(world.log, ["of the command"]);
}
