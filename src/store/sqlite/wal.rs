//! The WAL beside the database: how what is in it comes into the file.
//!
//! Promises: the lock says that all is in the file before the WAL is emptied, and not before
//! that is so; a WAL that is gone although it counts was taken away by somebody else. A crash
//! between two steps leaves a WAL that may be there or not. Never: empties it while somebody
//! reads what is in it.

use super::lock::Lock;
use crate::crash;
use crate::store::StoreError;
use rusqlite::Connection;

/// Brings all that is in the WAL into the file, and on the disk there; empties the WAL.
/// False where somebody who reads is in the way of that. Afterwards the lock says that the WAL
/// does not count, until it is told otherwise.
///
/// After a failed write the kernel may hold what the disk does not, and call it written.
/// What this writes is written anew.
pub(super) fn fold(
    writer: &Connection,
    lock: &mut Lock,
    cannot: impl Fn(rusqlite::Error) -> StoreError,
) -> Result<bool, StoreError> {
    if !checkpoint(writer, "FULL").map_err(&cannot)? {
        return Ok(false);
    }
    lock.note_closed()?;
    crash::point("fold.noted");
    let is_emptied = checkpoint(writer, "TRUNCATE").map_err(&cannot)?;
    crash::point("fold.emptied");
    Ok(is_emptied)
}

/// Whether all is in the file, and on the disk there.
fn checkpoint(writer: &Connection, mode: &str) -> rusqlite::Result<bool> {
    let in_the_way: bool =
        writer.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(0))?;
    Ok(!in_the_way)
}
