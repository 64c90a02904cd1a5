//! A database file of its own for each test.

use rusqlite::Connection;
use std::path::PathBuf;
use tempfile::TempDir;
use watchbell::store::Store;
use watchbell::store::sqlite::SqliteStore;

/// A database file in a folder of its own.
pub(crate) struct Place {
    /// Gone with this value.
    pub(crate) folder: TempDir,
}

impl Place {
    /// An empty one.
    pub(crate) fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The path of the file.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("watchbell.db")
    }

    /// Opens it; it must not be open yet.
    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.database()).expect("the store opens")
    }

    /// The file as an operator with `sqlite3` sees it.
    pub(crate) fn operator(&self) -> Connection {
        Connection::open(self.database()).expect("the file opens")
    }
}

/// All engine state as key and value, in the order of the keys.
pub(crate) fn values(store: &SqliteStore) -> Vec<(String, String)> {
    let state = store.load_state().expect("the state can be read");
    state.into_iter().map(|(_, key, value)| (key, value)).collect()
}
