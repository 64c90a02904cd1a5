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

impl Utterance {
    /// Where its speaker is told something in private later: under their account, wherever it is
    /// then, for a nick is nobody's for long. Where there are no accounts, under the nick.
    pub fn private_room(&self) -> String {
        match &self.speaker.account {
            Some(account) => format!("account:{account}"),
            None if self.private || self.speaker.local => self.room.clone(),
            None => self.speaker.nick.clone(),
        }
    }
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
    /// Where the command was a mail: the `Message-ID`s that the answer names, see
    /// [`super::MailAnswer::thread`]. Where it was posted, the one [`super::PostedCommand::request`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thread: Vec<String>,
}

/// A command that somebody wrote, and what came of it: a row of its audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commanded {
    /// When it was taken in.
    pub at: Timestamp,
    /// The sink it was heard by.
    pub sink: String,
    /// Where it was said: a channel, or the nick of a private talk.
    pub room: String,
    /// The name shown; proves nothing.
    pub nick: String,
    /// The account the network has verified, if any.
    pub account: Option<String>,
    /// The person it was taken to come from, by the name in the configuration.
    pub person: Option<String>,
    /// The line as it was written, without the prefix; a one-time code is blanked.
    pub line: String,
    /// What came of it.
    pub end: CommandEnd,
    /// Icinga's full names of the objects it was about, in order; may be empty.
    pub objects: Vec<String>,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandEnd {
    /// It was done, or answered.
    Done,
    /// It was handed to Icinga or to whoever answers it, or a confirmation is awaited.
    Asked,
    /// Nothing was done, and why not.
    Refused(String),
    /// There is no such command, or it was not understood.
    Unknown,
}

impl CommandEnd {
    /// Its name, as it is kept.
    pub fn name(&self) -> &'static str {
        match self {
            CommandEnd::Done => "done",
            CommandEnd::Asked => "asked",
            CommandEnd::Refused(_) => "refused",
            CommandEnd::Unknown => "unknown",
        }
    }

    /// The one of this name; `None` if there is none. A reason belongs to `refused` alone.
    pub fn from_name(name: &str, reason: String) -> Option<CommandEnd> {
        match name {
            "done" => Some(CommandEnd::Done),
            "asked" => Some(CommandEnd::Asked),
            "refused" => Some(CommandEnd::Refused(reason)),
            "unknown" => Some(CommandEnd::Unknown),
            _ => None,
        }
    }
}
