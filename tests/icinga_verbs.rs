//! What rules ask of Icinga: which action, for which object, under whose name, and how
//! much of it.

use crate::common::engine::{World, key};
use crate::common::happenings::comment;
use watchbell::model::event::RulesetChanged;
use watchbell::model::{Action, ActionKind, ActionResult, Detail, Input, Timestamp};

const DB: &str = "db1!postgres";

/// What a rule with this action asks when the service is in a problem.
fn asked(action: &str) -> (Vec<Action>, Timestamp) {
    let mut world = World::new(&format!(r#"rule("asks", #{{}}, |e| {{ {action}; e.notify("dba"); }});"#));
    world.state(DB, "CRITICAL");
    world.expect(&["dba: StateChange db1!postgres CRITICAL"]);
    (world.actions, world.now)
}

#[test]
fn each_verb_asks_one_action_for_the_object_of_the_event() {
    let text = || "why".to_owned();
    let hour = std::time::Duration::from_secs(3600);
    let downtime = |now: Timestamp, all_services| ActionKind::ScheduleDowntime {
        comment: text(),
        start: now,
        end: now + hour,
        flexible_seconds: None,
        all_services,
        children: false,
    };
    type Expected<'a> = &'a dyn Fn(Timestamp) -> ActionKind;
    let cases: &[(&str, Expected)] = &[
        (r#"e.icinga.ack("why")"#, &|_| ActionKind::Acknowledge {
            comment: text(),
            expiry: None,
            sticky: false,
            notify: true,
        }),
        (r#"e.icinga.ack(" why ", #{ expiry: "1h", sticky: true, notify: false })"#, &|now| {
            ActionKind::Acknowledge { comment: text(), expiry: Some(now + hour), sticky: true, notify: false }
        }),
        ("e.icinga.unack()", &|_| ActionKind::RemoveAcknowledgement),
        (r#"e.icinga.comment("why")"#, &|_| ActionKind::AddComment { comment: text() }),
        (r#"e.icinga.downtime("1h", "why")"#, &|now| downtime(now, false)),
        (r#"e.icinga.downtime("1h", "why", #{ all_services: true })"#, &|now| downtime(now, true)),
        ("e.icinga.recheck()", &|_| ActionKind::RescheduleCheck),
        (r#"e.icinga.notify("why")"#, &|_| ActionKind::SendCustomNotification {
            comment: text(),
            force: false,
        }),
        (r#"e.icinga.notify("why", #{ force: true })"#, &|_| ActionKind::SendCustomNotification {
            comment: text(),
            force: true,
        }),
    ];
    for (verb, expected) in cases {
        let (actions, now) = asked(verb);
        let expected = Action {
            id: 0,
            object: key(DB),
            author: "watchbell".to_owned(),
            kind: expected(now),
            reply_to: None,
            asked_by: String::new(),
            thread: Vec::new(),
            is_one_of_many: false,
        };
        assert_eq!(actions, [expected], "{verb}");
    }
}

#[test]
fn what_is_wrong_with_a_verb_is_an_error_of_the_rule_and_nothing_is_asked() {
    for (verb, expected) in [
        (r#"ack("")"#, "icinga.ack: the text is empty"),
        ("comment(\" \\r\\n \")", "icinga.comment: the text is empty"),
        (r#"ack("x", #{ expiry: "soon" })"#, "`soon` is not a length of time"),
        (r#"ack("x", #{ sticky: 1 })"#, "icinga.ack: `sticky` takes true or false"),
        (r#"ack("x", #{ till: "1h" })"#, "ack knows no option `till`; it knows: expiry, sticky, notify"),
        (r#"downtime("x", "why")"#, "`x` is not a length of time"),
        (r#"downtime("1h", "")"#, "icinga.downtime: the text is empty"),
        (r#"downtime("1h", "why", #{ al_services: true })"#, "downtime knows no option `al_services`"),
        (r#"notify("x", #{ forse: true })"#, "notify knows no option `forse`; it knows: force"),
    ] {
        // What is written out is found when the file is read.
        let mut world =
            World::new(&format!(r#"rule("asks", #{{}}, |e| {{ let it = e; it.icinga.{verb}; }});"#));
        world.state(DB, "CRITICAL");
        let told = world.told();
        assert!(told[0].contains(expected), "{verb}: {told:?}");
        assert_eq!(world.actions, [], "{verb}");
    }
}

#[test]
fn an_event_about_no_object_asks_nothing() {
    let mut world = World::new(r#"rule("asks", #{}, |e| e.icinga.recheck());"#);
    let changed =
        RulesetChanged { accepted: true, hash: String::new(), rules: 1, error: String::new(), warnings: 0 };
    world.step(Input::RulesetChanged(changed));
    let told = world.told();
    assert!(told[0].contains("a RulesetChanged is about no host or service"), "{told:?}");
    assert_eq!(world.actions, []);
}

#[test]
fn what_was_asked_before_a_drop_or_an_error_stands_and_the_audit_says_so() {
    for end in [r#"e.drop("known")"#, r#"throw "late""#] {
        let mut world =
            World::new(&format!(r#"rule("asks", #{{}}, |e| {{ e.icinga.ack("known: line\n2"); {end}; }});"#));
        world.state(DB, "CRITICAL");
        assert_eq!(world.actions.len(), 1, "{end}");
        let did = &world.decisions[0].steps[0].did;
        assert_eq!(did[0], "icinga acknowledge-problem: known: line\n2", "{end}");
    }
}

#[test]
fn a_rule_that_answers_itself_is_stopped_and_told() {
    let mut world = World::new(
        r#"rule("answers", #{ on: "CommentAdded" }, |e| { e.icinga.comment("me too"); e.drop("answered"); });"#,
    );
    world.happens(DB, Detail::CommentAdded(comment("first", "hello")));
    for number in 0..30 {
        // Icinga says of each comment that it was added.
        if world.actions.len() > number {
            world.happens(DB, Detail::CommentAdded(comment(&format!("c{number}"), "me too")));
        }
        if number == 4 {
            world.restart();
        }
    }
    assert_eq!(world.actions.len(), 10);
    let told = world.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("has asked 10 things for db1!postgres in 10 minutes, so add-comment is not"));

    world.happens("db2", Detail::CommentAdded(comment("other", "hello")));
    assert_eq!(world.actions.len(), 11, "another object has its own");
    world.wait("10m");
    world.happens(DB, Detail::CommentAdded(comment("later", "hello")));
    assert_eq!(world.actions.len(), 12, "and there is more later");
}

#[test]
fn the_log_hears_of_what_a_rule_asked_and_icinga_did_not_do() {
    let mut world = World::new(r#"rule("asks", #{}, |e| e.icinga.ack("seen"));"#);
    world.state(DB, "CRITICAL");
    let action = world.actions[0].clone();
    world.step(Input::ActionResult(ActionResult { action: action.clone(), outcome: Ok("done".to_owned()) }));
    world.step(Input::ActionResult(ActionResult { action, outcome: Err("is OK".to_owned()) }));
    let expected = "a rule asked Icinga for acknowledge-problem of db1!postgres: not done: is OK";
    assert_eq!(world.log, [expected]);
}
