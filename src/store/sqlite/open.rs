//! From a path to connections that can be trusted.
//!
//! Promises: nothing is written to a file that is in use, damaged or too new.
//! A migration is one transaction: a crash leaves the old schema or the new one.

use crate::crash;
use crate::store::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Every step of the schema, oldest first; `PRAGMA user_version` counts those done.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/001_first.sql"),
    include_str!("../migrations/002_facts.sql"),
    include_str!("../migrations/003_journal.sql"),
    include_str!("../migrations/004_fates.sql"),
];

/// More than the statements there are, so that each is parsed once.
const CACHED_STATEMENTS: usize = 64;

/// How long to wait for an operator's `sqlite3` that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The WAL file is cut back to this many bytes after a storm.
const WAL_LIMIT_BYTES: i64 = 64 * 1024 * 1024;

/// How long the lock is waited for. A child that is just being started holds a copy
/// of its parent's open files for an instant, and a Watchbell that is told to end
/// lets go at the very last.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
const LOCK_LOOK: Duration = Duration::from_millis(10);

/// Takes the lock beside the database; it is free again when the file is dropped,
/// and when the process ends in any way.
pub(super) fn lock(database: &Path) -> Result<File, StoreError> {
    let path = lock_path(database);
    let cannot = |source| StoreError::File { path: path.display().to_string(), source };
    let file = private_file(&path).map_err(cannot)?;
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(cannot(source)),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(LOCK_LOOK),
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { path: database.display().to_string() });
            }
        }
    }
}

/// Opens the connection that writes: checked, migrated, durable.
pub(super) fn writer(database: &Path) -> Result<Connection, StoreError> {
    let path = database.display().to_string();
    private_file(database).map_err(|source| StoreError::File { path: path.clone(), source })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(database, flags).map_err(cannot_open(&path))?;
    refuse_newer(&connection, &path)?;
    refuse_damaged(&connection, &path)?;
    prepare(&mut connection).map_err(cannot_open(&path))?;
    Ok(connection)
}

/// Opens the connection that reads; it cannot write.
pub(super) fn reader(database: &Path) -> Result<Connection, StoreError> {
    let path = database.display().to_string();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(cannot_open(&path))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(cannot_open(&path))?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// Opens a database in memory.
pub(super) fn in_memory() -> Result<Connection, StoreError> {
    let cannot = cannot_open(":memory:");
    let mut connection = Connection::open_in_memory().map_err(&cannot)?;
    prepare(&mut connection).map_err(&cannot)?;
    Ok(connection)
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Opens a file as it is, or makes an empty one that only its owner can read.
/// SQLite gives the files beside a database the permissions of the database.
fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn cannot_open(path: &str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::Damaged { path: path.to_owned(), reason: source.to_string() }
        }
        _ => StoreError::Open { path: path.to_owned(), source },
    }
}

fn refuse_newer(connection: &Connection, path: &str) -> Result<(), StoreError> {
    let found = schema_version(connection).map_err(cannot_open(path))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::TooNew { path: path.to_owned(), found, known });
    }
    Ok(())
}

/// A database that is only read is as its writer left it.
pub(super) fn refuse_other_schema(connection: &Connection, database: &Path) -> Result<(), StoreError> {
    let path = database.display().to_string();
    refuse_newer(connection, &path)?;
    let found = schema_version(connection).map_err(cannot_open(&path))?;
    if found < MIGRATIONS.len() as i64 { Err(StoreError::TooOld { path }) } else { Ok(()) }
}

fn refuse_damaged(connection: &Connection, path: &str) -> Result<(), StoreError> {
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(cannot_open(path))?;
    if found != "ok" {
        return Err(StoreError::Damaged { path: path.to_owned(), reason: found });
    }
    Ok(())
}

fn schema_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_LIMIT_BYTES)?;
    migrate(connection)
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let done = schema_version(connection)?;
    for (version, sql) in (1_i64..).zip(MIGRATIONS).filter(|(version, _)| *version > done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", version)?;
        crash::point("migration.inside");
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_waits_for_the_disk() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let connection = writer(&folder.path().join("watchbell.db")).expect("a database");
        let setting = |name| connection.pragma_query_value(None, name, |row| row.get::<_, String>(0));
        assert_eq!(setting("journal_mode").as_deref(), Ok("wal"));
        let synchronous = connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0));
        assert_eq!(synchronous, Ok(2), "2 is FULL");
    }
}
