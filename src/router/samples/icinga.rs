//! What checks find and what Icinga makes of it.

use super::Sample;
use super::stage::{
    LOAD, bare_report, bare_scene, host_scene, in_state, report, sample, service_scene, told, with_incident,
};
use crate::model::event::{Flapping, IcingaNotification, StateReport};
use crate::model::{Detail, Scene, State, Status};
use std::sync::Arc;

pub(super) fn reports() -> Vec<Sample> {
    let fine = Detail::CheckResult(report(State::Ok, "load average 0.3"));
    let soft = StateReport { hard: false, attempt: 2, ..report(State::Critical, LOAD) };
    vec![
        sample("a service is fine", in_state(service_scene(fine), State::Ok, 86_400)),
        sample("a soft problem was checked", service_scene(Detail::CheckResult(soft))),
        sample("a check of which little is known", bare_scene(Detail::CheckResult(bare_report()))),
    ]
}

pub(super) fn state_changes() -> Vec<Sample> {
    let change = |state, previous, output| {
        Detail::StateChange(StateReport { previous: Some((previous, true)), ..report(state, output) })
    };
    let service =
        |state, previous, output| in_state(service_scene(change(state, previous, output)), state, 0);
    let critical = || with_incident(service(State::Critical, State::Ok, LOAD), 0, false);
    let worse = service(State::Critical, State::Warning, LOAD);
    let easing = service(State::Warning, State::Critical, "load average 6.1");
    let recovered = service(State::Ok, State::Critical, "load average 0.3");
    let soft = StateReport { hard: false, attempt: 2, ..report(State::Critical, LOAD) };
    let down = || change(State::Down, State::Up, "PING CRITICAL - Packet loss = 100%");
    let host_down = || with_incident(in_state(host_scene("host1", down()), State::Down, 0), 0, false);
    let up = change(State::Up, State::Down, "PING OK - RTA = 0.4 ms");
    let mut unreachable = host_down();
    if let Detail::StateChange(report) = &mut unreachable.event.detail {
        report.reachable = false;
    }
    let mut missed = critical();
    missed.event.missed = true;
    let mut withheld = critical();
    withheld.event.withheld = Some("in downtime".to_owned());
    let in_downtime = {
        let scene = critical();
        let status = Status { downtime_depth: 1, acknowledged: true, ..(*scene.status).clone() };
        Scene { status: Arc::new(status), ..scene }
    };
    vec![
        sample("a service becomes CRITICAL", critical()),
        sample("a problem gets worse", told(with_incident(worse, 240, false), State::Warning)),
        sample("a problem eases", told(with_incident(easing, 600, false), State::Critical)),
        sample("a service recovers", told(with_incident(recovered, 720, true), State::Critical)),
        sample("a soft problem", service_scene(Detail::StateChange(soft))),
        sample("a host goes down", host_down()),
        sample("a host is unreachable", unreachable),
        sample(
            "a host is up again",
            with_incident(in_state(host_scene("host1", up), State::Up, 0), 9000, true),
        ),
        sample("a problem nobody saw begin", missed),
        sample("a problem outlives its downtime", withheld),
        sample("a problem in downtime, acknowledged", in_downtime),
        sample("a change of which little is known", bare_scene(Detail::StateChange(bare_report()))),
    ]
}

pub(super) fn notifications_and_flapping() -> Vec<Sample> {
    let problem = IcingaNotification {
        notification_type: "PROBLEM".to_owned(),
        users: vec!["alice".to_owned(), "bob".to_owned()],
        author: String::new(),
        text: String::new(),
        command: "mail-service-notification".to_owned(),
        state: Some(State::Critical),
        output: LOAD.to_owned(),
    };
    let custom = IcingaNotification {
        notification_type: "CUSTOM".to_owned(),
        author: "carol".to_owned(),
        text: "please look at the batch queue".to_owned(),
        ..problem.clone()
    };
    let bare = IcingaNotification {
        users: Vec::new(),
        command: String::new(),
        state: None,
        output: String::new(),
        ..problem.clone()
    };
    let flapping = |is_flapping, current| {
        let state = if is_flapping { State::Critical } else { State::Ok };
        Detail::Flapping(Flapping {
            is_flapping,
            state,
            hard: true,
            current,
            threshold_low: 25.0,
            threshold_high: 30.0,
        })
    };
    let known = |detail| in_state(service_scene(detail), State::Critical, 60);
    let notified = |notification| known(Detail::Notification(notification));
    vec![
        sample("Icinga notified of a problem", with_incident(notified(problem), 60, false)),
        sample("a person sent a notification", notified(custom)),
        sample("a notification of which little is known", bare_scene(Detail::Notification(bare))),
        sample("a service flaps", with_incident(known(flapping(true, 34.2)), 300, false)),
        sample("a service is calm again", service_scene(flapping(false, 4.9))),
        sample("flapping of which little is known", bare_scene(flapping(true, 0.0))),
    ]
}
