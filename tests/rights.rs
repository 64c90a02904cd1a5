//! Who may do what, through the engine: roles with their bounds, one-time codes, the audit, and
//! how many commands are answered.

use crate::common::config::Folder;
use crate::common::engine::{World, key};
use crate::common::happenings::downtime;
use proptest::prelude::*;
use watchbell::command::{Right, VERBS};
use watchbell::engine::{Question, Settings};
use watchbell::model::event::Downtime;
use watchbell::model::{CommandEnd, Commanded, Detail, Input, Speaker, Timestamp, Utterance};

const RULES: &str = r#"
rule("all", #{ on: "StateChange" }, |e| e.notify("ops"));
command("freeze", #{ role: "operator" }, |c| mute(#{ object: c.text }, "1h", "frozen", c.by));
command("hush", #{}, |c| mute(#{ object: c.text }, "1h", "hushed", c.by));
"#;

/// dora is a DBA with bounds on two networks, vera may recheck, alice is an operator who has codes.
const PEOPLE: &str = r##"
[sink.irc.irc]
server = "irc.example.org"
nick = "bell"
codes = true
[sink.irc.oftc]
server = "irc.example.net"
nick = "bell"
[sink.console.terminal]
[target.ops]
sink = "terminal"
[target.dba]
sink = "terminal"
[defaults]
target = "ops"
zone = "UTC"
[role.dba]
commands = ["acknowledge", "unack", "mute", "unmute", "freeze", "take"]
rooms = ["#dba", "private"]
objects = { host.vars.role = "db" }
longest = "8h"
most_objects = 3
[role.checker]
commands = ["recheck"]
[role.none]
commands = "*"
objects = { object = "nosuch" }
[person.nora]
irc = "nora"
roles = ["none"]
[person.dora]
irc = { irc = "dora", oftc = "dd" }
icinga_author = "dora@icinga"
roles = ["dba", "checker"]
[person.alice]
irc = "alice"
roles = ["operator"]
code_file = "alice.code"
[person.bob]
irc = "bob"
"##;

/// Two databases and a web server, all broken, with these people.
fn site() -> World {
    let mut world = World::new(RULES);
    let settings = settings();
    world.restart_with(|old| *old = Settings { bounds_commands: false, ..settings });
    for (name, role) in [("db1", "db"), ("db1!postgres", "db"), ("db2", "db"), ("web1", "web")] {
        let vars = serde_json::json!({ "role": role });
        world.object(name, |object| {
            object.vars = std::sync::Arc::new(vars.as_object().cloned().expect("it is one"))
        });
        world.state(name, if name.contains('!') { "CRITICAL" } else { "DOWN" });
    }
    world
}

fn settings() -> Settings {
    let folder = Folder::new();
    // RFC 6238, appendix B.
    folder.write("alice.code", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n", 0o600);
    Settings::of(&folder.load(PEOPLE).unwrap_or_else(|faults| panic!("{faults}")))
}

/// A line on the network `irc`, in a channel or, without one, in private: the answers.
fn say(world: &mut World, room: Option<&str>, account: Option<&str>, text: &str) -> String {
    say_on(world, "irc", room, account, text)
}

fn say_on(world: &mut World, sink: &str, room: Option<&str>, account: Option<&str>, text: &str) -> String {
    let utterance = Utterance {
        sink: sink.to_owned(),
        room: room.unwrap_or("nick").to_owned(),
        private: room.is_none(),
        speaker: Speaker { nick: "nick".to_owned(), account: account.map(str::to_owned), local: false },
        text: text.to_owned(),
        at: world.now,
    };
    let replies = world.step(Input::Utterance(utterance));
    replies.into_iter().map(|reply| reply.text).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_role_gives_its_commands_in_its_rooms_on_its_objects_for_its_time() {
    let mut world = site();
    let dora = Some("dora");
    for (room, line, words) in [
        (Some("#dba"), "!ack db1 for 9h looking", "this lasts 9h, and dba gives at most 8h; you have dba: "),
        (Some("#dba"), "!ack db1 looking", "say for how long; dba gives at most 8h"),
        (Some("#dba"), "!ack web1 for 1h looking", "web1 is none of the objects of dba"),
        (
            Some("#ops"),
            "!ack db1 for 1h looking",
            "this needs a role with `ack` here; you have dba: acknowledge, ",
        ),
        (Some("#dba"), "!comment db1 hello", "this needs a role with `comment` here"),
        (Some("#dba"), "!reload", "this needs a role with `reload` here"),
        (Some("#DBA"), "!mute * 1h", "this touches 4 objects, and dba gives at most 3"),
        (Some("#dba"), "!mute db* 1d", "this lasts 1d, and dba gives at most 8h"),
        (Some("#dba"), "!mute web1 1h", "web1 is none of the objects of dba"),
        (Some("#dba"), "!freeze db1", "it may change nothing"),
        (Some("#dba"), "!take web1", "web1 is none of the objects of dba"),
    ] {
        let answer = say(&mut world, room, dora, line);
        assert!(answer.contains(words), "{line}: {answer}");
    }
    assert!(world.actions.is_empty() && world.engine.world().mutes().count() == 0, "nothing was done");
    assert_eq!(say(&mut world, Some("#dba"), dora, "!ack db1!postgres for 8h looking"), "");
    assert_eq!(say(&mut world, None, dora, "ack db2 for 10m looking"), "");
    assert_eq!(say(&mut world, Some("#ops"), dora, "!recheck web1"), "");
    assert_eq!(
        say_on(&mut world, "oftc", Some("#dba"), Some("dd"), "!unmute db1"),
        "nick: no mute covers just `db1`; `mutes` lists them"
    );
    assert!(
        say_on(&mut world, "oftc", Some("#dba"), dora, "!mute db1 1h").contains("needs the role"),
        "not there"
    );
    assert!(say(&mut world, Some("#dba"), dora, "!mute db* 2h flaky").contains("muted until"));
    let asked: Vec<_> =
        world.actions.iter().map(|action| (action.object.name(), action.author.as_str())).collect();
    assert_eq!(asked, [("db1!postgres", "dora@icinga"), ("db2", "dora@icinga"), ("web1", "dora@icinga")]);
    assert!(say(&mut world, Some("#dba"), dora, "!whoami").contains("roles: dba: acknowledge, freeze, mute, take, unack, unmute in #dba, private, where host.vars.role = db, at most 8h, at most 3 objects; checker: recheck"));
    assert!(say(&mut world, Some("#ops"), dora, "!help").contains("recheck"));
    assert!(!say(&mut world, Some("#ops"), dora, "!help").contains("unack"));
}

#[test]
fn what_a_role_does_not_cover_is_not_unmuted_either() {
    let mut world = site();
    assert!(say(&mut world, Some("#ops"), Some("alice"), "!mute web1 1h").contains("m1: web1"));
    let answer = say(&mut world, Some("#dba"), Some("dora"), "!unmute m1");
    assert!(answer.contains("web1 is none of the objects of dba"), "{answer}");
    assert_eq!(world.engine.world().mutes().count(), 1);
    assert!(say(&mut world, Some("#ops"), Some("alice"), "!unmute m1").contains("no longer muted"));
}

/// Two databases behind a switch, and a web server behind one of them; each has a service. dan
/// has all for what is a database, sid some for hosts and one service, and max some for two objects at most.
fn farm() -> World {
    let mut world = World::new(RULES);
    let people = r##"
[sink.console.terminal]
[target.ops]
sink = "terminal"
[sink.irc.irc]
server = "irc.example.org"
nick = "bell"
[defaults]
target = "ops"
zone = "UTC"
[role.db]
commands = ["*"]
objects = { host.vars.role = "db" }
[role.hosts]
commands = ["downtime", "undowntime", "mute"]
objects = { object = ["db1", "db2", "web", "web!http"] }
[role.two]
commands = ["ack", "downtime", "recheck", "mute"]
most_objects = 2
[person.dan]
irc = "dan"
roles = ["db"]
[person.sid]
irc = "sid"
roles = ["hosts"]
[person.max]
irc = "max"
roles = ["two"]
"##;
    let config = Folder::new().load(people).unwrap_or_else(|faults| panic!("{faults}"));
    world.restart_with(|old| *old = Settings { bounds_commands: false, ..Settings::of(&config) });
    for (name, role, parents) in [
        ("sw", "net", &[][..]),
        ("db1", "db", &["sw"]),
        ("db2", "db", &["sw", "db1"]),
        ("web", "web", &["db2"]),
        ("db1!disk", "db", &[]),
        ("db2!disk", "db", &[]),
        ("web!http", "web", &[]),
        // This one depends on the host of another.
        ("mon!db1", "net", &["db1"]),
    ] {
        let vars = serde_json::json!({ "role": role });
        world.object(name, |object| {
            object.vars = std::sync::Arc::new(vars.as_object().cloned().expect("it is one"));
            object.parents = parents.iter().map(|parent| key(parent)).collect();
        });
        world.state(name, if name.contains('!') { "CRITICAL" } else { "DOWN" });
    }
    world.told();
    world
}

#[test]
fn each_object_of_a_command_must_belong_to_the_role_and_what_does_not_is_named() {
    let mut world = farm();
    for (who, line, words) in [
        // Lists.
        ("dan", "!ack db1,web,sw,db2 x", "sw, web are none of the objects of db; you have db: all commands"),
        ("dan", "!recheck db1,web", "web is none of the objects of db"),
        ("dan", "!mute db1,sw 1h", "sw is none of the objects of db"),
        ("dan", "!mute web,db1,sw 1h", "sw, web, web!http are none of the objects of db"),
        ("max", "!recheck db1,db2,web", "this touches 3 objects, and two gives at most 2"),
        ("max", "!mute db1,db2 1h", "this touches 4 objects, and two gives at most 2"),
        // Matchers and patterns.
        ("dan", "!ack host.name=* x", "mon!db1, sw, web, web!http are none of the objects of db"),
        ("dan", "!downtime host.name=* x", "sw, web are none of the objects of db"),
        ("dan", "!comment host.name=web x", "web is none of the objects of db"),
        ("dan", "!mute * 1h", "mon!db1, sw, web, web!http are none of the objects of db"),
        ("dan", "!mute host.name=* 1h", "mon!db1, sw, web, web!http are none of the objects of db"),
        ("max", "!ack host.name=db* x", "this touches 4 objects, and two gives at most 2"),
        // What Icinga takes along.
        ("sid", "!downtime db1 services x", "db1!disk is none of the objects of hosts"),
        ("sid", "!downtime host.name=db* services x", "db1!disk, db2!disk are none of the objects of hosts"),
        ("max", "!downtime db1,db2 services x", "this touches 4 objects, and two gives at most 2"),
        ("dan", "!downtime db1 children x", "mon!db1, web are none of the objects of db"),
        ("dan", "!downtime db1 children services x", "mon!db1, web, web!http are none of the objects of db"),
        ("sid", "!downtime db2 children services x", "db2!disk is none of the objects of hosts"),
        ("dan", "!downtime db1!disk children x", "web is none of the objects of db"),
        ("sid", "!downtime web!http children x", "what depends on web!http is none of the objects of hosts"),
        ("max", "!downtime db1 children x", "this touches 4 objects, and two gives at most 2"),
        ("sid", "!mute db1 1h", "db1!disk is none of the objects of hosts"),
    ] {
        let answer = say(&mut world, Some("#ops"), Some(who), line);
        assert!(answer.contains(words), "{who} {line}: {answer}");
        assert!(say(&mut world, Some("#ops"), Some(who), "!yes").contains("nothing waits"), "{who} {line}");
        assert!(world.actions.is_empty() && world.engine.world().mutes().count() == 0, "{who} {line}");
    }
    for (who, line, asked) in [
        ("dan", "!ack db1,db2 x", 2),
        ("dan", "!ack host.vars.role=db x", 4),
        ("dan", "!downtime db1,db2 services x", 2),
        ("sid", "!downtime db1,db2,web x", 3),
        ("sid", "!downtime db2 children x", 1),
        ("max", "!downtime db1 services x", 1),
    ] {
        let answer = say(&mut world, Some("#ops"), Some(who), line);
        say(&mut world, Some("#ops"), Some(who), "!yes");
        assert_eq!(std::mem::take(&mut world.actions).len(), asked, "{who} {line}: {answer}");
    }
}

#[test]
fn a_downtime_is_not_removed_along_with_those_that_a_role_does_not_cover() {
    let mut world = farm();
    for (object, name, parent) in [
        ("db2", "db2!1", ""),
        ("web", "web!1", "db2!1"),
        ("web!http", "web!http!1", "web!1"),
        ("db1", "db1!1", ""),
        ("db1!disk", "db1!disk!1", "db1!1"),
    ] {
        let of = Downtime { parent: parent.to_owned(), ..downtime(name, world.now) };
        world.happens(object, Detail::DowntimeAdded(of));
    }
    let answer = say(&mut world, Some("#ops"), Some("dan"), "!undowntime db2");
    assert!(answer.contains("web, web!http are none of the objects of db"), "{answer}");
    let answer = say(&mut world, Some("#ops"), Some("sid"), "!undowntime db1!1");
    assert!(answer.contains("db1!disk is none of the objects of hosts"), "{answer}");
    assert_eq!(world.actions, []);
    assert_eq!(say(&mut world, Some("#ops"), Some("dan"), "!undowntime db1"), "");
    assert_eq!(world.actions.len(), 1, "Icinga removes the other");
}

/// Persons with turns, and roles that bound what is about people.
const CALLS: &str = r##"
[sink.irc.irc]
server = "irc.example.org"
nick = "bell"
[target.ops]
sink = "irc"
to = "#ops"
[defaults]
target = "ops"
zone = "UTC"
[role.lead]
commands = ["page", "override"]
longest = "12h"
most_objects = 1
[role.trader]
commands = ["swap"]
longest = "8d"
[role.dba]
commands = ["page", "override", "swap", "escalate"]
objects = { host.vars.role = "db" }
[role.free]
commands = ["page", "override", "swap"]
[person.lea]
irc = "lea"
roles = ["lead"]
[person.tom]
irc = "tom"
roles = ["trader"]
[person.dora]
irc = "dora"
roles = ["dba"]
[[person.dora.way]]
sink = "irc"
[person.fred]
irc = "fred"
roles = ["free"]
[person.alice]
irc = "alice"
roles = ["operator"]
[[person.alice.way]]
sink = "irc"
[person.bob]
irc = "bob"
roles = ["dba"]
[[person.bob.way]]
sink = "irc"
[schedule.nights]
[[schedule.nights.layer]]
persons = ["alice", "bob"]
rotate = "1w"
handover = "mon 09:00"
from = "2026-01-05"
"##;

fn calls() -> World {
    let mut world = World::new(RULES);
    let config = Folder::new().load(CALLS).unwrap_or_else(|faults| panic!("{faults}"));
    world.restart_with(|old| *old = Settings { bounds_commands: false, ..Settings::of(&config) });
    world
}

#[test]
fn a_role_bounds_whom_a_page_calls() {
    let mut world = calls();
    for (who, line, words) in [
        ("lea", "!page role:dba wake up", "this calls 2, and lead gives at most 1; you have lead: "),
        ("lea", "!page alice wake up", "calling 1 target: alice/irc"),
        ("dora", "!page alice wake up", "a page is none of the objects of dba; you have dba: "),
        ("fred", "!page alice wake up", "calling 1 target"),
        ("tom", "!page alice wake up", "this needs a role with `page` here"),
        ("alice", "!page role:operator wake up", "calling 1 target"),
    ] {
        let answer = say(&mut world, Some("#ops"), Some(who), line);
        assert!(answer.contains(words), "{who} {line}: {answer}");
        assert_eq!(world.told().is_empty(), !words.starts_with("calling"), "{who} {line}");
    }
}

#[test]
fn a_role_bounds_for_how_long_somebody_is_on_call_out_of_turn() {
    let mut world = calls();
    let overrides = |world: &World| world.engine.world().overrides().len();
    for (who, line, words) in [
        ("lea", "!override nights bob for 13h", "this lasts 13h, and lead gives at most 12h"),
        ("lea", "!override nights bob from mon 18:00 until tue 7:00", "this lasts 13h"),
        ("lea", "!swap nights alice bob", "and lead gives at most 12h"),
        ("dora", "!override nights bob for 1h", "who is on call is none of the objects of dba"),
        ("dora", "!swap nights alice bob", "who is on call is none of the objects of dba"),
        ("tom", "!override nights bob for 1h", "only members of nights and operators may do that"),
    ] {
        let answer = say(&mut world, Some("#ops"), Some(who), line);
        assert!(answer.contains(words), "{who} {line}: {answer}");
        assert_eq!(overrides(&world), 0, "{who} {line}");
    }
    for (who, line, count) in [
        ("lea", "!override nights bob from mon 18:00 until tue 6:00", 1),
        ("tom", "!swap nights alice bob", 3),
        ("fred", "!override nights alice for 9d", 4),
        ("alice", "!override nights bob for 10d", 5),
        // A member needs no role, so none bounds them.
        ("bob", "!override nights alice for 11d", 6),
    ] {
        let answer = say(&mut world, Some("#ops"), Some(who), line);
        assert_eq!(overrides(&world), count, "{who} {line}: {answer}");
    }
    assert!(
        say(&mut world, Some("#ops"), Some("dora"), "!override cancel o1").contains("none of the objects")
    );
    assert!(say(&mut world, Some("#ops"), Some("tom"), "!override cancel o1").contains("only members"));
    say(&mut world, Some("#ops"), Some("lea"), "!override cancel o1");
    assert_eq!(overrides(&world), 5);
}

/// A command that forgets to ask for what it touches would do something here.
#[test]
fn no_command_of_the_table_touches_what_a_role_does_not_cover() {
    let mut world = site();
    let reads = |question: &Question| match question {
        Question::Lag | Question::Dead { .. } | Question::Why(_) | Question::History { .. } => true,
        Question::WhyNot(_) => true,
        // Whoever sends them again has to look.
        Question::ReplayDead { within, .. } => !within.is_unbounded(),
        Question::Reload { .. } | Question::Attend { .. } | Question::Drill(_) | Question::Diff { .. } => {
            false
        }
    };
    let forms = [
        " db1",
        " db1 force",
        " db1 for 1h x",
        " db1 1h x",
        " db1 x",
        " db1 for 1h",
        "",
        " force",
        " 1h",
        " ops",
        " #dev",
        " alice x",
        " d1",
    ];
    world.told();
    for name in VERBS.iter().flat_map(|verb| std::iter::once(&verb.name).chain(verb.aliases)) {
        for form in forms {
            say(&mut world, Some("#ops"), Some("nora"), &format!("!{name}{form}"));
            say(&mut world, Some("#ops"), Some("nora"), "!yes");
            let line = format!("`{name}{form}`");
            assert!(world.actions.is_empty(), "{line} asked Icinga without `Asked::permit`");
            assert_eq!(world.engine.world().mutes().count(), 0, "{line} muted without `Asked::permit`");
            assert_eq!(world.told(), [""; 0], "{line} told people without `Asked::permit`");
            let asked = world.asks.drain(..).find(|ask| !reads(&ask.question));
            assert!(asked.is_none(), "{line} is done elsewhere without `Asked::permit`: {asked:?}");
        }
    }
}

#[test]
fn a_role_for_some_objects_gives_nothing_that_is_about_all_or_none() {
    let mut world = site();
    for (line, words) in [
        (
            "!reload",
            "a reload is none of the objects of none; you have none: all commands, where object = nosuch",
        ),
        ("!reload force", "a reload is none of the objects of none"),
        ("!diff 1h", "a comparison of rules is none of the objects of none"),
        ("!join #dev", "a room is none of the objects of none"),
        ("!part #dev", "a room is none of the objects of none"),
        ("!test ops", "a test of a target is none of the objects of none"),
    ] {
        let answer = say(&mut world, Some("#ops"), Some("nora"), line);
        assert!(answer.contains(words), "{line}: {answer}");
        assert!(say(&mut world, Some("#ops"), Some("nora"), "!yes").contains("nothing waits"), "{line}");
    }
    assert!(world.asks.is_empty());
}

/// Whatever changes something, tried by nobody and by an account that is no person.
#[test]
fn nobody_unverified_changes_anything() {
    let mut world = site();
    let arguments = [
        "",
        "db1",
        "db1 for 1h x",
        "db1 1h x",
        "D1",
        "force",
        "m1",
        "M1 x",
        "alice 123456 ack db1 x",
        "#1 x y z",
    ];
    let changing = VERBS.iter().filter(|verb| verb.right != Right::Reads);
    let names: Vec<String> = changing
        .flat_map(|verb| std::iter::once(&verb.name).chain(verb.aliases))
        .map(|name| (*name).to_owned())
        .chain(["freeze", "hush", "code"].map(str::to_owned))
        .collect();
    for (account, name) in
        [None, Some("mallory")].iter().flat_map(|account| names.iter().map(move |name| (*account, name)))
    {
        for arguments in arguments {
            let line = format!("!{name} {arguments}");
            let answer = say(&mut world, Some("#ops"), account, &line);
            assert!(!answer.is_empty(), "{line}: it says why not");
        }
    }
    assert!(world.actions.is_empty() && world.asks.is_empty(), "{:?}", world.asks);
    assert_eq!(world.engine.world().mutes().count(), 0);
    assert!(say(&mut world, Some("#ops"), None, "!hush db1").contains("nobody vouches for you"));
    assert!(
        say(&mut world, Some("#ops"), Some("bob"), "!hush db1").contains("muted until"),
        "anybody who is somebody"
    );
}

/// The codes of appendix B of RFC 6238: of 2005-03-18 01:58:29 and 01:58:31.
const FIRST: (&str, i64) = ("081804", 1_111_111_109);
const SECOND: (&str, i64) = ("050471", 1_111_111_111);

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a moment")
}

#[test]
fn a_code_does_one_command_once_and_is_never_shown() {
    let mut world = site();
    world.now = moment(FIRST.1);
    let line = format!("!code alice {} ack db1 looking", FIRST.0);
    assert_eq!(say(&mut world, Some("#ops"), None, &line), "", "the answer comes with Icinga's");
    assert_eq!(world.actions.len(), 1);
    assert_eq!(world.actions[0].author, "alice");
    assert!(say(&mut world, Some("#ops"), None, &line).contains("was used already"));
    let settings = settings();
    world.restart_with(|old| *old = settings);
    assert!(say(&mut world, Some("#ops"), None, &line).contains("was used already"), "nor after a restart");
    world.now = moment(SECOND.1);
    let next = format!("code Alice {} whoami", SECOND.0);
    assert!(say(&mut world, None, None, &next).contains("by a one-time code, person alice"));
    assert_eq!(world.actions.len(), 1);
    let shown = format!("{:?}{:?}", world.decisions, world.commands);
    assert!(!shown.contains(FIRST.0) && !shown.contains(SECOND.0), "{shown}");
    let lines: Vec<_> =
        world.commands.iter().map(|command| (command.line.as_str(), command.person.as_deref())).collect();
    assert_eq!(lines[0], ("code alice ****** ack db1 looking", Some("alice")));
    assert_eq!(lines[1], ("code alice ****** ack db1 looking", None), "a used code proves nothing");
}

#[test]
fn a_code_counts_only_where_it_may_and_only_if_it_is_right() {
    let mut world = site();
    world.now = moment(FIRST.1);
    let line = |person: &str, code: &str| format!("!code {person} {code} ack db1 looking");
    assert!(
        say_on(&mut world, "oftc", Some("#ops"), None, &line("alice", FIRST.0)).contains("do not count here")
    );
    for (person, code) in [("dora", FIRST.0), ("nobody", FIRST.0), ("alice", "000000"), ("alice", "abc")] {
        let answer = say(&mut world, Some("#ops"), None, &line(person, code));
        assert_eq!(answer, "nick: this is no code that counts now", "{person} {code}");
    }
    (0..3).for_each(|_| drop(say(&mut world, Some("#ops"), None, &line("alice", "111111"))));
    assert!(say(&mut world, Some("#ops"), None, &line("alice", FIRST.0)).contains("too many wrong codes"));
    assert!(world.actions.is_empty());
    // A nick that looks like hers changes nothing, and what is hers by her account stays.
    assert_eq!(say(&mut world, Some("#ops"), Some("alice"), "!ack db1 looking"), "");
}

#[test]
fn every_command_stands_in_the_audit_with_what_came_of_it() {
    let mut world = site();
    for (room, account, line) in [
        (Some("#ops"), Some("alice"), "!ack db1 looking"),
        (Some("#ops"), Some("alice"), "!mute db1!postgres 1h"),
        (Some("#ops"), None, "!ack db2 looking"),
        (Some("#ops"), Some("alice"), "!ack nosuch looking"),
        (Some("#ops"), Some("alice"), "!akc db1"),
        (Some("#ops"), Some("alice"), "!ack"),
        (None, Some("bob"), "problems"),
        (Some("#ops"), Some("alice"), "!seen otherbot"),
        (Some("#ops"), Some("alice"), "hello"),
    ] {
        say(&mut world, room, account, line);
    }
    let words = |command: &Commanded| {
        let end = match &command.end {
            CommandEnd::Refused(why) => format!("refused: {}", &why[..12]),
            end => end.name().to_owned(),
        };
        let who = command.person.as_deref().unwrap_or("-");
        format!("{who} {} {end} {:?}", command.line, command.objects)
    };
    let audit: Vec<String> = world.commands.iter().map(words).collect();
    assert_eq!(
        audit,
        [
            r#"alice ack db1 looking asked ["db1"]"#,
            r#"alice mute db1!postgres 1h done ["db1!postgres"]"#,
            r#"- ack db2 looking refused: this needs t []"#,
            r#"alice ack nosuch looking refused: I know no `n []"#,
            r#"alice akc db1 unknown []"#,
            r#"alice ack unknown []"#,
            r#"bob problems done []"#,
        ]
    );
}

#[test]
fn who_floods_hears_that_once_and_others_are_answered() {
    let mut world = site();
    let settings = settings();
    world.restart_with(|old| *old = settings);
    let mut answers = Vec::new();
    for number in 0..1000 {
        world.now += std::time::Duration::from_millis(1);
        answers.push(say(
            &mut world,
            Some("#ops"),
            Some("bob"),
            if number % 2 == 0 { "!ping" } else { "!mutes" },
        ));
    }
    let said = |words: &str| answers.iter().filter(|answer| answer.contains(words)).count();
    assert_eq!((said("pong"), said("too many commands; wait 20 s"), said("")), (10, 1, 1000));
    assert_eq!(answers.iter().filter(|answer| !answer.is_empty()).count(), 21);
    assert_eq!(world.commands.len(), 21, "silence is not audited");
    assert_eq!(say(&mut world, Some("#ops"), Some("alice"), "!ping"), "nick: pong");
    assert_eq!(say(&mut world, Some("#ops"), None, "!ping"), "nick: pong");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever somebody unverified writes, in whatever order, nothing comes of it.
    #[test]
    fn no_line_of_somebody_unverified_is_obeyed(
        lines in prop::collection::vec(("[a-z]{1,9}|ack|mute|unmute|code|reload|hush|freeze|comment|recheck|diff|dead replay", "(db1|alice|bob|#1|m1|\\*|[0-9]{6}|for|1h|yes|!!| ){0,6}"), 1..20),
        private: bool,
    ) {
        let mut world = site();
        for (name, rest) in lines {
            let room = (!private).then_some("#ops");
            say(&mut world, room, None, &format!("!{name} {}", rest.replace("db1", "db1 ")));
        }
        prop_assert!(world.actions.is_empty());
        prop_assert!(world.engine.world().mutes().count() == 0);
        let changes = |ask: &watchbell::engine::Ask| matches!(ask.question, watchbell::engine::Question::Reload { .. } | watchbell::engine::Question::ReplayDead { .. });
        prop_assert!(!world.asks.iter().any(changes));
    }
}
