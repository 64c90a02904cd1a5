//! The fields of an event, as scripts read them: `e.state`, `e.host.vars.role`.

use super::value::{dynamic, json_to_dynamic};
use super::{Answer, EventHandle, error};
use crate::engine::matcher::nearest;
use crate::model::Scene;
use crate::model::scene::{FIELDS, OBJECT_FIELDS, Path};
use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString};
use std::sync::Arc;

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

pub(super) fn register(engine: &mut Engine) {
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
