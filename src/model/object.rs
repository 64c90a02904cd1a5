//! Hosts and services: their names and their configuration.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The name of one host or service of one Icinga.
///
/// `name` is Icinga's full name: `host`, or `host!service`; `!` is the divider. One pointer
/// wide: half a million of them stand in each of the engine's maps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectKey(Arc<Names>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Names {
    source: Arc<str>,
    name: Box<str>,
}

/// By the name alone: it tells nearly all objects apart, and every event looks up a dozen.
impl Hash for ObjectKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ObjectKey {
    /// Names a host, or a service of it. An empty service name means the host,
    /// as in Icinga's `service_name` of comments and downtimes.
    pub fn new(source: &Arc<str>, host: &str, service: Option<&str>) -> ObjectKey {
        match service.filter(|service| !service.is_empty()) {
            Some(service) => ObjectKey::from_name(source, &format!("{host}!{service}")),
            None => ObjectKey::from_name(source, host),
        }
    }

    /// Takes Icinga's full name (`__name`) as it is.
    pub fn from_name(source: &Arc<str>, name: &str) -> ObjectKey {
        ObjectKey(Arc::new(Names { source: source.clone(), name: Box::from(name) }))
    }

    /// The name of the Icinga it belongs to, as the configuration calls it.
    pub fn source(&self) -> &Arc<str> {
        &self.0.source
    }

    /// Icinga's full name: `host` or `host!service`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        self.name().split_once('!').map_or(self.name(), |(host, _)| host)
    }

    /// The service's short name; `None` for a host.
    pub fn service(&self) -> Option<&str> {
        self.name().split_once('!').map(|(_, service)| service)
    }

    /// Whether this names a host.
    pub fn is_host(&self) -> bool {
        !self.name().contains('!')
    }

    /// The host it is or belongs to.
    pub fn host_key(&self) -> ObjectKey {
        if self.is_host() { self.clone() } else { ObjectKey::from_name(self.source(), self.host()) }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What Icinga's configuration says of a host or service (`/v1/objects/hosts`,
/// `/v1/objects/services`). Texts that are not set are empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Which one.
    pub key: ObjectKey,
    /// `display_name`, or the short name where none is set.
    pub display_name: String,
    /// `address` of a host; empty for a service.
    pub address: String,
    /// `groups`: names of host or service groups, in Icinga's order. Shared by many, as
    /// `vars` is: see [`Alike`](super::Alike).
    pub groups: Arc<Vec<String>>,
    /// `vars`: custom variables; any JSON may stand in them.
    pub vars: Arc<serde_json::Map<String, serde_json::Value>>,
    /// `notes`.
    pub notes: String,
    /// `notes_url`.
    pub notes_url: String,
    /// `action_url`.
    pub action_url: String,
    /// Hosts this one depends on, from `Dependency` objects; in no order.
    pub parents: Vec<ObjectKey>,
}

impl Object {
    /// An object of which only the name is known.
    pub fn bare(key: ObjectKey) -> Object {
        let display_name = key.service().unwrap_or(key.host()).to_owned();
        Object {
            key,
            display_name,
            address: String::new(),
            groups: Arc::default(),
            vars: Arc::default(),
            notes: String::new(),
            notes_url: String::new(),
            action_url: String::new(),
            parents: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_as_its_two_names() {
        let key = ObjectKey::from_name(&Arc::from("lab"), "web1!http");
        let json = r#"{"source":"lab","name":"web1!http"}"#;
        assert_eq!(serde_json::to_string(&key).expect("plain data"), json);
        assert_eq!(serde_json::from_str::<ObjectKey>(json).expect("it was written so"), key);
        assert_eq!(size_of::<ObjectKey>(), size_of::<usize>());
    }
}
