//! A store whose disk has failed once is not believed until it was read again.
//!
//! After a failed write or sync the kernel may hold pages that the disk does not, call them
//! written, and not fail again. Promises: nothing more is kept, and so nothing acknowledged,
//! before all that was kept has been written anew, and the file was opened and checked.
//! Never: takes back what was acknowledged; that had reached the disk before.

use super::lock::Lock;
use super::{SqliteStore, locked, open, wal, while_doing};
use crate::store::StoreError;
use rusqlite::{Connection, ErrorCode};
use std::path::Path;
use std::sync::atomic::Ordering;

impl SqliteStore {
    /// Notes what a failure says of the disk.
    pub(super) fn judged<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.as_ref().is_err_and(is_of_disk) {
            self.suspect.store(true, Ordering::Release);
        }
        result
    }

    /// Makes sure that the store can be believed, before something is written.
    pub(super) fn reassure(&self) -> Result<(), StoreError> {
        let file = self.file.as_ref().filter(|_| self.suspect.load(Ordering::Acquire));
        let Some(file) = file else { return Ok(()) };
        verify(&mut locked(&self.writer), &file.path, &mut locked(&file.lock))?;
        self.suspect.store(false, Ordering::Release);
        tracing::warn!("the disk had failed; the database was written anew, opened again and is sound");
        Ok(())
    }
}

fn verify(writer: &mut Connection, path: &Path, lock: &mut Lock) -> Result<(), StoreError> {
    let is_folded = wal::fold(writer, lock, while_doing("write the database anew after its disk failed"))?;
    if !is_folded {
        return Err(StoreError::Read { path: path.display().to_string() });
    }
    *writer = open::writer(path, lock)?;
    Ok(())
}

/// Whether the disk or the file is to blame, and not a lack of room, which loses nothing.
fn is_of_disk(error: &StoreError) -> bool {
    let StoreError::Statement { source, .. } = error else { return false };
    matches!(
        source.sqlite_error_code(),
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}
