//! The schema, step by step, forward only.
//!
//! Promises: before the first step an older database is copied beside itself, as
//! `NAME.before-6` where 6 is the new schema; each step is one transaction. A crash
//! leaves the file with a schema that this Watchbell can go on from, and an older one can
//! use the copy. Never: goes back, or begins without the copy.

use super::{copy, files};
use crate::crash;
use crate::store::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};

/// Every step of the schema, oldest first; `PRAGMA user_version` counts those done.
const STEPS: &[&str] = &[
    include_str!("../migrations/001_first.sql"),
    include_str!("../migrations/002_facts.sql"),
    include_str!("../migrations/003_journal.sql"),
    include_str!("../migrations/004_fates.sql"),
    include_str!("../migrations/005_commands.sql"),
    include_str!("../migrations/006_calls.sql"),
];

/// The newest schema.
pub(super) const NEWEST: i64 = STEPS.len() as i64;

/// Copies a database of an older schema beside itself. A copy of the same name is from an
/// upgrade that did not end, or from before an older database was put back: what is
/// there now takes its place. `found` is its schema. Whether it was of an older one.
pub(super) fn copy_before(connection: &Connection, database: &Path, found: i64) -> Result<bool, StoreError> {
    if found == 0 || found >= NEWEST {
        return Ok(false);
    }
    let copy = copy_path(database);
    copy::copy(connection, &copy)?;
    tracing::info!(
        copy = %copy.display(),
        "the database has schema {found} and gets {NEWEST}; an older Watchbell can use the copy"
    );
    Ok(true)
}

/// Brings the schema up to date, and writes at least its number, so that a file which
/// cannot be written is found now, and the WAL is never empty while it is in use.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let done = version(connection)?;
    for (version, sql) in (1_i64..).zip(STEPS).filter(|(version, _)| *version > done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", version)?;
        crash::point("migration.inside");
        transaction.commit()?;
    }
    connection.pragma_update(None, "user_version", NEWEST)
}

/// How many steps are done.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Where the copy of an older schema is.
pub(super) fn copy_path(database: &Path) -> PathBuf {
    files::with_suffix(database, &format!(".before-{NEWEST}"))
}
