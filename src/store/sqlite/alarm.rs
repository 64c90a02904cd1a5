//! What is wrong with a database at the start of a run, and what is done about it.
//!
//! Promises: a damaged file is never changed and never deleted, it is set aside under a
//! name of its own; whoever starts without what was kept before learns of it.
//! Never: refuses to start for a damaged file, since then nobody would be told of anything.

use super::files::{sync_folder_of, with_suffix};
use super::lock::Left;
use crate::model::Timestamp;
use crate::store::StoreError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files of one database, behind its name. The file itself goes last: without it
/// SQLite would throw the others away.
const FILES: [&str; 3] = ["-wal", "-shm", ""];

/// Why a run begins with less than was kept before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// The file was damaged.
    #[error(
        "the database was damaged ({reason}) and is set aside as {kept}. Watchbell began with an empty one: what was still to be told, mutes and what rules remembered are gone; states are read from Icinga anew"
    )]
    Damaged {
        /// What SQLite's check found.
        reason: String,
        /// Where the damaged file is now.
        kept: String,
    },
    /// The file was there at the last run, and is gone or empty now.
    #[error(
        "the database {path} is gone or empty, and was not at the last run. Watchbell began with an empty one: what was still to be told, mutes and what rules remembered are gone; states are read from Icinga anew"
    )]
    Emptied {
        /// The file.
        path: String,
    },
    /// The last run ended by a crash, and the newest part of what it kept is not there.
    #[error(
        "{path} is gone since Watchbell ended without warning: what was kept last may be lost, and what was sent last may be sent again; states are read from Icinga anew"
    )]
    WalGone {
        /// The file that is missing.
        path: String,
    },
}

/// Looks at the files before anything opens them.
pub(super) fn look(database: &Path, left: Left) -> Option<Alarm> {
    if left == Left::Never {
        return None;
    }
    if is_empty(database) {
        return Some(Alarm::Emptied { path: database.display().to_string() });
    }
    let wal = with_suffix(database, "-wal");
    let is_gone = left == Left::InUse && is_empty(&wal);
    is_gone.then(|| Alarm::WalGone { path: wal.display().to_string() })
}

/// Whether there is nothing in a file, or no file.
fn is_empty(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() == 0) || !path.exists()
}

/// Moves a database out of the way, with what belongs to it; gives its new name.
pub(super) fn set_aside(database: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let kept = free_name(database, now);
    for suffix in FILES {
        let (from, to) = (with_suffix(database, suffix), with_suffix(&kept, suffix));
        match fs::rename(&from, &to) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::File { path: to.display().to_string(), source });
            }
            _ => {}
        }
    }
    sync_folder_of(database)
        .map_err(|source| StoreError::File { path: kept.display().to_string(), source })?;
    Ok(kept)
}

/// A name with the time that nothing has yet.
fn free_name(database: &Path, now: Timestamp) -> PathBuf {
    let name = with_suffix(database, &format!(".damaged-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    let mut names = std::iter::once(name.clone())
        .chain((2_u64..).map(|number| with_suffix(&name, &format!("-{number}"))));
    names.find(|name| !name.exists()).unwrap_or(name)
}
