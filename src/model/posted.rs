//! Commands that were posted at the listening socket, and what they are answered.

use super::Timestamp;
use serde::{Deserialize, Serialize};

/// What stands for the listening socket where a sink and a room are named; no sink has this name.
pub const API: &str = "api";

/// A command that somebody posted, whose token held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedCommand {
    /// Which request it was; no other one has it, of this run or of another.
    pub request: String,
    /// Whose token came with it: the name of a person in the configuration.
    pub person: String,
    /// The command, with the prefix or without.
    pub line: String,
    /// By what it is known when it is sent again; `None` where nobody said.
    pub key: Option<String>,
    /// When it came in.
    pub at: Timestamp,
}

/// A command that is half written, to be completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completing {
    /// See [`PostedCommand::request`].
    pub request: String,
    /// See [`PostedCommand::person`].
    pub person: String,
    /// What is written of it; what its last word can become is asked.
    pub line: String,
}

/// An answer to a request. The first comes with what the command led to, others when Icinga or
/// whoever was asked has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedAnswer {
    /// Which request it answers.
    pub request: String,
    /// What to say; may be several lines, or none. Where something was completed, each line is
    /// one word.
    pub text: String,
    /// What came of it, as far as this answer knows.
    pub end: PostedEnd,
    /// How many more answers follow, if whoever was asked answers.
    pub later: usize,
}

/// What came of a command that was posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostedEnd {
    /// It was done, or answered.
    Done,
    /// It was handed to Icinga, or to whoever answers it.
    Asked,
    /// Nothing was done before a `yes`.
    Waits,
    /// Nothing was done: its key came before.
    Repeated,
    /// Nothing was done: a right is missing.
    Denied,
    /// Nothing was done for another reason.
    NotDone,
    /// It was not understood.
    NotUnderstood,
    /// It was not looked at: too many came before it. None is for so many seconds.
    TooMany(u64),
}
