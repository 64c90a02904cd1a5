//! What waits for whom, recipient by recipient. Changes nothing.
//!
//! Promises: however much waits, the answer takes a few steps in an index for each
//! recipient.

use super::read::{at_most, delivery, list, rows};
use super::while_doing;
use crate::model::{Delivery, Timestamp};
use crate::store::StoreError;
use crate::store::fold::{Choice, Recipient, Waiting};
use rusqlite::{Connection, OptionalExtension, params};

/// The next recipient behind one, in the order of the index. Two questions: SQLite begins a
/// comparison of pairs at what is equal, and would pass by all that waits for this one.
const NEXT: &str = "
    SELECT target, recipient FROM (
        SELECT * FROM (
            SELECT target, recipient FROM deliveries
            WHERE status = 'pending' AND sink = ?1 AND target = ?2 AND recipient > ?3
            ORDER BY recipient LIMIT 1)
        UNION ALL
        SELECT * FROM (
            SELECT target, recipient FROM deliveries
            WHERE status = 'pending' AND sink = ?1 AND target > ?2
            ORDER BY target, recipient LIMIT 1))
    ORDER BY target, recipient LIMIT 1";

const COUNTS: &str = "
    SELECT (SELECT count(*) FROM (
                SELECT 1 FROM deliveries
                WHERE status = 'pending' AND sink = ?1 AND target = ?2 AND recipient = ?3 LIMIT ?4)),
           (SELECT count(*) FROM (
                SELECT 1 FROM deliveries INDEXED BY deliveries_calls
                WHERE status = 'pending' AND event IN ('Timer', 'Reminder', 'Escalation', 'Page')
                  AND sink = ?1 AND target = ?2 AND recipient = ?3 LIMIT ?4)),
           (SELECT min(id) FROM deliveries
                WHERE status = 'pending' AND sink = ?1 AND target = ?2 AND recipient = ?3),
           (SELECT min(id) FROM deliveries INDEXED BY deliveries_digests
                WHERE status = 'pending' AND folded IS NOT NULL
                  AND sink = ?1 AND target = ?2 AND recipient = ?3)";

/// Only heads of lanes have a `not_before`; what was tried later than now is due as well,
/// since the clock has been set back. Problems before recoveries, the worst first.
const DUE: &str = "
    SELECT * FROM deliveries
    WHERE id IN (
        SELECT id FROM deliveries
        WHERE status = 'pending' AND sink = ?1 AND target = ?2 AND recipient = ?3 AND id <= ?5
        UNION
        SELECT id FROM deliveries WHERE ?6 AND status = 'pending' AND sink = ?1 AND lane IN (
            SELECT lane FROM deliveries INDEXED BY deliveries_calls
            WHERE status = 'pending' AND event IN ('Timer', 'Reminder', 'Escalation', 'Page')
              AND sink = ?1 AND target = ?2 AND recipient = ?3))
      AND (not_before <= ?4 OR last_attempt > ?4)
      AND lane NOT IN (SELECT value FROM json_each(?7))
    ORDER BY tells = 'recovery', severity DESC, id LIMIT ?8";

/// What waits for each recipient of a sink; counts go up to `most`.
pub(super) fn waiting(connection: &Connection, sink: &str, most: u32) -> Result<Vec<Waiting>, StoreError> {
    let mut found = Vec::new();
    let mut last = Recipient { target: String::new(), address: String::new() };
    while let Some(to) = next(connection, sink, &last)? {
        let limited = params![sink, to.target, to.address, most];
        let counts = rows(connection, "count what waits", COUNTS, limited, |row| {
            Ok(Waiting {
                to: to.clone(),
                count: row.get(0)?,
                calls: row.get(1)?,
                oldest: row.get::<_, Option<i64>>(2)?.unwrap_or_default(),
                digest: row.get(3)?,
            })
        })?;
        found.extend(counts);
        last = to;
    }
    Ok(found)
}

fn next(connection: &Connection, sink: &str, last: &Recipient) -> Result<Option<Recipient>, StoreError> {
    connection
        .prepare_cached(NEXT)
        .and_then(|mut statement| {
            let read = |row: &rusqlite::Row<'_>| Ok(Recipient { target: row.get(0)?, address: row.get(1)? });
            statement.query_row(params![sink, last.target, last.address], read).optional()
        })
        .map_err(while_doing("read who waits"))
}

/// What may be sent to one recipient now.
pub(super) fn due_of(
    connection: &Connection,
    choice: &Choice<'_>,
    now: Timestamp,
) -> Result<Vec<Delivery>, StoreError> {
    let Choice { sink, to, up_to, called, busy, limit } = choice;
    let chosen = params![
        sink,
        to.target,
        to.address,
        now.as_microsecond(),
        up_to,
        called,
        list(busy),
        at_most(*limit)
    ];
    rows(connection, "read what is due for one recipient", DUE, chosen, delivery)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::open;
    use rusqlite::StatementStatus;

    fn plan(sql: &str, parameters: impl rusqlite::Params) -> String {
        let connection = open::in_memory().expect("a database");
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        rows(&connection, "plan", &sql, parameters, |row| row.get::<_, String>("detail"))
            .expect("a plan")
            .join("\n")
    }

    #[test]
    fn who_waits_is_found_without_a_look_at_what_waits() {
        let next = plan(NEXT, params!["irc", "ops", "#ops"]);
        assert!(next.contains("INDEX deliveries_waiting (sink=? AND target=? AND recipient>?)"), "{next}");
        assert!(next.contains("INDEX deliveries_waiting (sink=? AND target>?)"), "{next}");
        let counts = plan(COUNTS, params!["irc", "ops", "#ops", 11]);
        assert!(!counts.contains("SCAN deliveries"), "{counts}");
        assert!(counts.contains("INDEX deliveries_calls (sink=? AND target=? AND recipient=?)"), "{counts}");
        assert!(
            counts.contains("INDEX deliveries_digests (sink=? AND target=? AND recipient=?)"),
            "{counts}"
        );
        let due = plan(DUE, params!["irc", "ops", "#ops", 5, 7, true, "[]", 9]);
        assert!(!due.contains("SCAN deliveries"), "{due}");
        assert!(due.contains("(sink=? AND target=? AND recipient=? AND id<?)"), "{due}");
    }

    /// How many steps SQLite takes to find who waits behind a recipient for whom so many wait.
    fn steps(many: i64) -> i32 {
        let connection = open::in_memory().expect("a database");
        let insert = "
            INSERT INTO deliveries (key, at, sink, target, recipient, lane, event, object, rule, message)
            WITH RECURSIVE numbers (number) AS
                (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?1)
            SELECT number, number, 'irc', 'ops', '#ops', number, 'StateChange', 'db1', 'all', '{}' FROM numbers";
        connection.execute(insert, [many]).expect("kept");
        let mut statement = connection.prepare(NEXT).expect("a statement");
        let found = statement.query_row(params!["irc", "ops", "#ops"], |_| Ok(()));
        assert_eq!(found, Err(rusqlite::Error::QueryReturnedNoRows));
        statement.get_status(StatementStatus::VmStep)
    }

    #[test]
    fn who_waits_is_found_in_as_many_steps_however_much_waits() {
        assert_eq!(steps(10), steps(1000));
    }
}
