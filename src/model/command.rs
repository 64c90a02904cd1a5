//! What people say to Watchbell.

use super::Timestamp;
use serde::{Deserialize, Serialize};

/// One line somebody wrote where Watchbell listens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// The sink it was heard by.
    pub sink: String,
    /// Where the answer goes: a channel, or the nick of a private talk.
    pub room: String,
    /// Whether it was said to Watchbell alone.
    pub private: bool,
    /// Who said it.
    pub speaker: Speaker,
    /// The line, without the prefix that marks a command; raw otherwise.
    pub text: String,
    /// When it was heard.
    pub at: Timestamp,
}

/// Who speaks, as far as the network vouches for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speaker {
    /// The name shown; proves nothing.
    pub nick: String,
    /// The account the network has verified, if any.
    pub account: Option<String>,
    /// Whether the sink vouches for the speaker as the operator of this very
    /// process (the terminal).
    pub local: bool,
}

/// An answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The sink the command came by.
    pub sink: String,
    /// The room it came from.
    pub room: String,
    /// What to say; may be several lines.
    pub text: String,
    /// When the command was heard.
    pub at: Timestamp,
}
