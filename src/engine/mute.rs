//! Mutes: what people asked not to hear, for a time.
//!
//! Owns: what a mute is and what it covers. Never: decides what happens to a
//! muted event; that is the rules' matter.

use super::matcher::{Matcher, MatcherError, Pattern};
use crate::model::words::counted;
use crate::model::{ObjectKey, Scene, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A mute as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mute {
    /// Its number; written `m3`.
    pub id: u64,
    /// The fields it covers, as a matcher of rules has them.
    pub conditions: BTreeMap<String, Pattern>,
    /// What it covers, in words.
    pub what: String,
    /// Who muted it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How many events it kept quiet.
    pub events: u64,
}

impl Mute {
    /// How many events it kept quiet, in words.
    pub fn kept_quiet(&self) -> String {
        format!("{} kept quiet", counted(self.events, "event"))
    }
}

/// A mute that can be asked.
#[derive(Clone)]
pub struct ActiveMute {
    /// As kept.
    pub mute: Mute,
    matcher: Matcher,
}

impl ActiveMute {
    /// Makes a kept mute ready to be asked.
    pub fn new(mute: Mute) -> Result<ActiveMute, MatcherError> {
        let matcher = Matcher::compile(&mute.conditions)?;
        Ok(ActiveMute { mute, matcher })
    }

    /// Whether it covers this event now.
    pub fn covers(&self, scene: &Scene) -> bool {
        self.mute.until > scene.now
            && self.matcher.takes(scene.event.event_type())
            && self.matcher.holds(scene)
    }
}

/// Conditions that cover one object; a host's services with it.
pub fn conditions_for(object: &ObjectKey) -> BTreeMap<String, Pattern> {
    let (field, name) =
        if object.is_host() { ("host.name", object.host()) } else { ("object", object.name()) };
    BTreeMap::from([
        ("source".to_owned(), Pattern::Equal(object.source().as_ref().into())),
        (field.to_owned(), Pattern::Equal(name.into())),
    ])
}

/// Conditions that cover all objects whose full name, or whose host's name, is
/// like the wildcard pattern.
pub fn conditions_like(glob: &str) -> BTreeMap<String, Pattern> {
    let field = if glob.contains('!') { "object" } else { "host.name" };
    BTreeMap::from([(field.to_owned(), Pattern::Glob(glob.to_owned()))])
}
