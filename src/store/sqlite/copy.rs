//! Whole copies of a database, made beside it or elsewhere, also while it is in use.
//!
//! Promises: a copy holds what one moment knew, is checked, readable by its owner only,
//! and on the disk before it gets its name. Never: leaves half a copy under that name;
//! holds up a commit.
//! After a crash a file `NAME.part` may be left; the next copy replaces it.

use super::files::{private_file, sync_folder_of, with_suffix};
use super::open;
use crate::store::StoreError;
use rusqlite::{Connection, ErrorCode};
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Copies what `connection` reads to `to`, and gives the size in bytes; a file of that name
/// is replaced.
pub(super) fn copy(connection: &Connection, to: &Path) -> Result<u64, StoreError> {
    let part = with_suffix(to, ".part");
    let copied = write(connection, &part).and_then(|()| put(&part, to).map_err(cannot_make(to)));
    if copied.is_err() {
        // It may not be there at all.
        let _ = fs::remove_file(&part);
    }
    copied
}

fn write(connection: &Connection, part: &Path) -> Result<(), StoreError> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot_make(part)(error)),
        _ => {}
    }
    // SQLite writes into an empty file, and keeps its permissions.
    drop(private_file(part).map_err(cannot_make(part))?);
    let name = part.to_string_lossy();
    let made = connection.execute("VACUUM INTO ?1", [&*name]);
    made.map_err(|source| failed(connection, part, source))?;
    open::check_copy(part)
}

/// SQLite does not wait for the disk here.
fn put(part: &Path, to: &Path) -> io::Result<u64> {
    let file = File::open(part)?;
    file.sync_all()?;
    fs::rename(part, to)?;
    sync_folder_of(to)?;
    Ok(file.metadata()?.len())
}

fn failed(connection: &Connection, part: &Path, source: rusqlite::Error) -> StoreError {
    let path = part.display().to_string();
    match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::NoRoom { path, bytes: size(connection) },
        _ => StoreError::Copy { path, source },
    }
}

/// How large a copy becomes at most, in bytes; 0 if even that cannot be read.
fn size(connection: &Connection) -> u64 {
    let read = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = read("page_count").unwrap_or(0);
    pages.saturating_mul(read("page_size").unwrap_or(0)).unsigned_abs()
}

fn cannot_make(path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::File { path: path.display().to_string(), source }
}
