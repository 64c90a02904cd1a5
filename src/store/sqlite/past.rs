//! Reading the audit: what was decided and sent, of one object, incident or delivery.
//! Changes nothing.

use super::read::{delivery, json, list, moment, optional_moment, rows};
use crate::model::{About, Decision, DeliveryId};
use crate::store::fold::FOLDED_BY;
use crate::store::{Past, PastDelivery, StoreError};
use rusqlite::{Connection, Row, ToSql, params};

/// More deliveries than this belong to one decision only where a target has very many
/// recipients.
const DELIVERIES_EACH: usize = 16;

const OF_KEYS: &str = "SELECT * FROM deliveries WHERE key IN (SELECT value FROM json_each(?1)) ORDER BY id";

/// What is kept about something, newest first.
pub(super) fn past(connection: &Connection, about: &About, limit: usize) -> Result<Past, StoreError> {
    let of = |column: &str, value: &dyn ToSql| {
        Ok(Past {
            decisions: decisions(connection, column, value, limit)?,
            deliveries: deliveries(connection, column, value, limit.saturating_mul(DELIVERIES_EACH))?,
        })
    };
    match about {
        About::Object(name) => of("object", name),
        About::Incident(number) => of("incident", &number.cast_signed()),
        About::Delivery(id) => one_delivery(connection, *id, limit),
    }
}

/// The newest decisions with this value in a column, newest first.
pub(super) fn decisions(
    connection: &Connection,
    column: &str,
    value: &dyn ToSql,
    limit: usize,
) -> Result<Vec<Decision>, StoreError> {
    let sql = format!("SELECT * FROM decisions WHERE {column} = ?1 ORDER BY at DESC, id DESC LIMIT ?2");
    rows(connection, "read decisions", &sql, params![value, rows_at_most(limit)], decision)
}

/// The newest deliveries with this value in a column, newest first.
pub(super) fn deliveries(
    connection: &Connection,
    column: &str,
    value: &dyn ToSql,
    limit: usize,
) -> Result<Vec<PastDelivery>, StoreError> {
    let sql = format!("SELECT * FROM deliveries WHERE {column} = ?1 ORDER BY at DESC, id DESC LIMIT ?2");
    rows(connection, "read deliveries", &sql, params![value, rows_at_most(limit)], past_delivery)
}

/// The deliveries with these keys, oldest first.
pub(super) fn of_keys(connection: &Connection, keys: &[String]) -> Result<Vec<PastDelivery>, StoreError> {
    rows(connection, "read deliveries", OF_KEYS, params![list(keys)], past_delivery)
}

/// A delivery, and the decisions of the moment it was decided at; behind a digest of a storm
/// the newest of what it stands for.
fn one_delivery(connection: &Connection, id: DeliveryId, limit: usize) -> Result<Past, StoreError> {
    let mut found = deliveries(connection, "id", &id, 1)?;
    if found.first().is_some_and(|past| past.delivery.rule == FOLDED_BY) {
        found.extend(deliveries(connection, "parent", &id, limit)?);
        return Ok(Past { decisions: Vec::new(), deliveries: found });
    }
    let deliveries = found;
    let Some(found) = deliveries.first().map(|past| &past.delivery) else { return Ok(Past::default()) };
    let sql = "SELECT * FROM decisions WHERE object = ?1 AND at = ?2 AND event = ?3 ORDER BY id DESC";
    let of = params![found.object, found.at.as_microsecond(), found.event];
    let decisions = rows(connection, "read decisions", sql, of, decision)?;
    Ok(Past { decisions, deliveries })
}

/// The objects that something is known of: source and full name. The source is empty for
/// what only the audit still knows.
pub(super) fn names(connection: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    const SQL: &str = "
        SELECT DISTINCT key FROM state WHERE kind IN ('object', 'record')
        UNION
        SELECT char(31) || object FROM (
            SELECT DISTINCT object FROM decisions UNION SELECT DISTINCT object FROM deliveries)
        WHERE object <> ''";
    let keys: Vec<String> = rows(connection, "read the names", SQL, [], |row| row.get(0))?;
    let split = |key: &String| key.split_once('\u{1f}').map(|(s, n)| (s.to_owned(), n.to_owned()));
    Ok(keys.iter().filter_map(split).collect())
}

fn rows_at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn decision(row: &Row<'_>) -> rusqlite::Result<Decision> {
    Ok(Decision {
        at: moment(row, "at")?,
        event: row.get("event")?,
        object: row.get("object")?,
        incident: row.get::<_, Option<i64>>("incident")?.map(i64::cast_unsigned),
        summary: row.get("summary")?,
        verdict: json(row, "verdict")?,
        steps: json(row, "steps")?,
        ruleset: row.get("ruleset")?,
        facts: json(row, "facts")?,
    })
}

pub(super) fn past_delivery(row: &Row<'_>) -> rusqlite::Result<PastDelivery> {
    let receipt: Option<String> = row.get("receipt")?;
    let note: String = row.get("note")?;
    Ok(PastDelivery {
        delivery: delivery(row)?,
        status: row.get("status")?,
        parent: row.get("parent")?,
        note: receipt.unwrap_or(note),
        last_attempt: optional_moment(row, "last_attempt")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::open;

    #[test]
    fn deliveries_are_found_by_the_index_of_their_keys() {
        let connection = open::in_memory().expect("a database");
        let sql = format!("EXPLAIN QUERY PLAN {OF_KEYS}");
        let plan = rows(&connection, "plan", &sql, params!["[]"], |row| row.get::<_, String>("detail"));
        let plan = plan.expect("a plan").join("\n");
        assert!(plan.contains("SEARCH deliveries USING INDEX") && plan.contains("(key=?)"), "{plan}");
    }

    #[test]
    fn what_belongs_to_one_thing_is_found_by_an_index() {
        let connection = open::in_memory().expect("a database");
        for (table, column) in [
            ("decisions", "object"),
            ("decisions", "incident"),
            ("deliveries", "object"),
            ("deliveries", "incident"),
        ] {
            let sql = format!(
                "EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {column} = ?1 ORDER BY at DESC, id DESC LIMIT ?2"
            );
            let plan = rows(&connection, "plan", &sql, params![1, 9], |row| row.get::<_, String>("detail"))
                .expect("a plan")
                .join("\n");
            assert!(plan.contains(&format!("INDEX {table}_{column} ({column}=?)")), "{plan}");
            assert!(!plan.contains("TEMP B-TREE FOR ORDER BY"), "{plan}");
        }
    }
}
