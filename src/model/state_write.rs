//! What the engine wants kept of its state.

/// One entry of engine state to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct StateWrite {
    /// Which map of the engine's state, such as `incident`.
    pub kind: &'static str,
    /// The key inside it.
    pub key: String,
    /// The value as JSON; `None` deletes the entry.
    pub value: Option<String>,
}
