//! What there is in a trial: hosts and services with their configuration, and people.

use super::Trial;
use crate::command::right::ROLES;
use crate::config::{Accounts, Person};
use crate::engine::matcher::nearest;
use crate::model::{Input, Object, ObjectKey};
use serde_json::Value;
use std::sync::Arc;

/// The fields that a test may give an object, besides its variables.
const FIELDS: [&str; 7] =
    ["address", "display_name", "groups", "notes", "notes_url", "action_url", "parents"];
/// The network that people speak on who have no account on just some of them.
const SINK: &str = "test";
/// What a value of `vars` is written as.
const VARS: &str = "vars.NAME";

impl Trial {
    /// Adds to the configuration of an object, and of the host that a service is on.
    /// Fields are those of matchers: `host.vars.role`, `service.groups`; without `host.`
    /// or `service.` they are the object's own.
    pub(in crate::engine) fn object(
        &mut self,
        name: &str,
        fields: Vec<(String, Value)>,
    ) -> Result<(), String> {
        let key = self.key(name);
        let host_key = key.host_key();
        let world = self.road.engine().world();
        let mut host = Object::clone(&world.object(&host_key));
        let mut service = (!key.is_host()).then(|| Object::clone(&world.object(&key)));
        for (path, value) in fields {
            let (own, field) = match (path.split_once('.'), &mut service) {
                (Some(("host", field)), _) => (&mut host, field),
                (Some(("service", field)), Some(service)) => (service, field),
                (Some(("service", _)), None) => {
                    return Err(format!("`{path}`: {name} is a host; a service is written HOST!SERVICE"));
                }
                (_, Some(service)) => (service, path.as_str()),
                (_, None) => (&mut host, path.as_str()),
            };
            set_field(own, field, value).map_err(|wrong| format!("`{path}`: {wrong}"))?;
        }
        let objects = std::iter::once(host).chain(service).collect();
        self.take(Input::Objects(objects))
    }

    /// Somebody with just these roles, whose account has their name.
    pub(in crate::engine) fn person(&mut self, name: &str, roles: Vec<String>) -> Result<(), String> {
        let configured = &self.road.engine().settings().roles;
        let known: Vec<&str> = ROLES.iter().copied().chain(configured.keys().map(String::as_str)).collect();
        if let Some(unknown) = roles.iter().find(|role| !known.contains(&role.as_str())) {
            return Err(format!("there is no role `{unknown}`; there are: {}", known.join(", ")));
        }
        let person = Person {
            name: name.to_owned(),
            icinga_author: name.to_owned(),
            irc: Accounts::Everywhere(name.to_owned()),
            mail: None,
            roles,
            code: None,
        };
        self.road.engine_mut().put_person(person);
        Ok(())
    }

    /// The sink and the account of somebody who speaks. Who is neither configured nor declared
    /// may do everything.
    pub(super) fn account_of(&mut self, name: &str) -> Result<(String, String), String> {
        let persons = &self.road.engine().settings().persons;
        let on_any = || (SINK.to_owned(), name.to_owned());
        match persons.get(name).map(|person| person.irc.clone()) {
            Some(Accounts::Everywhere(account)) => Ok((SINK.to_owned(), account)),
            Some(Accounts::BySink(accounts)) => Ok(accounts.into_iter().next().unwrap_or_else(on_any)),
            // Without an account they could not speak.
            Some(Accounts::None) => {
                Err(format!("[person.{name}] of watchbell.toml has no `irc` account to speak with"))
            }
            None => {
                self.person(name, ROLES.iter().map(|role| (*role).to_owned()).collect())?;
                Ok(on_any())
            }
        }
    }
}

fn set_field(object: &mut Object, field: &str, value: Value) -> Result<(), String> {
    if let Some(path) = field.strip_prefix("vars.").filter(|path| !path.is_empty()) {
        return set_var(Arc::make_mut(&mut object.vars), path, value);
    }
    match field {
        "address" => object.address = text(value)?,
        "display_name" => object.display_name = text(value)?,
        "notes" => object.notes = text(value)?,
        "notes_url" => object.notes_url = text(value)?,
        "action_url" => object.action_url = text(value)?,
        "groups" => object.groups = Arc::new(texts(value)?),
        "parents" => {
            let source = object.key.source().clone();
            object.parents = texts(value)?.iter().map(|name| ObjectKey::from_name(&source, name)).collect();
        }
        _ => return Err(no_field(field)),
    }
    Ok(())
}

fn no_field(field: &str) -> String {
    let known = FIELDS.into_iter().chain([VARS]).map(str::to_owned);
    match nearest(field, known) {
        Some(meant) => format!("an object has no such field; did you mean `{meant}`?"),
        None => format!("an object has no such field; it has: {}, {VARS}", FIELDS.join(", ")),
    }
}

fn set_var(vars: &mut serde_json::Map<String, Value>, path: &str, value: Value) -> Result<(), String> {
    let Some((name, rest)) = path.split_once('.') else {
        vars.insert(path.to_owned(), value);
        return Ok(());
    };
    match vars.entry(name).or_insert_with(|| Value::Object(serde_json::Map::new())) {
        Value::Object(inner) => set_var(inner, rest, value),
        _ => Err(format!("`{name}` holds a value already, and no others below it")),
    }
}

fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err("takes a text".to_owned()),
    }
}

fn texts(value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(items) => items.into_iter().map(text).collect(),
        _ => Err("takes a list of texts".to_owned()),
    }
}
