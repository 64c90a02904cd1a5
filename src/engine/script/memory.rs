//! Verbs that remember: windows and kept values.

use super::value::json_to_dynamic;
use super::{Answer, EventHandle, act, duration, error, no_more, take_duration};
use crate::engine::bounds;
use crate::engine::stage::Stage;
use crate::engine::windows::{self, Kept, Sighting};
use crate::model::time::{later, short_length};
use crate::model::{Detail, Scene};
use rhai::{Dynamic, Engine, Map};
use std::time::Duration;

/// How long a kept value lives unless the script says.
const KEEP_UNLESS_SAID: &str = "7d";
/// How long a rule remembers what it saw last, after it looked last.
const SIGHTING_LIFE: Duration = Duration::from_secs(7 * 86_400);

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("seen", |e: &mut EventHandle, key: &str, within: &str| {
        let length = duration(within)?;
        act(e, |stage, scene| {
            let window = window_key(stage, "seen", key);
            let seen = stage.world.window(&window).seen(&window, length, scene.now);
            let answer = if seen { "yes" } else { "no" };
            stage.note(format!("seen {} in the last {within}: {answer}", brief(key)));
            Ok(seen)
        })
    });
    engine.register_fn("count", |e: &mut EventHandle, key: &str, within: &str| {
        let length = duration(within)?;
        act(e, |stage, scene| {
            let window = window_key(stage, "count", key);
            let count = stage.world.window(&window).count(&window, length, scene.now);
            stage.note(format!("count {} in the last {within}: {count}", brief(key)));
            Ok(count as i64)
        })
    });
    engine.register_fn("rate", |e: &mut EventHandle, key: &str, within: &str| {
        let within = duration(within)?;
        act(e, |stage, scene| {
            let key = window_key(stage, "rate", key);
            let times = stage.world.window(&key).count(&key, within, scene.now);
            Ok(times as f64 * 60.0 / within.as_secs_f64())
        })
    });
    engine.register_fn("changed", |e: &mut EventHandle, key: &str, value: Dynamic| {
        look(e, "changed", key, &value).map(|(_, is_new)| is_new)
    });
    engine.register_fn("stable", |e: &mut EventHandle, key: &str, value: Dynamic, length: &str| {
        let length = duration(length)?;
        look(e, "stable", key, &value).map(|(lasts, _)| lasts >= length)
    });
    engine.register_fn("flapping", |e: &mut EventHandle, mut options: Map| {
        let window = take_duration(&mut options, "window")?.unwrap_or(Duration::from_secs(900));
        let changes = match options.remove("changes").map(|changes| changes.as_int()) {
            None => 5,
            Some(Ok(changes)) if changes > 0 => changes,
            Some(_) => return Err(error("flapping: `changes` takes a whole number above 0".to_owned())),
        };
        no_more(&options, "flapping", "window, changes")?;
        act(e, |stage, scene| {
            let found = changes_within(stage, scene, window) as i64;
            let length = short_length(window.as_secs_f64());
            stage.note(format!("flapping in {length}: {found} of {changes} changes"));
            Ok(found >= changes)
        })
    });
    engine.register_fn("get", |e: &mut EventHandle, key: &str| {
        act(e, |stage, scene| {
            let kept = stage.world.kept(key, scene.now);
            let (value, words) = match kept {
                Some(value) => (json_to_dynamic(value), in_words(value)),
                None => (Dynamic::UNIT, "nothing".to_owned()),
            };
            stage.note(format!("get {}: {words}", brief(key)));
            Ok(value)
        })
    });
    engine.register_fn("set", |e: &mut EventHandle, key: &str, value: Dynamic| {
        keep(e, key, value, KEEP_UNLESS_SAID)
    });
    engine.register_fn("set", |e: &mut EventHandle, key: &str, value: Dynamic, life: &str| {
        keep(e, key, value, life)
    });
}

/// As much of a key or value as the audit needs to tell it from others.
fn brief(text: &str) -> &str {
    const ENOUGH: usize = 60;
    text.char_indices().nth(ENOUGH).map_or(text, |(end, _)| &text[..end])
}

fn in_words(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => brief(text).to_owned(),
        other => brief(&other.to_string()).to_owned(),
    }
}

fn window_key(stage: &Stage, verb: &str, key: &str) -> String {
    windows::key(stage.rule_name(), verb, key)
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

/// Sees a value under a key: for how long it has been the same, and whether it differs
/// from the one before.
fn look(e: &EventHandle, verb: &str, key: &str, value: &Dynamic) -> Answer<(Duration, bool)> {
    let value = as_json(verb, value)?;
    act(e, |stage, scene| {
        let key = window_key(stage, verb, key);
        let seen = Sighting::first(&value, scene.now);
        let before = stage.world.kept(&key, scene.now);
        let before = before.and_then(|kept| serde_json::from_value::<Sighting>(kept.clone()).ok());
        let same = before.filter(|before| before.is_like(&seen));
        let is_new = same.is_none();
        let sighting = same.map_or(seen, |before| before.not_after(scene.now));
        let value = serde_json::to_value(&sighting).expect("plain data with text keys is always JSON");
        let by = stage.rule_name().to_owned();
        stage.world.keep(&key, Kept { value, until: later(scene.now, SIGHTING_LIFE), by });
        Ok((sighting.lasts(scene.now), is_new))
    })
}

fn as_json(verb: &str, value: &Dynamic) -> Answer<serde_json::Value> {
    rhai::serde::from_dynamic(value)
        .map_err(|wrong| error(format!("{verb}: this value cannot be kept: {wrong}")))
}

fn keep(e: &mut EventHandle, key: &str, value: Dynamic, life: &str) -> Answer<()> {
    let life = duration(life)?;
    let value = as_json("set", &value)?;
    let size = value.to_string().len() + key.len();
    if size > bounds::VALUE_BYTES {
        let most = bounds::VALUE_BYTES;
        return Err(error(format!("set: key and value take {size} bytes, and at most {most} are kept")));
    }
    act(e, |stage, scene| {
        stage.note(format!("set {}: {}", brief(key), in_words(&value)));
        let by = stage.rule_name().to_owned();
        stage.world.keep(key, Kept { value, until: later(scene.now, life), by });
        Ok(())
    })
}
