//! The store in one SQLite file.
//!
//! Owns: the file, the lock beside it, and its schema. Promises: a commit is on
//! the disk when it returns (WAL with `synchronous = FULL`); an operator can read
//! all of it with the `sqlite3` tool while Watchbell runs. Never: shares the file
//! with a second Watchbell, opens what it does not understand, changes a damaged
//! file. Moments are kept to the microsecond.
//! After a crash the next open finds the last commit that had returned, whole,
//! and perhaps the one under way, also whole.

mod journal;
mod open;
mod past;
mod read;
mod reader;
mod write;

pub use journal::read::{Journal, JournalInputs};
pub use reader::SqliteReader;

use super::{Audit, Batch, Entry, JournalLimits, Past, PastDelivery, Store, StoreError};
use crate::model::{About, Action, Decision, Delivery, Timestamp};
use rusqlite::Connection;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Durable state in one SQLite file: one connection that writes, one that reads, and
/// one that reads the state and the journal to tidy it, which may take long.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped in this order: the writer goes after the reader, so that it is the
    // last to close and folds the WAL into the file; the lock goes at the very end.
    reader: Option<Mutex<Connection>>,
    tidier: Option<Mutex<Connection>>,
    writer: Mutex<Connection>,
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the database at `path`; makes a new one, readable by its owner only,
    /// where there is none. The folder must exist and allow new files.
    ///
    /// Takes time in proportion to the size of the file, since all of it is
    /// checked. Fails if another Watchbell has it open, if it is damaged, or if a
    /// newer Watchbell wrote it; the file is then as it was before.
    pub fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        let lock = open::lock(path)?;
        let writer = open::writer(path)?;
        let reader = || Ok(Some(Mutex::new(open::reader(path)?)));
        Ok(SqliteStore {
            reader: reader()?,
            tidier: reader()?,
            writer: Mutex::new(writer),
            _lock: Some(lock),
        })
    }

    /// A database that ends with this value, for replay and tests.
    pub fn open_in_memory() -> Result<SqliteStore, StoreError> {
        let writer = open::in_memory()?;
        Ok(SqliteStore { reader: None, tidier: None, writer: Mutex::new(writer), _lock: None })
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        locked(&self.writer)
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        locked(self.reader.as_ref().unwrap_or(&self.writer))
    }
}

/// A panic under the lock cannot leave a half-made change behind: it rolls back.
fn locked(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for SqliteStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        write::batch(&mut self.writer(), batch)
    }

    fn load_state(&self) -> Result<Vec<Entry>, StoreError> {
        read::state(&self.reader())
    }

    fn due(
        &self,
        sink: &str,
        now: Timestamp,
        busy: &[String],
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        read::due(&self.reader(), sink, now, busy, limit)
    }

    fn next_due(&self, sink: &str) -> Result<Option<Timestamp>, StoreError> {
        read::next_due(&self.reader(), sink)
    }

    fn pending_actions(&self) -> Result<Vec<Action>, StoreError> {
        read::pending_actions(&self.reader())
    }

    fn decisions(&self, object: &str, limit: usize) -> Result<Vec<Decision>, StoreError> {
        past::decisions(&self.reader(), "object", &object, limit)
    }

    fn deliveries(&self, object: &str, limit: usize) -> Result<Vec<PastDelivery>, StoreError> {
        past::deliveries(&self.reader(), "object", &object, limit)
    }

    fn past(&self, about: &About, limit: usize) -> Result<Past, StoreError> {
        past::past(&self.reader(), about, limit)
    }

    fn audit(&self, now: Timestamp) -> Result<Audit, StoreError> {
        read::audit(&self.reader(), now)
    }

    fn forget_before(&self, moment: Timestamp) -> Result<(), StoreError> {
        write::forget_before(|| self.writer(), moment)
    }

    fn begin_journal(&self, limits: Option<JournalLimits>, now: Timestamp) -> Result<(), StoreError> {
        match (limits, &self.tidier) {
            (Some(limits), Some(tidier)) => {
                journal::tidy::begin(&mut locked(tidier), || self.writer(), limits, now)
            }
            (None, _) => journal::tidy::forget_all(|| self.writer()),
            // In memory nobody reads it later.
            (Some(_), None) => Ok(()),
        }
    }

    fn tidy_journal(&self, limits: JournalLimits, now: Timestamp) -> Result<(), StoreError> {
        let Some(tidier) = &self.tidier else { return Ok(()) };
        journal::tidy::tidy(&mut locked(tidier), || self.writer(), limits, now)
    }
}

/// Names what was being done when SQLite failed.
fn while_doing(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Statement { doing, source }
}
