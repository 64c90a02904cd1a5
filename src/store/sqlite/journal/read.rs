//! Reading the journal: a copy of the state, and what came after it.
//!
//! Promises: what is read is of one moment, however long the reading takes; one row is
//! in memory at a time. A line that this Watchbell does not understand, since a newer
//! one wrote it, is counted and left out.

use super::lines;
use crate::model::{Input, Timestamp};
use crate::store::sqlite::while_doing;
use crate::store::{Entry, StoreError};
use rusqlite::{Connection, OptionalExtension};
use std::collections::VecDeque;

/// What was known at one moment, and all that came in after it.
#[derive(Debug)]
pub struct Journal {
    /// When the copy of the state was made.
    pub begins: Timestamp,
    /// All state of that moment: kind, key, value.
    pub state: Vec<Entry>,
    /// What came in after it.
    pub inputs: JournalInputs,
}

/// The inputs of a journal, in the order they were taken in, each with the time.
#[derive(Debug)]
pub struct JournalInputs {
    connection: Connection,
    last_row: i64,
    ready: VecDeque<(Timestamp, Input)>,
    unread: u64,
}

/// Opens the journal at the newest copy of the state from `since` or before, else at
/// the oldest one; `None` if there is none.
pub(in crate::store::sqlite) fn open(
    connection: Connection,
    since: Timestamp,
) -> Result<Option<Journal>, StoreError> {
    let reading = while_doing("open the journal");
    // It ends with the connection; until then rows may be merged and forgotten unseen.
    connection.execute_batch("BEGIN").map_err(&reading)?;
    let is_there = connection.table_exists(None, "checkpoints").map_err(&reading)?;
    if !is_there {
        return Ok(None);
    }
    let found = connection
        .query_row(
            "SELECT at, after, body FROM checkpoints
             ORDER BY at <= ?1 DESC, CASE WHEN at <= ?1 THEN -id ELSE id END LIMIT 1",
            [since.as_microsecond()],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?)),
        )
        .optional()
        .map_err(&reading)?;
    let Some((at, last_row, body)) = found else { return Ok(None) };
    let entry = |line: Result<Vec<u8>, StoreError>| {
        serde_json::from_slice(&line?)
            .map_err(|source| StoreError::Value { what: "copy of the state", source })
    };
    Ok(Some(Journal {
        begins: Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH),
        state: lines(&body).map(entry).collect::<Result<_, _>>()?,
        inputs: JournalInputs { connection, last_row, ready: VecDeque::new(), unread: 0 },
    }))
}

impl JournalInputs {
    /// How many inputs could not be understood so far: a newer Watchbell wrote them.
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// Reads the next row; whether there was one.
    fn read_row(&mut self) -> Result<bool, StoreError> {
        let found = self
            .connection
            .prepare_cached("SELECT id, body FROM journal WHERE id > ?1 ORDER BY id LIMIT 1")
            .and_then(|mut statement| {
                statement
                    .query_row([self.last_row], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))
                    .optional()
            })
            .map_err(while_doing("read the journal"))?;
        let Some((id, body)) = found else { return Ok(false) };
        self.last_row = id;
        for line in lines(&body) {
            match serde_json::from_slice(&line?) {
                Ok(input) => self.ready.push_back(input),
                Err(_) => self.unread += 1,
            }
        }
        Ok(true)
    }
}

impl Iterator for JournalInputs {
    type Item = Result<(Timestamp, Input), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Some(Ok(input));
            }
            match self.read_row() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    // A row that cannot be read is no reason to read it for ever.
                    self.last_row = i64::MAX;
                    return Some(Err(error));
                }
            }
        }
    }
}
