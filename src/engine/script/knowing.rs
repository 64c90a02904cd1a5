//! Verbs that ask what is known of other objects, and of the incident.

use super::value::{cut, dynamic};
use super::{EventHandle, act};
use crate::engine::reach;
use crate::engine::stage::Stage;
use crate::model::scene::Value;
use crate::model::{Incident, ObjectKey, Scene, State};
use rhai::{Array, Dynamic, Engine, Map};

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("problem", |e: &mut EventHandle, name: &str| {
        act(e, |stage, scene| Ok(is_problem(stage, scene, name)))
    });
    engine.register_fn("parents", |e: &mut EventHandle| {
        act(e, |stage, scene| {
            let chain = scene.event.object.iter().flat_map(|object| reach::chain(&stage.world, object));
            Ok(chain.map(|host| Dynamic::from(host.name().to_owned())).collect::<Array>())
        })
    });
    engine.register_fn("incident", |e: &mut EventHandle| {
        e.scene.incident.as_ref().map_or(Dynamic::UNIT, |incident| as_map(incident).into())
    });
}

/// Whether an object of the event's Icinga is in a hard problem. Where its state is not
/// known, the audit keeps that it was asked for: the name may be misspelt.
fn is_problem(stage: &mut Stage, scene: &Scene, name: &str) -> bool {
    let key = ObjectKey::from_name(&scene.event.source, name);
    let state = stage.world.status(&key).hard_state;
    if state.is_none() {
        stage.run.did.push(format!("problem {}: no state of it is known", cut(name)));
    }
    state.is_some_and(State::is_problem)
}

fn as_map(incident: &Incident) -> Map {
    let told: Array = incident.told.keys().map(|target| Dynamic::from(target.clone())).collect();
    Map::from([
        ("number".into(), (incident.id.0 as i64).into()),
        ("object".into(), incident.object.name().into()),
        ("opened".into(), dynamic(Value::Time(incident.opened))),
        ("closed".into(), incident.closed.map_or(Dynamic::UNIT, |closed| dynamic(Value::Time(closed)))),
        ("told".into(), told.into()),
    ])
}
