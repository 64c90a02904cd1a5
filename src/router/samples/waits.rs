//! What rules asked for beforehand.

use super::Sample;
use super::stage::{
    at, bare_scene, host_scene, in_state, our_scene, sample, service_scene, told, with_incident,
};
use crate::model::event::{Reminder, Timer};
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
