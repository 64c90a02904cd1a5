//! The whole life of a mute: what it covers, what ends it, and who hears of that; and what one person
//! hears in private.

use crate::common::config::Folder;
use crate::common::engine::{World, key};
use crate::common::happenings;
use std::time::Duration;
use watchbell::model::event::{Comment, Downtime};
use watchbell::model::{ActionKind, ActionResult, Detail, Input, State};

/// The shipped rules over two teams: `shop` has db1 with two services, `web` has www1.
fn site() -> World {
    let mut world = World::shipped();
    for (host, team) in [("db1", "shop"), ("www1", "web")] {
        world.object_with_vars(host, serde_json::json!({"team": team, "rack": 7}));
    }
    for service in ["db1!postgres", "db1!disk", "www1!http"] {
        world.object(service, |_| {});
    }
    world
}

#[test]
fn a_mute_covers_what_its_conditions_say_and_says_how_much_that_is() {
    let mut world = site();
    world.state("db1!disk", "CRITICAL");
    world.told();
    let said = world.say("alice", "!mute host.vars.team=shop state!=WARNING 1h moving");
    assert_eq!(
        said,
        "alice: m1: host.vars.team = shop, state = not WARNING muted until Sun 2026-11-22 13:00 UTC; \
         covers 3 objects, 1 with a problem now: db1!disk"
    );
    world.state("db1!postgres", "CRITICAL");
    world.expect_dropped("muted by alice@icinga: moving");
    world.state("db1", "DOWN");
    world.expect_dropped("muted by alice@icinga: moving");
    world.state("www1!http", "CRITICAL");
    world.expect(&["ops: StateChange www1!http CRITICAL"]);
    assert!(world.say("alice", "!mute host.vars.rack=7 1h").contains("covers 5 objects"), "a number is one");
    assert!(
        world.say("alice", "!mute host.vars.team=none 1h").contains("covers 0 objects, none with a problem")
    );
    assert!(world.say("alice", "!mute host.adress=x 1h").contains("did you mean `host.address`?"));
    assert!(world.say("alice", "!unmute host.vars.rack=7").contains("no longer muted"));
}

#[test]
fn a_mute_of_many_that_names_none_of_them_waits_for_a_yes() {
    let mut world = site();
    world.object("www1!tls", |_| {});
    let asked = world.say("alice", "!mute * 1h storm");
    assert_eq!(
        asked,
        "alice: this would mute *, which covers 6 objects, none with a problem now; `!yes` within 60 s does it"
    );
    assert_eq!(world.say("bob", "!mutes"), "bob: nothing is muted");
    assert_eq!(
        world.say("alice", "!yes"),
        "alice: m1: * muted until Sun 2026-11-22 13:00 UTC",
        "what it covers was shown"
    );
    assert!(world.say("alice", "!mute db1 1h").contains("covers 3 objects"), "who is named is meant");
}

#[test]
fn until_ok_ends_when_each_object_that_it_covers_is_well_and_not_before() {
    for restarts in [false, true] {
        let mut world = site();
        let none = world.say("alice", "!mute db1 until ok");
        assert!(none.contains("nothing of it has a problem now; say for how long"), "{none}");
        world.state("db1!disk", "CRITICAL");
        world.told();
        let said = world.say("alice", "!mute db1 until ok known");
        assert!(
            said.contains("db1 and its services muted until it is well; covers 3 objects, 1 with"),
            "{said}"
        );
        world.state("db1!postgres", "CRITICAL");
        world.expect_dropped("muted by alice@icinga: known");
        if restarts {
            world.restart();
        }
        // Who heard of the problem hears its end; the mute goes on for the other one.
        world.state("db1!disk", "OK");
        world.expect(&["ops: StateChange db1!disk OK"]);
        world.state("db1!postgres", "WARNING");
        world.expect_dropped("muted by alice@icinga: known");
        world.state("db1!postgres", "OK");
        world.expect(&["ops: MuteEnding"]);
        world.state("db1!disk", "CRITICAL");
        world.expect(&["ops: StateChange db1!disk CRITICAL"]);
    }
}

#[test]
fn until_ok_ends_as_well_when_the_broken_object_is_gone_or_time_is_over() {
    let mut world = site();
    world.state("db1!disk", "CRITICAL");
    world.say("alice", "!mute db1!disk until ok");
    world.told();
    world.step(Input::ObjectsGone(vec![key("db1!disk")]));
    world.expect(&["ops: MuteEnding"]);
    world.state("db1!postgres", "CRITICAL");
    world.told();
    world.say("alice", "!mute db1!postgres until ok 1h");
    world.state("db1!postgres", "WARNING");
    world.expect_dropped("muted by alice@icinga");
    world.wait("1h");
    world.expect(&["ops: MuteEnding", "ops: StateChange db1!postgres WARNING (was: muted by alice@icinga)"]);
}

#[test]
fn a_mute_that_comes_back_each_week_tells_at_the_end_of_its_span_what_is_still_broken() {
    for restarts in [false, true] {
        let mut world = site();
        let said = world.say("alice", "!mute db1 every mon 02:00-04:00 Europe/Paris backups");
        assert!(said.contains("muted every mon 02:00-04:00 Europe/Paris; covers 3 objects"), "{said}");
        assert!(world.say("alice", "!mutes").contains("every mon 02:00-04:00 Europe/Paris, rests now"));
        // Sunday is no Monday.
        world.state("db1!disk", "CRITICAL");
        world.state("db1!disk", "OK");
        assert_eq!(world.told().len(), 2);
        world.now = "2026-11-23T01:30:00Z".parse().expect("02:30 in Paris");
        world.state("db1!disk", "CRITICAL");
        world.expect_dropped("muted by alice@icinga: backups");
        world.state("db1!postgres", "CRITICAL");
        world.state("db1!postgres", "OK");
        world.told();
        if restarts {
            world.restart();
        }
        world.wait("2h");
        world.expect(&["ops: StateChange db1!disk CRITICAL (was: muted by alice@icinga: backups)"]);
        world.state("db1!postgres", "CRITICAL");
        world.expect(&["ops: StateChange db1!postgres CRITICAL"]);
        world.now = "2026-11-30T01:30:00Z".parse().expect("the next Monday");
        world.state("db1!postgres", "UNKNOWN");
        world.expect_dropped("muted by alice@icinga: backups");
    }
}

#[test]
fn a_span_without_a_zone_goes_by_that_of_the_configuration() {
    let mut world = site();
    world.restart_with(|settings| {
        settings.zone = jiff::tz::TimeZone::get("America/New_York").expect("a zone")
    });
    world.object("db1", |_| {});
    let said = world.say("alice", "!mute db1 every sun");
    assert!(said.contains("every sun America/New_York"), "{said}");
}

#[test]
fn the_owner_hears_ten_minutes_before_the_end_once_and_can_prolong_it() {
    let mut world = site();
    world.say("alice", "!mute db1 1h flaky");
    world.say("bob", "!ping");
    world.state("db1!disk", "CRITICAL");
    world.said();
    world.wait("45m");
    assert_eq!(world.said(), Vec::<String>::new());
    world.restart();
    world.wait("5m");
    assert_eq!(
        world.said(),
        [
            "#ops: alice: m1: db1 and its services is heard again in 10m, at 13:00 (1 event kept quiet, 1 problem now); \
          `!mute m1 2h` goes on"
        ]
    );
    assert!(world.say("alice", "!mute m1 until ok").contains("say until when m1 goes on"));
    let said = world.say("alice", "!mute m1 2h");
    assert_eq!(said, "alice: m1: db1 and its services muted until Sun 2026-11-22 14:50 UTC");
    world.said();
    world.told();
    world.wait("100m");
    world.expect_silence();
    assert_eq!(world.said(), Vec::<String>::new());
    world.wait("11m");
    assert_eq!(world.said().len(), 1);
    world.wait("10m");
    world.expect(&[
        "ops: MuteEnding",
        "ops: StateChange db1!disk CRITICAL (was: muted by alice@icinga: flaky)",
    ]);
    // A short one is over before anybody could need a warning.
    world.say("alice", "!mute db1 20m");
    world.said();
    world.wait("20m");
    assert_eq!(world.said(), Vec::<String>::new());
}

#[test]
fn a_mute_that_keeps_nothing_quiet_is_closed_where_its_owner_said_so() {
    let mut world = site();
    let said = world.say("alice", "!mute db1 unused 2d noise");
    assert!(said.contains("muted until it kept nothing quiet for 2d"), "{said}");
    world.wait("36h");
    world.state("db1!disk", "CRITICAL");
    world.expect_dropped("muted by alice@icinga: noise");
    world.wait("36h");
    world.expect_silence();
    world.wait("13h");
    world.expect(&[
        "ops: MuteEnding",
        "ops: StateChange db1!disk CRITICAL (was: muted by alice@icinga: noise)",
    ]);
}

#[test]
fn what_was_to_end_a_mute_moves_along_when_the_clock_is_set_back() {
    let mut world = site();
    world.say("alice", "!mute db1 unused 2h");
    world.say("alice", "!mute www1 1h");
    world.wait("30m");
    world.step(Input::Tick);
    world.said();
    world.now -= Duration::from_secs(86_400);
    world.step(Input::Tick);
    world.wait("25m");
    assert_eq!(world.said().len(), 1, "the warning, 10 minutes before the end");
    world.expect_silence();
    world.wait("6m");
    assert_eq!(world.told().len(), 1, "an hour is over");
    world.wait("58m");
    world.expect_silence();
    world.wait("2m");
    assert_eq!(world.told().len(), 1, "two hours are over");
}

#[test]
fn a_mute_of_one_object_can_put_it_in_downtime_in_icinga_and_takes_that_away_again() {
    for is_usual in [false, true] {
        let mut world = site();
        world.restart_with(|settings| settings.mirror_mutes = is_usual);
        let mirror = if is_usual { "" } else { " mirror" };
        world.say("alice", &format!("!mute db1{mirror} 2h flaky"));
        let [action] = world.actions.as_slice() else { panic!("{:?}", world.actions) };
        let ActionKind::ScheduleDowntime { comment, start, end, all_services, .. } = &action.kind else {
            panic!("{action:?}")
        };
        assert_eq!((action.object.name(), action.author.as_str()), ("db1", "alice@icinga"));
        assert_eq!(
            (comment.as_str(), *all_services, end.duration_since(*start).as_secs()),
            ("Watchbell m1: flaky", true, 7200)
        );
        let comment = comment.clone();
        world.actions.clear();
        let mut downtime = happenings::downtime("db1!d1", world.now);
        downtime.comment = comment;
        world.happens("db1", Detail::DowntimeAdded(downtime));
        world.expect_dropped("the downtime of a mute");
        world.say("alice", "!mute m1 3h");
        let again: Vec<&str> = world.actions.iter().map(|action| action.kind.name()).collect();
        assert_eq!(again, ["remove-downtime", "schedule-downtime"], "it lasts longer in Icinga, too");
        world.actions.clear();
        world.say("alice", "!unmute m1");
        let removed = world.actions.iter().map(|action| action.kind.clone()).collect::<Vec<_>>();
        assert_eq!(removed, [ActionKind::RemoveDowntime { downtime: "db1!d1".to_owned() }]);
    }
    // It is unmuted before anything was heard of the downtime: Icinga's answer names it.
    let mut world = site();
    world.say("alice", "!mute db1 mirror 1h");
    let action = world.actions.pop().expect("it is asked of Icinga");
    let outcome = Ok(r"Successfully scheduled downtime \'db1!d2\' for object \'db1\'.".to_owned());
    let answer = Input::ActionResult(ActionResult { action, outcome });
    world.step(answer.clone());
    assert!(world.actions.is_empty());
    world.restart();
    world.say("alice", "!unmute m1");
    let removed = |world: &mut World| world.actions.drain(..).map(|action| action.kind).collect::<Vec<_>>();
    assert_eq!(removed(&mut world), [ActionKind::RemoveDowntime { downtime: "db1!d2".to_owned() }]);
    // It is unmuted even before Icinga answers.
    let mut world = site();
    world.say("alice", "!mute db1 mirror 1h");
    world.actions.clear();
    world.say("alice", "!unmute m1");
    assert!(world.actions.is_empty());
    world.step(answer);
    assert_eq!(removed(&mut world), [ActionKind::RemoveDowntime { downtime: "db1!d2".to_owned() }]);

    let mut world = site();
    for line in ["!mute db* mirror 1h", "!mute db1 mirror every mon"] {
        assert!(
            world
                .say("alice", line)
                .contains("only a mute of one object that ends at a time or with `until ok`"),
            "{line}"
        );
    }
    assert!(world.actions.is_empty());
}

/// Icinga does what it is asked, and names the downtime that it made.
fn made(world: &mut World, downtime: &str) {
    let action = world.actions.pop().expect("it is asked of Icinga");
    let words = format!("Successfully scheduled downtime '{downtime}' for object 'db1'.");
    world.step(Input::ActionResult(ActionResult { action, outcome: Ok(words) }));
    world.actions.clear();
}

#[test]
fn whoever_removes_a_mutes_downtime_in_icinga_ends_the_mute() {
    let mut world = site();
    world.say("alice", "!mute db1 mirror 1h flaky");
    made(&mut world, "db1!d1");
    world.say("alice", "!mute m1 3h");
    made(&mut world, "db1!d2");
    let gone = |world: &World, name: &str, by_people: bool| {
        let remove_time = by_people.then_some(world.now);
        Detail::DowntimeRemoved(Downtime { remove_time, ..happenings::downtime(name, world.now) })
    };
    for (name, by_people) in [("db1!d1", true), ("db1!d2", false), ("db1!other", true)] {
        let removed = gone(&world, name, by_people);
        world.happens("db1", removed);
        assert!(world.say("bob", "!mutes").contains("m1 db1"), "{name}: replaced, over or another one");
    }
    world.state("db1!disk", "CRITICAL");
    world.told();
    world.restart();
    let removed = gone(&world, "db1!d2", true);
    world.happens("db1", removed);
    world.expect(&[
        "ops: MuteEnding",
        "ops: StateChange db1!disk CRITICAL (was: muted by alice@icinga: flaky)",
    ]);
    assert_eq!(world.say("bob", "!mutes"), "bob: nothing is muted");
    assert!(world.actions.is_empty(), "nothing of it is left there: {:?}", world.actions);
}

#[test]
fn a_mute_until_ok_can_stand_in_icinga_as_acknowledgements() {
    let acked = || {
        let mut world = site();
        for service in ["db1!disk", "db1!postgres"] {
            world.state(service, "CRITICAL");
        }
        world.happens("db1!postgres", happenings::acknowledged(State::Critical));
        world.told();
        world.say("alice", "!mute db1 until ok mirror new disk");
        let [action] = world.actions.as_slice() else { panic!("{:?}", world.actions) };
        let asked = ActionKind::Acknowledge {
            comment: "Watchbell m1: new disk".to_owned(),
            expiry: None,
            sticky: true,
            notify: false,
        };
        assert_eq!(
            (action.object.name(), &action.kind),
            ("db1!disk", &asked),
            "the other one is, by somebody"
        );
        world.actions.clear();
        world.happens("db1!disk", happenings::acknowledged(State::Critical));
        world
    };
    // Whoever takes it away in Icinga ends the mute.
    let mut world = acked();
    world.restart();
    world.told();
    world.happens("db1!disk", happenings::acknowledgement_ended(State::Critical));
    world.expect(&["ops: MuteEnding"]);
    assert!(world.actions.is_empty());

    // Whoever ends the mute takes it away in Icinga.
    let mut world = acked();
    world.say("alice", "!unmute m1");
    let removed: Vec<_> = world.actions.drain(..).map(|action| (action.object, action.kind)).collect();
    assert_eq!(removed, [(key("db1!disk"), ActionKind::RemoveAcknowledgement)]);

    // Icinga ends it with the problem, and the mute lasts until the other one is well, too.
    let mut world = acked();
    world.happens("db1!disk", happenings::acknowledgement_ended(State::Ok));
    world.state("db1!disk", "OK");
    assert!(world.say("bob", "!mutes").contains("m1 db1"));
    world.state("db1!postgres", "OK");
    assert_eq!(world.say("bob", "!mutes"), "bob: nothing is muted");
    assert!(world.actions.is_empty());
}

#[test]
fn an_acknowledgement_that_somebody_else_made_outlives_a_mute() {
    let mut world = site();
    world.state("db1!disk", "CRITICAL");
    world.say("alice", "!mute db1!disk until ok mirror");
    world.actions.clear();
    world.happens("db1!disk", happenings::acknowledged(State::Critical));
    let of_bob = Comment { entry_type: 4, ..happenings::comment("db1!disk!c1", "mine") };
    world.happens("db1!disk", Detail::CommentAdded(of_bob));
    world.say("alice", "!unmute m1");
    assert!(world.actions.is_empty(), "{:?}", world.actions);
}

#[test]
fn who_watches_an_object_hears_of_each_change_in_private_until_it_is_well() {
    let mut world = site();
    let said = world.say("bob", "!watch db1!disk");
    assert!(said.contains("you hear of each change of db1!disk in private until it is well"), "{said}");
    assert!(world.utter("eve", None, false, "!watch db1").contains("only somebody known is told in private"));
    world.said();
    world.soft("db1!disk", "CRITICAL");
    world.state("db1!disk", "CRITICAL");
    world.state("db1!postgres", "CRITICAL");
    world.restart();
    world.state("db1!disk", "OK");
    world.state("db1!disk", "CRITICAL");
    assert_eq!(
        world.said(),
        [
            "account:bob: db1!disk is CRITICAL (soft): CRITICAL - as found",
            "account:bob: db1!disk is CRITICAL: CRITICAL - as found",
            "account:bob: db1!disk is OK: OK - as found; you no longer watch it",
        ]
    );
    world.say("bob", "!watch db1");
    world.whisper("bob", "watch www1!http");
    assert!(world.whisper("bob", "watch").contains("you watch 2:"));
    assert_eq!(world.say("bob", "!unwatch db1"), "bob: you no longer watch db1");
    assert!(world.say("bob", "!unwatch db1").contains("you do not watch db1"));
    assert!(world.say("bob", "!unwatch all").contains("you no longer watch www1!http"));
    world.said();
    world.state("www1!http", "CRITICAL");
    assert_eq!(world.said(), Vec::<String>::new());
}

#[test]
fn who_wants_quiet_hears_in_private_only_what_is_critical_or_down() {
    let mut world = site();
    world.say("bob", "!watch db1!disk");
    assert!(
        world.say("bob", "!quiet 2h").contains("until Sun 2026-11-22 14:00 UTC you hear in private only")
    );
    world.said();
    world.restart();
    world.state("db1!disk", "WARNING");
    assert_eq!(world.said(), Vec::<String>::new());
    world.state("db1!disk", "CRITICAL");
    assert_eq!(world.said().len(), 1);
    world.wait("2h");
    world.state("db1!disk", "WARNING");
    assert_eq!(world.said().len(), 1, "the time is over");
    world.say("bob", "!quiet 2h");
    world.say("bob", "!quiet off");
    world.said();
    world.state("db1!disk", "UNKNOWN");
    assert_eq!(world.said().len(), 1);
}

#[test]
fn rules_mute_until_ok_and_each_week_too() {
    let mut world = World::new(
        r#"command("weekly", #{ role: "operator", help: "x" }, |c| mute(#{ "host.name": "db1" }, "every mon 02:00-04:00 Europe/Paris", "x", c.by));
           command("wrong", #{ role: "operator", help: "x" }, |c| mute(#{ "host.name": "db1" }, "every " + c.args[0], "x", c.by));
           command("well", #{ role: "operator", help: "x" }, |c| mute(#{ "host.name": "db1" }, "until ok", "x", c.by));"#,
    );
    world.object("db1", |_| {});
    assert!(world.say("alice", "!weekly").contains("muted every mon 02:00-04:00 Europe/Paris"));
    assert!(world.say("alice", "!well").contains("muted until it is well"));
    assert!(world.say("alice", "!wrong mon").contains("names no time zone"));
}

#[test]
fn who_wants_quiet_is_called_later_unless_it_is_critical_or_down() {
    let folder = Folder::new();
    let text = "[sink.irc.net]\nserver = \"irc.example.org\"\nnick = \"watchbell\"\n\
        [target.ops]\nsink = \"net\"\nto = \"#ops\"\n[defaults]\ntarget = \"ops\"\n\
        [person.alice]\nirc = \"alice\"\n[[person.alice.way]]\nsink = \"net\"\n\
        [escalation.one]\n[[escalation.one.step]]\nto = \"person:alice\"\n";
    let config = folder.load(text).unwrap_or_else(|faults| panic!("{}", folder.shown(&faults)));
    let rules =
        r#"rule("all", #{ on: "StateChange", is_problem: true }, |e| { e.escalate("one"); e.stop() });"#;
    for (state, at_once) in [("WARNING", false), ("CRITICAL", true)] {
        let mut world = World::configured(rules, &config);
        world.say("alice", "!quiet 2h");
        world.state("db1!disk", state);
        assert_eq!(world.told().len(), usize::from(at_once), "{state}");
        world.wait("119m");
        world.expect_silence();
        world.wait("1m");
        assert_eq!(world.told().len(), usize::from(!at_once), "{state}");
    }
}
