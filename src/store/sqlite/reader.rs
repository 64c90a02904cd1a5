//! Reading a database that another Watchbell may be writing.

use super::{Journal, copy, journal, locked, open, past, read};
use crate::model::{About, Timestamp};
use crate::store::{Past, StoreError};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A database that is only read: what `why` looks into while `run` goes on.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Mutex<Connection>,
}

impl SqliteReader {
    /// Opens the database at `path`; fails where there is none, and where another version
    /// of Watchbell wrote it that this one does not understand.
    pub fn open(path: &Path) -> Result<SqliteReader, StoreError> {
        let connection = open::reader(path)?;
        open::refuse_other_schema(&connection, path)?;
        Ok(SqliteReader { connection: Mutex::new(connection) })
    }

    /// Copies the database at `database` to the new file `to`, as it is at this moment, and
    /// gives the size of the copy in bytes. Any schema that this Watchbell knows will do.
    pub fn back_up(database: &Path, to: &Path) -> Result<u64, StoreError> {
        let missing = |source| StoreError::File { path: database.display().to_string(), source };
        std::fs::metadata(database).map_err(missing)?;
        if to.symlink_metadata().is_ok() {
            return Err(StoreError::Exists { path: to.display().to_string() });
        }
        let connection = open::reader(database)?;
        open::refuse_newer(&connection, database)?;
        copy::copy(&connection, to)
    }

    /// What is kept about something: at most `limit` decisions, the newest ones, and the
    /// deliveries that belong to them.
    pub fn past(&self, about: &About, limit: usize) -> Result<Past, StoreError> {
        past::past(&locked(&self.connection), about, limit)
    }

    /// Names of the rules that judged something since a moment.
    pub fn rules_touched(&self, since: Timestamp) -> Result<BTreeSet<String>, StoreError> {
        read::rules_touched(&locked(&self.connection), since)
    }

    /// The objects that something is known of: source and full name, in no order. The
    /// source is empty for what only the audit still knows.
    pub fn names(&self) -> Result<Vec<(String, String)>, StoreError> {
        past::names(&locked(&self.connection))
    }

    /// All engine state: kind, key, value.
    pub fn load_state(&self) -> Result<Vec<(String, String, String)>, StoreError> {
        read::state(&locked(&self.connection))
    }

    /// What was known at `since` or some time before, and all that came in after that;
    /// where the journal does not go back so far, from its beginning. `None` if there is
    /// no journal. All of it is read as it is now.
    pub fn journal(self, since: Timestamp) -> Result<Option<Journal>, StoreError> {
        let connection = self.connection.into_inner().unwrap_or_else(PoisonError::into_inner);
        journal::read::open(connection, since)
    }
}
