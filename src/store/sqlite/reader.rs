//! Reading a database that another Watchbell may be writing.

use super::{locked, open, read};
use crate::model::{Decision, Timestamp};
use crate::store::{PastDelivery, StoreError};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

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

    /// Names of the rules that judged something since a moment.
    pub fn rules_touched(&self, since: Timestamp) -> Result<BTreeSet<String>, StoreError> {
        read::rules_touched(&locked(&self.connection), since)
    }

    /// The newest deliveries about an object (Icinga's full name), newest first.
    pub fn deliveries(&self, object: &str, limit: usize) -> Result<Vec<PastDelivery>, StoreError> {
        read::deliveries(&locked(&self.connection), object, limit)
    }
}
