//! The lock beside the database: who holds it is the only one to write.
//!
//! Owns: the file `NAME.lock`, in which it says whether a database was ever there, and
//! whether its writer ended in order. Promises: the lock is free again when the process
//! ends in any way; the file then still says `in use`, by which the next start knows.

use super::copy::with_suffix;
use super::open;
use crate::store::StoreError;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the lock is waited for. A child that is just being started holds a copy
/// of its parent's open files for an instant, and a Watchbell that is told to end
/// lets go at the very last.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);

const IN_USE: &str = "in use\n";
const CLOSED: &str = "closed\n";

/// How the last writer left the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// There was none.
    Never,
    /// In order.
    Closed,
    /// By a crash.
    InUse,
}

/// The lock. When it is dropped the database counts as closed in order, so it goes after
/// the connections.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    left: Left,
    opened: bool,
}

impl Lock {
    /// Takes the lock of a database.
    pub(super) fn take(database: &Path) -> Result<Lock, StoreError> {
        let path = with_suffix(database, ".lock");
        let cannot = |source| StoreError::File { path: path.display().to_string(), source };
        let file = open::private_file(&path).map_err(cannot)?;
        let until = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(cannot(source)),
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(LOOK),
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::InUse { path: database.display().to_string() });
                }
            }
        }
        let mut said = String::new();
        (&file).read_to_string(&mut said).map_err(cannot)?;
        let left = match said.as_str() {
            "" => Left::Never,
            CLOSED => Left::Closed,
            _ => Left::InUse,
        };
        Ok(Lock { file, left, opened: false })
    }

    /// How the last writer left the database.
    pub(super) fn left(&self) -> Left {
        self.left
    }

    /// Notes that the database is open and has a WAL.
    pub(super) fn note_in_use(&mut self) -> io::Result<()> {
        self.note(IN_USE)?;
        self.opened = true;
        Ok(())
    }

    fn note(&self, what: &str) -> io::Result<()> {
        let mut file = &self.file;
        file.rewind()?;
        file.write_all(what.as_bytes())?;
        file.set_len(what.len() as u64)?;
        file.sync_all()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // One that was refused has opened nothing. If it cannot be noted, the next start
        // looks for the WAL, and finds it if there was one.
        if self.opened {
            let _ = self.note(CLOSED);
        }
    }
}
