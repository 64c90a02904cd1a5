//! What outlives the process.
//!
//! Owns: the database and every line of SQL. Promises: a batch is kept whole or
//! not at all, and is on the disk when [`Store::commit`] returns. Never: decides
//! anything; the values it keeps mean nothing to it.
//! After a crash it holds exactly the batches whose commit had returned, and
//! perhaps the one that was under way.

pub mod fold;
pub mod sqlite;
pub mod writer;

pub use crate::model::{StateKey, StateValue, StateWrite};

use crate::model::{
    About, Action, ActionId, ActionResult, Attempt, Commanded, Decision, Delivery, DeliveryId, Input,
    Message, PostedAnswer, Timestamp,
};
use fold::{Choice, DigestSums, Fold, Folded, Waiting};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::time::Duration;

/// What is kept together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Engine state, the source positions among it; later writes win.
    pub state: Vec<StateWrite>,
    /// New deliveries; one whose key is already kept is not kept again.
    pub deliveries: Vec<Delivery>,
    /// New actions.
    pub actions: Vec<Action>,
    /// The audit.
    pub decisions: Vec<Decision>,
    /// Who asked for what, and what came of it.
    pub commands: Vec<Commanded>,
    /// What became of deliveries.
    pub attempts: Vec<Attempt>,
    /// Actions that are done, with how they went.
    pub action_results: Vec<ActionResult>,
    /// Deliveries whose giving up the engine has taken in.
    pub heard: Vec<DeliveryId>,
    /// Actions whose result the engine has taken in.
    pub answered: Vec<ActionId>,
    /// The inputs all this came of, each with when it was taken in, in order.
    pub journal: Vec<(Timestamp, Input)>,
    /// What requests at the listening socket are answered once all else is on the disk. Not kept.
    pub answers: Vec<PostedAnswer>,
}

/// One entry of engine state: kind, key, value.
pub type Entry = (String, String, String);

/// How much of the journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalLimits {
    /// How far back it goes.
    pub keep: Duration,
    /// How large it may become, in bytes on the disk; then it goes back less far.
    pub size: u64,
}

/// A delivery of the past, with what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PastDelivery {
    /// What was to be sent.
    pub delivery: Delivery,
    /// `pending`, `sent`, `dead`, `superseded` or `digested`.
    pub status: String,
    /// The delivery that is sent in its stead, if it is superseded or digested.
    pub parent: Option<DeliveryId>,
    /// The receipt, or the last reason why not; may be empty.
    pub note: String,
    /// When it was last tried.
    pub last_attempt: Option<Timestamp>,
}

/// What is kept of the past about one thing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// What was decided, newest first.
    pub decisions: Vec<Decision>,
    /// What was to be sent, newest first.
    pub deliveries: Vec<PastDelivery>,
}

/// Which dead deliveries are meant; all that are dead by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeadFilter {
    /// Only those of this target.
    pub target: Option<String>,
    /// Only those given up at this moment or later.
    pub since: Option<Timestamp>,
}

/// Which commands of the audit are meant; all of them by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CommandFilter {
    /// Only those of this moment or later.
    pub since: Option<Timestamp>,
    /// Only those of this person.
    pub person: Option<String>,
    /// Only those about this object (Icinga's full name), or a service of this host.
    pub object: Option<String>,
}

/// Deliveries that were given up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeadLetters {
    /// Newest first; perhaps not all.
    pub letters: Vec<PastDelivery>,
    /// How many there are.
    pub in_all: u64,
}

/// How dead deliveries are made pending again.
#[derive(Debug, Clone, PartialEq)]
pub struct Revival {
    /// From when on their age counts.
    pub now: Timestamp,
    /// The zone of the moments that they are marked with.
    pub zone: TimeZone,
    /// The sinks that there are: what is for another one would wait for ever.
    pub sinks: BTreeSet<String>,
}

/// A number, and whether its delivery is pending again.
pub type Revived = (DeliveryId, Result<(), NotRevived>);

/// Why a delivery was not made pending again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRevived {
    /// There is no such number, or no longer.
    Unknown,
    /// It is not dead but this: `pending`, `sent`, `superseded` or `digested`.
    Is(String),
    /// The sink of this name is no longer configured.
    NoSink(String),
}

/// What an auditor asks of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// What is still to be sent by each sink that has something.
    pub waiting: Vec<Queue>,
    /// How many deliveries were given up, of those that are kept.
    pub dead: u64,
    /// Whether the digests of the last hour hold what they say.
    pub sums: DigestSums,
}

/// What a sink still has to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The sink's name.
    pub sink: String,
    /// How many deliveries are pending.
    pub count: u32,
    /// When the oldest of them was decided.
    pub oldest: Timestamp,
}

/// Durable state. All calls block: keep them off the async threads.
pub trait Store: Send + Sync {
    /// Keeps a batch, all or nothing; on the disk when it returns.
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// All engine state: kind, key, value.
    fn load_state(&self) -> Result<Vec<Entry>, StoreError>;

    /// The same, entry by entry; never all of it is held.
    fn each_state(&self, each: &mut dyn FnMut(&str, &str, &str)) -> Result<(), StoreError> {
        self.load_state()?.iter().for_each(|(kind, key, value)| each(kind, key, value));
        Ok(())
    }

    /// Pending deliveries of a sink that may be tried now: the first of each
    /// lane, oldest first, at most `limit`, and none of the lanes in `busy`.
    fn due(
        &self,
        sink: &str,
        now: Timestamp,
        busy: &[String],
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Takes out what is needless: each of these pending deliveries that tells a state
    /// and behind which a newer state waits in its lane is superseded, and so is every
    /// state between the two. The newest goes on as often tried as the first. Whether
    /// there was any.
    fn supersede(&self, waiting: &[DeliveryId]) -> Result<bool, StoreError>;

    /// How many deliveries were superseded by this one.
    fn superseded_by(&self, id: DeliveryId) -> Result<u64, StoreError>;

    /// Pending deliveries of a sink behind this one, in their order, at most `limit`.
    fn waiting(&self, sink: &str, after: DeliveryId, limit: usize) -> Result<Vec<Delivery>, StoreError>;

    /// How many deliveries of a sink are pending.
    fn count_waiting(&self, sink: &str) -> Result<u64, StoreError>;

    /// When the next pending delivery of a sink may be tried; `None` if none waits.
    fn next_due(&self, sink: &str) -> Result<Option<Timestamp>, StoreError>;

    /// What waits for each recipient of a sink; counts go up to `most`. A store that holds
    /// no deliveries need not know this, nor the three that follow.
    fn recipients(&self, _sink: &str, _most: u32) -> Result<Vec<Waiting>, StoreError> {
        Ok(Vec::new())
    }

    /// Pending deliveries of one recipient that may be tried now: the first of each lane,
    /// problems before recoveries, the worst first, then the oldest.
    fn due_of(&self, _choice: &Choice<'_>, _now: Timestamp) -> Result<Vec<Delivery>, StoreError> {
        Ok(Vec::new())
    }

    /// Makes one pending delivery, a digest, of what waits for a recipient: what is in it
    /// becomes `digested`, with the digest as its parent. `write` finds the words, perhaps
    /// more than once, as much is folded in slices. After a failure there is no digest, or
    /// one that tells the slices it holds. `None`, and nothing is changed, if less than two
    /// can be folded.
    fn fold(
        &self,
        _fold: &Fold<'_>,
        _write: &dyn Fn(&Folded) -> Message,
    ) -> Result<Option<Delivery>, StoreError> {
        Ok(None)
    }

    /// Whether the digests that were made since a moment tell what they hold: both numbers
    /// are 0 if so. Takes time in proportion to what was folded since then.
    fn digest_sums(&self, _since: Timestamp) -> Result<DigestSums, StoreError> {
        Ok(DigestSums::default())
    }

    /// Actions without a result, oldest first.
    fn pending_actions(&self) -> Result<Vec<Action>, StoreError>;

    /// What the engine has never taken in: deliveries that were given up
    /// ([`Input::GivenUp`]) and results of actions ([`Input::ActionResult`]), oldest first.
    fn unheard(&self) -> Result<Vec<Input>, StoreError>;

    /// The newest decisions on an object (Icinga's full name), newest first.
    fn decisions(&self, object: &str, limit: usize) -> Result<Vec<Decision>, StoreError>;

    /// The newest deliveries about an object (Icinga's full name), newest first.
    fn deliveries(&self, object: &str, limit: usize) -> Result<Vec<PastDelivery>, StoreError>;

    /// What is kept about something: at most `limit` decisions, the newest ones, and the
    /// deliveries that belong to them.
    fn past(&self, about: &About, limit: usize) -> Result<Past, StoreError>;

    /// The deliveries with these keys that are kept, oldest first.
    fn of_keys(&self, _keys: &[String]) -> Result<Vec<PastDelivery>, StoreError> {
        Ok(Vec::new())
    }

    /// The deliveries that were given up and pass the filter: how many there are, and the
    /// `limit` that were given up last, newest first.
    fn dead(&self, _filter: &DeadFilter, _limit: usize) -> Result<DeadLetters, StoreError> {
        Ok(DeadLetters::default())
    }

    /// Makes dead deliveries pending again, under their old keys, with their age and their
    /// tries counted anew, and marked as late. Says of each number whether that was done.
    fn revive(&self, ids: &[DeliveryId], _revival: &Revival) -> Result<Vec<Revived>, StoreError> {
        Ok(ids.iter().map(|id| (*id, Err(NotRevived::Unknown))).collect())
    }

    /// What waits, and whether the sums of digests are right. A store that keeps no
    /// deliveries has nothing to say.
    fn audit(&self, _now: Timestamp) -> Result<Audit, StoreError> {
        Ok(Audit::default())
    }

    /// Forgets decisions, and deliveries that are sent or dead, from before a moment.
    fn forget_before(&self, moment: Timestamp) -> Result<(), StoreError>;

    /// Forgets the audit of commands from before a moment. A store may keep none.
    fn forget_commands_before(&self, _moment: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    /// Makes the journal ready for a run, before its first batch: it begins with a copy
    /// of the state. `None` forgets all of it, since a journal with a hole would tell
    /// lies. A store may keep no journal.
    fn begin_journal(&self, _limits: Option<JournalLimits>, _now: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    /// Puts the journal in order: copies the state into it when that is due, packs it
    /// better, forgets what is too old or too much.
    fn tidy_journal(&self, _limits: JournalLimits, _now: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be opened.
    #[error(
        "cannot open the database {path}: {source}; its disk may be full or failing, or the file not be ours to write"
    )]
    Open {
        /// The file.
        path: String,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A file could not be made or opened.
    #[error("cannot open {path}: {source}; the folder must exist, and allow this user to make files in it")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database was written by a newer Watchbell.
    #[error(
        "the database {path} has schema {found}, this Watchbell knows up to {known}; use the newer Watchbell, or another [store] path"
    )]
    TooNew {
        /// The file.
        path: String,
        /// Its schema.
        found: i64,
        /// Our newest.
        known: i64,
    },
    /// The database was written by an older Watchbell, and is only to be read.
    #[error("the database {path} is from an older Watchbell; start this one once with `watchbell run`")]
    TooOld {
        /// The file.
        path: String,
    },
    /// The file is damaged.
    #[error("the database {path} is damaged: {reason}; move it away to start with an empty one")]
    Damaged {
        /// The file.
        path: String,
        /// What SQLite's check found.
        reason: String,
    },
    /// Another process uses it.
    #[error("the database {path} is in use by another Watchbell; stop that one, or use another [store] path")]
    InUse {
        /// The file.
        path: String,
    },
    /// A copy would overwrite something.
    #[error("{path} is there already and is not overwritten; name a file that is not there yet")]
    Exists {
        /// The file.
        path: String,
    },
    /// There is no room for a copy.
    #[error(
        "there is no room for the copy {path}, which takes up to {bytes} bytes; free that much, and try again; the database is as it was"
    )]
    NoRoom {
        /// The copy.
        path: String,
        /// How large it becomes at most.
        bytes: u64,
    },
    /// A copy could not be made.
    #[error("cannot make the copy {path}: {source}; the database is as it was")]
    Copy {
        /// The copy.
        path: String,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A database of an older schema could not be brought up to date.
    #[error(
        "cannot bring the database {path} up to date: {source}; it is whole and can be tried again, and a copy from before is {copy}; if its disk is full, free some room"
    )]
    Upgrade {
        /// The file.
        path: String,
        /// The copy from before.
        copy: String,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The disk has failed, and somebody who reads the database is in the way of mending that.
    #[error(
        "the disk of the database {path} has failed, and somebody who reads it keeps it from being written anew; end what else has it open"
    )]
    Read {
        /// The file.
        path: String,
    },
    /// A statement failed.
    #[error("cannot {doing}: {source}")]
    Statement {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// It panicked.
    #[error("the store panicked, which is a bug in Watchbell, please report it: {0}")]
    Panicked(String),
    /// A kept value cannot be read.
    #[error("cannot read a kept {what}: {source}")]
    Value {
        /// What it should have been.
        what: &'static str,
        /// Why not.
        source: serde_json::Error,
    },
}
