//! The one kind of value that leaves the engine.

use super::Case;
use super::rights::Within;
use crate::model::{
    About, Action, Commanded, Decision, DeliveryId, PostedAnswer, Reply, RuleRef, Scene, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What one input led to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Whom to tell, in order.
    pub notifications: Vec<Notification>,
    /// Answers to commands, in order.
    pub replies: Vec<Reply>,
    /// What requests at the listening socket are answered, in order.
    pub answers: Vec<PostedAnswer>,
    /// What to ask of Icinga, in order.
    pub actions: Vec<Action>,
    /// Who asked for what, and what came of it, in order.
    pub commands: Vec<Commanded>,
    /// What was decided, and why.
    pub decisions: Vec<Decision>,
    /// What people asked that is answered outside of the engine.
    pub asks: Vec<Ask>,
    /// Lines that rules wrote to the log.
    pub log: Vec<String>,
}

/// Whom to tell, and of what.
#[derive(Debug, Clone)]
pub struct Notification {
    /// The target's own name; exists, unless any target is taken.
    pub target: String,
    /// What to tell.
    pub scene: Arc<Scene>,
    /// The rule that wants it, or a word for who else.
    pub by: By,
    /// Said instead of the template, if given.
    pub text: Option<String>,
    /// The template that says it, if another than that of the event's type.
    pub template: Option<String>,
    /// Said behind the text, such as the error of a rule.
    pub note: Option<String>,
}

/// Who wants a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// A rule.
    Rule(RuleRef),
    /// A step of an escalation.
    Policy {
        /// Its policy.
        policy: String,
        /// Which step, from 1.
        step: u32,
    },
    /// A person, by the name Icinga knows.
    Person(String),
    /// A drill, by the name under which it was asked for.
    Drill(String),
    /// Nobody in particular: no rule decided.
    Default,
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            By::Rule(rule) => rule.fmt(f),
            By::Policy { policy, step } => write!(f, "escalation {policy}, step {step}"),
            By::Person(name) => write!(f, "asked for by {name}"),
            By::Drill(name) => write!(f, "drill by {name}"),
            By::Default => write!(f, "no rule decided"),
        }
    }
}

/// Something a person asked that takes more than the engine's state to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// What is asked.
    pub question: Question,
    /// Where the answer goes; its text is how who asked is addressed, and the answer is
    /// still missing.
    pub reply: Reply,
}

/// What a person asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// To read rules and templates again. What comes of it is told as `RulesetChanged`.
    Reload {
        /// Whether a set is taken whose own tests fail.
        force: bool,
    },
    /// How late events are, by Icinga's doing and by ours.
    Lag,
    /// What was decided about something, and why.
    Why(About),
    /// What happened to something lately, and what was done with each.
    History {
        /// About what.
        about: About,
        /// How many decisions at most.
        count: usize,
    },
    /// To be in a room, or no longer, until the next start.
    Attend {
        /// The sink whose room it is.
        sink: String,
        /// Which room.
        room: String,
        /// Whether to be there.
        stays: bool,
    },
    /// Why a target did not hear of an object.
    WhyNot(Box<Case>),
    /// Which deliveries were given up, of all targets or one.
    Dead {
        /// The target, as it was written.
        target: Option<String>,
    },
    /// To send deliveries after all that were given up.
    ReplayDead {
        /// Their numbers.
        ids: Vec<DeliveryId>,
        /// Which of them who asked may send.
        within: Within,
        /// The command, for its audit where they may not.
        command: Box<Commanded>,
    },
    /// Whom the messages of a drill have reached.
    Drill(Box<Drill>),
    /// To compare the candidate rules with those in force on what came in.
    Diff {
        /// How far back.
        length: Duration,
    },
}

/// A drill whose messages are on their way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// Its number; 0 until it is noted in the world.
    pub number: i64,
    /// When its messages were decided.
    pub at: Timestamp,
    /// How long ago that is.
    #[serde(skip)]
    pub waited: Duration,
    /// Who asked for it, by the name Icinga knows.
    pub by: String,
    /// What is played, such as `db1 DOWN`.
    pub what: String,
    /// The keys of its messages; empty until they are rendered.
    pub keys: Vec<String>,
    /// The person behind a target, by the target's name; none for a target of many.
    pub persons: BTreeMap<String, String>,
    /// What of it reaches nobody and why, in words; may be empty.
    pub notes: Vec<String>,
}
