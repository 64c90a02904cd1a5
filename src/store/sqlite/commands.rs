//! The audit of commands: who asked for what, and what came of it.
//!
//! Promises: a row stands in the transaction of what came of the command; it is never
//! changed, and deleted only here: the schema refuses both to anybody else.

use super::read::rows;
use super::{locked, open, while_doing};
use crate::model::{CommandEnd, Commanded, Timestamp};
use crate::store::{CommandFilter, StoreError};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, Transaction, params};
use std::ops::Deref;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

/// How many rows one slice of forgetting takes at most, and the pause between two.
const SLICE_ROWS: i64 = 1000;
const SLICE_PAUSE: Duration = Duration::from_millis(5);

/// The audit of commands of a database that another Watchbell may have open.
#[derive(Debug)]
pub struct SqliteCommands {
    connection: Mutex<Connection>,
}

impl SqliteCommands {
    /// Opens the database at `path`, only to read; fails where there is none, and where
    /// another version of Watchbell wrote it that this one does not understand.
    pub fn open(path: &Path) -> Result<SqliteCommands, StoreError> {
        let connection = open::reader(path)?;
        open::refuse_other_schema(&connection, path)?;
        Ok(SqliteCommands { connection: Mutex::new(connection) })
    }

    /// The commands that pass the filter, oldest first.
    pub fn list(&self, filter: &CommandFilter) -> Result<Vec<Commanded>, StoreError> {
        list(&locked(&self.connection), filter)
    }
}

/// Keeps one command.
pub(super) fn keep(transaction: &Transaction<'_>, command: &Commanded) -> Result<(), StoreError> {
    let objects = serde_json::to_string(&command.objects)
        .map_err(|source| StoreError::Value { what: "list of objects", source })?;
    let reason = match &command.end {
        CommandEnd::Refused(reason) => reason.as_str(),
        _ => "",
    };
    transaction
        .prepare_cached(
            "INSERT INTO commands (at, sink, room, nick, account, person, line, verdict, reason, objects)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                command.at.as_microsecond(),
                command.sink,
                command.room,
                command.nick,
                command.account,
                command.person,
                command.line,
                command.end.name(),
                reason,
                objects,
            ])
        })
        .map(drop)
        .map_err(while_doing("keep a command"))
}

/// An object is meant by its name; a host's services with it.
fn list(connection: &Connection, filter: &CommandFilter) -> Result<Vec<Commanded>, StoreError> {
    const SQL: &str = "
        SELECT * FROM commands
        WHERE at >= ?1 AND (?2 IS NULL OR person = ?2)
          AND (?3 IS NULL OR EXISTS (
              SELECT 1 FROM json_each(objects)
              WHERE value = ?3 OR substr(value, 1, length(?3) + 1) = ?3 || '!'))
        ORDER BY at, id";
    let since = filter.since.map_or(i64::MIN, |since| since.as_microsecond());
    let parameters: [Value; 3] = [since.into(), filter.person.clone().into(), filter.object.clone().into()];
    rows(connection, "read the audit of commands", SQL, parameters, command)
}

fn command(row: &Row<'_>) -> rusqlite::Result<Commanded> {
    let verdict: String = row.get("verdict")?;
    let objects: String = row.get("objects")?;
    Ok(Commanded {
        at: Timestamp::from_microsecond(row.get("at")?).unwrap_or(Timestamp::UNIX_EPOCH),
        sink: row.get("sink")?,
        room: row.get("room")?,
        nick: row.get("nick")?,
        account: row.get("account")?,
        person: row.get("person")?,
        line: row.get("line")?,
        end: CommandEnd::from_name(&verdict, row.get("reason")?).unwrap_or(CommandEnd::Unknown),
        objects: serde_json::from_str(&objects).unwrap_or_default(),
    })
}

/// Forgets commands from before `moment`. `connection` is taken anew for each slice and
/// given back between them.
pub(super) fn forget_before<Guard>(
    connection: impl Fn() -> Guard,
    moment: Timestamp,
) -> Result<(), StoreError>
where
    Guard: Deref<Target = Connection>,
{
    const ALLOW: &str = "UPDATE commands_kept SET since = max(since, ?1)";
    const SLICE: &str = "DELETE FROM commands WHERE id IN (SELECT id FROM commands WHERE at < ?1 LIMIT ?2)";
    let doing = "forget old commands";
    let moment = moment.as_microsecond();
    connection().execute(ALLOW, [moment]).map_err(while_doing(doing))?;
    loop {
        let gone = connection().execute(SLICE, params![moment, SLICE_ROWS]).map_err(while_doing(doing))?;
        if (gone as i64) < SLICE_ROWS {
            return Ok(());
        }
        std::thread::sleep(SLICE_PAUSE);
    }
}
