//! Gathering: what many events tell one target becomes one message, and nothing of it is
//! lost, false or out of order.

use crate::common::engine::{self, World};
use crate::common::happenings::{acknowledged, comment};
use proptest::prelude::*;
use std::collections::BTreeMap;
use watchbell::engine::bounds;
use watchbell::model::event::RulesetChanged;
use watchbell::model::{Detail, Input, State};

/// Storage is gathered, everything else is told at once; recoveries to those told.
const SAN: &str = r#"
rule("storage is one thing", #{ on: "StateChange", is_problem: true, "host.name": glob("san*") }, |e| {
    e.group("san", #{ wait: "30s", every: "5m" });
});
rule("problems", #{ on: "StateChange", is_problem: true }, |e| e.notify("ops"));
rule("recoveries", #{ on: "StateChange", is_recovery: true }, |e| {
    if e.tell_those_told() == 0 { e.drop("nobody heard of it"); }
});
rule("acknowledgements", #{ on: "AcknowledgementSet" }, |e| { e.tell_those_told(); });
"#;

/// What the rules did last.
fn did(world: &World) -> Vec<String> {
    let last = world.decisions.last().expect("something was decided");
    last.steps.iter().flat_map(|step| step.did.clone()).collect()
}

#[test]
fn the_first_waits_for_others_and_one_message_holds_all() {
    let mut world = World::new(SAN);
    world.state("san1", "DOWN");
    assert_eq!(did(&world), ["gathered for ops (san), told at 12:00:31"]);
    world.state("san2!disk", "WARNING");
    world.state("san3!disk", "CRITICAL");
    world.state("db1", "DOWN");
    world.expect(&["ops: StateChange db1 DOWN"]);
    world.wait("26s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[
        "ops: Digest san: san1 DOWN: DOWN - as found; san3!disk CRITICAL: CRITICAL - as found; san2!disk WARNING: WARNING - as found",
    ]);
    let told = world.decisions.last().expect("a decision is kept");
    assert_eq!((told.event.as_str(), told.summary.as_str()), ("Digest", "3 messages gathered under san"));
    assert_eq!(told.steps[0].rule.name.as_ref(), "storage is one thing");
    world.wait("1h");
    world.expect_silence();
}

#[test]
fn after_a_message_it_is_quiet_for_as_long_as_the_rule_says() {
    let mut world = World::new(SAN);
    world.state("san1", "DOWN");
    world.wait("30s");
    world.told();
    world.state("san2", "DOWN");
    assert_eq!(did(&world), ["gathered for ops (san), told at 12:05:31"]);
    world.wait("4m57s");
    world.state("san3", "DOWN");
    world.expect_silence();
    world.wait("1s");
    world.expect(&["ops: Digest san: san2 DOWN: DOWN - as found; san3 DOWN: DOWN - as found"]);
    // Long after that, the next one waits for others only.
    world.wait("1h");
    world.state("san4", "DOWN");
    world.wait("30s");
    world.expect(&["ops: StateChange san4 DOWN"]);
}

#[test]
fn a_single_event_is_told_as_if_nothing_had_been_gathered() {
    let mut world = World::new(SAN);
    world.state("san1", "DOWN");
    world.wait("30s");
    world.expect(&["ops: StateChange san1 DOWN"]);
    assert_eq!(world.decisions.last().map(|told| told.object.as_str()), Some("san1"));
}

#[test]
fn what_heals_while_it_waits_is_told_as_it_ended() {
    let mut world = World::new(SAN);
    world.state("san1", "DOWN");
    world.state("san2", "DOWN");
    world.state("san1", "UP");
    assert_eq!(did(&world), ["gathered for ops (san), told at 12:00:31"]);
    world.wait("30s");
    world.expect(&["ops: Digest san: san2 DOWN: DOWN - as found; san1 UP again (was DOWN)"]);
    world.state("san3", "DOWN");
    world.state("san3", "UP");
    world.wait("6m");
    world.expect(&["ops: Digest san: san3 UP again (was DOWN)"]);
}

#[test]
fn a_recovery_does_not_overtake_its_problem_and_is_told_at_once_after_it() {
    let mut world = World::new(SAN);
    world.state("san1", "DOWN");
    world.happens("san1", acknowledged(State::Down));
    world.wait("1m");
    world.expect(&["ops: Digest san: san1 DOWN: DOWN - as found; san1 acknowledged by alice: looking"]);
    world.state("san1", "UP");
    world.expect(&["ops: StateChange san1 UP"]);
}

#[test]
fn an_escalation_does_not_wait_for_the_digest_that_holds_its_problem() {
    let mut world = World::new(
        r#"
        rule("later", #{ on: "StateChange", is_problem: true }, |e| {
            e.after("5m", "nobody took it");
            e.digest("ops", "1h");
        });
        rule("now", #{ on: "Timer" }, |e| e.notify("ops", #{ text: "nobody took it" }));
        rule("recoveries", #{ on: "StateChange", is_recovery: true }, |e| { e.tell_those_told(); });
        "#,
    );
    world.state("db1", "DOWN");
    world.wait("6m");
    world.expect(&["ops: Timer db1 DOWN \"nobody took it\""]);
    world.state("db1", "UP");
    world.expect_silence();
    world.wait("1h");
    world.expect(&["ops: Digest 1h: db1 UP again (was DOWN)"]);
}

#[test]
fn a_worse_state_that_is_told_at_once_takes_the_older_one_back() {
    let rules = r#"
        rule("worst", #{ on: "StateChange", state: "CRITICAL" }, |e| { e.notify("ops"); e.stop(); });
        rule("others", #{ on: "StateChange", is_problem: true }, |e| e.digest("ops", "08:00"));
        rule("end", #{ on: "StateChange", is_recovery: true }, |e| { e.tell_those_told(); });"#;
    let mut world = World::new(rules);
    world.state("db1!load", "WARNING");
    assert_eq!(did(&world), ["gathered for ops (08:00), told at Mon 2026-11-23 08:00:00"]);
    world.state("db1!disk", "WARNING");
    world.state("db1!load", "CRITICAL");
    world.expect(&["ops: StateChange db1!load CRITICAL"]);
    world.state("db1!load", "OK");
    world.expect(&["ops: StateChange db1!load OK"]);
    world.wait("1d");
    world.expect(&["ops: Digest 08:00: db1!disk WARNING: WARNING - as found"]);
}

#[test]
fn each_target_has_a_gather_of_its_own() {
    let rules = r#"rule("all", #{ on: "StateChange" }, |e| {
        e.group(e.host.name, #{ wait: "10s" });
        e.notify("ops");
        if e.state == "CRITICAL" { e.digest("dba", "1m"); }
    });"#;
    let mut world = World::new(rules);
    for service in ["db1!a", "db1!b", "db2!a"] {
        world.state(service, "CRITICAL");
    }
    world.state("db1!c", "WARNING");
    world.wait("5m");
    let digest = "db1!a CRITICAL: CRITICAL - as found; db1!b CRITICAL: CRITICAL - as found";
    world.expect(&[
        &format!("ops: Digest db1: {digest}; db1!c WARNING: WARNING - as found"),
        "ops: StateChange db2!a CRITICAL",
        &format!("dba: Digest 1m: {digest}; db2!a CRITICAL: CRITICAL - as found"),
    ]);
}

#[test]
fn what_waits_survives_a_restart_and_is_told_once() {
    let mut world = World::new(SAN);
    world.state("san1", "DOWN");
    world.state("san2", "DOWN");
    world.restart();
    world.state("san2", "UP");
    world.restart();
    world.wait("5m");
    world.expect(&["ops: Digest san: san1 DOWN: DOWN - as found; san2 UP again (was DOWN)"]);
    world.restart();
    world.wait("1h");
    world.expect_silence();
    world.state("san1", "UP");
    world.expect(&["ops: StateChange san1 UP"]);
}

#[test]
fn what_came_due_while_it_was_away_is_told_before_all_else() {
    let mut world = World::new(SAN);
    world.state("san1", "DOWN");
    world.now += std::time::Duration::from_secs(3600);
    world.restart();
    world.state("san1", "UP");
    world.expect(&["ops: Digest san: san1 DOWN: DOWN - as found", "ops: StateChange san1 UP"]);
}

#[test]
fn the_rest_after_a_message_survives_a_restart() {
    let mut world = World::new(SAN);
    world.state("san1", "DOWN");
    world.wait("1m");
    world.told();
    world.restart();
    world.state("san2", "DOWN");
    assert_eq!(did(&world), ["gathered for ops (san), told at 12:05:31"]);
}

#[test]
fn a_digest_is_told_at_its_time_of_day_through_a_change_of_the_clock() {
    let rules = r#"
        rule("morning", #{ on: "StateChange" }, |e| e.digest("ops", "08:00 Europe/Berlin", #{ key: "night" }));"#;
    let mut world = World::new(rules);
    // The clocks go back at 01:00 UTC: eight in the morning is an hour later.
    world.now = "2026-10-24T20:00:00Z".parse().expect("a moment");
    world.state("db1", "DOWN");
    world.state("db2", "DOWN");
    world.wait("10h59m");
    world.expect(&[]);
    world.wait("1m");
    world.expect(&["ops: Digest night: db1 DOWN: DOWN - as found; db2 DOWN: DOWN - as found"]);
    world.state("db1", "UP");
    assert_eq!(did(&world), ["gathered for ops (night), told at Mon 2026-10-26 07:00:00"]);
}

fn reload(world: &mut World, rules: &str) {
    world.engine.set_ruleset(engine::compiled(rules));
    let (hash, error) = (String::new(), String::new());
    world.step(Input::RulesetChanged(RulesetChanged { accepted: true, hash, rules: 1, error, warnings: 0 }));
    world.told();
}

#[test]
fn what_waits_is_told_whatever_becomes_of_its_rule() {
    let renamed = SAN.replace("storage is one thing", "another name").replace("30s", "3h");
    for rules in [renamed.as_str(), r#"rule("nothing", #{}, |e| e.drop("nothing"));"#] {
        let mut world = World::new(SAN);
        world.state("san1", "DOWN");
        world.state("san2", "DOWN");
        reload(&mut world, rules);
        world.wait("1m");
        world.expect(&["ops: Digest san: san1 DOWN: DOWN - as found; san2 DOWN: DOWN - as found"]);
    }
}

#[test]
fn what_waits_for_a_target_that_is_gone_is_told_to_the_default_one() {
    let rules = r#"rule("dba", #{ on: "StateChange" }, |e| e.digest("dba", "08:00"));"#;
    let mut world = World::new(rules);
    world.state("db1", "DOWN");
    world.state("db2", "DOWN");
    world.restart_with(|settings| {
        settings.targets.remove("dba");
    });
    world.step(Input::Tick);
    let note = "[gathered for `dba`, which is no longer a target]";
    world.expect(&[&format!(
        "ops: Digest 08:00: db1 DOWN: DOWN - as found; db2 DOWN: DOWN - as found {note}"
    )]);
}

#[test]
fn a_failing_rule_is_heard_at_once() {
    let rules = r#"
        rule("all", #{ on: "StateChange" }, |e| { e.group("k", #{}); e.notify("ops"); });
        rule("bad", #{ on: "StateChange" }, |e| e.digest("ops", "noon"));"#;
    let mut world = World::new(rules);
    world.state("db1", "DOWN");
    let told = world.told();
    assert!(told.len() == 1 && told[0].contains("`noon` is no time for a digest"), "{told:?}");
}

#[test]
fn comments_are_lines_of_their_own() {
    let rules = r#"rule("all", #{}, |e| { e.group("all", #{}); e.notify("ops"); });"#;
    let mut world = World::new(rules);
    for text in ["first", "second"] {
        let said = comment(&format!("db1!{text}"), &format!("{text}\nand more"));
        world.happens("db1", Detail::CommentAdded(said));
    }
    world.state("db1", "DOWN");
    world.wait("1m");
    let lines = "db1 DOWN: DOWN - as found; db1 comment by bob: first; db1 comment by bob: second";
    world.expect(&[&format!("ops: Digest all: {lines}")]);
}

#[test]
fn a_reminder_that_is_gathered_says_what_still_lasts() {
    let rules = r#"rule("all", #{}, |e| {
        e.digest("ops", "30m", #{ key: "disks" });
        if e.is_problem { e.remind("2h"); }
    });"#;
    let mut world = World::new(rules);
    world.state("db1!disk", "WARNING");
    world.state("db2!disk", "CRITICAL");
    world.wait("1h");
    world.told();
    world.wait("2h");
    let lines = "db1!disk still WARNING: WARNING - as found; db2!disk still CRITICAL: CRITICAL - as found";
    world.expect(&[&format!("ops: Digest disks: {lines}")]);
}

#[test]
fn a_storm_of_twenty_thousand_is_one_message_whose_sum_is_right() {
    let mut world = World::new(SAN);
    for number in 0..20_000 {
        let state = if number % 2 == 0 { "WARNING" } else { "CRITICAL" };
        let event = Detail::StateChange(world.report(&format!("san{number}!disk"), state));
        world.step(Input::Event(world.event(&format!("san{number}!disk"), event)));
    }
    let event = Detail::StateChange(world.report("san7!disk", "OK"));
    world.step(Input::Event(world.event("san7!disk", event)));
    world.restart();
    world.now += std::time::Duration::from_secs(30);
    let outcome = world.engine.step(Input::Tick, world.now);
    let [told] = outcome.notifications.as_slice() else { panic!("{} messages", outcome.notifications.len()) };
    let Detail::Digest(digest) = &told.scene.event.detail else { panic!("no digest") };
    assert_eq!((digest.count(), digest.problems, digest.recoveries), (20_000, 19_999, 1));
    assert_eq!(digest.lines.len() as u64 + digest.more, 20_000);
    assert!(digest.lines.iter().all(|line| line.contains("CRITICAL")), "the worst come first");
    assert!(!digest.lines.iter().any(|line| line.starts_with("san7!")), "what is well again is no longer so");
}

#[test]
fn one_event_more_writes_one_entry() {
    let mut world = World::new(SAN);
    world.state("san1", "DOWN");
    world.state("san2", "DOWN");
    world.now += std::time::Duration::from_secs(1);
    let event = world.event("san3", Detail::StateChange(world.report("san3", "DOWN")));
    world.engine.step(Input::Event(event), world.now);
    let writes = world.engine.world_mut().take_writes();
    let kinds = writes.iter().filter(|write| write.kind == "member" || write.kind == "gather");
    assert_eq!(kinds.map(|write| write.kind).collect::<Vec<_>>(), ["member"]);
}

#[test]
fn what_finds_no_room_is_told_at_once_and_counted() {
    let rules = r#"rule("each", #{ on: "StateChange" }, |e| { e.group(e.object, #{}); e.notify("ops"); });"#;
    let mut world = World::new(rules);
    for number in 0..bounds::GATHERS {
        let object = format!("h{number}");
        let event = Detail::StateChange(world.report(&object, "DOWN"));
        world.step(Input::Event(world.event(&object, event)));
    }
    world.expect_silence();
    world.state("one-more", "DOWN");
    world.expect(&["ops: StateChange one-more DOWN"]);
    let status = world.say("bob", "!i2status");
    assert!(status.ends_with("for want of room: 1 message not gathered but told at once"), "{status}");
    // What has told makes room once it has rested.
    world.wait("6m");
    assert_eq!(world.told().len(), bounds::GATHERS);
    world.state("another", "DOWN");
    world.expect_silence();
}

#[test]
fn what_is_told_at_once_with_the_error_of_a_rule_takes_the_older_state_back() {
    let rules = r#"
        rule("problems", #{ on: "StateChange", is_problem: true }, |e| e.digest("ops", "08:00"));
        rule("broken", #{ on: ["StateChange", "CommentAdded"], is_problem: [false, true] }, |e| {
            if !e.is_problem || e.comment == "fail" { throw "oh"; }
        });
        rule("told", #{ on: ["StateChange", "CommentAdded"], is_problem: [false, true] }, |e| e.notify("ops"));"#;
    let mut world = World::new(rules);
    world.state("db1", "DOWN");
    world.happens("db1", Detail::CommentAdded(comment("db1!1", "fail")));
    let told = world.told();
    assert!(told.len() == 1 && told[0].starts_with("ops: CommentAdded db1"), "{told:?}");
    world.state("db1", "UP");
    let told = world.told();
    assert!(told.len() == 1 && told[0].starts_with("ops: StateChange db1 UP"), "{told:?}");
    world.wait("1d");
    world.expect_silence();
}

#[test]
fn a_rule_for_digests_is_refused() {
    let file = watchbell::engine::RuleFile {
        name: "t.rhai".to_owned(),
        text: r#"rule("d", #{ on: "Digest" }, |e| e.drop("no"));"#.to_owned(),
    };
    let faults = watchbell::engine::Ruleset::compile(&[file]).err().expect("it could never run");
    assert!(faults[0].to_string().contains("`Digest` is told, never judged"), "{}", faults[0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happens, the last that ops heard of each object is how it ended.
    #[test]
    fn nobody_is_left_with_what_is_no_longer_so(
        steps in proptest::collection::vec((0_usize..4, 0_usize..3, 0_u64..200, 0_u8..12), 1..60),
    ) {
        let mut world = World::new(SAN);
        let mut ended: BTreeMap<String, &str> = BTreeMap::new();
        for (object, state, pause, restart) in steps {
            let object = ["san1!a", "san1!b", "san2!a", "db1!a"][object];
            let state = ["OK", "WARNING", "CRITICAL"][state];
            if restart == 0 { world.restart(); }
            world.state(object, state);
            ended.insert(object.to_owned(), state);
            if pause > 0 { world.wait(&format!("{pause}s")); }
        }
        world.wait("1h");
        let mut heard: BTreeMap<String, String> = BTreeMap::new();
        for message in world.told() {
            let words = message.split_once("Digest san: ").map_or(
                message.trim_start_matches("ops: StateChange ").to_owned(), |(_, lines)| lines.to_owned());
            for line in words.split("; ") {
                let (object, rest) = line.split_once(' ').expect("an object and its state");
                let state = rest.split([' ', ':']).next().unwrap_or_default();
                heard.insert(object.to_owned(), state.to_owned());
            }
        }
        for (object, state) in ended {
            let heard = heard.get(&object).map_or("OK", String::as_str);
            prop_assert_eq!(heard, state, "{}", object);
        }
    }
}
