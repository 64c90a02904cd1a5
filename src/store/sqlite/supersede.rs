//! Superseding: an older state that was never sent gives way to a newer one.
//!
//! Promises: one transaction; only what is pending and tells a state gives way, and
//! only to the newest state of its own lane, which keeps its place behind all else
//! that waits there. What was superseded before belongs to the newest then, so that
//! counting those that belong to it counts all.

use super::read::rows;
use super::while_doing;
use crate::model::DeliveryId;
use crate::store::StoreError;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

/// The newest state behind a pending one, in the same lane.
const NEWEST_BEHIND: &str = "
    SELECT newer.id FROM deliveries AS older JOIN deliveries AS newer USING (sink, lane)
    WHERE older.id = ?1 AND older.status = 'pending' AND older.tells <> 'other'
        AND newer.id > older.id AND newer.status = 'pending' AND newer.tells <> 'other'
    ORDER BY newer.id DESC LIMIT 1";

/// Each of these that has a newer state behind it, with the newest.
pub(super) fn newest_behind(
    connection: &Connection,
    waiting: &[DeliveryId],
) -> Result<Vec<(DeliveryId, DeliveryId)>, StoreError> {
    let mut found = Vec::new();
    for older in waiting {
        let newest = connection
            .prepare_cached(NEWEST_BEHIND)
            .and_then(|mut statement| statement.query_row([older], |row| row.get(0)).optional())
            .map_err(while_doing("look for newer states"))?;
        found.extend(newest.map(|newest| (*older, newest)));
    }
    Ok(found)
}

/// Lets each of these give way that has a newer state behind it. Whether any has.
pub(super) fn supersede(connection: &mut Connection, waiting: &[DeliveryId]) -> Result<bool, StoreError> {
    let doing = "let older states give way";
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(while_doing(doing))?;
    let found = newest_behind(&transaction, waiting)?;
    for (older, newest) in &found {
        give_way(&transaction, *older, *newest).map_err(while_doing(doing))?;
    }
    transaction.commit().map_err(while_doing(doing))?;
    Ok(!found.is_empty())
}

fn give_way(transaction: &Transaction<'_>, older: DeliveryId, newest: DeliveryId) -> rusqlite::Result<()> {
    const ITS_LANE: &str = "
        sink = (SELECT sink FROM deliveries WHERE id = ?1) AND lane = (SELECT lane FROM deliveries WHERE id = ?1)
        AND status = 'pending' AND tells <> 'other' AND id >= ?1";
    let run = |sql: &str| transaction.prepare_cached(sql)?.execute(params![older, newest]).map(drop);
    // Who was superseded by one that gives way now.
    run(&format!(
        "UPDATE deliveries SET parent = ?2 WHERE status = 'superseded'
         AND parent IN (SELECT id FROM deliveries WHERE {ITS_LANE} AND id < ?2)"
    ))?;
    run(&format!(
        "UPDATE deliveries SET attempts = (SELECT max(attempts) FROM deliveries WHERE {ITS_LANE} AND id <= ?2)
         WHERE id = ?2"
    ))?;
    run(&format!("UPDATE deliveries SET status = 'superseded', parent = ?2 WHERE {ITS_LANE} AND id < ?2"))
}

/// How many were superseded by this one.
pub(super) fn count(connection: &Connection, id: DeliveryId) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM deliveries WHERE parent = ?1 AND status = 'superseded'";
    let counts = rows(connection, "count what was superseded", sql, [id], |row| row.get::<_, i64>(0))?;
    Ok(counts.first().map_or(0, |count| count.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::open;

    #[test]
    fn a_newer_state_is_found_by_the_index_of_its_lane() {
        let connection = open::in_memory().expect("a database");
        let plan = |sql: &str| {
            let sql = format!("EXPLAIN QUERY PLAN {sql}");
            let steps = rows(&connection, "plan", &sql, [1], |row| row.get::<_, String>("detail"));
            steps.expect("a plan").join("\n")
        };
        let newer = plan(NEWEST_BEHIND);
        assert!(newer.contains("INDEX deliveries_lane (sink=? AND lane=?"), "{newer}");
        let count = plan("SELECT count(*) FROM deliveries WHERE parent = ?1 AND status = 'superseded'");
        assert!(count.contains("INDEX deliveries_parent (parent=?)"), "{count}");
    }
}
