//! Everything that is read from the database. Changes nothing.

use super::while_doing;
use crate::model::{
    Action, ActionResult, Attempt, AttemptResult, Brief, Delivery, DeliveryId, Input, State, Tells, Timestamp,
};
use crate::store::{Entry, Queue, StoreError};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// Only heads of lanes have a `not_before` (see the triggers of the schema). What
/// was tried later than now is due as well: the clock has been set back since, and
/// its `not_before` means nothing any more.
const DUE: &str = "
    SELECT * FROM deliveries WHERE id IN (
        SELECT id FROM (
            SELECT id FROM deliveries WHERE status = 'pending' AND sink = ?1 AND not_before <= ?2
            ORDER BY id LIMIT ?3)
        UNION
        SELECT id FROM deliveries WHERE status = 'pending' AND sink = ?1 AND last_attempt > ?2)
    ORDER BY id LIMIT ?3";

/// All engine state.
pub(super) fn state(connection: &Connection) -> Result<Vec<Entry>, StoreError> {
    let sql = "SELECT kind, key, value FROM state";
    rows(connection, "read the state", sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

/// The same, entry by entry, in the order in which they lie in the file.
pub(super) fn each_state(
    connection: &Connection,
    each: &mut dyn FnMut(&str, &str, &str),
) -> Result<(), StoreError> {
    let mut read = || {
        let mut statement = connection.prepare("SELECT kind, key, value FROM state ORDER BY kind, key")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text = |index| Ok::<_, rusqlite::Error>(row.get_ref(index)?.as_str()?);
            each(text(0)?, text(1)?, text(2)?);
        }
        Ok(())
    };
    read().map_err(while_doing("read the state"))
}

/// Pending deliveries of a sink that may be tried now, oldest first.
pub(super) fn due(
    connection: &Connection,
    sink: &str,
    now: Timestamp,
    busy: &[String],
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    // A lane has one head, so this many rows hold enough that are not busy.
    let enough = limit.saturating_add(busy.len());
    let found = params![sink, now.as_microsecond(), i64::try_from(enough).unwrap_or(i64::MAX)];
    let mut due = rows(connection, "read what is due", DUE, found, delivery)?;
    due.retain(|delivery| !busy.contains(&delivery.lane()));
    due.truncate(limit);
    Ok(due)
}

/// When the first head of a lane may be tried.
pub(super) fn next_due(connection: &Connection, sink: &str) -> Result<Option<Timestamp>, StoreError> {
    connection
        .prepare_cached(
            "SELECT not_before FROM deliveries
             WHERE status = 'pending' AND sink = ?1 AND not_before IS NOT NULL
             ORDER BY not_before LIMIT 1",
        )
        .and_then(|mut statement| statement.query_row([sink], |row| moment(row, "not_before")).optional())
        .map_err(while_doing("read when the next delivery is due"))
}

/// Pending deliveries of a sink behind one, in their order.
pub(super) fn waiting(
    connection: &Connection,
    sink: &str,
    after: DeliveryId,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let sql = "
        SELECT * FROM deliveries WHERE status = 'pending' AND sink = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let of = params![sink, after, i64::try_from(limit).unwrap_or(i64::MAX)];
    rows(connection, "read what waits", sql, of, delivery)
}

/// How many deliveries of a sink are pending.
pub(super) fn count_waiting(connection: &Connection, sink: &str) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM deliveries WHERE status = 'pending' AND sink = ?1";
    let counts = rows(connection, "count what waits", sql, [sink], |row| row.get::<_, i64>(0))?;
    Ok(counts.first().map_or(0, |count| count.unsigned_abs()))
}

/// Actions without a result, oldest first.
pub(super) fn pending_actions(connection: &Connection) -> Result<Vec<Action>, StoreError> {
    let sql = "SELECT id, action FROM actions WHERE status = 'pending' ORDER BY id";
    rows(connection, "read the pending actions", sql, [], |row| {
        let action: Action = json(row, "action")?;
        Ok(Action { id: row.get("id")?, ..action })
    })
}

/// What the engine has never taken in: what was given up, then results of actions.
pub(super) fn unheard(connection: &Connection) -> Result<Vec<Input>, StoreError> {
    const DEAD: &str = "SELECT * FROM deliveries WHERE status = 'dead' AND heard = 0 ORDER BY id";
    const DONE: &str = "
        SELECT id, action, status, outcome FROM actions WHERE status <> 'pending' AND heard = 0 ORDER BY id";
    let mut unheard = rows(connection, "read what was given up unheard", DEAD, [], |row| {
        let (delivery, reason) = (delivery(row)?, row.get("note")?);
        // What was marked dead by hand was perhaps never tried.
        let tried: Option<i64> = row.get("last_attempt")?;
        let at = if tried.is_some() { moment(row, "last_attempt")? } else { delivery.at };
        Ok(Input::GivenUp(Attempt { delivery, at, result: AttemptResult::Dead(reason) }))
    })?;
    unheard.extend(rows(connection, "read the results of actions", DONE, [], |row| {
        let action = Action { id: row.get("id")?, ..json(row, "action")? };
        let (done, words) = (row.get_ref("status")?.as_str()? == "done", row.get("outcome")?);
        let outcome = if done { Ok(words) } else { Err(words) };
        Ok(Input::ActionResult(ActionResult { action, outcome }))
    })?);
    Ok(unheard)
}

/// Names of the rules that judged something since a moment.
pub(super) fn rules_touched(
    connection: &Connection,
    since: Timestamp,
) -> Result<BTreeSet<String>, StoreError> {
    const SQL: &str = "
        SELECT DISTINCT json_extract(step.value, '$.rule.name')
        FROM decisions, json_each(decisions.steps) AS step WHERE decisions.at >= ?1";
    let names = rows(connection, "read which rules judged", SQL, [since.as_microsecond()], |row| row.get(0))?;
    Ok(names.into_iter().collect())
}

/// One row of deliveries.
pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        id: row.get("id")?,
        key: row.get("key")?,
        at: moment(row, "at")?,
        sink: row.get("sink")?,
        target: row.get("target")?,
        recipient: row.get("recipient")?,
        event: row.get("event")?,
        object: row.get("object")?,
        incident: row.get::<_, Option<i64>>("incident")?.map(i64::cast_unsigned),
        rule: row.get("rule")?,
        message: json(row, "message")?,
        brief: brief(row)?,
        attempts: row.get("attempts")?,
        revived: optional_moment(row, "revived_at")?,
    })
}

fn brief(row: &Row<'_>) -> rusqlite::Result<Brief> {
    let state: Option<String> = row.get("state")?;
    Ok(Brief {
        tells: Tells::of_name(row.get_ref("tells")?.as_str()?).unwrap_or_default(),
        state: state.as_deref().and_then(State::from_name),
        group: row.get("grouping")?,
        words: row.get("words")?,
    })
}

/// When the oldest pending delivery of each sink was decided.
pub(super) fn queues(connection: &Connection) -> Result<Vec<Queue>, StoreError> {
    let sql = "SELECT sink, count(*) AS count, min(at) AS at FROM deliveries WHERE status = 'pending' GROUP BY sink";
    rows(connection, "read what waits", sql, [], |row| {
        Ok(Queue { sink: row.get("sink")?, count: row.get("count")?, oldest: moment(row, "at")? })
    })
}

/// Reads all rows of a statement.
pub(super) fn rows<T>(
    connection: &Connection,
    doing: &'static str,
    sql: &str,
    parameters: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map(parameters, read)?.collect())
        .map_err(while_doing(doing))
}

/// A list as a parameter for `json_each`.
pub(super) fn list(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

/// A number of rows as a parameter for `LIMIT`.
pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A moment, kept in microseconds.
pub(super) fn moment(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    let index = row.as_ref().column_index(column)?;
    let microseconds = row.get(index)?;
    Timestamp::from_microsecond(microseconds)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, microseconds))
}

/// As [`moment`], where there may be none.
pub(super) fn optional_moment(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    let found: Option<i64> = row.get(column)?;
    found.map(|_| moment(row, column)).transpose()
}

/// A value kept as JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let index = row.as_ref().column_index(column)?;
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::open;

    #[test]
    fn what_is_due_is_found_without_a_look_at_what_waits() {
        let connection = open::in_memory().expect("a database");
        let plan =
            rows(&connection, "plan", &format!("EXPLAIN QUERY PLAN {DUE}"), params!["irc", 5, 9], |row| {
                row.get::<_, String>("detail")
            })
            .expect("a plan")
            .join("\n");
        assert!(plan.contains("INDEX deliveries_due (sink=? AND not_before<?)"), "{plan}");
        assert!(plan.contains("INDEX deliveries_tried (sink=? AND last_attempt>?)"), "{plan}");
        assert!(!plan.contains("SCAN deliveries"), "{plan}");
    }
}
