//! What a script may call: the fields and verbs of rules and commands.
//!
//! Owns: the bridge between Rhai and the engine. Promises: an unknown field or a
//! wrong argument is an error that says what is meant. Never: does I/O; a verb
//! adds to the outcome, the host acts on it later.

use super::matcher::{Pattern, nearest};
use super::mute::Mute;
use super::stage::{Dropped, Slot, Stage, on_stage};
use super::windows::{self, Kept};
use crate::model::scene::{FIELDS, OBJECT_FIELDS, Path, Value};
use crate::model::time::{later, parse_duration};
use crate::model::{Detail, Scene};
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map, Position};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

type Answer<T> = Result<T, Box<EvalAltResult>>;

/// How long a kept value lives unless the script says.
const KEEP_UNLESS_SAID: &str = "7d";

/// Texts longer than this are cut before a script sees them, in characters: a
/// plugin may write a million. Matchers and templates see the whole.
const TEXT_CAP: usize = 65_536;

/// The event, as a script holds it.
#[derive(Clone)]
pub struct EventHandle {
    /// What is judged.
    pub scene: Arc<Scene>,
    /// Where the verbs find the engine's state.
    pub slot: Slot,
}

/// A group of fields, such as `e.host` or `e.downtime`.
#[derive(Clone)]
struct Group {
    scene: Arc<Scene>,
    prefix: &'static str,
}

/// The custom variables of the host or the service.
#[derive(Clone)]
struct Vars {
    scene: Arc<Scene>,
    of_service: bool,
}

fn error(text: String) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(text.into(), Position::NONE).into()
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(TEXT_CAP).map_or(text, |(end, _)| &text[..end])
}

/// Turns a field's value into what a script works with; missing is `()`.
fn dynamic(value: Value<'_>) -> Dynamic {
    match value {
        Value::Missing => Dynamic::UNIT,
        Value::Bool(truth) => truth.into(),
        Value::Int(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Text(text) => cut(&text).into(),
        Value::Time(time) => time.as_second().into(),
        Value::List(items) => {
            items.iter().map(|item| Dynamic::from(cut(item).to_owned())).collect::<Array>().into()
        }
        Value::Json(json) => json_to_dynamic(json),
    }
}

fn json_to_dynamic(json: &serde_json::Value) -> Dynamic {
    match json {
        serde_json::Value::Null => Dynamic::UNIT,
        serde_json::Value::Bool(truth) => (*truth).into(),
        // Icinga may write a whole number as `1.0`; a script shall see 1.
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(float)) if float.fract() == 0.0 && float.abs() < 9e15 => (float as i64).into(),
            (None, Some(float)) => float.into(),
            (None, None) => Dynamic::UNIT,
        },
        serde_json::Value::String(text) => cut(text).into(),
        serde_json::Value::Array(items) => items.iter().map(json_to_dynamic).collect::<Array>().into(),
        serde_json::Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.as_str().into(), json_to_dynamic(value)))
            .collect::<Map>()
            .into(),
    }
}

/// Makes a pattern of what stands in a matcher.
pub fn pattern(value: Dynamic) -> Result<Pattern, String> {
    if value.is::<Pattern>() {
        return Ok(value.cast::<Pattern>());
    }
    if value.is_unit() {
        return Ok(Pattern::Missing);
    }
    if let Ok(number) = value.as_int() {
        return Ok(Pattern::Equal(number.into()));
    }
    if let Ok(number) = value.as_float() {
        return Ok(Pattern::Equal(number.into()));
    }
    if let Ok(truth) = value.as_bool() {
        return Ok(Pattern::Equal(truth.into()));
    }
    if value.is_string() {
        return Ok(Pattern::Equal(value.into_string().unwrap_or_default().into()));
    }
    if value.is_array() {
        let items = value.into_array().unwrap_or_default();
        return Ok(Pattern::Any(items.into_iter().map(pattern).collect::<Result<_, _>>()?));
    }
    Err(format!(
        "a matcher takes texts, numbers, truth values, lists of them, and glob, re, not, above, below; not a {}",
        value.type_name()
    ))
}

/// Makes the conditions of a matcher from a map.
pub fn conditions(map: Map) -> Result<BTreeMap<String, Pattern>, String> {
    map.into_iter().map(|(key, value)| Ok((key.to_string(), pattern(value)?))).collect()
}

fn duration(text: &str) -> Answer<Duration> {
    parse_duration(text).map_err(|wrong| error(wrong.to_string()))
}

/// Registers everything a script may call, but `rule` and `command`.
pub fn register(engine: &mut Engine, slot: &Slot) {
    register_patterns(engine);
    register_fields(engine);
    register_verbs(engine);
    register_mutes(engine, slot);
    super::command_run::register(engine);
}

fn register_patterns(engine: &mut Engine) {
    engine.register_type_with_name::<Pattern>("Pattern");
    engine.register_fn("glob", |glob: &str| Pattern::Glob(glob.to_owned()));
    engine.register_fn("re", |regex: &str| Pattern::Regex(regex.to_owned()));
    engine.register_fn("above", |bound: i64| Pattern::Above(bound as f64));
    engine.register_fn("above", Pattern::Above);
    engine.register_fn("below", |bound: i64| Pattern::Below(bound as f64));
    engine.register_fn("below", Pattern::Below);
    engine.register_fn("not", |inner: Dynamic| -> Answer<Pattern> {
        Ok(Pattern::Not(Box::new(pattern(inner).map_err(error)?)))
    });
}

fn register_fields(engine: &mut Engine) {
    engine.register_type_with_name::<EventHandle>("Event");
    engine.register_type_with_name::<Group>("Fields");
    engine.register_type_with_name::<Vars>("Vars");
    let mut groups = vec!["host", "service"];
    for field in FIELDS {
        match field.name.split_once('.') {
            None => {
                engine.register_get(field.name, move |e: &mut EventHandle| dynamic((field.get)(&e.scene)));
            }
            Some((prefix, _)) if !groups.contains(&prefix) => groups.push(prefix),
            Some(_) => {}
        }
    }
    for prefix in groups {
        engine.register_get(prefix, move |e: &mut EventHandle| Group { scene: e.scene.clone(), prefix });
    }
    for field in OBJECT_FIELDS {
        engine.register_get(field.name, move |group: &mut Group| group_field(group, field.name));
    }
    engine.register_get("vars", |group: &mut Group| -> Answer<Vars> {
        match group.prefix {
            "host" | "service" => {
                Ok(Vars { scene: group.scene.clone(), of_service: group.prefix == "service" })
            }
            prefix => Err(error(format!("there is no field `{prefix}.vars`"))),
        }
    });
    engine.register_indexer_get(|group: &mut Group, name: ImmutableString| group_field(group, &name));
    engine.register_indexer_get(|vars: &mut Vars, name: ImmutableString| {
        let object = if vars.of_service { &vars.scene.service } else { &vars.scene.host };
        object
            .as_ref()
            .and_then(|object| object.vars.get(name.as_str()))
            .map_or(Dynamic::UNIT, json_to_dynamic)
    });
    engine.register_indexer_get(|e: &mut EventHandle, name: ImmutableString| -> Answer<Dynamic> {
        match e.scene.field(&name) {
            Some(value) => Ok(dynamic(value)),
            None => Err(unknown_field(&name)),
        }
    });
}

fn group_field(group: &mut Group, name: &str) -> Answer<Dynamic> {
    let path = format!("{}.{name}", group.prefix);
    match group.scene.field(&path) {
        Some(value) => Ok(dynamic(value)),
        None => Err(unknown_field(&path)),
    }
}

fn unknown_field(path: &str) -> Box<EvalAltResult> {
    let meant =
        nearest(path, Path::names()).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
    error(format!("there is no field `{path}`{meant}"))
}

/// Does something with the stage on behalf of an event's verb.
fn act<T>(e: &EventHandle, act: impl FnOnce(&mut Stage, &Arc<Scene>) -> Result<T, String>) -> Answer<T> {
    on_stage(&e.slot, |stage| act(stage, &e.scene)).map_err(error)
}

fn register_verbs(engine: &mut Engine) {
    engine.register_fn("notify", |e: &mut EventHandle, target: &str| {
        act(e, |stage, scene| stage.notify(scene, target, None))
    });
    engine.register_fn("notify", |e: &mut EventHandle, target: &str, mut options: Map| {
        let text = options.remove("text").map(|text| text.to_string());
        if let Some(unknown) = options.keys().next() {
            return Err(error(format!("notify knows no option `{unknown}`; it knows: text")));
        }
        act(e, |stage, scene| stage.notify(scene, target, text))
    });
    engine.register_fn("tell_those_told", |e: &mut EventHandle| {
        act(e, |stage, scene| stage.tell_those_told(scene))
    });
    engine.register_fn("drop", |e: &mut EventHandle, reason: &str| drop_event(e, reason, None));
    engine.register_fn("drop", |e: &mut EventHandle, reason: &str, mut options: Map| {
        let again = match options.remove("again") {
            Some(length) => Some(duration(&length.to_string())?),
            None => None,
        };
        if let Some(unknown) = options.keys().next() {
            return Err(error(format!("drop knows no option `{unknown}`; it knows: again")));
        }
        drop_event(e, reason, again)
    });
    engine.register_fn("stop", |e: &mut EventHandle| {
        act(e, |stage, _| {
            stage.run.did.push("stop".to_owned());
            stage.run.stopped = true;
            Ok(())
        })
    });
    engine.register_fn("log", |e: &mut EventHandle, text: &str| {
        act(e, |stage, _| {
            stage.run.log.push(cut(text).to_owned());
            Ok(())
        })
    });
    engine.register_fn("muted", |e: &mut EventHandle| {
        act(e, |stage, scene| Ok(stage.muted_by(scene).is_some()))
    });
    engine.register_fn("muted_by", |e: &mut EventHandle| {
        act(e, |stage, scene| Ok(stage.muted_by(scene).unwrap_or_default()))
    });
    #[cfg(test)]
    engine.register_fn("panic_on_purpose", |e: &mut EventHandle| {
        act(e, |_, _| -> Result<(), String> { panic!("on purpose") })
    });
    register_memory(engine);
}

fn drop_event(e: &mut EventHandle, reason: &str, again: Option<Duration>) -> Answer<()> {
    act(e, |stage, scene| {
        // What is judged a second time was counted the first time.
        if let Some(id) = stage.run.muted_by.filter(|_| scene.event.withheld.is_none()) {
            stage.world.count_muted(id);
        }
        stage.run.did.push(format!("drop: {reason}"));
        stage.run.dropped = Some(Dropped { reason: reason.to_owned(), again });
        Ok(())
    })
}

fn register_memory(engine: &mut Engine) {
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
        let window = options
            .remove("window")
            .map_or(Ok(Duration::from_secs(900)), |length| duration(&length.to_string()))?;
        let changes = match options.remove("changes").map(|changes| changes.as_int()) {
            None => 5,
            Some(Ok(changes)) if changes > 0 => changes,
            Some(_) => return Err(error("flapping: `changes` takes a whole number above 0".to_owned())),
        };
        if let Some(unknown) = options.keys().next() {
            return Err(error(format!("flapping knows no option `{unknown}`; it knows: window, changes")));
        }
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
    act(e, |stage, scene| {
        stage.world.keep(key, Kept { value, until: later(scene.now, life) });
        Ok(())
    })
}

fn register_mutes(engine: &mut Engine, slot: &Slot) {
    let at = slot.clone();
    engine.register_fn("mute", move |map: Map, length: &str, reason: &str, owner: &str| -> Answer<String> {
        let length = duration(length)?;
        let conditions = conditions(map).map_err(error)?;
        on_stage(&at, |stage| {
            let what: Vec<String> =
                conditions.iter().map(|(path, pattern)| format!("{path} = {pattern}")).collect();
            let mute = Mute {
                id: 0,
                conditions,
                what: what.join(", "),
                owner: owner.to_owned(),
                reason: reason.to_owned(),
                since: stage.run.now,
                until: later(stage.run.now, length),
                events: 0,
            };
            stage.add_mute(mute)
        })
        .map_err(error)
    });
    let at = slot.clone();
    engine.register_fn("unmute", move |number: i64, by: &str| -> Answer<String> {
        on_stage(&at, |stage| stage.unmute(number as u64, by)).map_err(error)
    });
}
