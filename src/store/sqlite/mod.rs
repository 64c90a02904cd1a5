//! The store in one SQLite file.
//!
//! Owns: the file, the lock beside it, and its schema. Promises: a commit is on
//! the disk when it returns (WAL with `synchronous = FULL`); an operator can read
//! all of it with the `sqlite3` tool while Watchbell runs. Never: shares the file
//! with a second Watchbell, opens what it does not understand, changes a damaged
//! file. Moments are kept to the microsecond.
//! After a crash the next open finds the last commit that had returned, whole,
//! and perhaps the one under way, also whole.

mod alarm;
mod commands;
mod copy;
mod files;
mod fold;
mod journal;
mod letters;
mod lock;
mod migrate;
mod open;
mod past;
mod read;
mod reader;
mod supersede;
mod suspect;
mod waiting;
mod wal;
mod write;

pub use alarm::Alarm;
pub use commands::SqliteCommands;
pub use journal::read::{Journal, JournalInputs};
pub use letters::SqliteLetters;
pub use reader::SqliteReader;

use super::fold::{Choice, DigestSums, Fold, Folded, Waiting};
use super::{
    Audit, Batch, DeadFilter, DeadLetters, Entry, JournalLimits, Past, PastDelivery, Revival, Revived, Store,
    StoreError,
};
use crate::model::{About, Action, Decision, Delivery, DeliveryId, Input, Message, Timestamp};
use jiff::SignedDuration;
use lock::Lock;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Durable state in one SQLite file: one connection that writes, one that reads, and two for
/// what may take long: one reads the state and the journal to tidy it, one is the auditor's.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped in this order: the writer goes after the readers, so that it is the
    // last to close and the WAL goes with it; the lock goes at the very end.
    reader: Option<Mutex<Connection>>,
    tidier: Option<Mutex<Connection>>,
    auditor: Option<Mutex<Connection>>,
    writer: Mutex<Connection>,
    /// Whether the disk has failed since the file was last found sound.
    suspect: AtomicBool,
    /// `None` in memory.
    file: Option<Held>,
}

/// A file that is ours. Whoever needs the writer as well takes that first.
#[derive(Debug)]
struct Held {
    path: PathBuf,
    lock: Mutex<Lock>,
}

impl SqliteStore {
    /// Opens the database at `path`; makes a new one, readable by its owner only,
    /// where there is none. The folder must exist and allow new files.
    ///
    /// Takes time in proportion to the size of the file, since all of it is
    /// checked; one of an older schema is copied beside itself first. Fails if another
    /// Watchbell has it open, if it is damaged, if a newer Watchbell wrote it, or if the
    /// copy finds no room; the file is then as it was before.
    pub fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        let lock = Lock::take(path)?;
        SqliteStore::open_under(path, lock).map_err(|(error, _)| error)
    }

    /// The same for a run, which a damaged file does not stop: it is set aside, and an
    /// empty one takes its place. What people should know of that comes with it.
    pub fn open_or_replace(path: &Path, now: Timestamp) -> Result<(SqliteStore, Option<Alarm>), StoreError> {
        let lock = Lock::take(path)?;
        let alarm = alarm::look(path, lock.left());
        match SqliteStore::open_under(path, lock) {
            Ok(store) => Ok((store, alarm)),
            Err((StoreError::Damaged { reason, .. }, lock)) => {
                let kept = alarm::set_aside(path, now)?.display().to_string();
                let store = SqliteStore::open_under(path, lock).map_err(|(error, _)| error)?;
                Ok((store, Some(Alarm::Damaged { reason, kept })))
            }
            Err((error, _)) => Err(error),
        }
    }

    /// Gives the lock back where it fails.
    fn open_under(path: &Path, mut lock: Lock) -> Result<SqliteStore, (StoreError, Lock)> {
        let connect = |lock: &mut Lock| {
            let writer = open::writer(path, lock)?;
            Ok((writer, [open::reader(path)?, open::reader(path)?, open::reader(path)?]))
        };
        match connect(&mut lock) {
            Ok((writer, [reader, tidier, auditor])) => Ok(SqliteStore {
                reader: Some(Mutex::new(reader)),
                tidier: Some(Mutex::new(tidier)),
                auditor: Some(Mutex::new(auditor)),
                writer: Mutex::new(writer),
                suspect: AtomicBool::new(false),
                file: Some(Held { path: path.to_owned(), lock: Mutex::new(lock) }),
            }),
            Err(error) => Err((error, lock)),
        }
    }

    /// A database that ends with this value, for replay and tests.
    pub fn open_in_memory() -> Result<SqliteStore, StoreError> {
        let writer = open::in_memory()?;
        Ok(SqliteStore {
            reader: None,
            tidier: None,
            auditor: None,
            writer: Mutex::new(writer),
            suspect: AtomicBool::new(false),
            file: None,
        })
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        locked(&self.writer)
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        locked(self.reader.as_ref().unwrap_or(&self.writer))
    }
}

impl Drop for SqliteStore {
    /// The end in order: all comes into the file, and the WAL goes with the last connection. Where
    /// that fails it stays, and the lock says that it counts.
    fn drop(&mut self) {
        let Some(file) = &self.file else { return };
        let (writer, mut lock) = (locked(&self.writer), locked(&file.lock));
        // Nobody who reads is waited for at the end.
        let _ = writer.busy_timeout(Duration::ZERO);
        if let Ok(true) = wal::fold(&writer, &mut lock, while_doing("fold the WAL at the end")) {
            // A WAL that stays although nothing is in it does no harm.
            let _ = open::keep_wal(&writer, false);
        }
    }
}

/// A panic under the lock cannot leave a half-made change behind: it rolls back, or was noted.
fn locked<T>(connection: &Mutex<T>) -> MutexGuard<'_, T> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for SqliteStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.reassure()?;
        self.judged(write::batch(&mut self.writer(), batch))
    }

    fn load_state(&self) -> Result<Vec<Entry>, StoreError> {
        read::state(&self.reader())
    }

    fn each_state(&self, each: &mut dyn FnMut(&str, &str, &str)) -> Result<(), StoreError> {
        read::each_state(&self.reader(), each)
    }

    fn due(
        &self,
        sink: &str,
        now: Timestamp,
        busy: &[String],
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        read::due(&self.reader(), sink, now, busy, limit)
    }

    fn supersede(&self, waiting: &[DeliveryId]) -> Result<bool, StoreError> {
        if supersede::newest_behind(&self.reader(), waiting)?.is_empty() {
            return Ok(false);
        }
        self.reassure()?;
        self.judged(supersede::supersede(&mut self.writer(), waiting))
    }

    fn superseded_by(&self, id: DeliveryId) -> Result<u64, StoreError> {
        supersede::count(&self.reader(), id)
    }

    fn waiting(&self, sink: &str, after: DeliveryId, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        read::waiting(&self.reader(), sink, after, limit)
    }

    fn count_waiting(&self, sink: &str) -> Result<u64, StoreError> {
        read::count_waiting(&self.reader(), sink)
    }

    fn next_due(&self, sink: &str) -> Result<Option<Timestamp>, StoreError> {
        read::next_due(&self.reader(), sink)
    }

    fn recipients(&self, sink: &str, most: u32) -> Result<Vec<Waiting>, StoreError> {
        waiting::waiting(&self.reader(), sink, most)
    }

    fn due_of(&self, choice: &Choice<'_>, now: Timestamp) -> Result<Vec<Delivery>, StoreError> {
        waiting::due_of(&self.reader(), choice, now)
    }

    fn fold(
        &self,
        fold: &Fold<'_>,
        write: &dyn Fn(&Folded) -> Message,
    ) -> Result<Option<Delivery>, StoreError> {
        self.reassure()?;
        self.judged(fold::fold(|| self.writer(), fold, fold::SLICE, write))
    }

    fn digest_sums(&self, since: Timestamp) -> Result<DigestSums, StoreError> {
        fold::sums(&self.reader(), since)
    }

    fn pending_actions(&self) -> Result<Vec<Action>, StoreError> {
        read::pending_actions(&self.reader())
    }

    fn unheard(&self) -> Result<Vec<Input>, StoreError> {
        read::unheard(&self.reader())
    }

    fn decisions(&self, object: &str, limit: usize) -> Result<Vec<Decision>, StoreError> {
        past::decisions(&self.reader(), "object", &object, limit)
    }

    fn deliveries(&self, object: &str, limit: usize) -> Result<Vec<PastDelivery>, StoreError> {
        past::deliveries(&self.reader(), "object", &object, limit)
    }

    fn past(&self, about: &About, limit: usize) -> Result<Past, StoreError> {
        past::past(&self.reader(), about, limit)
    }

    fn of_keys(&self, keys: &[String]) -> Result<Vec<PastDelivery>, StoreError> {
        past::of_keys(&self.reader(), keys)
    }

    fn dead(&self, filter: &DeadFilter, limit: usize) -> Result<DeadLetters, StoreError> {
        letters::dead(&self.reader(), filter, limit)
    }

    fn revive(&self, ids: &[DeliveryId], revival: &Revival) -> Result<Vec<Revived>, StoreError> {
        self.reassure()?;
        self.judged(letters::revive(&mut self.writer(), ids, revival))
    }

    fn audit(&self, now: Timestamp) -> Result<Audit, StoreError> {
        // Older ones were looked at before, and what they stand for may be forgotten.
        let since = now - SignedDuration::from_hours(1);
        // Workers ask for what is due meanwhile, and this counts all that waits.
        let auditor = locked(self.auditor.as_ref().unwrap_or(&self.writer));
        Ok(Audit {
            waiting: read::queues(&auditor)?,
            dead: letters::dead(&auditor, &DeadFilter::default(), 0)?.in_all,
            sums: fold::sums(&auditor, since)?,
        })
    }

    fn forget_before(&self, moment: Timestamp) -> Result<(), StoreError> {
        self.reassure()?;
        self.judged(write::forget_before(|| self.writer(), moment))
    }

    fn forget_commands_before(&self, moment: Timestamp) -> Result<(), StoreError> {
        self.reassure()?;
        self.judged(commands::forget_before(|| self.writer(), moment))
    }

    fn begin_journal(&self, limits: Option<JournalLimits>, now: Timestamp) -> Result<(), StoreError> {
        match (limits, &self.tidier) {
            (Some(limits), Some(tidier)) => {
                journal::tidy::begin(&mut locked(tidier), || self.writer(), limits, now)
            }
            (None, _) => journal::tidy::forget_all(|| self.writer()),
            // In memory nobody reads it later.
            (Some(_), None) => Ok(()),
        }
    }

    fn tidy_journal(&self, limits: JournalLimits, now: Timestamp) -> Result<(), StoreError> {
        let Some(tidier) = &self.tidier else { return Ok(()) };
        self.reassure()?;
        self.judged(journal::tidy::tidy(&mut locked(tidier), || self.writer(), limits, now))
    }
}

/// Names what was being done when SQLite failed.
fn while_doing(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Statement { doing, source }
}
