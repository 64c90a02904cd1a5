//! Dead letters: deliveries that were given up. Lists them, and makes them pending again.
//!
//! Promises: works beside a Watchbell that runs; each slice of changes is one short
//! transaction. Never: changes what is not dead.

use super::past::past_delivery;
use super::read::rows;
use super::{locked, open, while_doing};
use crate::model::{DeliveryId, Message};
use crate::store::{DeadFilter, DeadLetters, NotRevived, PastDelivery, Revival, Revived, StoreError};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::path::Path;
use std::sync::Mutex;

/// How many deliveries one transaction changes at most.
const SLICE: usize = 200;

/// Read by the index on when they were given up.
const DEAD: &str = "
    FROM deliveries
    WHERE status = 'dead' AND coalesce(last_attempt, at) >= ?1 AND (?2 IS NULL OR target = ?2)";

/// The dead letters of a database that another Watchbell may have open.
#[derive(Debug)]
pub struct SqliteLetters {
    connection: Mutex<Connection>,
}

impl SqliteLetters {
    /// Opens the database at `path`; fails where there is none, and where another version
    /// of Watchbell wrote it that this one does not understand.
    pub fn open(path: &Path) -> Result<SqliteLetters, StoreError> {
        let connection = open::guest(path)?;
        open::refuse_other_schema(&connection, path)?;
        Ok(SqliteLetters { connection: Mutex::new(connection) })
    }

    /// As [`crate::store::Store::dead`].
    pub fn dead(&self, filter: &DeadFilter, limit: usize) -> Result<DeadLetters, StoreError> {
        dead(&locked(&self.connection), filter, limit)
    }

    /// The numbers of all dead deliveries that pass the filter, oldest first.
    pub fn numbers(&self, filter: &DeadFilter) -> Result<Vec<DeliveryId>, StoreError> {
        let sql = format!("SELECT id {DEAD} ORDER BY id");
        rows(&locked(&self.connection), "read the dead letters", &sql, parameters(filter), |row| row.get(0))
    }

    /// One delivery, whatever became of it; `None` where there is no such number.
    pub fn one(&self, id: DeliveryId) -> Result<Option<PastDelivery>, StoreError> {
        one(&locked(&self.connection), id)
    }

    /// As [`crate::store::Store::revive`].
    pub fn revive(&self, ids: &[DeliveryId], revival: &Revival) -> Result<Vec<Revived>, StoreError> {
        revive(&mut locked(&self.connection), ids, revival)
    }
}

/// The newest dead deliveries that pass the filter, and how many there are.
pub(super) fn dead(
    connection: &Connection,
    filter: &DeadFilter,
    limit: usize,
) -> Result<DeadLetters, StoreError> {
    let doing = "read the dead letters";
    let sql = format!("SELECT * {DEAD} ORDER BY coalesce(last_attempt, at) DESC, id DESC LIMIT ?3");
    let [since, target] = parameters(filter);
    let most = i64::try_from(limit).unwrap_or(i64::MAX).into();
    let letters = rows(connection, doing, &sql, [since, target, most], past_delivery)?;
    let in_all: Vec<i64> =
        rows(connection, doing, &format!("SELECT count(*) {DEAD}"), parameters(filter), |row| row.get(0))?;
    Ok(DeadLetters { letters, in_all: in_all.iter().sum::<i64>().cast_unsigned() })
}

fn parameters(filter: &DeadFilter) -> [rusqlite::types::Value; 2] {
    let since = filter.since.map_or(i64::MIN, |since| since.as_microsecond());
    [since.into(), filter.target.clone().into()]
}

fn one(connection: &Connection, id: DeliveryId) -> Result<Option<PastDelivery>, StoreError> {
    let sql = "SELECT * FROM deliveries WHERE id = ?1";
    Ok(rows(connection, "read a delivery", sql, [id], past_delivery)?.pop())
}

/// Makes dead deliveries pending again, and says of each whether it is.
pub(super) fn revive(
    connection: &mut Connection,
    ids: &[DeliveryId],
    revival: &Revival,
) -> Result<Vec<Revived>, StoreError> {
    let mut ends = Vec::with_capacity(ids.len());
    for slice in ids.chunks(SLICE) {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(while_doing("begin to write"))?;
        for id in slice {
            ends.push((*id, revive_one(&transaction, *id, revival)?));
        }
        transaction.commit().map_err(while_doing("commit"))?;
    }
    Ok(ends)
}

fn revive_one(
    transaction: &Transaction<'_>,
    id: DeliveryId,
    revival: &Revival,
) -> Result<Result<(), NotRevived>, StoreError> {
    let Some(found) = one(transaction, id)? else { return Ok(Err(NotRevived::Unknown)) };
    if found.status != "dead" {
        return Ok(Err(NotRevived::Is(found.status)));
    }
    let delivery = found.delivery;
    if !revival.sinks.contains(&delivery.sink) {
        return Ok(Err(NotRevived::NoSink(delivery.sink)));
    }
    let mut message = delivery.message;
    if delivery.revived.is_none() {
        message.mark_late(delivery.at, revival.now, &revival.zone);
    }
    make_pending(transaction, id, &message, revival).map(Ok)
}

/// A trigger of the schema gives it its place in the lane.
fn make_pending(
    transaction: &Transaction<'_>,
    id: DeliveryId,
    message: &Message,
    revival: &Revival,
) -> Result<(), StoreError> {
    let message =
        serde_json::to_string(message).map_err(|source| StoreError::Value { what: "message", source })?;
    transaction
        .prepare_cached(
            "UPDATE deliveries
             SET status = 'pending', attempts = 0, heard = 0, revived_at = ?2, message = ?3
             WHERE id = ?1 AND status = 'dead'",
        )
        .and_then(|mut statement| statement.execute(params![id, revival.now.as_microsecond(), message]))
        .map(drop)
        .map_err(while_doing("make a delivery pending again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letters_are_found_without_a_look_at_the_others() {
        let connection = open::in_memory().expect("a database");
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT * {DEAD} ORDER BY coalesce(last_attempt, at) DESC, id DESC LIMIT ?3"
        );
        let [since, target] = parameters(&DeadFilter::default());
        let plan =
            rows(&connection, "plan", &sql, [since, target, 9.into()], |row| row.get::<_, String>("detail"))
                .expect("a plan")
                .join("\n");
        assert!(plan.contains("INDEX deliveries_dead (<expr>>?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
