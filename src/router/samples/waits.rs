//! What rules asked for beforehand.

use super::Sample;
use super::stage::{
    at, bare_scene, host_scene, in_state, our_scene, sample, service_scene, told, with_incident,
};
use crate::model::event::{Called, Escalation, Reminder, Timer};
use crate::model::{Detail, State};

pub(super) fn timers() -> Vec<Sample> {
    let timer = Timer {
        name: "nobody took it".to_owned(),
        data: serde_json::json!({ "team": "shop", "step": 2 }),
        rule: "escalate".to_owned(),
        set_at: at(-900),
    };
    let bare = Timer { data: serde_json::Value::Null, ..timer.clone() };
    let of_problem = service_scene(Detail::Timer(timer));
    let of_problem = with_incident(in_state(of_problem, State::Critical, 900), 900, false);
    vec![
        sample("a timer of a problem", of_problem),
        sample("a timer about no object", our_scene("watchbell", Detail::Timer(bare))),
    ]
}

pub(super) fn reminders() -> Vec<Sample> {
    let third = Reminder { number: 3, rule: "problems".to_owned(), reachable: true };
    let first = Reminder { number: 1, ..third.clone() };
    let of_service = in_state(service_scene(Detail::Reminder(third.clone())), State::Critical, 7200);
    let of_host = in_state(host_scene("san1", Detail::Reminder(first)), State::Down, 1800);
    vec![
        sample("a service is still critical", told(with_incident(of_service, 7200, false), State::Critical)),
        sample("a host is still down", told(with_incident(of_host, 1800, false), State::Down)),
        sample("a reminder with nothing around it", bare_scene(Detail::Reminder(third))),
    ]
}

pub(super) fn escalations() -> Vec<Sample> {
    let called = Called { target: "alice/libera".to_owned(), person: Some("alice".to_owned()), way: 0 };
    let second = Escalation {
        policy: "dba".to_owned(),
        started: at(-1800),
        round: 1,
        step: 2,
        steps: 3,
        called: vec![called],
        why: "nobody has acknowledged it for 15m".to_owned(),
        nobody: String::new(),
        reminder: 0,
        held: String::new(),
    };
    let nobody = Escalation { nobody: "nobody is on call in dba".to_owned(), step: 1, ..second.clone() };
    let why = "alice acknowledged it 1h ago".to_owned();
    let reminder = Escalation { reminder: 1, why, ..second.clone() };
    let critical = |detail| {
        told(
            with_incident(in_state(service_scene(detail), State::Critical, 1800), 1800, false),
            State::Critical,
        )
    };
    vec![
        sample(
            "nobody has acknowledged, the next one is called",
            critical(Detail::Escalation(second.clone())),
        ),
        sample("a step that reaches nobody", critical(Detail::Escalation(nobody))),
        sample("whoever acknowledged is reminded", critical(Detail::Escalation(reminder))),
        sample("a call with nothing around it", bare_scene(Detail::Escalation(second))),
    ]
}
