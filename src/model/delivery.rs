//! Deliveries: one finished text for one recipient, and what became of it.

use super::words::first_line;
use super::{Detail, Scene, State, Timestamp};
use jiff::tz::TimeZone;
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
    /// What keeps its order: deliveries of one lane leave one after the other.
    pub fn lane(&self) -> String {
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

impl Message {
    /// Says in front of the text and the subject that this is no news but from a moment
    /// that has passed. The HTML is left out, so that mail shows the text; the JSON of a
    /// template stays as it is, since only its author knows what may stand where.
    pub fn mark_late(&mut self, from: Timestamp, now: Timestamp, zone: &TimeZone) {
        let [from, now] = [from, now].map(|moment| moment.to_zoned(zone.clone()));
        let form = if from.date() == now.date() { "%H:%M" } else { "%F %H:%M" };
        let mark = format!("(late: from {})", from.strftime(form));
        self.text = format!("{mark} {}", self.text);
        self.subject = self.subject.as_ref().map(|subject| format!("{mark} {subject}"));
        self.html = None;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_says_from_when_wherever_people_read() {
        let now: Timestamp = "2026-11-22T04:00:00Z".parse().expect("a moment");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        for (from, mark) in [
            ("2026-11-22T02:12:59Z", "(late: from 03:12)"),
            ("2026-11-21T23:00:00Z", "(late: from 00:00)"),
            ("2026-11-21T22:59:00Z", "(late: from 2026-11-21 23:59)"),
        ] {
            let mut message = Message {
                text: "db1 is DOWN\nsince noon".to_owned(),
                subject: Some("db1".to_owned()),
                html: Some("<p>db1</p>".to_owned()),
                json: Some("{}".to_owned()),
                ..Message::default()
            };
            message.mark_late(from.parse().expect("a moment"), now, &zone);
            assert_eq!(message.text, format!("{mark} db1 is DOWN\nsince noon"));
            assert_eq!(message.subject, Some(format!("{mark} db1")));
            assert_eq!((message.html, message.json.as_deref()), (None, Some("{}")));
        }
    }
}
