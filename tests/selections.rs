//! One command over several objects: which, what waits for a `yes`, and what stands for what
//! was said before.

use crate::common::engine::{World, key};
use crate::common::happenings::{acknowledged, comment, downtime};
use watchbell::engine::Question;
use watchbell::model::event::Comment;
use watchbell::model::{ActionKind, ActionResult, Detail, Input, State, Timestamp};

const RULES: &str = r#"
rule("all", #{ on: "StateChange" }, |e| e.notify("ops"));
rule("rest", #{}, |e| e.drop("not of this test"));
"#;

/// Seven databases of which four are down, all behind one switch, and a web server with a
/// service.
fn site() -> World {
    let mut world = World::new(RULES);
    world.object("sw", |_| {});
    for number in 1..=7 {
        let name = format!("db{number}");
        world.object(&name, |host| {
            host.parents = vec![key("sw")];
            let vars = serde_json::json!({"role": "db", "rack": number});
            host.vars = std::sync::Arc::new(vars.as_object().expect("a map").clone());
        });
        world.state(&name, if number <= 4 { "DOWN" } else { "UP" });
    }
    world.object("web", |_| {});
    world.object("web!http", |_| {});
    world.state("web", "UP");
    world.state("web!http", "CRITICAL");
    world.told();
    world
}

/// What was asked of Icinga since the last look: kind and object.
fn asked(world: &mut World) -> Vec<String> {
    let actions = std::mem::take(&mut world.actions);
    actions.iter().map(|action| format!("{} {}", action.kind.name(), action.object)).collect()
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

#[test]
fn a_list_is_one_answer_and_one_action_for_each() {
    let mut world = site();
    assert_eq!(
        world.say("alice", "!ack #1,db2,db2,db5 until 18:00 power is out"),
        "alice: Icinga is asked to acknowledge 2 objects: db1, db2 until Sun 2026-11-22 18:00 UTC; \
         left out: db5 is UP: there is nothing to acknowledge"
    );
    assert!(world.actions.iter().all(|action| action.is_one_of_many));
    let actions = world.actions.clone();
    assert_eq!(asked(&mut world), ["acknowledge-problem db1", "acknowledge-problem db2"]);
    // Only what is refused is told again.
    let outcomes = [Ok("done".to_owned()), Err("Icinga says 409".to_owned())];
    let replies: Vec<String> = actions
        .into_iter()
        .zip(outcomes)
        .flat_map(|(action, outcome)| world.step(Input::ActionResult(ActionResult { action, outcome })))
        .map(|reply| reply.text)
        .collect();
    assert_eq!(replies, ["alice: not done for db2: Icinga says 409"]);
    assert_eq!(
        world.say("alice", "!ack db5,db6 x"),
        "alice: db5 is UP: there is nothing to acknowledge; db6 is UP: there is nothing to acknowledge"
    );
    assert!(world.say("alice", "!ack db1,nothing x").contains("I know no `nothing`"));
    assert_eq!(asked(&mut world), [""; 0]);
}

#[test]
fn what_a_matcher_finds_is_shown_and_done_only_after_a_yes() {
    let mut world = site();
    assert_eq!(
        world.say("alice", "!ack host.vars.role=db power is out"),
        "alice: this would acknowledge 4 objects: db1, db2, db3, db4; `!yes` within 60 s does it"
    );
    assert_eq!(asked(&mut world), [""; 0]);
    assert_eq!(
        world.say("alice", "!YES"),
        "alice: Icinga is asked to acknowledge 4 objects: db1, db2, db3, db4"
    );
    assert_eq!(asked(&mut world).len(), 4);
    let decision = world.decisions.last().expect("it is in the audit");
    assert_eq!(decision.summary, "alice in #ops: YES: ack host.vars.role=db power is out");
    assert!(world.say("alice", "!yes").contains("nothing waits for your `yes`"), "only once");
    assert_eq!(asked(&mut world), [""; 0]);
    // A matcher of hosts means hosts, unless it is about problems.
    assert!(world.say("alice", "!recheck host.name=web").contains("would check web;"));
    assert!(world.say("alice", "!ack host.name=web x").contains("would acknowledge web!http;"));
    assert!(world.say("alice", "!recheck host.vars.role=mail").contains("fits nothing"));
    assert!(world.say("alice", "!recheck host.var.role=db").contains("there is no field"));
}

#[test]
fn anything_else_than_a_yes_of_the_same_person_in_the_same_room_drops_it() {
    for (words, by, private) in
        [("!ping", "alice", false), ("!yes", "root", false), ("!yes", "bob", false), ("yes", "alice", true)]
    {
        let mut world = site();
        world.say("alice", "!recheck db1,db2,db3,db4,db5,db6");
        world.utter(by, Some(by), private, words);
        assert_eq!(asked(&mut world), [""; 0], "{by} {words}");
        let later = world.say("alice", "!yes");
        let dropped = by == "alice" && !private;
        assert_eq!(later.contains("nothing waits"), dropped, "{by} {words}: {later}");
    }
    let mut world = site();
    world.say("alice", "!recheck db1,db2,db3,db4,db5,db6");
    world.utter("alice", None, false, "!yes");
    assert_eq!(asked(&mut world), [""; 0], "a nick is nobody");
    world.wait("61s");
    assert!(world.say("alice", "!yes").contains("nothing waits"), "too late");
}

#[test]
fn what_comes_to_be_hit_meanwhile_is_shown_anew() {
    let mut world = site();
    world.say("alice", "!ack host.vars.role=db x");
    world.state("db7", "DOWN");
    let answer = world.say("alice", "!yes");
    assert!(answer.contains("this would acknowledge 5 objects"), "{answer}");
    assert_eq!(asked(&mut world), [""; 0]);
    world.say("alice", "!yes");
    assert_eq!(asked(&mut world).len(), 5);
}

#[test]
fn who_may_not_is_refused_before_anything_waits() {
    let mut world = site();
    assert!(world.say("bob", "!ack host.vars.role=db x").contains("needs the role `operator`"));
    assert!(world.say("bob", "!yes").contains("nothing waits"));
    // The right is asked again when it is done.
    world.say("alice", "!ack host.vars.role=db x");
    world.restart_with(|settings| settings.persons.clear());
    assert!(world.say("alice", "!yes").contains("nothing waits"), "nor does it outlive a restart");
}

#[test]
fn a_downtime_of_what_others_stand_behind_says_how_many_and_waits() {
    let mut world = site();
    let answer = world.say("alice", "!downtime sw for 2h children new firmware");
    assert_eq!(
        answer,
        "alice: this would schedule a downtime of sw from Sun 2026-11-22 12:00 UTC until \
         Sun 2026-11-22 14:00 UTC, with the 7 hosts behind it; `!yes` within 60 s does it"
    );
    let said = world.now;
    assert_eq!(world.say("alice", "!yes"), "", "one object: the answer comes with Icinga's");
    let kind = ActionKind::ScheduleDowntime {
        comment: "new firmware".to_owned(),
        start: said,
        end: said + std::time::Duration::from_secs(7200),
        flexible_seconds: None,
        all_services: false,
        children: true,
    };
    assert_eq!(world.actions[0].kind, kind, "its times count from when it was said");
}

#[test]
fn downtimes_are_scheduled_listed_and_removed() {
    let mut world = site();
    assert_eq!(world.say("bob", "!downtimes"), "bob: no downtimes");
    assert_eq!(
        world.say("alice", "!downtime web from 22:00 until 23:30 flexible 30m services new disks"),
        ""
    );
    let action = world.actions.remove(0);
    assert_eq!(
        action.kind,
        ActionKind::ScheduleDowntime {
            comment: "new disks".to_owned(),
            start: at("2026-11-22T22:00:00Z"),
            end: at("2026-11-22T23:30:00Z"),
            flexible_seconds: Some(1800),
            all_services: true,
            children: false,
        }
    );
    let replies = world.step(Input::ActionResult(ActionResult { action, outcome: Ok(String::new()) }));
    assert_eq!(
        replies[0].text,
        "alice: web and its services are in downtime from Sun 2026-11-22 22:00 UTC until \
         Sun 2026-11-22 23:30 UTC, for 30m from the first problem on"
    );
    for name in ["web!a", "web!b"] {
        let mut window = downtime(name, world.now);
        if name == "web!b" {
            window.config_owner = "web!nightly".to_owned();
        }
        world.happens("web", Detail::DowntimeAdded(window));
    }
    let list = world.say("bob", "!downtimes WEB");
    assert!(list.starts_with("2 downtimes:\n  web "), "{list}");
    assert_eq!(world.say("bob", "!downtimes db"), "bob: no such downtimes");
    assert_eq!(world.say("alice", "!undowntime web"), "");
    assert_eq!(
        world.actions.remove(0).kind,
        ActionKind::RemoveDowntime { downtime: "web!a".to_owned() },
        "what Icinga's configuration makes is left to it"
    );
    assert!(world.say("alice", "!undowntime web!b").contains("made by Icinga's configuration"));
    assert!(world.say("alice", "!undowntime db1").contains("db1 is in no downtime that is known"));
    assert_eq!(asked(&mut world), [""; 0]);
}

#[test]
fn an_acknowledgement_is_extended_in_one_step_or_says_whose_it_is() {
    let mut world = site();
    let note = Comment { author: "carol".to_owned(), entry_type: 4, ..comment("web!http!c", "looking") };
    world.happens("web!http", Detail::CommentAdded(note));
    world.happens("web!http", acknowledged(State::Critical));
    assert_eq!(
        world.say("alice", "!ack web!http me too"),
        "alice: web!http is acknowledged already by carol: looking; `ack web!http for 2h` extends it, \
         `unack web!http` removes it"
    );
    assert_eq!(world.say("alice", "!ack web!http until 18:00"), "");
    let action = world.actions.remove(0);
    assert_eq!(
        action.kind,
        ActionKind::ExtendAcknowledgement {
            comment: "looking".to_owned(),
            expiry: Some(at("2026-11-22T18:00:00Z")),
            sticky: false,
            notify: true,
        }
    );
    let replies = world.step(Input::ActionResult(ActionResult { action, outcome: Ok(String::new()) }));
    assert_eq!(
        replies[0].text,
        "alice: the acknowledgement of web!http is extended until Sun 2026-11-22 18:00 UTC"
    );
    assert!(
        world.say("alice", "!ack db1 for 2h").contains("say in a few words"),
        "a first one needs a reason"
    );
}

#[test]
fn last_is_what_was_told_here_or_named_by_oneself_whichever_came_later() {
    let mut world = World::new(RULES);
    assert!(world.say("bob", "!service last").contains("there is no `last`"));
    world.object("web!http", |_| {});
    world.object("db1", |_| {});
    world.state("web!http", "CRITICAL");
    assert!(world.say("bob", "!service last").contains("web!http is CRITICAL"));
    world.say("bob", "!host db1");
    assert!(world.say("bob", "!why last").is_empty());
    assert!(world.say("bob", "!host last").contains("db1 is not checked yet"));
    assert_eq!(world.say("alice", "!comment last see ticket 42"), "", "others have named nothing");
    assert_eq!(asked(&mut world), ["add-comment web!http"]);
    assert!(world.whisper("alice", "service last").contains("there is no `last`"), "nor elsewhere");
    world.restart();
    assert!(world.say("bob", "!service last").contains("web!http is CRITICAL"), "known from the incident");
}

#[test]
fn two_shouts_repeat_ones_last_command() {
    let mut world = site();
    assert_eq!(world.say("alice", "!!"), "", "people shout");
    assert!(world.say("alice", "!again").contains("you have said no command here"));
    world.say("alice", "!recheck db1");
    world.say("alice", "!!");
    assert_eq!(asked(&mut world), ["reschedule-check db1", "reschedule-check db1"]);
    assert_eq!(world.say("bob", "!!"), "", "it is for oneself");
    // With the rights one has now.
    world.utter("alice", None, false, "!recheck db1");
    let answer = world.utter("alice", None, false, "!!");
    assert!(answer.contains("needs the role `operator`"), "{answer}");
    assert_eq!(asked(&mut world), [""; 0]);
}

#[test]
fn problems_are_filtered_by_part_state_and_matcher() {
    let mut world = site();
    for (words, count) in [
        ("", 5),
        ("down", 4),
        ("critical", 1),
        ("db", 4),
        ("host.vars.role=db", 4),
        ("host.vars.rack=3", 1),
        ("host.name=web", 1),
        ("down host.vars.rack=3", 1),
        ("critical db", 0),
        ("unhandled", 5),
    ] {
        let answer = world.say("bob", &format!("!problems {words}"));
        let head = if count == 0 { "bob: no problems".to_owned() } else { format!("{count} problem") };
        assert!(answer.starts_with(&head), "{words}: {answer}");
    }
    assert!(world.say("bob", "!problems host.adress=x").contains("did you mean `host.address`?"));
}

// Mutes.

#[test]
fn a_list_is_muted_one_by_one_and_heard_of_again_so() {
    let mut world = site();
    assert_eq!(
        world.say("alice", "!mute #1,db2,db1,web!http 1h power is out"),
        "m1: db1 and its services muted until Sun 2026-11-22 13:00 UTC; covers 1 object, 1 with a problem now: db1\n\
         m2: db2 and its services muted until Sun 2026-11-22 13:00 UTC; covers 1 object, 1 with a problem now: db2\n\
         m3: web!http muted until Sun 2026-11-22 13:00 UTC; covers 1 object, 1 with a problem now: web!http"
    );
    let mutes = |world: &World| {
        let mutes = world.engine.world().mutes();
        mutes.map(|active| format!("m{} {}", active.mute.id, active.mute.what)).collect::<Vec<_>>()
    };
    assert_eq!(
        world.say("alice", "!mute m1,m3 2h"),
        "m1: db1 and its services muted until Sun 2026-11-22 14:00 UTC\n\
         m3: web!http muted until Sun 2026-11-22 14:00 UTC"
    );
    // All of it, or nothing.
    for (line, words) in [
        ("!mute db3,nothing 1h", "I know no `nothing`"),
        ("!mute db5,db1 until ok", "db5 and its services: nothing of it has a problem now"),
        ("!mute , 1h", "names no object"),
        ("!mute m1,m3 until ok", "say until when m1,m3 go on"),
        ("!mute m1,m9 2h", "I know no `m1`"),
        ("!unmute db1,db5", "no mute covers just `db5`"),
        ("!unmute m1,m9", "there is no mute m9"),
        ("!unmute ,", "names no mute"),
    ] {
        let answer = world.say("alice", line);
        assert!(answer.contains(words), "{line}: {answer}");
    }
    assert_eq!(mutes(&world), ["m1 db1 and its services", "m2 db2 and its services", "m3 web!http"]);
    assert_eq!(
        world.say("alice", "!unmute #1,m3,db1"),
        "m1: db1 and its services: no longer muted, 0 events kept quiet\nm3: web!http: no longer muted, 0 events kept quiet"
    );
    assert_eq!(mutes(&world), ["m2 db2 and its services"]);
}

#[test]
fn last_is_muted_taken_and_watched() {
    let mut world = site();
    world.say("alice", "!host db3");
    assert!(world.say("alice", "!mute last 1h").contains("m1: db3 and its services muted"));
    assert!(world.say("alice", "!host web").contains("web"));
    assert!(world.say("alice", "!unmute last").contains("no mute covers just `last`"));
    assert!(world.say("alice", "!unmute db3,db3").contains("m1: db3"));
    assert!(world.say("alice", "!watch last").contains("each change of db3"), "it was named last");
    assert!(world.say("alice", "!take last").contains("nobody is being called about db3"));
    assert!(world.whisper("alice", "unmute last").contains("there is no `last`"));
    assert!(world.whisper("alice", "mute last 1h").contains("there is no `last`"));
}

#[test]
fn more_than_a_few_mutes_wait_for_a_yes() {
    let mut world = site();
    let count = |world: &World| world.engine.world().mutes().count();
    let six = "db1,db2,db3,db4,db5,db6";
    let answer = world.say("alice", &format!("!mute {six} 1h"));
    assert!(answer.contains("this would mute 6 objects: db1 and its services, "), "{answer}");
    assert_eq!(count(&world), 0);
    assert_eq!(
        world.say("alice", "!yes"),
        "alice: m1 to m6: 6 objects muted until Sun 2026-11-22 13:00 UTC: db1 and its services, db2 and its services, \
         db3 and its services, db4 and its services, db5 and its services and 1 more"
    );
    assert_eq!(count(&world), 6);
    let answer = world.say("alice", &format!("!unmute {six}"));
    assert!(answer.contains("this would end 6 mutes: m1, m2, m3, m4, m5, m6"), "{answer}");
    assert_eq!(count(&world), 6);
    world.say("alice", "!yes");
    assert_eq!(count(&world), 0);
}

// What would happen.

#[test]
fn route_says_who_would_be_told_and_changes_nothing() {
    let mut world = World::new(r#"rule("all", #{ on: "StateChange" }, |e| e.notify("ops"));"#);
    world.object("db1", |_| {});
    world.state("db1", "UP");
    world.told();
    let kept = world.engine.world().incidents().count();
    let answer = world.say("bob", "!route db1 down");
    assert_eq!(answer, "bob: if db1 became DOWN now, ops would be told (test.rhai:1 all)");
    assert_eq!(world.engine.world().incidents().count(), kept);
    assert!(world.told().is_empty() && world.say("bob", "!problems").contains("no problems"));
    let answer = world.say("bob", "!route db1 critical");
    assert_eq!(answer, "bob: `critical` is no state of a host; it has: UP, DOWN");
}

#[test]
fn route_says_what_a_rule_keeps_from_people_and_why() {
    let mut world = World::new(r#"rule("no", #{ on: "StateChange" }, |e| e.drop("known trouble"));"#);
    world.object("db1", |_| {});
    world.state("db1", "UP");
    let answer = world.say("bob", "!route db1 DOWN");
    assert_eq!(answer, "bob: if db1 became DOWN now, nobody would be told: known trouble (test.rhai:1 no)");
}

#[test]
fn a_test_message_says_that_it_is_one_and_admins_alone_send_it() {
    let mut world = site();
    assert!(world.say("alice", "!test ops").contains("needs the role `admin`"));
    assert!(world.told().is_empty());
    assert!(world.say("root", "!test default").contains("on its way to ops (irc: #ops)"));
    world.expect(&["ops: Trouble \"TEST: root@icinga asks whether this arrives at ops; nothing is wrong\""]);
    assert!(world.say("root", "!test nowhere").contains("there is no target `nowhere`"));
}

#[test]
fn rooms_are_joined_by_admins_and_those_of_targets_are_never_left() {
    let mut world = site();
    assert!(world.say("alice", "!join #dev").contains("needs the role `admin`"));
    assert_eq!(world.say("root", "!join #dev"), "");
    let attend = Question::Attend { sink: "irc".to_owned(), room: "#dev".to_owned(), stays: true };
    assert_eq!(world.asks.pop().map(|ask| ask.question), Some(attend));
    assert!(world.say("root", "!part #OPS").contains("the target `ops` is told in #OPS"));
    assert!(world.asks.is_empty());
}

#[test]
fn rules_are_forced_only_after_a_yes() {
    let mut world = site();
    let answer = world.say("alice", "!reload force");
    assert!(answer.contains("whose own tests may fail; `!yes` within 60 s"), "{answer}");
    assert!(world.asks.is_empty());
    world.say("alice", "!yes");
    assert_eq!(world.asks.pop().map(|ask| ask.question), Some(Question::Reload { force: true }));
}
