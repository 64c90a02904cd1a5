//! The one kind of value that enters the engine.

use super::event::{Comment, Downtime, RulesetChanged, SinkOutage};
use super::{
    ActionResult, Attempt, Commanded, Completing, Event, MailAnswer, MailRefused, Object, ObjectKey,
    PostedCommand, Reply, State, Timestamp, Utterance,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Everything that can move the engine. As JSON it is what the journal keeps: a change
/// here must still read what was written before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// Something happened.
    Event(Event),
    /// The whole truth of one Icinga, read after its stream was opened. Shared: the engine's
    /// thread keeps each input until it is on the disk, and this one may have half a million objects.
    Snapshot(Arc<Snapshot>),
    /// An Icinga cannot be read, for a minute already.
    OutOfReach {
        /// Which Icinga.
        source: Arc<str>,
        /// Since when, and why it cannot be read now.
        broken: Broken,
    },
    /// The configuration of some objects is new or has changed.
    Objects(Vec<Object>),
    /// Objects are gone.
    ObjectsGone(Vec<ObjectKey>),
    /// A person said something.
    Utterance(Utterance),
    /// A person posted a command at the listening socket.
    PostedCommand(PostedCommand),
    /// A person asks what a command that is half written can become. Changes nothing, and is not kept.
    Completing(Completing),
    /// Somebody answered a mail of ours.
    MailAnswer(MailAnswer),
    /// A mail came that is no answer that counts; for the audit.
    MailRefused(MailRefused),
    /// What somebody asked was answered outside of the engine.
    Answer(Reply),
    /// What somebody asked is not done, as a right is missing that only a look outside of the engine
    /// could tell.
    Denied {
        /// Which right, for whoever asked.
        reply: Reply,
        /// The command and why it is refused, for its audit.
        command: Box<Commanded>,
    },
    /// What became of the messages of a drill.
    Drilled {
        /// The number of the drill.
        number: i64,
        /// In words, for whoever asked for it.
        report: Reply,
    },
    /// Icinga answered an action.
    ActionResult(ActionResult),
    /// A delivery was given up.
    GivenUp(Attempt),
    /// A sink takes no deliveries, or takes them again.
    SinkOutage(SinkOutage),
    /// Rules and templates were changed, or a change was refused.
    RulesetChanged(RulesetChanged),
    /// The calendar of a schedule was read.
    Calendar {
        /// The name of the schedule.
        schedule: String,
        /// Its text, or why it cannot be read.
        read: Result<Arc<str>, String>,
    },
    /// The time asked for by an outcome has come.
    Tick,
}

impl Input {
    /// Whether the journal keeps it: what changes nothing by itself is left out.
    pub fn is_kept(&self) -> bool {
        !matches!(self, Input::Tick | Input::Completing(_))
    }
}

/// All hosts and services of one Icinga, as read at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which Icinga.
    pub source: Arc<str>,
    /// When the reading began.
    pub at: Timestamp,
    /// How the last stream before this one ended, or what was missing in this one; `None` at
    /// the first connection, and where another master is read.
    pub broken: Option<Broken>,
    /// Where a stream was open all the time, of another master of the zone or before a second
    /// look, so that there is no gap unless lines were unreadable (`broken`): the objects of which was told meanwhile, in no order;
    /// else `None`. What is read of those may be older than what was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Vec<ObjectKey>>,
    /// Icinga's `program_start`: after it, Icinga may have forgotten results of before. `None`
    /// where we may not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// Whether what is not in it is gone: it was not in the list before it either.
    #[serde(default = "yes")]
    pub settled: bool,
    /// All of them, in no order.
    pub objects: Vec<SnapshotObject>,
    /// All comments, with the object each is on; `None` where we may not read them.
    pub comments: Option<Vec<(ObjectKey, Comment)>>,
    /// All downtimes, with the object each is for; `None` where we may not read them.
    pub downtimes: Option<Vec<(ObjectKey, Downtime)>>,
}

fn yes() -> bool {
    true
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// Why, in words.
    pub reason: String,
    /// Until when nothing is missing: where it was last heard, which may be long before the end
    /// was noticed.
    pub at: Timestamp,
}

/// One host or service with its state, as `/v1/objects` gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotObject {
    /// Its configuration.
    pub object: Arc<Object>,
    /// `state`; `None` if it was never checked.
    pub state: Option<State>,
    /// `state_type` 1.
    pub hard: bool,
    /// `last_hard_state`, on the scale of its kind; `None` if never checked.
    pub last_hard_state: Option<State>,
    /// `check_attempt`.
    pub attempt: u32,
    /// `last_hard_state_change`; `None` where Icinga says 0.
    pub since: Option<Timestamp>,
    /// `last_check_result.output`; read only for problems, else empty.
    pub output: String,
    /// `last_check_result.exit_status`; read only for problems, else 0.
    #[serde(default)]
    pub exit_status: i64,
    /// `last_check_result.execution_end`; where that was not read, `last_state_ok` of a service
    /// or `last_state_up` of a host that is well, or `last_check`.
    pub execution_end: Option<Timestamp>,
    /// `last_reachable`.
    pub reachable: bool,
    /// `acknowledgement` not 0.
    pub acknowledged: bool,
    /// `acknowledgement` 2.
    pub sticky: bool,
    /// `acknowledgement_expiry`; `None` where Icinga says 0.
    pub acknowledgement_expiry: Option<Timestamp>,
    /// `flapping`, and detection enabled.
    pub flapping: bool,
    /// `downtime_depth`.
    pub downtime_depth: u32,
}
