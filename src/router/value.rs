//! What a template sees: the field table, read as it is asked for.
//!
//! Owns: the names a template may write. Promises: a name of the table is there
//! for every event, undefined where the event has no such thing; any other name
//! is an error that names the nearest one. No text is longer than 8 KB.
//! Never: copies a field nobody asked for.

use super::escape;
use crate::diagnostic::did_you_mean;
use crate::model::scene::{FIELDS, Field, OBJECT_FIELDS, ObjectField, Path};
use crate::model::{Object as Checkable, Scene, Status, scene};
use jiff::tz::TimeZone;
use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// Longest text of one value, in bytes: what the plugin interface lets a plugin
/// write. The rest of a longer one is cut.
const MAX_TEXT: usize = 8192;

/// Functions of the template language, which are no fields.
const FUNCTIONS: [&str; 4] = ["range", "dict", "namespace", "debug"];

/// Names besides the table's: the time zone, the finished plain text (for the
/// other parts of the same message), the host and the service.
const OTHERS: [&str; 4] = ["zone", "text", "host", "service"];

type Group = BTreeMap<&'static str, &'static Field>;

enum Root {
    Field(&'static Field),
    Group(Group),
}

static ROOTS: LazyLock<BTreeMap<&'static str, Root>> = LazyLock::new(|| {
    let mut roots = BTreeMap::new();
    for field in FIELDS {
        let Some((group, name)) = field.name.split_once('.') else {
            roots.insert(field.name, Root::Field(field));
            continue;
        };
        if let Root::Group(fields) = roots.entry(group).or_insert_with(|| Root::Group(Group::new())) {
            fields.insert(name, field);
        }
    }
    roots
});

static OBJECT_ROOTS: LazyLock<BTreeMap<&'static str, &'static ObjectField>> =
    LazyLock::new(|| OBJECT_FIELDS.iter().map(|field| (field.name, field)).collect());

/// Whether a template may write this dotted name.
pub(super) fn is_name(path: &str) -> bool {
    let first = path.split('.').next().unwrap_or(path);
    Path::parse(path).is_some()
        || FUNCTIONS.contains(&first)
        || OTHERS.contains(&path)
        || matches!(path, "host.vars" | "service.vars")
        || matches!(ROOTS.get(path), Some(Root::Group(_)))
}

/// What to say of a name that is none.
pub(super) fn no_such_field(path: &str) -> String {
    let names: Vec<String> = Path::names().chain(OTHERS.map(str::to_owned)).collect();
    match did_you_mean(path, names.iter().map(String::as_str)) {
        Some(name) => format!("there is no field `{path}`; did you mean `{name}`?"),
        None => format!("there is no field `{path}`"),
    }
}

fn unknown(path: &str) -> Value {
    Value::from(Error::new(ErrorKind::UndefinedError, no_such_field(path)))
}

/// The root of all names in a template.
pub(super) struct View {
    pub(super) scene: Arc<Scene>,
    pub(super) zone: TimeZone,
    /// The finished plain text; `None` while that is being rendered.
    pub(super) text: Option<String>,
}

impl Object for View {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        let scene = || self.scene.clone();
        match (ROOTS.get(name), name) {
            (Some(Root::Field(field)), _) => Some(from_field((field.get)(&self.scene))),
            (Some(Root::Group(fields)), _) => Some(Value::from_object(GroupView { scene: scene(), fields })),
            (None, "host") => Some(Value::from_object(ObjectView { scene: scene(), side: Side::Host })),
            (None, "service") => Some(Value::from_object(ObjectView { scene: scene(), side: Side::Service })),
            (None, "zone") => Some(Value::from_object(Zone(self.zone.clone()))),
            (None, "text") => self.text.as_deref().map(Value::from).or_else(|| Some(unknown(name))),
            _ if FUNCTIONS.contains(&name) => None,
            _ => Some(unknown(name)),
        }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.scene.event.event_type())
    }
}

/// The time zone people read times in; prints as its IANA name.
#[derive(Debug)]
pub(super) struct Zone(pub(super) TimeZone);

impl Object for Zone {
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("local time"))
    }
}

/// Fields with a common first name, such as `downtime`.
struct GroupView {
    scene: Arc<Scene>,
    fields: &'static Group,
}

impl Object for GroupView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        match self.fields.get(name) {
            Some(field) => Some(from_field((field.get)(&self.scene))),
            None => Some(unknown(&format!("{}.{name}", self.name()))),
        }
    }

    /// Whether the event has any of them.
    fn is_true(self: &Arc<Self>) -> bool {
        self.fields.values().any(|field| (field.get)(&self.scene) != scene::Value::Missing)
    }
}

impl fmt::Debug for GroupView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl GroupView {
    fn name(&self) -> &'static str {
        let full = self.fields.values().next().map_or("", |field| field.name);
        full.split('.').next().unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Host,
    Service,
}

/// `host` or `service`.
#[derive(Debug)]
struct ObjectView {
    scene: Arc<Scene>,
    side: Side,
}

impl ObjectView {
    fn object(&self) -> Option<(&Arc<Checkable>, &Status)> {
        match self.side {
            Side::Host => Some((self.scene.host.as_ref()?, &self.scene.host_status)),
            Side::Service => Some((self.scene.service.as_ref()?, &self.scene.status)),
        }
    }

    fn name(&self) -> &'static str {
        match self.side {
            Side::Host => "host",
            Side::Service => "service",
        }
    }
}

impl Object for ObjectView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        let object = self.object();
        if name == "vars" {
            return Some(Value::from_object(Vars(object.map(|(object, _)| object.clone()))));
        }
        match (OBJECT_ROOTS.get(name), object) {
            (Some(field), Some((object, status))) => Some(from_field((field.get)(object, status))),
            (Some(_), None) => Some(Value::UNDEFINED),
            (None, _) => Some(unknown(&format!("{}.{name}", self.name()))),
        }
    }

    /// Whether the event has one.
    fn is_true(self: &Arc<Self>) -> bool {
        self.object().is_some()
    }
}

/// The custom variables of an object; one that is not set is undefined.
#[derive(Debug)]
struct Vars(Option<Arc<Checkable>>);

impl Object for Vars {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.as_ref()?.vars.get(key.as_str()?).map(from_json)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.0.iter().flat_map(|object| object.vars.keys());
        Enumerator::Values(names.map(Value::from).collect())
    }
}

fn from_text(text: &str) -> Value {
    if text.len() <= MAX_TEXT {
        return Value::from(text);
    }
    Value::from(format!("{}…", escape::cut(text, MAX_TEXT - '…'.len_utf8())))
}

fn from_field(value: scene::Value<'_>) -> Value {
    match value {
        scene::Value::Missing => Value::UNDEFINED,
        scene::Value::Bool(yes) => Value::from(yes),
        scene::Value::Int(number) => Value::from(number),
        scene::Value::Float(number) => Value::from(number),
        scene::Value::Text(text) => from_text(&text),
        scene::Value::Time(time) => Value::from(time.as_microsecond() as f64 / 1e6),
        scene::Value::List(texts) => texts.iter().map(|text| from_text(text)).collect(),
        scene::Value::Json(json) => from_json(json),
    }
}

fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(yes) => Value::from(*yes),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => from_text(text),
        serde_json::Value::Array(items) => items.iter().map(from_json).collect(),
        serde_json::Value::Object(pairs) => {
            Value::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), from_json(value))))
        }
    }
}
