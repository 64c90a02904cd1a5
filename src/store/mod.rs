//! What outlives the process.
//!
//! Owns: the database and every line of SQL. Promises: a batch is kept whole or
//! not at all, and is on the disk when [`Store::commit`] returns. Never: decides
//! anything; the values it keeps mean nothing to it.
//! After a crash it holds exactly the batches whose commit had returned, and
//! perhaps the one that was under way.

pub mod sqlite;
pub mod writer;

pub use crate::model::StateWrite;

use crate::model::{About, Action, ActionResult, Attempt, Decision, Delivery, Input, Timestamp};
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
    /// What became of deliveries.
    pub attempts: Vec<Attempt>,
    /// Actions that are done, with how they went.
    pub action_results: Vec<ActionResult>,
    /// The inputs all this came of, each with when it was taken in, in order.
    pub journal: Vec<(Timestamp, Input)>,
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
    /// `pending`, `sent` or `dead`.
    pub status: String,
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

/// What an auditor asks of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// When the oldest pending delivery of each sink was decided.
    pub waiting: Vec<(String, Timestamp)>,
    /// How many deliveries of the last hour were folded into one that is not there.
    pub orphans: u64,
}

/// Durable state. All calls block: keep them off the async threads.
pub trait Store: Send + Sync {
    /// Keeps a batch, all or nothing; on the disk when it returns.
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// All engine state: kind, key, value.
    fn load_state(&self) -> Result<Vec<Entry>, StoreError>;

    /// Pending deliveries of a sink that may be tried now: the first of each
    /// lane, oldest first, at most `limit`, and none of the lanes in `busy`.
    fn due(
        &self,
        sink: &str,
        now: Timestamp,
        busy: &[String],
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// When the next pending delivery of a sink may be tried; `None` if none waits.
    fn next_due(&self, sink: &str) -> Result<Option<Timestamp>, StoreError>;

    /// Actions without a result, oldest first.
    fn pending_actions(&self) -> Result<Vec<Action>, StoreError>;

    /// The newest decisions on an object (Icinga's full name), newest first.
    fn decisions(&self, object: &str, limit: usize) -> Result<Vec<Decision>, StoreError>;

    /// The newest deliveries about an object (Icinga's full name), newest first.
    fn deliveries(&self, object: &str, limit: usize) -> Result<Vec<PastDelivery>, StoreError>;

    /// What is kept about something: at most `limit` decisions, the newest ones, and the
    /// deliveries that belong to them.
    fn past(&self, about: &About, limit: usize) -> Result<Past, StoreError>;

    /// What waits, and whether the sums of digests are right. A store that keeps no
    /// deliveries has nothing to say.
    fn audit(&self, _now: Timestamp) -> Result<Audit, StoreError> {
        Ok(Audit::default())
    }

    /// Forgets decisions, and deliveries that are sent or dead, from before a moment.
    fn forget_before(&self, moment: Timestamp) -> Result<(), StoreError>;

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
    #[error("cannot open the database {path}: {source}")]
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
