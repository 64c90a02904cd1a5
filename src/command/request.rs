//! What somebody asks for, as it was understood: one variant for each built-in command.

use crate::model::{DeliveryId, Timestamp};
use std::time::Duration;

/// What somebody asks for. Objects are still as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// `help`, all or of one command.
    Help(Option<String>),
    /// `ping`.
    Ping,
    /// `whoami`.
    Whoami,
    /// `i2status`.
    Status,
    /// `host`.
    Host(String),
    /// `service`.
    Service(String),
    /// `problems`, all or those that fit each of these words.
    Problems(Vec<String>),
    /// `mutes`.
    Mutes,
    /// `rules`.
    Rules,
    /// `why`, of an object, an incident or a delivery.
    Why(String),
    /// `history`.
    History {
        /// An object, an incident or a delivery.
        object: String,
        /// How much of it at most.
        count: usize,
    },
    /// `why-not`.
    WhyNot {
        /// Which object.
        object: String,
        /// Which target heard nothing.
        target: String,
    },
    /// `dead`, all or of one target.
    Dead(Option<String>),
    /// `dead replay`, by the numbers of deliveries.
    ReplayDead(Vec<DeliveryId>),
    /// `ack`.
    Acknowledge(Acknowledging),
    /// `unack`.
    RemoveAcknowledgement(String),
    /// `comment`.
    Comment {
        /// On which.
        object: String,
        /// The text.
        text: String,
    },
    /// `downtime`.
    Downtime(Scheduling),
    /// `downtimes`, all or those whose object holds a part.
    Downtimes(Option<String>),
    /// `undowntime`: a downtime's full name, or objects.
    RemoveDowntimes(String),
    /// `recheck`.
    Recheck(String),
    /// `notify`.
    Notify {
        /// About which.
        objects: String,
        /// The text.
        text: String,
    },
    /// `route`.
    Route {
        /// Which object.
        object: String,
        /// Which state, as written.
        state: String,
    },
    /// `test`: which target.
    Test(String),
    /// `join`: which room.
    Join(String),
    /// `part`: which room.
    Part(String),
    /// `yes`: what waits for it is done.
    Yes,
    /// `!!`: the last command once more.
    Again,
    /// `mute`.
    Mute(MuteAsked),
    /// `unmute`.
    Unmute(String),
    /// `watch`: of which object.
    Watch(String),
    /// `watch` without more: what is watched.
    Watching,
    /// `unwatch`: of which object, or `all`.
    Unwatch(String),
    /// `quiet`: until when; `None` means no longer.
    Quiet(Option<Timestamp>),
    /// `oncall`: who is on call.
    OnCall {
        /// By which schedule; by all, where none is named.
        schedule: Option<String>,
        /// When; now, where it is not said.
        at: Option<Timestamp>,
    },
    /// `overrides`.
    Overrides,
    /// `override`.
    Override {
        /// Of which schedule.
        schedule: String,
        /// Who is on call.
        person: String,
        /// From when on; from now on, where it is not said.
        from: Option<Timestamp>,
        /// Until when.
        until: Timestamp,
        /// Why; may be empty.
        reason: String,
    },
    /// `override cancel`, by number.
    CancelOverride(u64),
    /// `swap`.
    Swap {
        /// Of which schedule.
        schedule: String,
        /// Whose turn is given away.
        one: String,
        /// Who takes it, and gives away one of theirs.
        other: String,
        /// Which turn: the one in which this lies; the next one of `one`, where it is not said.
        near: Option<Timestamp>,
    },
    /// `escalate`.
    Escalate {
        /// Which.
        object: String,
        /// By which policy; `None` for the one under way, or the only one there is.
        policy: Option<String>,
    },
    /// `take`.
    Take(String),
    /// `release`.
    Release(String),
    /// `page`.
    Page {
        /// Whom, as steps of escalations name people.
        who: String,
        /// What to say.
        text: String,
    },
    /// `drill`.
    Drill {
        /// Which object.
        object: String,
        /// Which state, as written; `None` for the worst one.
        state: Option<String>,
        /// Which escalation is called besides.
        policy: Option<String>,
    },
    /// `reload`.
    Reload {
        /// Whether a set is taken whose own tests fail.
        force: bool,
    },
    /// `diff`: how far back.
    Diff(Duration),
    /// A command that is none of ours: perhaps one of a rule file.
    Other {
        /// The first word.
        name: String,
        /// The words behind it.
        arguments: Vec<String>,
    },
}

/// What is to be muted, and what ends that.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MuteAsked {
    /// An object, a wildcard pattern, the number of a mute, or conditions.
    pub what: Vec<String>,
    /// Until when.
    pub until: Option<Timestamp>,
    /// Whether it ends when all is well.
    pub until_ok: bool,
    /// In which span of the week alone.
    pub every: Option<String>,
    /// It ends when it has kept nothing quiet for so long.
    pub unused: Option<std::time::Duration>,
    /// Whether Icinga is to hear of it as a downtime.
    pub mirror: bool,
    /// Why; may be empty.
    pub reason: String,
}

/// What `ack` asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Acknowledging {
    /// Which.
    pub objects: String,
    /// What is being done about it; may be empty where an acknowledgement is extended.
    pub comment: String,
    /// When it ends by itself.
    pub expiry: Option<Timestamp>,
    /// Whether it survives a change between problem states.
    pub sticky: bool,
    /// Whether Icinga tells its own users.
    pub notify: bool,
}

/// What `downtime` asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduling {
    /// For which.
    pub objects: String,
    /// Why.
    pub comment: String,
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
    /// For a flexible one, how long it lasts once a problem has begun it.
    pub flexible: Option<Duration>,
    /// Whether all services of a host are included.
    pub services: bool,
    /// Whether what depends on it is included.
    pub children: bool,
}
