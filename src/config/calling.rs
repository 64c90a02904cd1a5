//! People as they are meant: how somebody is reached, and who is called when nobody answers.
//!
//! Owns: these types. Promises: what is named in them exists. Never: decides who is called;
//! the engine does.

use crate::model::State;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use std::fmt;
use std::time::Duration;

/// How one person is reached, in the order of trying.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// `[[person.<name>.way]]`, in the order of the file; may be empty.
    pub ways: Vec<Way>,
    /// `quiet`; `None` where they may always be called.
    pub quiet: Option<Quiet>,
}

/// One way to reach a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The target that stands for it: `alice/libera`, person and sink.
    pub target: String,
    /// `sink`: the way out.
    pub sink: String,
    /// `after`: how long after the call this way is tried, if nobody has acknowledged until
    /// then. It is tried sooner if all ways before it have failed.
    pub after: Duration,
}

/// Hours in which a person is called for grave problems only.
#[derive(Debug, Clone)]
pub struct Quiet {
    /// When they begin, by the clock on the wall.
    pub from: Time,
    /// When they end; the next day if that is not later.
    pub to: Time,
    /// `zone` of the person, or that of `[defaults]`.
    pub zone: TimeZone,
    /// `quiet_floor`: a problem that is at least as grave is told all the same.
    pub floor: State,
}

/// `[escalation.<name>]`: who is called, in which order, until somebody acknowledges.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// `[[escalation.<name>.step]]`, in the order of the file; at least one.
    pub steps: Vec<PolicyStep>,
    /// `repeat`: how often all steps are gone through once more.
    pub repeat: u32,
    /// `repeat_after`: how long after the last step.
    pub repeat_after: Duration,
    /// `fallback`: the target that is told where a step reaches nobody.
    pub fallback: String,
    /// `acks`: how many people must acknowledge before nobody else is called; at least 1.
    pub acks: usize,
    /// `ack_remind`: how long after an acknowledgement whoever gave it is reminded, again and
    /// again.
    pub ack_remind: Option<Duration>,
    /// `ack_timeout`: how long an acknowledgement holds the escalation up.
    pub ack_timeout: Option<Duration>,
}

impl Policy {
    /// One that tells the target of its own name, at once and once.
    pub fn of_one_target(name: &str) -> Policy {
        Policy {
            name: name.to_owned(),
            steps: vec![PolicyStep { after: Duration::ZERO, to: vec![Recipient::Target(name.to_owned())] }],
            repeat: 0,
            repeat_after: Duration::ZERO,
            fallback: "default".to_owned(),
            acks: 1,
            ack_remind: None,
            ack_timeout: None,
        }
    }
}

/// One step of an escalation.
#[derive(Debug, Clone)]
pub struct PolicyStep {
    /// `after`: how long after the step before, or after the beginning.
    pub after: Duration,
    /// `to`: who is called; at least one.
    pub to: Vec<Recipient>,
}

/// Who is called by a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipient {
    /// `ops`: a target.
    Target(String),
    /// `person:alice`.
    Person(String),
    /// `schedule:dba`: whoever is on call.
    Schedule(String),
    /// `role:admin`: everybody who has it.
    Role(String),
}

impl Recipient {
    /// Reads it as it is written.
    pub fn read(text: &str) -> Recipient {
        match text.split_once(':') {
            Some(("person", name)) => Recipient::Person(name.to_owned()),
            Some(("schedule", name)) => Recipient::Schedule(name.to_owned()),
            Some(("role", name)) => Recipient::Role(name.to_owned()),
            _ => Recipient::Target(text.to_owned()),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recipient::Target(name) => write!(f, "{name}"),
            Recipient::Person(name) => write!(f, "person:{name}"),
            Recipient::Schedule(name) => write!(f, "schedule:{name}"),
            Recipient::Role(name) => write!(f, "role:{name}"),
        }
    }
}
