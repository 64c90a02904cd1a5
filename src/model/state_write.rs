//! What the engine wants kept of its state.
//!
//! Promises: a write shares what it keeps with the engine and becomes text only while it is
//! written, so a million of them at once cost little beside the state itself.

use super::ObjectKey;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

/// One entry of engine state to be written.
#[derive(Debug, Clone)]
pub struct StateWrite {
    /// Which map of the engine's state, such as `incident`.
    pub kind: &'static str,
    /// The key inside it.
    pub key: StateKey,
    /// The value; `None` deletes the entry.
    pub value: Option<StateValue>,
}

/// The key of an entry inside its map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateKey {
    /// A text.
    Text(String),
    /// A host or service.
    Object(ObjectKey),
}

impl StateKey {
    /// The key as it is kept; of an object the source, the byte 1F and its full name.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            StateKey::Text(text) => Cow::Borrowed(text),
            StateKey::Object(key) => Cow::Owned(format!("{}\u{1f}{}", key.source(), key.name())),
        }
    }
}

/// The value of an entry.
#[derive(Debug, Clone)]
pub enum StateValue {
    /// JSON.
    Json(String),
    /// What becomes JSON when it is written.
    Shared(Arc<dyn Kept>),
}

impl StateValue {
    /// The value as JSON.
    ///
    /// # Errors
    /// Where it cannot be JSON, such as a map whose keys are no texts.
    pub fn json(&self) -> serde_json::Result<Cow<'_, str>> {
        match self {
            StateValue::Json(json) => Ok(Cow::Borrowed(json)),
            StateValue::Shared(value) => value.json().map(Cow::Owned),
        }
    }
}

/// Plain data that is kept as JSON.
pub trait Kept: Debug + Send + Sync {
    /// The JSON.
    ///
    /// # Errors
    /// Where it cannot be JSON.
    fn json(&self) -> serde_json::Result<String>;
}

impl<T: Serialize + Debug + Send + Sync> Kept for T {
    fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}
