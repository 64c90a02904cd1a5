//! What the samples are built of: one host, one service, and what surrounds them.

use super::Sample;
use crate::model::event::StateReport;
use crate::model::{Detail, Event, Incident, IncidentId, Object, ObjectKey, Scene, State, Status, Timestamp};
use std::sync::Arc;

/// When every sample is judged: 2026-11-22 11:46:00 UTC, a Sunday.
const NOW: i64 = 1_795_347_960;

pub(super) const LOAD: &str = "load average 17.3, 15.2, 9.8\n4 users | run queue 23\nsee `top` on the host";

pub(super) fn at(seconds_from_now: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds_from_now).expect("a moment of this century")
}

fn source() -> Arc<str> {
    Arc::from("prod")
}

pub(super) fn service_scene(detail: Detail) -> Scene {
    let key = ObjectKey::new(&source(), "host1", Some("svc0"));
    let service = Object {
        display_name: "Load average".to_owned(),
        groups: Arc::new(vec!["linux".to_owned()]),
        vars: Arc::new(vars(&[("tier", "gold")])),
        notes: "Restart the batch queue first.".to_owned(),
        notes_url: "https://wiki.example.org/runbook/load?host=host1&kind=svc".to_owned(),
        action_url: "https://icinga.example.org/host1/svc0".to_owned(),
        ..Object::bare(key.clone())
    };
    Scene { service: Some(Arc::new(service)), ..scene(key, detail) }
}

pub(super) fn host_scene(name: &str, detail: Detail) -> Scene {
    scene(ObjectKey::new(&source(), name, None), detail)
}

/// A scene of which nothing is known but the event and the name in it.
pub(super) fn bare_scene(detail: Detail) -> Scene {
    let full = service_scene(detail);
    let nothing = Arc::new(Status::default());
    Scene { host: None, service: None, status: nothing.clone(), host_status: nothing, incident: None, ..full }
}

pub(super) fn our_scene(source: &str, detail: Detail) -> Scene {
    let event = Event { source: Arc::from(source), ..Event::ours(at(0), detail) };
    let nothing = Arc::new(Status::default());
    let host_status = nothing.clone();
    Scene { event, now: at(0), host: None, service: None, status: nothing, host_status, incident: None }
}

fn scene(key: ObjectKey, detail: Detail) -> Scene {
    let source = key.source().clone();
    let host = Object {
        address: "192.0.2.17".to_owned(),
        groups: Arc::new(vec!["web".to_owned(), "berlin".to_owned()]),
        vars: Arc::new(vars(&[("role", "web"), ("team", "shop")])),
        parents: vec![ObjectKey::new(&source, "switch3", None)],
        ..Object::bare(key.host_key())
    };
    let status = Status { reachable: true, ..Status::default() };
    Scene {
        event: Event { source, timestamp: at(0), object: Some(key), missed: false, withheld: None, detail },
        now: at(0),
        host: Some(Arc::new(host)),
        service: None,
        status: Arc::new(status.clone()),
        host_status: Arc::new(status),
        incident: None,
    }
}

fn vars(pairs: &[(&str, &str)]) -> serde_json::Map<String, serde_json::Value> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
}

/// The object is in this hard state for that many seconds.
pub(super) fn in_state(scene: Scene, state: State, seconds: i64) -> Scene {
    let status = Status {
        state: Some(state),
        hard: true,
        hard_state: Some(state),
        since: Some(at(-seconds)),
        attempt: 1,
        output: Arc::from(LOAD),
        ..(*scene.status).clone()
    };
    Scene { status: Arc::new(status), ..scene }
}

/// An incident that began that many seconds ago belongs to it.
pub(super) fn with_incident(scene: Scene, seconds: i64, closed: bool) -> Scene {
    let object = scene.event.object.clone().expect("a scene with an incident has an object");
    let closed = closed.then(|| at(0));
    let incident = Incident { closed, ..Incident::new(IncidentId(12), object, at(-seconds)) };
    Scene { incident: Some(Arc::new(incident)), ..scene }
}

pub(super) fn told(scene: Scene, state: State) -> Scene {
    let status = Status { told: Some(state), ..(*scene.status).clone() };
    Scene { status: Arc::new(status), ..scene }
}

pub(super) fn report(state: State, output: &str) -> StateReport {
    StateReport {
        state,
        hard: true,
        attempt: 1,
        previous: None,
        reachable: true,
        output: output.to_owned(),
        performance_data: vec!["load1=17.300;5;10;0".to_owned(), "load5=15.2;4;8;0".to_owned()],
        exit_status: 2,
        check_source: "master1".to_owned(),
        execution_end: Some(at(-1)),
        downtime_depth: Some(0),
        acknowledgement: Some(false),
        restated: None,
    }
}

pub(super) fn bare_report() -> StateReport {
    StateReport {
        performance_data: Vec::new(),
        check_source: String::new(),
        execution_end: None,
        downtime_depth: None,
        acknowledgement: None,
        restated: None,
        ..report(State::Critical, "")
    }
}

pub(super) fn sample(name: &'static str, scene: Scene) -> Sample {
    Sample { name, scene: Arc::new(scene) }
}
