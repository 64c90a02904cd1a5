//! From a path to connections that can be trusted.
//!
//! Promises: nothing is written to a file that is in use, damaged or too new; no WAL goes
//! with a connection unless the lock says that it holds nothing more.

use super::files::private_file;
use super::lock::{self, Left, Lock};
use super::{migrate, wal};
use crate::store::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// More than the statements there are, so that each is parsed once.
const CACHED_STATEMENTS: usize = 64;

/// How long to wait for an operator's `sqlite3` that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The WAL is folded into the file when it has this many pages of 4 KiB: a page that many
/// batches change, such as one of an index, is written into the file once for all of them.
const FOLD_AFTER_PAGES: u64 = 8192;
/// Or sooner, where that would be more than this part of the room on the disk: a WAL that
/// fills the disk cannot be folded any more, since the file finds no room to grow.
const PART_OF_THE_ROOM: u64 = 4;
const LEAST_PAGES: u64 = 64;
const PAGE_BYTES: u64 = 4096;

/// The WAL file is cut back to this many bytes after a storm.
const WAL_LIMIT_BYTES: i64 = 64 * 1024 * 1024;

/// Opens the connection that writes: checked, migrated, durable. The lock says then that the
/// WAL counts, and there is one.
pub(super) fn writer(database: &Path, lock: &mut Lock) -> Result<Connection, StoreError> {
    private_file(database)
        .map_err(|source| StoreError::File { path: database.display().to_string(), source })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(database, flags).map_err(cannot_open(database))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(cannot_open(database))?;
    keep_wal(&connection, lock.left() == Left::InUse).map_err(cannot_open(database))?;
    let found = refuse_newer(&connection, database)?;
    refuse_damaged(&connection, database)?;
    let is_upgrade = migrate::copy_before(&connection, database, found)?;
    // What a crash left in the WAL may never have reached the disk. Somebody who reads
    // meanwhile is no reason not to start. A copy that was put back has no WAL yet, and
    // SQLite does not fold one that the same connection has just begun.
    wal::fold(&connection, lock, cannot_open(database))?;
    make_durable(&connection).map_err(cannot_open(database))?;
    connection
        .pragma_update(None, "wal_autocheckpoint", pages_of_wal(room_at(database)))
        .map_err(cannot_open(database))?;
    migrate::migrate(&mut connection).map_err(|source| match is_upgrade {
        true => cannot_upgrade(database, source),
        false => cannot_open(database)(source),
    })?;
    keep_wal(&connection, true).map_err(cannot_open(database))?;
    lock.note_in_use()?;
    Ok(connection)
}

/// Whether the WAL stays when the connection is closed and nobody else has the file open. If not, SQLite
/// folds and deletes it then, in steps of which the lock would know nothing.
pub(super) fn keep_wal(connection: &Connection, stays: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, stays).map(drop)
}

/// Opens the connection that reads; it cannot write.
pub(super) fn reader(database: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(cannot_open(database))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(cannot_open(database))?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// Opens a connection that may write to a database that another Watchbell has open. It
/// neither makes a database nor changes its schema.
pub(super) fn guest(database: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(cannot_open(database))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(cannot_open(database))?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(cannot_open(database))?;
    let is_in_use = lock::said(database).is_ok_and(|left| left == Left::InUse);
    keep_wal(&connection, is_in_use).map_err(cannot_open(database))?;
    Ok(connection)
}

/// Opens a database in memory.
pub(super) fn in_memory() -> Result<Connection, StoreError> {
    let cannot = cannot_open(Path::new(":memory:"));
    let mut connection = Connection::open_in_memory().map_err(&cannot)?;
    make_durable(&connection).map_err(&cannot)?;
    migrate::migrate(&mut connection).map_err(&cannot)?;
    Ok(connection)
}

/// Fails unless a copy is sound.
pub(super) fn check_copy(copy: &Path) -> Result<(), StoreError> {
    refuse_damaged(&reader(copy)?, copy)
}

fn cannot_open(path: &Path) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| {
        let path = path.display().to_string();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                StoreError::Damaged { path, reason: source.to_string() }
            }
            _ => StoreError::Open { path, source },
        }
    }
}

fn cannot_upgrade(database: &Path, source: rusqlite::Error) -> StoreError {
    let copy = migrate::copy_path(database).display().to_string();
    StoreError::Upgrade { path: database.display().to_string(), copy, source }
}

/// Fails for a schema that only a newer Watchbell knows; gives the schema.
pub(super) fn refuse_newer(connection: &Connection, database: &Path) -> Result<i64, StoreError> {
    let found = migrate::version(connection).map_err(cannot_open(database))?;
    if found > migrate::NEWEST {
        let path = database.display().to_string();
        return Err(StoreError::TooNew { path, found, known: migrate::NEWEST });
    }
    Ok(found)
}

/// A database that is only read is as its writer left it.
pub(super) fn refuse_other_schema(connection: &Connection, database: &Path) -> Result<(), StoreError> {
    let found = refuse_newer(connection, database)?;
    let path = database.display().to_string();
    if found < migrate::NEWEST { Err(StoreError::TooOld { path }) } else { Ok(()) }
}

fn refuse_damaged(connection: &Connection, database: &Path) -> Result<(), StoreError> {
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(cannot_open(database))?;
    if found != "ok" {
        return Err(StoreError::Damaged { path: database.display().to_string(), reason: found });
    }
    Ok(())
}

fn make_durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_LIMIT_BYTES)
}

/// How many pages the WAL may take where there is so much room, in bytes.
fn pages_of_wal(room: Option<u64>) -> i64 {
    let part = room.map_or(FOLD_AFTER_PAGES, |room| room / PART_OF_THE_ROOM / PAGE_BYTES);
    part.clamp(LEAST_PAGES, FOLD_AFTER_PAGES).cast_signed()
}

/// The room on the disk of a file, in bytes; `None` where the system does not say.
fn room_at(file: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(file).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wal_takes_a_part_of_a_small_disk() {
        for (room, pages) in [(None, 8192), (Some(u64::MAX), 8192), (Some(16 << 20), 1024), (Some(0), 64)] {
            assert_eq!(pages_of_wal(room), pages, "{room:?}");
        }
    }

    #[test]
    fn a_commit_waits_for_the_disk() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = folder.path().join("watchbell.db");
        let mut lock = Lock::take(&database).expect("nobody has it");
        let connection = writer(&database, &mut lock).expect("a database");
        let setting = |name| connection.pragma_query_value(None, name, |row| row.get::<_, String>(0));
        assert_eq!(setting("journal_mode").as_deref(), Ok("wal"));
        let synchronous = connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0));
        assert_eq!(synchronous, Ok(2), "2 is FULL");
    }
}
