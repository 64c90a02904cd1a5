//! The lock beside the database: who holds it is the only one to write.
//!
//! Owns: the file `NAME.lock`, in which it says whether a database was ever there, and
//! whether its WAL holds what the file does not: `in use` from before the first commit on,
//! `closed` only while all is in the file. Promises: the lock is free again when the process
//! ends in any way; what the file says then holds. Never: says `closed` while there is
//! something in the WAL alone.

use super::files::{private_file, with_suffix};
use crate::store::StoreError;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the lock is waited for. A child that is just being started holds a copy
/// of its parent's open files for an instant, and a Watchbell that is told to end
/// lets go at the very last.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);

const IN_USE: &str = "in use\n";
const CLOSED: &str = "closed\n";

/// What the file beside the database says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// There was none.
    Never,
    /// All is in the file; what is in the WAL is there once more.
    Closed,
    /// The WAL may hold what the file does not.
    InUse,
}

/// The lock. Free when it is dropped, so it goes after the connections.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
    said: Left,
}

impl Lock {
    /// Takes the lock of a database.
    pub(super) fn take(database: &Path) -> Result<Lock, StoreError> {
        let path = with_suffix(database, ".lock");
        let cannot = |source| StoreError::File { path: path.display().to_string(), source };
        let file = private_file(&path).map_err(cannot)?;
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
        let said = read(&file).map_err(cannot)?;
        Ok(Lock { file, path, said })
    }

    /// What it says now: at first, how the last writer left the database.
    pub(super) fn left(&self) -> Left {
        self.said
    }

    /// Notes that from now on the WAL may hold what the file does not. It is there by now.
    pub(super) fn note_in_use(&mut self) -> Result<(), StoreError> {
        self.note(Left::InUse, IN_USE)
    }

    /// Notes that all is in the file. That there was never one is not forgotten by that.
    pub(super) fn note_closed(&mut self) -> Result<(), StoreError> {
        if self.said == Left::Never { Ok(()) } else { self.note(Left::Closed, CLOSED) }
    }

    fn note(&mut self, left: Left, what: &str) -> Result<(), StoreError> {
        if self.said == left {
            return Ok(());
        }
        write(&self.file, what)
            .map_err(|source| StoreError::File { path: self.path.display().to_string(), source })?;
        self.said = left;
        Ok(())
    }
}

/// What the lock of a database says, whoever holds it.
pub(super) fn said(database: &Path) -> io::Result<Left> {
    read(&File::open(with_suffix(database, ".lock"))?)
}

fn read(mut file: &File) -> io::Result<Left> {
    let mut said = String::new();
    file.read_to_string(&mut said)?;
    Ok(match said.as_str() {
        "" => Left::Never,
        CLOSED => Left::Closed,
        _ => Left::InUse,
    })
}

fn write(mut file: &File, what: &str) -> io::Result<()> {
    file.rewind()?;
    file.write_all(what.as_bytes())?;
    file.set_len(what.len() as u64)?;
    file.sync_all()
}
