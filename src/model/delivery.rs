//! Deliveries: one finished text for one recipient, and what became of it.

use super::words::first_line;
use super::{Detail, Message, Scene, State, Timestamp};
use serde::{Deserialize, Serialize};

/// The number of a delivery in the store; counts up.
pub type DeliveryId = i64;

/// What stands for the type of event in a message of a drill.
pub const DRILL: &str = "Drill";

/// One finished text on its way to one recipient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Set by the store when it is kept; 0 before.
    pub id: DeliveryId,
    /// What makes it this one and no other: the same input decided again yields
    /// the same key, and the store keeps a key once.
    pub key: String,
    /// When it was decided.
    pub at: Timestamp,
    /// The way out, by its name in the configuration.
    pub sink: String,
    /// The target it was decided for, or `reply` for an answer to a command.
    pub target: String,
    /// One address in the sink's own form: a channel, a nick, a mailbox.
    pub recipient: String,
    /// The name of the event's type, or `Reply`.
    pub event: String,
    /// Icinga's full name of the object, empty if none.
    pub object: String,
    /// Number of the incident, if any.
    pub incident: Option<u64>,
    /// Which rule decided it: `file:line name`, or who else.
    pub rule: String,
    /// What to say.
    pub message: Message,
    /// What it says, in short.
    #[serde(default)]
    pub brief: Brief,
    /// How often it was tried before now.
    pub attempts: u32,
    /// When somebody asked to have it sent after all, if it had been given up.
    #[serde(default)]
    pub revived: Option<Timestamp>,
}

impl Delivery {
    /// Whether it says that it is a drill.
    pub fn is_drill(&self) -> bool {
        self.event == DRILL
    }

    /// What keeps its order: deliveries of one lane leave one after the other. Nothing that
    /// is in earnest waits for a drill.
    pub fn lane(&self) -> String {
        if self.is_drill() {
            return format!("{}\u{1f}{}\u{1f}\u{1f}{DRILL}", self.target, self.recipient);
        }
        format!("{}\u{1f}{}\u{1f}{}", self.target, self.recipient, self.object)
    }

    /// Since when it waits to be sent: what its age counts from.
    pub fn waits_since(&self) -> Timestamp {
        self.revived.unwrap_or(self.at)
    }
}

/// What a delivery says, as far as those must know who send it: whether a newer one
/// makes it needless, how long it is worth sending, and its place in a digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// Whether it tells of a problem or its end.
    pub tells: Tells,
    /// The state that it tells; `None` unless it tells one.
    pub state: Option<State>,
    /// What the object belongs to: the first of its host's groups, or else its host;
    /// empty without an object.
    pub group: String,
    /// What the check wrote: its first line, 100 characters at most.
    pub words: String,
}

/// What a delivery tells of its object's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tells {
    /// A problem state.
    Problem,
    /// The end of a problem.
    Recovery,
    /// Something besides a state, such as a comment or an answer.
    #[default]
    Other,
}

impl Tells {
    /// As it is written in the store.
    pub fn name(self) -> &'static str {
        match self {
            Tells::Problem => "problem",
            Tells::Recovery => "recovery",
            Tells::Other => "other",
        }
    }

    /// The one that is called so.
    pub fn of_name(name: &str) -> Option<Tells> {
        [Tells::Problem, Tells::Recovery, Tells::Other].into_iter().find(|tells| tells.name() == name)
    }
}

/// How much of a check's output a brief keeps, in characters.
const BRIEF_CHARS: usize = 100;

impl Brief {
    /// What telling of this event says.
    pub fn of(scene: &Scene) -> Brief {
        let report = match &scene.event.detail {
            Detail::StateChange(report) => Some(report),
            _ => None,
        };
        let group = match &scene.host {
            Some(host) => host.groups.first().map_or(host.key.host(), String::as_str),
            None => scene.event.object.as_ref().map_or("", |object| object.host()),
        };
        Brief {
            tells: match report.map(|report| report.state.is_problem()) {
                Some(true) => Tells::Problem,
                Some(false) => Tells::Recovery,
                None => Tells::Other,
            },
            state: report.map(|report| report.state),
            group: group.to_owned(),
            words: report.map_or(String::new(), |report| first_line(&report.output, BRIEF_CHARS).to_owned()),
        }
    }
}

/// One try to send a delivery, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was to be sent.
    pub delivery: Delivery,
    /// When it was tried.
    pub at: Timestamp,
    /// How it ended.
    pub result: AttemptResult,
}

/// How one try ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AttemptResult {
    /// The sink accepted it; its receipt, such as an SMTP reply.
    Sent(String),
    /// Not now; when to try again and why.
    Retry {
        /// Not before this.
        not_before: Timestamp,
        /// Why, in the sink's words.
        reason: String,
        /// Whether this counts as a try. A sink that was not ready did not try.
        counted: bool,
    },
    /// Given up, and why.
    Dead(String),
}
