//! Deliveries: one finished text for one recipient, and what became of it.

use super::Timestamp;
use serde::{Deserialize, Serialize};

/// The number of a delivery in the store; counts up.
pub type DeliveryId = i64;

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
    /// How often it was tried before now.
    pub attempts: u32,
}

impl Delivery {
    /// What keeps its order: deliveries of one lane leave one after the other.
    pub fn lane(&self) -> String {
        format!("{}\u{1f}{}\u{1f}{}", self.target, self.recipient, self.object)
    }
}

/// The finished parts of a message. Which are used is the sink's matter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The plain text; never empty. May hold several lines.
    pub text: String,
    /// One line, for sinks that have a subject.
    pub subject: Option<String>,
    /// A whole HTML document, for sinks that show it.
    pub html: Option<String>,
    /// A JSON document, for sinks that speak to programs.
    pub json: Option<String>,
    /// What belongs together, such as `incident-42`; the same for all that is
    /// said of one incident.
    pub thread: Option<String>,
    /// The colour it deserves, where the sink knows colours.
    pub severity: u8,
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
