//! `!why` and `!why-not`: short answers from the audit, to anybody.

use crate::common::engine::World;
use crate::common::inquiry::answer;
use crate::common::site::Site;
use watchbell::engine::Question;
use watchbell::model::{About, AttemptResult, State};

#[tokio::test]
async fn the_newest_decisions_are_told_in_a_few_lines() {
    let mut site = Site::new();
    site.object("db1", serde_json::json!({ "role": "db" }));
    site.state("db1", "DOWN", false);
    site.state("db1", "DOWN", true);
    site.accepted();
    site.wait("5m");
    site.state("db1", "DOWN", true);
    site.state("db1", "UP", true);
    site.sent(AttemptResult::Dead("no such channel".to_owned()));
    insta::assert_snapshot!("why_in_chat", answer(&mut site, "!why db").await);
    let of_incident = answer(&mut site, "!why #1").await;
    assert!(of_incident.starts_with("#1 db1 ") && !of_incident.contains(" soft"), "{of_incident}");
    assert_eq!(of_incident.lines().count(), 3, "{of_incident}");
    assert_eq!(
        answer(&mut site, "!why d1").await,
        "d1 to #dba by net: accepted 2026-11-22 12:00:03: echoed, by 45-databases.rhai:1 databases to their \
         admins: \"#1 db1 is DOWN: DOWN - as found\""
    );
}

#[tokio::test]
async fn why_not_says_what_the_rules_wanted_and_what_holds_now() {
    let mut site = Site::new();
    site.object("web", serde_json::json!({ "role": "web" }));
    site.state("web", "DOWN", true);
    site.say("!mute web 2h it is being moved");
    insta::assert_snapshot!("why_not_in_chat", answer(&mut site, "!why-not web dba").await);
    assert!(answer(&mut site, "!why-not #1 ops").await.starts_with("ops was to be told of web DOWN (#1,"));
}

#[tokio::test]
async fn what_nothing_is_kept_of_is_answered_too() {
    let mut site = Site::new();
    site.object("web", serde_json::json!({}));
    let words =
        "nothing was decided about web as far back as is kept; events that no rule asks for are not kept";
    assert_eq!(answer(&mut site, "!why web").await, words);
    assert!(answer(&mut site, "!why #9").await.contains("nothing is kept of #9"));
}

#[test]
fn anybody_may_ask_and_the_engine_finds_the_object() {
    let mut world = World::shipped();
    world.state("db1!postgres", "CRITICAL");
    world.state("d1", "DOWN");
    assert_eq!(world.say("bob", "!why postg"), "");
    assert_eq!(world.say("bob", "!why #1"), "");
    assert_eq!(world.say("bob", "!why d7"), "");
    assert_eq!(world.say("bob", "!why d1"), "");
    let asked: Vec<Question> = world.asks.iter().map(|ask| ask.question.clone()).collect();
    let object = |name: &str| Question::Why(About::Object(name.to_owned()));
    let (incident, delivery) = (Question::Why(About::Incident(1)), Question::Why(About::Delivery(7)));
    assert_eq!(asked, [object("db1!postgres"), incident, delivery, object("d1")]);
    assert!(world.asks.iter().all(|ask| ask.reply.text == "bob: "));
}

#[test]
fn why_not_is_asked_with_what_is_known_now() {
    let mut world = World::shipped();
    world.state("web", "DOWN");
    assert_eq!(world.say("bob", "!why-not we dba"), "");
    world.state("web", "UP");
    assert_eq!(world.say("bob", "!why-not #1 default"), "");
    let cases: Vec<(String, String, Option<State>)> = world
        .asks
        .iter()
        .filter_map(|ask| match &ask.question {
            Question::WhyNot(case) => Some((case.object.to_string(), case.target.clone(), case.status.state)),
            _ => None,
        })
        .collect();
    let web = |target: &str, state| ("web".to_owned(), target.to_owned(), Some(state));
    assert_eq!(cases, [web("dba", State::Down), web("ops", State::Up)]);
    assert_eq!(
        world.say("bob", "!why-not web opps"),
        "bob: there is no target `opps`; did you mean `ops`? watchbell.toml has: dba, ops"
    );
    assert_eq!(world.say("bob", "!why-not wbe ops"), "bob: I know no `wbe`; did you mean `web`?");
}

#[tokio::test]
async fn what_was_gathered_and_what_is_held_is_told_with_its_rule() {
    let rules = r#"rule("gathers", #{ on: "StateChange", is_problem: true }, |e| {
        e.group("all", #{ wait: "1m" });
        e.notify("ops");
        e.stop();
    });"#;
    let holds = r#"rule("holds", #{ on: "StateChange", "host.name": "web" }, |e| e.hold("5m"));"#;
    let mut site = Site::with(&[("01-hold.rhai", holds), ("02-gather.rhai", rules)]);
    site.state("web", "DOWN", true);
    let held = answer(&mut site, "!why web").await;
    assert!(held.ends_with("held 5m: does it heal? (01-hold.rhai:1 holds)"), "{held}");
    site.state("db1", "DOWN", true);
    let gathered = answer(&mut site, "!why db1").await;
    assert!(gathered.ends_with("told ops (02-gather.rhai:1 gathers)"), "{gathered}");
    let why_not = answer(&mut site, "!why-not db1 ops").await;
    assert_eq!(
        why_not,
        "ops was to be told of db1 DOWN (#2, 2026-11-22 12:00:03)\n  \
         02-gather.rhai:1 gathers: gathered for ops (all), told at 12:01:03"
    );
    site.wait("2m");
    let told = answer(&mut site, "!why db1").await;
    assert!(told.contains("told ops (02-gather.rhai:1 gathers); d1: waits to be sent"), "{told}");
}
