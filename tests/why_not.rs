//! `watchbell why-not`, as a program: why a target did not hear of the newest problem of
//! an object.

use crate::common::cli::{put, watchbell};
use crate::common::happenings;
use crate::common::site::Site;
use watchbell::model::{AttemptResult, Broken, Detail, Input};

fn why_not(site: &Site, object: &str, target: &str) -> String {
    watchbell(site.path(), &["why-not", object, target]).fine()
}

/// The lines behind the first, without what stands before the colon's rule.
#[track_caller]
fn assert_says(out: &str, lines: &[&str]) {
    let said: Vec<&str> = out.lines().collect();
    assert_eq!(said, lines, "{out}");
}

#[test]
fn rules_that_name_the_target_say_what_they_wanted() {
    let mut site = Site::new();
    site.object("web", serde_json::json!({ "role": "web" }));
    site.state("web", "DOWN", true);
    assert_says(
        &why_not(&site, "web", "dba"),
        &[
            "dba did not hear of web DOWN (#1, 2026-11-22 12:00:01)",
            "  the rules told ops only",
            "  45-databases.rhai:1 databases to their admins → names dba, but `host.vars.role` was web, it wants db",
        ],
    );
}

#[test]
fn a_condition_on_what_is_not_kept_is_named_as_such() {
    let mut site = Site::new();
    site.state("web", "DOWN", true);
    assert_says(
        &why_not(&site, "web", "night"),
        &[
            "night did not hear of web DOWN (#1, 2026-11-22 12:00:01)",
            "  the rules told ops only",
            "  45-databases.rhai:8 the night hears of cores → names night, and did not run: it looks at `output`, of which \
             not all is kept",
        ],
    );
}

#[test]
fn what_was_kept_from_everybody_names_the_rule_and_what_was_not_reached() {
    let mut site = Site::new();
    site.object("db1", serde_json::json!({ "role": "db" }));
    site.happens("db1", Detail::DowntimeAdded(happenings::downtime("db1!1", site.now)));
    let begun = happenings::in_effect(&happenings::downtime("db1!1", site.now), site.now);
    site.happens("db1", Detail::DowntimeStarted(begun));
    site.state("db1", "DOWN", true);
    assert_says(
        &why_not(&site, "db1", "dba"),
        &[
            "dba did not hear of db1 DOWN (#1, 2026-11-22 12:00:03)",
            "  10-filter.rhai:40 problems in downtime kept it from everybody: in downtime",
            "  45-databases.rhai:1 databases to their admins → names dba, and was not reached",
        ],
    );
}

#[test]
fn a_mute_is_told_with_who_muted_it() {
    let mut site = Site::new();
    site.object("web", serde_json::json!({}));
    site.say("!mute web 2h it is being moved");
    site.state("web", "DOWN", true);
    let out = why_not(&site, "web", "ops");
    assert!(
        out.contains("40-mute.rhai:4 muted kept it from everybody: muted by alice: it is being moved"),
        "{out}"
    );
}

#[test]
fn what_was_told_after_all_is_told_with_what_became_of_it() {
    let mut site = Site::new();
    site.state("web", "DOWN", true);
    assert_says(
        &why_not(&site, "web", "ops"),
        &[
            "ops was to be told of web DOWN (#1, 2026-11-22 12:00:01), but nothing was accepted yet",
            "  d1 to #ops by net: waits to be sent",
        ],
    );
    site.sent(AttemptResult::Dead("no such channel".to_owned()));
    let out = why_not(&site, "web", "default");
    assert!(out.contains("d1 to #ops by net: given up 2026-11-22 12:00:02: no such channel"), "{out}");
    site.state("db1", "DOWN", true);
    site.accepted();
    site.wait("5m");
    site.state("db1", "DOWN", true);
    let out = why_not(&site, "db1", "ops");
    assert!(out.starts_with("ops was told of db1 DOWN (#2, 2026-11-22 12:00:03)\n"), "{out}");
}

#[test]
fn what_no_rule_decided_went_to_the_default_target() {
    let mut site =
        Site::with(&[("50-route.rhai", "rule(\"none\", #{ on: \"Gap\" }, |e| e.notify(\"ops\"));\n")]);
    site.state("web", "DOWN", true);
    let out = why_not(&site, "web", "dba");
    assert!(
        out.contains(
            "no rule decided, so only the default target was told\n  no rule for StateChange names dba\n"
        ),
        "{out}"
    );
    assert!(why_not(&site, "web", "ops").starts_with("ops was to be told of web DOWN"));
}

#[test]
fn a_rule_that_ran_and_chose_another_is_shown_with_what_it_saw() {
    let rules = r#"rule("on call", #{ on: "StateChange", is_problem: true }, |e| {
        if e.get("on call") == "night" { e.notify("night"); } else { e.notify("dba"); }
    });
    rule("by team", #{ on: "StateChange" }, |e| if e.attempt > 9 { e.notify(e.host.vars.team) });"#;
    let mut site = Site::with(&[("45-call.rhai", rules)]);
    site.state("web", "DOWN", true);
    let out = why_not(&site, "web", "night");
    assert!(
        out.contains("45-call.rhai:1 on call → names night and ran, but did not tell it: get on call: nothing; notify dba"),
        "{out}"
    );
    assert!(out.contains("these rules work out whom they tell: 45-call.rhai:4 by team"), "{out}");
}

#[test]
fn rules_that_changed_since_are_no_secret() {
    let mut site = Site::new();
    site.state("web", "DOWN", true);
    put(
        site.path(),
        "rules/46-more.rhai",
        "rule(\"all\", #{ on: \"StateChange\" }, |e| e.notify(\"dba\"));\n",
    );
    let out = why_not(&site, "web", "dba");
    assert!(out.contains("46-more.rhai:1 all → names dba, and would take it now"), "{out}");
    assert!(out.contains("the rules have changed since: then "), "{out}");
}

#[test]
fn where_nothing_was_heard_it_says_whether_icinga_was() {
    let mut site = Site::new();
    site.object("web", serde_json::json!({}));
    site.state("web", "UP", true);
    let broken = Broken { reason: "connection refused".to_owned(), at: site.now };
    site.take(Input::OutOfReach { source: "lab".into(), broken });
    assert_says(
        &why_not(&site, "web", "ops"),
        &[
            "web is UP, and no problem of it was judged as far back as is kept",
            "  the last that was judged: 2026-11-22 12:00:01 StateChange UP hard: UP - as found",
            "  Icinga lab has been out of reach since 2026-11-22 12:00:01: connection refused",
        ],
    );
}

#[test]
fn what_is_not_there_is_told_with_what_was_meant() {
    let mut site = Site::new();
    site.state("web", "DOWN", true);
    for (object, target, words) in [
        ("wbe", "ops", "I know no `wbe`; did you mean `web`?"),
        ("web", "opps", "there is no target `opps`; did you mean `ops`? watchbell.toml has: dba, night, ops"),
        ("#7", "ops", "nothing is kept of #7;"),
    ] {
        let ended = watchbell(site.path(), &["why-not", object, target]);
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        assert!(ended.out.starts_with(words), "{}", ended.out);
    }
    assert!(why_not(&site, "#1", "ops").contains("of web DOWN (#1,"));
}
