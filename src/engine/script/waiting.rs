//! Verbs that wait: what is judged again, or judged at all, at a later time.

use super::{Answer, EventHandle, act, duration, error};
use crate::engine::stage::Stage;
use crate::engine::timers::{Pending, TimerKey};
use crate::model::Scene;
use crate::model::time::later;
use rhai::{Dynamic, Engine};

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("after", |e: &mut EventHandle, time: &str, name: &str| {
        after(e, time, name, Dynamic::UNIT)
    });
    engine.register_fn("after", after);
    engine.register_fn("cancel", |e: &mut EventHandle, name: &str| {
        act(e, |stage, scene| {
            let is_there = stage.world.cancel_timer(&timer_key(stage, scene, name));
            if is_there {
                stage.run.did.push(format!("cancel {name}"));
            }
            Ok(is_there)
        })
    });
}

fn after(e: &mut EventHandle, time: &str, name: &str, data: Dynamic) -> Answer<()> {
    let length = duration(time)?;
    let data: serde_json::Value = rhai::serde::from_dynamic(&data)
        .map_err(|wrong| error(format!("after: a timer cannot carry this: {wrong}")))?;
    act(e, |stage, scene| {
        let key = timer_key(stage, scene, name);
        let due = later(scene.now, length);
        stage.world.set_timer(Pending { key, data, set_at: scene.now, due })?;
        stage.run.did.push(format!("after {time}: {name}"));
        Ok(())
    })
}

fn timer_key(stage: &Stage, scene: &Scene, name: &str) -> TimerKey {
    TimerKey {
        object: scene.event.object.clone(),
        source: scene.event.source.clone(),
        rule: stage.rule_name().to_owned(),
        name: name.to_owned(),
    }
}
