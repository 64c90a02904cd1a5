//! Escalations: people are called one after the other, until somebody acknowledges.

use crate::common::config::Folder;
use crate::common::engine::World;
use proptest::prelude::*;
use std::collections::BTreeMap;
use watchbell::config::Config;
use watchbell::model::event::{Acknowledgement, AcknowledgementEnd, SinkOutage};
use watchbell::model::{Attempt, AttemptResult, Brief, Delivery, Detail, Input, Message, State, Timestamp};

const RULES: &str = r#"
    rule("muted", #{ on: ["StateChange", "Escalation"], is_recovery: false }, |e| {
        if e.muted() { e.drop(e.muted_by()) }
    });
    rule("problems", #{ on: "StateChange", is_problem: true }, |e| { e.notify("ops"); e.escalate("dba") });
    rule("recoveries", #{ on: "StateChange", is_recovery: true }, |e| { e.tell_those_told(); });
    rule("acknowledgements", #{ on: ["AcknowledgementSet", "AcknowledgementCleared"] }, |e| e.drop("quiet"));
    rule("the rest", #{ on: ["MuteEnding", "SinkOutage", "ScheduleGap"] }, |e| e.drop("quiet"));
"#;

const PEOPLE: &str = r##"
[sink.irc.libera]
server = "irc.example.org"
nick = "watchbell"
[sink.email.mail]
server = "smtps://mail.example.org"
from = "watchbell@example.org"
[sink.webhook.pager]
url_file = "chat.url"
[target.ops]
sink = "libera"
to = "#ops"
[defaults]
target = "ops"
zone = "Europe/Berlin"

[person.alice]
irc = "alice"
mail = "alice@example.org"
roles = ["operator"]
[[person.alice.way]]
sink = "libera"
[[person.alice.way]]
sink = "mail"
after = "5m"

[person.bob]
irc = "bob"
roles = ["admin"]
[[person.bob.way]]
sink = "pager"
to = "bob"

[escalation.dba]
"##;

const STEPS: &str = r#"
[[escalation.dba.step]]
to = "person:alice"
[[escalation.dba.step]]
after = "15m"
to = "person:bob"
[[escalation.dba.step]]
after = "15m"
to = ["ops", "role:admin"]
"#;

/// The people above, with this about the escalation.
fn config(escalation: &str) -> Config {
    let folder = Folder::new();
    folder.load(&format!("{PEOPLE}{escalation}")).unwrap_or_else(|faults| panic!("{}", folder.shown(&faults)))
}

fn world() -> World {
    World::configured(RULES, &config(STEPS))
}

/// A world in which `db1` has just broken, and everybody was told who is told at once.
fn broken(escalation: &str) -> World {
    let mut world = World::configured(RULES, &config(escalation));
    world.state("db1", "DOWN");
    world.wait("1s");
    world
}

fn acknowledged(world: &mut World, author: &str) {
    let set = Acknowledgement {
        author: author.to_owned(),
        comment: "looking".to_owned(),
        state: State::Down,
        hard: true,
        sticky: false,
        notify: false,
        persistent: false,
        expiry: None,
    };
    world.happens("db1", Detail::AcknowledgementSet(set));
}

fn unacknowledged(world: &mut World) {
    let end = AcknowledgementEnd { state: State::Down, hard: true };
    world.happens("db1", Detail::AcknowledgementCleared(end));
}

/// A call to this target, as it was given up.
fn given_up(world: &World, target: &str) -> Delivery {
    let incident = world.engine.world().incidents().next().map(|incident| incident.id.0);
    Delivery {
        id: 1,
        key: String::new(),
        at: world.now,
        sink: "libera".to_owned(),
        target: target.to_owned(),
        recipient: String::new(),
        event: "Escalation".to_owned(),
        object: "db1".to_owned(),
        incident,
        rule: String::new(),
        message: Message { text: "CALL".to_owned(), ..Message::default() },
        brief: Brief::default(),
        attempts: 1,
        revived: None,
    }
}

/// A call to this target was given up.
fn fails(world: &mut World, target: &str) {
    let delivery = given_up(world, target);
    let result = AttemptResult::Dead("is not here".to_owned());
    world.now += std::time::Duration::from_secs(1);
    world.step(Input::GivenUp(Attempt { delivery, at: world.now, result }));
}

#[test]
fn people_are_called_one_after_the_other_until_the_steps_are_through() {
    let mut world = world();
    world.state("db1", "DOWN");
    world.expect(&["ops: StateChange db1 DOWN", "alice/libera: Escalation db1 DOWN 1.1/3"]);
    world.wait("5m");
    world.expect(&["alice/mail: Escalation db1 DOWN 1.1/3 (nobody has acknowledged it for 5m)"]);
    world.wait("9m");
    world.expect_silence();
    world.wait("1m");
    world.expect(&["bob/pager: Escalation db1 DOWN 1.2/3 (nobody has acknowledged it for 15m)"]);
    world.wait("15m");
    world.expect(&[
        "ops: Escalation db1 DOWN 1.3/3 (nobody has acknowledged it for 15m)",
        "bob/pager: Escalation db1 DOWN 1.3/3 (nobody has acknowledged it for 15m)",
    ]);
    world.wait("7d");
    world.expect_silence();
}

#[test]
fn who_was_called_hears_the_end_and_nobody_is_called_after_it() {
    let mut world = broken(STEPS);
    world.wait("5m");
    world.told();
    world.state("db1", "UP");
    world.expect(&[
        "alice/libera: StateChange db1 UP",
        "alice/mail: StateChange db1 UP",
        "ops: StateChange db1 UP",
    ]);
    world.wait("1d");
    world.expect_silence();
    assert_eq!(world.held("escalation"), [], "nothing of it is kept");
}

#[test]
fn an_acknowledgement_ends_the_calling_and_its_end_goes_on_with_the_next_step() {
    let mut world = broken(STEPS);
    world.told();
    acknowledged(&mut world, "alice");
    world.wait("1d");
    world.expect_silence();
    unacknowledged(&mut world);
    world.expect(&["bob/pager: Escalation db1 DOWN 1.2/3 (nobody works on it any more)"]);
}

#[test]
fn an_acknowledgement_that_gets_another_end_goes_on_ending_the_calling() {
    let mut world = broken(STEPS);
    world.told();
    acknowledged(&mut world, "alice");
    assert_eq!(world.say("alice", "!ack db1 for 2h"), "");
    unacknowledged(&mut world);
    world.wait("1s");
    acknowledged(&mut world, "alice");
    world.wait("1h");
    world.expect_silence();
    unacknowledged(&mut world);
    world.expect(&["bob/pager: Escalation db1 DOWN 1.2/3 (nobody works on it any more)"]);
}

#[test]
fn several_people_must_acknowledge_where_that_is_asked() {
    let mut world = broken(&format!("acks = 2\n{STEPS}"));
    world.told();
    acknowledged(&mut world, "alice");
    world.wait("16m");
    assert_eq!(world.told().len(), 2, "alice by mail, then bob");
    acknowledged(&mut world, "alice");
    world.wait("16m");
    assert_eq!(world.told().len(), 2, "the same one again is no second");
    let mut world = broken(&format!("acks = 2\n{STEPS}"));
    world.told();
    acknowledged(&mut world, "alice");
    acknowledged(&mut world, "bob");
    world.wait("1d");
    world.expect_silence();
}

#[test]
fn a_second_person_acknowledges_in_chat_what_icinga_takes_once() {
    let mut world = broken(&format!("acks = 2\n{STEPS}"));
    world.told();
    acknowledged(&mut world, "alice");
    let answer = world.say("bob", "!ack db1 me too");
    assert_eq!(answer, "bob: #1 db1 is acknowledged by you, too: 2 of 2 for dba");
    world.wait("1d");
    world.expect_silence();
    assert!(world.say("bob", "!ack db1 once more").contains("is acknowledged already"));
    assert_eq!(world.actions.len(), 0, "Icinga has its acknowledgement");
}

#[test]
fn who_acknowledged_is_reminded_and_in_the_end_it_is_taken_back() {
    let mut world = broken(&format!("ack_remind = \"1h\"\nack_timeout = \"150m\"\n{STEPS}"));
    world.told();
    acknowledged(&mut world, "alice");
    world.wait("1h");
    world.expect(&["alice/libera: Escalation db1 DOWN 1.2/3 (alice acknowledged it 1h ago)"]);
    world.wait("1h");
    world.expect(&["alice/libera: Escalation db1 DOWN 1.2/3 (alice acknowledged it 2h ago)"]);
    world.wait("30m");
    world.expect(&["bob/pager: Escalation db1 DOWN 1.2/3 (alice acknowledged it, and it is still broken)"]);
    let asked: Vec<&str> = world.actions.iter().map(|action| action.kind.name()).collect();
    assert_eq!(asked, ["remove-acknowledgement"]);
}

#[test]
fn where_one_way_fails_the_next_is_tried_at_once_and_then_the_next_step() {
    let mut world = broken(STEPS);
    world.told();
    fails(&mut world, "alice/libera");
    world.expect(&["alice/mail: Escalation db1 DOWN 1.1/3 (alice/libera could not be told)"]);
    fails(&mut world, "alice/mail");
    world.expect(&["bob/pager: Escalation db1 DOWN 1.2/3 (nobody could be reached)"]);
    world.wait("5m");
    world.expect_silence();
}

#[test]
fn where_nobody_is_left_to_call_the_failure_itself_is_told() {
    let mut world = broken("[[escalation.dba.step]]\nto = \"person:bob\"");
    world.told();
    fails(&mut world, "bob/pager");
    world.expect(&["ops by default: DeliveryFailed"]);
}

#[test]
fn a_sink_that_is_down_is_a_way_that_failed() {
    let mut world = broken(STEPS);
    world.told();
    let outage = SinkOutage {
        sink: "libera".to_owned(),
        open: true,
        since: world.now,
        waiting: 1,
        reason: "no route to host".to_owned(),
    };
    world.step(Input::SinkOutage(outage));
    world.expect(&["alice/mail: Escalation db1 DOWN 1.1/3 (alice/libera could not be told)"]);
}

#[test]
fn a_step_that_reaches_nobody_is_told_to_the_fallback_and_says_so() {
    let mut world = broken("[[escalation.dba.step]]\nto = \"role:operator\"\nafter = \"1m\"");
    world.told();
    world.restart_with(|settings| settings.persons.get_mut("alice").expect("she is there").roles.clear());
    world.wait("1m");
    world.expect(&["ops: Escalation db1 DOWN 1.1/1 (role:operator is nobody)"]);
}

#[test]
fn whoever_is_on_call_is_called_and_where_nobody_is_the_fallback_hears_it() {
    let schedule = "[[escalation.dba.step]]\nto = \"schedule:nights\"\n\
        [schedule.nights]\ngaps = \"meant\"\n[[schedule.nights.layer]]\npersons = [\"alice\", \"bob\"]\nrotate = \"1d\"\n\
        handover = \"20:00\"\nfrom = \"2026-11-20\"\nduring = \"20:00-08:00\"\n";
    for (now, expected) in [
        ("2026-11-20T22:00:00Z", "alice/libera: Escalation db1 DOWN 1.1/1"),
        ("2026-11-21T22:00:00Z", "bob/pager: Escalation db1 DOWN 1.1/1"),
        ("2026-11-22T11:00:00Z", "ops: Escalation db1 DOWN 1.1/1 (nobody is on call in nights)"),
    ] {
        let mut world = World::configured(RULES, &config(schedule));
        world.now = now.parse().expect("a moment");
        world.state("db1", "DOWN");
        world.expect(&["ops: StateChange db1 DOWN", expected]);
    }
    let mut world = World::configured(RULES, &config(schedule));
    world.now = "2026-11-20T22:00:00Z".parse().expect("a moment");
    assert!(
        world.say("alice", "!override nights bob for 2h").contains("bob"),
        "she has somebody else called"
    );
    world.state("db1", "DOWN");
    world.expect(&["ops: StateChange db1 DOWN", "bob/pager: Escalation db1 DOWN 1.1/1"]);
}

#[test]
fn what_is_less_grave_waits_for_the_end_of_quiet_hours() {
    let quiet = "[[escalation.dba.step]]\nto = \"person:carol\"\n\
        [person.carol]\nquiet = \"22:00-07:00\"\nquiet_floor = \"DOWN\"\n\
        [[person.carol.way]]\nsink = \"pager\"\n";
    for (object, state, at_once) in [("db1!disk", "CRITICAL", false), ("db1", "DOWN", true)] {
        let mut world = World::configured(RULES, &config(quiet));
        // Half past eleven in Berlin.
        world.now = "2026-11-22T22:30:00Z".parse().expect("a moment");
        world.state(object, state);
        assert_eq!(world.told().len(), if at_once { 2 } else { 1 }, "{object}");
        world.wait("7h29m");
        world.expect_silence();
        world.wait("1m");
        assert_eq!(world.told().len(), usize::from(!at_once), "{object}");
    }
}

#[test]
fn a_policy_is_repeated_as_often_as_it_says() {
    let mut world = broken("repeat = 2\nrepeat_after = \"1h\"\n[[escalation.dba.step]]\nto = \"person:bob\"");
    world.told();
    world.wait("59m");
    world.expect_silence();
    world.wait("1d");
    world.expect(&[
        "bob/pager: Escalation db1 DOWN 2.1/1 (nobody has acknowledged it, round 2)",
        "bob/pager: Escalation db1 DOWN 3.1/1 (nobody has acknowledged it, round 3)",
    ]);
}

#[test]
fn what_a_rule_keeps_from_people_is_told_when_it_does_so_no_more() {
    let mut world = broken(STEPS);
    world.told();
    world.say("alice", "!mute db1 1h flaky");
    world.wait("59m");
    world.expect_silence();
    let before = world.decisions.len();
    world.wait("3m");
    world.expect(&[
        "alice/mail: Escalation db1 DOWN 1.1/3 (nobody has acknowledged it for 5m)",
        "bob/pager: Escalation db1 DOWN 1.2/3 (nobody has acknowledged it for 15m)",
    ]);
    assert!(world.decisions.len() - before < 10, "what is held is not written down each minute");
}

#[test]
fn a_policy_that_is_configured_no_more_is_no_silence() {
    let mut world = broken(STEPS);
    world.told();
    world.restart_with(|settings| settings.policies.clear());
    world.wait("16m");
    world.expect(&["ops: Escalation db1 DOWN 1.2/0 (watchbell.toml has no escalation `dba` any more)"]);
    world.wait("1d");
    world.expect_silence();
}

#[test]
fn the_escalation_of_a_problem_that_comes_back_begins_anew() {
    let mut world = broken(STEPS);
    world.told();
    world.state("db1", "UP");
    world.state("db1", "DOWN");
    assert_eq!(world.told().len(), 4, "two ends, and two beginnings");
}

#[test]
fn somebody_takes_a_problem_and_releases_it() {
    let mut world = broken(STEPS);
    world.told();
    let answer = world.say("alice", "!take db1");
    assert_eq!(answer, "alice: #1 db1 is yours; nobody else is called until you `release` it or it is well");
    world.wait("1d");
    world.expect_silence();
    assert_eq!(world.say("bob", "!take #1"), "bob: db1 is with alice already");
    assert_eq!(world.say("bob", "!release db1"), "bob: #1 db1 is released; the next step is called");
    world.wait("1s");
    world.expect(&["bob/pager: Escalation db1 DOWN 1.2/3 (bob released it)"]);
    assert_eq!(world.say("bob", "!release db1"), "bob: nobody has taken db1");
    assert!(world.say("mallory", "!take db1").contains("this needs the role `operator`"));
}

#[test]
fn somebody_calls_the_next_step_now_or_begins_an_escalation() {
    let mut world = broken(STEPS);
    world.told();
    assert_eq!(world.say("alice", "!escalate db1"), "alice: #1 db1: calling step 2 of 3 of dba");
    world.wait("1s");
    world.expect(&["bob/pager: Escalation db1 DOWN 1.2/3 (alice asked for it)"]);
    assert_eq!(world.say("alice", "!escalate db2"), "alice: I know no `db2`; did you mean `db1`?");
    world.state("db1", "UP");
    assert_eq!(world.say("alice", "!escalate db1"), "alice: db1 has no problem now");
    let mut world = World::configured("rule(\"all\", #{}, |e| e.drop(\"quiet\"));", &config(STEPS));
    world.state("db1", "DOWN");
    assert_eq!(
        world.say("alice", "!escalate db1 dbaa"),
        "alice: there is no escalation `dbaa`; did you mean `dba`? watchbell.toml has: dba"
    );
    assert_eq!(world.say("alice", "!escalate db1"), "alice: #1 db1: calling step 1 of 3 of dba");
    world.wait("1s");
    assert_eq!(world.told(), Vec::<String>::new(), "a rule drops it");
}

#[test]
fn somebody_pages_people_by_one_way_after_the_other() {
    let mut world = world();
    assert_eq!(world.say("bob", "!page alice the database is yours"), "bob: calling 1 target: alice/libera");
    world.expect(&["alice/libera: Page"]);
    let delivery = Delivery {
        event: "Page".to_owned(),
        target: "alice/libera".to_owned(),
        incident: None,
        ..given_up(&world, "alice/libera")
    };
    let result = AttemptResult::Dead("is not here".to_owned());
    world.step(Input::GivenUp(Attempt { delivery: delivery.clone(), at: world.now, result: result.clone() }));
    world.expect(&["alice/mail: Page"]);
    let delivery = Delivery { target: "alice/mail".to_owned(), ..delivery };
    world.step(Input::GivenUp(Attempt { delivery, at: world.now, result }));
    world.expect(&["ops by default: DeliveryFailed"]);
    assert_eq!(
        world.say("bob", "!page carol hello"),
        "bob: there is no target `carol`; watchbell.toml has: \
        default, alice/libera, alice/mail, bob/pager, ops"
    );
    assert!(world.say("bob", "!page alice").contains("write: page WHO TEXT"));
}

/// What may happen to an escalation.
#[derive(Debug, Clone)]
enum Happening {
    Acknowledged(&'static str),
    Unacknowledged,
    Muted,
    Unmuted,
    Restart,
    Passes(u32),
    SetBack(u32),
    /// The clock jumps, or the program slept: nothing was looked at in between.
    Jumps(u32),
    Fails(&'static str),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => prop_oneof![Just("alice"), Just("bob")].prop_map(Happening::Acknowledged),
        2 => Just(Happening::Unacknowledged),
        1 => Just(Happening::Muted),
        1 => Just(Happening::Unmuted),
        2 => Just(Happening::Restart),
        6 => (1_u32..40).prop_map(Happening::Passes),
        2 => (1_u32..600).prop_map(Happening::SetBack),
        2 => (1_u32..200).prop_map(Happening::Jumps),
        2 => prop_oneof![Just("alice/libera"), Just("alice/mail"), Just("bob/pager"), Just("ops")]
            .prop_map(Happening::Fails),
    ]
}

/// How often each step of each round was told, by round and step.
fn count_steps(told: &[String], counts: &mut BTreeMap<String, usize>) {
    for line in told {
        let Some((target, rest)) = line.split_once(": Escalation db1 DOWN ") else { continue };
        let place = rest.split(' ').next().unwrap_or_default();
        *counts.entry(format!("{place} {target}")).or_default() += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever is acknowledged, muted, restarted or wrong with the clock: no step calls
    /// anybody twice, and once all of that is over, each step has come.
    #[test]
    fn no_step_runs_twice_and_none_is_left_out(happenings in prop::collection::vec(happening(), 0..30)) {
        let mut world = World::configured(RULES, &config(STEPS));
        world.state("db1", "DOWN");
        let mut counts = BTreeMap::new();
        for happening in happenings {
            match happening {
                Happening::Acknowledged(by) => acknowledged(&mut world, by),
                Happening::Unacknowledged => unacknowledged(&mut world),
                Happening::Muted => drop(world.say("alice", "!mute db1 10m")),
                Happening::Unmuted => drop(world.say("alice", "!unmute db1")),
                Happening::Restart => world.restart(),
                Happening::Passes(minutes) => world.wait(&format!("{minutes}m")),
                Happening::SetBack(seconds) => {
                    world.now -= std::time::Duration::from_secs(seconds.into());
                    world.step(Input::Tick);
                }
                Happening::Jumps(minutes) => {
                    world.now += std::time::Duration::from_secs(60 * u64::from(minutes));
                    world.step(Input::Tick);
                }
                Happening::Fails(target) => fails(&mut world, target),
            }
            count_steps(&world.told(), &mut counts);
        }
        unacknowledged(&mut world);
        world.say("alice", "!unmute db1");
        world.wait("3h");
        count_steps(&world.told(), &mut counts);
        // Where it stood behind its last step, going on is a round of its own.
        let rounds: Vec<u32> =
            counts.keys().filter_map(|place| place.split('.').next()?.parse().ok()).collect();
        for round in 1..=rounds.into_iter().max().unwrap_or(1) {
            for (step, target) in
                [(1, "alice/libera"), (2, "bob/pager"), (3, "bob/pager"), (3, "ops")]
            {
                let place = format!("{round}.{step}/3 {target}");
                prop_assert_eq!(counts.get(&place), Some(&1), "{}: {:?}", place, counts);
            }
        }
        prop_assert!(counts.values().all(|count| *count == 1), "{:?}", counts);
    }
}

#[test]
fn the_clock_that_is_set_back_freezes_no_escalation() {
    let mut world = broken(STEPS);
    world.told();
    world.now = world.now.checked_sub(std::time::Duration::from_secs(86_400)).expect("a moment");
    world.step(Input::Tick);
    world.wait("15m");
    assert_eq!(world.told().len(), 2, "alice by mail, and bob");
}

#[test]
fn quiet_hours_over_a_change_of_the_clock_end_when_the_wall_says() {
    let quiet = "[[escalation.dba.step]]\nto = \"person:carol\"\n\
        [person.carol]\nquiet = \"22:00-07:00\"\nquiet_floor = \"DOWN\"\n\
        [[person.carol.way]]\nsink = \"pager\"\n";
    // The nights in which Berlin changes its clocks: 07:00 is 06:00Z behind the first, 05:00Z behind the other.
    for (evening, morning) in
        [("2026-10-24T22:00:00Z", "2026-10-25T06:00:00Z"), ("2027-03-27T22:00:00Z", "2027-03-28T05:00:00Z")]
    {
        let mut world = World::configured(RULES, &config(quiet));
        world.now = evening.parse().expect("a moment");
        world.state("db1!disk", "CRITICAL");
        let wake: Option<Timestamp> = world.engine.next_wake();
        assert_eq!(wake, Some(morning.parse().expect("a moment")));
    }
}
