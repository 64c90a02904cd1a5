//! `watchbell route`, as a program: who would be told of a state, by the rules and what is
//! known.

use crate::common::cli::{put, watchbell};
use crate::common::happenings;
use crate::common::site::Site;
use std::path::Path;
use watchbell::model::State;

const NOON: [&str; 2] = ["--at", "2026-11-23 12:00"];

/// What is said, and the exit code.
fn route(folder: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let ended = watchbell(folder, &[&["route"], arguments, &NOON].concat());
    assert!(matches!(ended.code, Some(0 | 3)), "{}{}", ended.out, ended.err);
    (format!("{}{}", ended.err, ended.out), ended.code)
}

fn refused(folder: &Path, arguments: &[&str]) -> String {
    watchbell(folder, &[&["route"], arguments].concat()).refused()
}

#[test]
fn without_anything_the_shipped_rules_say_who_would_be_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (out, code) = route(folder.path(), &["db1!postgres", "critical", "--output", "too many connections"]);
    insta::assert_snapshot!("shipped", out);
    assert_eq!(code, Some(0));
}

#[test]
fn what_would_be_dropped_is_told_with_the_rule_and_another_exit_code() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (out, code) = route(folder.path(), &["db1!postgres", "CRITICAL", "--soft"]);
    insta::assert_snapshot!("dropped", out);
    assert_eq!(code, Some(3));
}

#[test]
fn the_state_that_is_kept_decides_with() {
    let mut site = Site::new();
    site.object("db1", serde_json::json!({ "role": "db" }));
    site.state("db1", "DOWN", true);
    site.state("db1!postgres", "CRITICAL", true);
    let (out, code) = route(site.path(), &["db1", "UP"]);
    insta::assert_snapshot!("state_kept", out);
    assert_eq!(code, Some(0));
    let (out, code) = route(site.path(), &["db1", "DOWN"]);
    assert!(out.contains("would tell nobody: told already (20-dedup.rhai:3 told already)"), "{out}");
    assert_eq!(code, Some(3));
}

#[test]
fn what_follows_by_itself_is_told_in_its_order() {
    let rules = r#"rule("hold it", #{ on: "StateChange", is_problem: true, withheld: () }, |e| {
        e.drop("held for ten minutes", #{ again: "10m" });
    });"#;
    let site = Site::with(&[("05-hold.rhai", rules)]);
    let (out, code) = route(site.path(), &["web", "DOWN"]);
    insta::assert_snapshot!("follows", out);
    assert_eq!(code, Some(0), "it is told in the end");
    let (out, code) = route(site.path(), &["web", "DOWN", "--for", "5m"]);
    assert!(out.ends_with("nothing follows within 5m if nothing else happens\n"), "{out}");
    assert_eq!(code, Some(3));
}

#[test]
fn variables_and_rules_can_be_tried() {
    let site = Site::new();
    let (out, _) = route(site.path(), &["new", "DOWN", "--var", "host.vars.role=db"]);
    assert!(out.starts_with("nothing is known of new:"), "{out}");
    assert!(out.contains("would tell dba and ops"), "{out}");
    let (out, _) = route(site.path(), &["new", "DOWN", "--var", "host.vars.role=web"]);
    assert!(out.contains("would tell ops\n"), "{out}");
    put(
        site.path(),
        "tried/1.rhai",
        "rule(\"one\", #{ on: \"StateChange\", \"service.vars.sla.level\": above(2) }, |e| e.notify(\"night\"));\nrule(\"rest\", #{ on: \"Gap\" }, |e| e.stop());\n",
    );
    let tried = ["new!http", "CRITICAL", "--rules", "tried", "--var", "service.vars.sla.level=3"];
    let (out, _) = route(site.path(), &tried);
    assert!(out.contains("1.rhai:1 one → notify night"), "{out}");
    let (out, code) = route(site.path(), &tried[..4]);
    assert!(out.contains("would tell the default target: no rule decided\n    to #ops by net\n"), "{out}");
    assert_eq!(code, Some(0));
    put(site.path(), "none/1.rhai", "rule(\"rest\", #{ on: \"Gap\" }, |e| e.stop());\n");
    let (out, code) = route(site.path(), &["new", "DOWN", "--rules", "none"]);
    assert!(out.contains("no rule asks for StateChange"), "{out}");
    assert_eq!(code, Some(3));
}

#[test]
fn what_ends_before_that_time_is_over_by_then() {
    let mut site = Site::new();
    site.object("web", serde_json::json!({}));
    site.say("!mute web 2h it is being moved");
    let at = |time: &str| {
        let ended = watchbell(site.path(), &["route", "web", "DOWN", "--at", time]);
        (ended.code, ended.out)
    };
    let (code, out) = at("2026-11-22 13:00");
    assert!(
        out.contains("would tell nobody: muted by alice: it is being moved (40-mute.rhai:4 muted)"),
        "{out}"
    );
    assert!(out.contains("and then, within 1d, if nothing else happens:\n2026-11-22 14:00:01"), "{out}");
    assert_eq!(code, Some(0), "it is told when the mute ends");
    let (_, out) = at("2026-11-22 15:00");
    assert!(out.starts_with("until then, if nothing else happens:\n2026-11-22 14:00:01 MuteEnding"), "{out}");
    assert!(out.contains("if web becomes DOWN:\n2026-11-22 15:00:00 StateChange DOWN"), "{out}");
}

#[test]
fn what_waits_about_other_hosts_is_counted_only() {
    let mut site = Site::new();
    site.state("web", "DOWN", true);
    site.state("web!http", "CRITICAL", true);
    site.state("web", "UP", true);
    let (out, code) = route(site.path(), &["db1", "DOWN", "--soft"]);
    assert!(out.ends_with("meanwhile 1 message about other hosts\n"), "{out}");
    assert_eq!(code, Some(3));
}

#[test]
fn nothing_is_changed_by_it() {
    let mut site = Site::new();
    site.state("web", "DOWN", true);
    site.happens("web", happenings::acknowledged(State::Down));
    let before = std::fs::read(site.path().join("watchbell.db")).expect("it is there");
    let first = route(site.path(), &["web", "UP"]);
    assert_eq!(route(site.path(), &["web", "UP"]), first);
    assert_eq!(std::fs::read(site.path().join("watchbell.db")).expect("it is there"), before);
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let mut site = Site::new();
    site.state("web", "DOWN", true);
    for (arguments, words) in [
        (["web", "CRITICAL", "--for", "1h"], "`CRITICAL` is no state of a host; it has: UP, DOWN"),
        (
            ["web!http", "DOWN", "--for", "1h"],
            "is no state of a service; it has: OK, WARNING, CRITICAL, UNKNOWN",
        ),
        (["web", "UP", "--at", "soon"], "`soon` is not a moment; write it like 3:00"),
        (
            ["web", "UP", "--at", "2026-11-01 9:00"],
            "the last check known of web ended at 2026-11-22 12:00:00; choose",
        ),
        (["web", "UP", "--var", "role=db"], "`role=db` is no variable; write --var host.vars.NAME=VALUE"),
        (["web", "UP", "--var", "service.vars.a=1"], "is no variable"),
    ] {
        let err = refused(site.path(), &arguments);
        assert!(err.contains(words), "{err}");
    }
}
