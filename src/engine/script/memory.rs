//! Verbs that remember: windows and kept values.

use super::value::json_to_dynamic;
use super::{Answer, EventHandle, act, duration, error, no_more, take_duration};
use crate::engine::bounds;
use crate::engine::stage::Stage;
use crate::engine::windows::{self, Kept};
use crate::model::time::later;
use crate::model::{Detail, Scene};
use rhai::{Dynamic, Engine, Map};
use std::time::Duration;

/// How long a kept value lives unless the script says.
const KEEP_UNLESS_SAID: &str = "7d";

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("seen", |e: &mut EventHandle, key: &str, within: &str| {
        let within = duration(within)?;
        act(e, |stage, scene| {
            let key = window_key(stage, "seen", key);
            Ok(stage.world.window(&key).seen(&key, within, scene.now))
        })
    });
    engine.register_fn("count", |e: &mut EventHandle, key: &str, within: &str| {
        let within = duration(within)?;
        act(e, |stage, scene| {
            let key = window_key(stage, "count", key);
            Ok(stage.world.window(&key).count(&key, within, scene.now) as i64)
        })
    });
    engine.register_fn("flapping", |e: &mut EventHandle, mut options: Map| {
        let window = take_duration(&mut options, "window")?.unwrap_or(Duration::from_secs(900));
        let changes = match options.remove("changes").map(|changes| changes.as_int()) {
            None => 5,
            Some(Ok(changes)) if changes > 0 => changes,
            Some(_) => return Err(error("flapping: `changes` takes a whole number above 0".to_owned())),
        };
        no_more(&options, "flapping", "window, changes")?;
        act(e, |stage, scene| Ok(changes_within(stage, scene, window) as i64 >= changes))
    });
    engine.register_fn("get", |e: &mut EventHandle, key: &str| {
        act(e, |stage, scene| Ok(stage.world.kept(key, scene.now).map_or(Dynamic::UNIT, json_to_dynamic)))
    });
    engine.register_fn("set", |e: &mut EventHandle, key: &str, value: Dynamic| {
        keep(e, key, value, KEEP_UNLESS_SAID)
    });
    engine.register_fn("set", |e: &mut EventHandle, key: &str, value: Dynamic, life: &str| {
        keep(e, key, value, life)
    });
}

fn window_key(stage: &Stage, verb: &str, key: &str) -> String {
    windows::key(stage.run.rule.as_ref().map_or("", |rule| &rule.name), verb, key)
}

/// How often the object changed its state in the window; this change counts, if
/// it is one. What is judged a second time is no change.
fn changes_within(stage: &mut Stage, scene: &Scene, window: Duration) -> usize {
    let object = scene.event.object.as_ref().map_or("", |object| object.name());
    let key = window_key(stage, "flapping", object);
    let changed = matches!(&scene.event.detail, Detail::StateChange(report)
        if report.previous.is_none_or(|(state, _)| state != report.state));
    let windows = stage.world.window(&key);
    if changed && scene.event.withheld.is_none() {
        windows.count(&key, window, scene.now)
    } else {
        windows.counted(&key, window, scene.now)
    }
}

fn keep(e: &mut EventHandle, key: &str, value: Dynamic, life: &str) -> Answer<()> {
    let life = duration(life)?;
    let value: serde_json::Value = rhai::serde::from_dynamic(&value)
        .map_err(|wrong| error(format!("set: this value cannot be kept: {wrong}")))?;
    let size = value.to_string().len() + key.len();
    if size > bounds::VALUE_BYTES {
        let most = bounds::VALUE_BYTES;
        return Err(error(format!("set: key and value take {size} bytes, and at most {most} are kept")));
    }
    act(e, |stage, scene| {
        let by = stage.run.rule.as_ref().map_or(String::new(), |rule| rule.name.to_string());
        stage.world.keep(key, Kept { value, until: later(scene.now, life), by });
        Ok(())
    })
}
