//! Awkward and hostile commands: each has a clear answer, and does nothing wrong.

use crate::common::engine::World;
use watchbell::model::ActionKind;

const RULES: &str = r#"
rule("all", #{ on: "StateChange" }, |e| e.notify("ops"));
rule("rest", #{}, |e| e.drop("not of this test"));
"#;

/// Two broken objects and three that are well, in Berlin.
fn site() -> World {
    let mut world = World::new(RULES);
    world.restart_with(|settings| {
        settings.zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("it is built in")
    });
    for name in ["db1", "db1!disk", "db2", "db2!disk", "web"] {
        world.object(name, |_| {});
    }
    world.state("db1", "DOWN");
    world.state("db1!disk", "CRITICAL");
    world.told();
    world
}

/// What is answered, where nothing is done: nothing asked of Icinga, nor of anybody else, nothing
/// muted, nobody told.
#[track_caller]
fn refused(world: &mut World, line: &str) -> String {
    let answer = world.say("root", line);
    assert_eq!(world.actions, [], "{line}: {answer}");
    assert_eq!(world.asks, [], "{line}: {answer}");
    assert_eq!(world.engine.world().mutes().count(), 0, "{line}: {answer}");
    assert_eq!(world.told(), [""; 0], "{line}: {answer}");
    answer
}

#[test]
fn what_cannot_be_meant_is_answered_and_nothing_is_done() {
    for (line, words) in [
        // Numbers.
        ("!ack #0 x", "there is no incident #0; `problems` lists them"),
        ("!ack #-1 x", "`#-1` is not a number of an incident like #12"),
        ("!ack #99999999999999999999 x", "is not a number of an incident"),
        ("!ack #\u{661} x", "is not a number of an incident"),
        ("!ack #1,#999 x", "there is no incident #999"),
        ("!unmute m0", "there is no mute m0; `mutes` lists them"),
        ("!mute m99 2h", "there is no mute m99; `mutes` lists them"),
        ("!mute M99,db1 2h", "I know no `M99`"),
        ("!override cancel o9", "there is no override o9"),
        ("!dead replay d99999999999999999999", "is no number of a delivery"),
        // Names.
        ("!ack db x", "`db` could be db1, db2; write more of the name"),
        ("!ack disk x", "`disk` could be db1!disk, db2!disk"),
        ("!host d\u{df}1", "I know no `d\u{df}1`; did you mean `db1`?"),
        ("!ack \u{434}\u{431}1 x", "write a part of host or host!service"),
        ("!host \u{202e}1bd", "I know no `"),
        ("!host db1!disk", "db1!disk is a service; `service db1!disk` shows it"),
        ("!service web", "web is a host; `host web` shows it"),
        ("!ack , x", "`,` names no object"),
        ("!page role:nosuch x", "there is no role `nosuch`"),
        ("!page role: x", "there is no role ``"),
        ("!page schedule:nosuch x", "there is no schedule `nosuch`"),
        ("!page person:alice x", "alice has no way to be reached"),
        ("!escalate db2", "db2 has no problem now"),
        // Matchers.
        ("!mute host.name=db1&host.name=db2 1h", "`host.name` is asked for twice"),
        ("!mute =x 1h", "`=x` is no condition"),
        ("!mute a= 1h", "`a=` is no condition"),
        ("!ack host.name=*&&state=DOWN x", "is no condition"),
        ("!ack host.name=db1&(state=DOWN|state=UP) x", "there is no field `(state`; did you mean `state`?"),
        ("!ack host.name=(db1|db2) x", "fits nothing that this can be done to"),
        ("!ack host.name!=db1 x", "fits nothing that this can be done to"),
        ("!mute nosuch=1 1h", "there is no field `nosuch`"),
        ("!mute db1 host.name=db2 4h", "`host.name=db2` is a condition, and `db1` is none"),
        // Times.
        ("!mute db1 0m", "`0m` is not a time"),
        ("!mute db1 for -1h x", "`-1h` is not a time"),
        ("!mute db1 unused 0s", "`0s` is not a length of time"),
        ("!mute db1 until 2020-01-01", "2020-01-01 is in the past"),
        ("!ack db1 until 2026-02-30 x", "`2026-02-30 x` is not a time"),
        ("!ack db1 for 99999999999999999999h x", "is not a time"),
        ("!downtime db1 flexible 0m x", "`0m` is not a length of time"),
        ("!downtime db1 from 2020-01-01 for 2h x", "2020-01-01 is in the past"),
        ("!downtime db1 until 22:00 from 21:00 x", "say when it begins before it ends"),
        ("!mute db2 until ok", "nothing of it has a problem now; say for how long"),
        ("!diff 0h", "`0h` is not a length of time"),
        ("!history db1 -1", "say how many, from 1 to 9"),
        // What there is nothing of.
        ("!yes", "nothing waits for your `yes`; say the command again"),
        ("!again", "you have said no command here"),
        ("!take db1", "nobody is being called about db1"),
        ("!release db1", "nobody has taken db1"),
        ("!problems nosuch", "no problems that fit `nosuch`"),
        ("!recheck db1 db2", "several are joined with commas, such as #1,#2"),
        ("!m\u{fc}te db1", "there is no command `m\u{fc}te`; did you mean `mute`?"),
    ] {
        let answer = refused(&mut site(), line);
        assert!(answer.contains(words), "{line}: {answer}");
    }
    let mut nothing_told = World::new(RULES);
    let answer = refused(&mut nothing_told, "!ack last x");
    assert!(answer.contains("there is no `last`: nothing was told here, and you named nothing"), "{answer}");
}

#[test]
fn a_word_without_end_is_not_said_back_whole() {
    let long = "x".repeat(60_000);
    let many = vec!["nosuch"; 9000].join(",");
    for line in [
        format!("!host {long}"),
        format!("!ack {long} x"),
        format!("!ack db1 for {long} x"),
        format!("!ack {many} x"),
        format!("!mute db1 every {long}"),
        format!("!unmute {long}"),
        format!("!page {long} x"),
        format!("!page schedule:{long} x"),
        format!("!problems {long}"),
        format!("!route db1 {long}"),
        format!("!oncall {long}"),
        format!("!override {long} bob for 2h"),
        format!("!escalate db1 {long}"),
        format!("!drill db1 {long}"),
        format!("!test {long}"),
        format!("!why-not db1 {long}"),
        format!("!help {long}"),
        format!("!dead replay {long}"),
        format!("!recheck db1 {long}"),
        format!("!mute {long}=1 1h"),
    ] {
        let answer = refused(&mut site(), &line);
        let size = answer.len();
        assert!(!answer.is_empty() && size < 1500, "{} {size}: {}", &line[..20], &answer[..size.min(300)]);
    }
}

#[test]
fn what_was_refused_is_refused_again_when_it_is_repeated() {
    let mut world = site();
    for line in ["!ack nosuch x", "!akc db1", "!mute db1 0m"] {
        let answer = refused(&mut world, line);
        assert_eq!(refused(&mut world, "!!"), answer);
        assert_eq!(refused(&mut world, "!again"), answer);
    }
    // What was shown and not confirmed is shown again.
    let shown = refused(&mut world, "!ack host.name=db* x");
    assert!(shown.contains("`!yes` within 60 s does it"), "{shown}");
    assert_eq!(refused(&mut world, "!!"), shown);
    assert!(world.say("root", "!yes").contains("Icinga is asked to acknowledge 2 objects"));
    world.actions.clear();
    assert!(
        refused(&mut world, "!!").contains("`!yes` within 60 s does it"),
        "a yes is no command to repeat"
    );
}

#[test]
fn each_person_in_a_room_says_yes_to_their_own() {
    let mut world = site();
    assert!(world.say("alice", "!ack host.name=db1 mine").contains("`!yes` within 60 s"));
    assert!(world.say("root", "!ack host.name=db* storm").contains("this would acknowledge 2 objects"));
    assert!(world.say("alice", "!comment host.name=web hello").contains("`!yes` within 60 s"));
    assert!(world.say("root", "!reload force").contains("`!yes` within 60 s"));
    assert!(world.say("bob", "!yes").contains("nothing waits for your `yes`"));
    assert!(world.say("alice", "!yes").is_empty() && world.asks.is_empty());
    let asked: Vec<(&str, &str)> =
        world.actions.iter().map(|action| (action.object.name(), action.kind.name())).collect();
    assert_eq!(asked, [("web", "add-comment")], "the newer of hers");
    assert!(world.say("alice", "!yes").contains("nothing waits"));
    assert!(world.say("root", "!yes").contains("reading rules and templates again"));
}

#[test]
fn in_the_night_of_two_clocks_a_time_is_answered_with_its_zone() {
    let mut world = site();
    world.now = "2026-10-25T00:40:00Z".parse().expect("a moment");
    assert!(
        world.say("alice", "!mute db1 until 2:30").contains("until Sun 2026-10-25 02:30 CET"),
        "the second"
    );
    world.now = "2026-10-25T00:10:00Z".parse().expect("a moment");
    assert!(
        world.say("alice", "!mute db2 until 2:30").contains("until Sun 2026-10-25 02:30 CEST"),
        "the first"
    );
    world.now = "2027-03-28T00:10:00Z".parse().expect("a moment");
    assert!(
        world.say("alice", "!mute web until 2:30").contains("until Sun 2027-03-28 03:30 CEST"),
        "there is none"
    );
    assert!(world.say("alice", "!downtime web from 1:30 until 2:30 x").is_empty());
    let ActionKind::ScheduleDowntime { start, end, .. } = &world.actions[0].kind else {
        panic!("a downtime")
    };
    assert_eq!(
        (start.to_string().as_str(), end.to_string().as_str()),
        ("2027-03-28T00:30:00Z", "2027-03-28T01:30:00Z")
    );
}
