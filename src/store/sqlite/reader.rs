//! Reading a database that another Watchbell may be writing.

use super::{Journal, journal, locked, open, read};
use crate::model::{Decision, Timestamp};
use crate::store::{PastDelivery, StoreError};
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A database that is only read: what `why` looks into while `run` goes on.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Mutex<Connection>,
}

impl SqliteReader {
    /// Opens the database at `path`; fails where there is none.
    pub fn open(path: &Path) -> Result<SqliteReader, StoreError> {
        Ok(SqliteReader { connection: Mutex::new(open::reader(path)?) })
    }

    /// The newest decisions on an object (Icinga's full name), newest first.
    pub fn decisions(&self, object: &str, limit: usize) -> Result<Vec<Decision>, StoreError> {
        read::decisions(&locked(&self.connection), object, limit)
    }

    /// The newest deliveries about an object (Icinga's full name), newest first.
    pub fn deliveries(&self, object: &str, limit: usize) -> Result<Vec<PastDelivery>, StoreError> {
        read::deliveries(&locked(&self.connection), object, limit)
    }

    /// What was known at `since` or some time before, and all that came in after that;
    /// where the journal does not go back so far, from its beginning. `None` if there is
    /// no journal. All of it is read as it is now.
    pub fn journal(self, since: Timestamp) -> Result<Option<Journal>, StoreError> {
        let connection = self.connection.into_inner().unwrap_or_else(PoisonError::into_inner);
        journal::read::open(connection, since)
    }
}
