//! Folding: what waits for one recipient becomes one digest.
//!
//! Promises: each transaction marks a bounded slice of what is in a digest, and counts
//! and writes the digest anew, so it tells exactly the deliveries that name it as their
//! parent, also when nothing comes after that slice. Only counts and a few names leave the
//! database, however much is folded.

use super::read::{self, moment, rows};
use super::{while_doing, write};
use crate::model::identity::digest;
use crate::model::{Brief, Delivery, DeliveryId, EventType, Message, State, Tells, Timestamp};
use crate::store::StoreError;
use crate::store::fold::{DigestSums, FOLDED_BY, Fold, Folded, Group};
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};
use std::ops::DerefMut;
use std::time::Duration;

/// How many deliveries one transaction takes in, in earnest: others may write between two.
pub(super) const SLICE: usize = 25_000;

/// Between two slices, so that commits that wait for the connection get it.
const SLICE_PAUSE: Duration = Duration::from_millis(5);

/// How many objects of a group are named.
const NAMES: usize = 5;

/// What may be folded: no digest, nothing under way, and no lane in which a call waits.
const PENDING: &str = "
    SELECT id FROM deliveries
    WHERE status = 'pending' AND sink = ?1 AND target = ?2 AND recipient = ?3 AND folded IS NULL
      AND lane NOT IN (SELECT value FROM json_each(?4))
      AND NOT (?5 AND lane IN (
          SELECT lane FROM deliveries WHERE status = 'pending' AND sink = ?1 AND target = ?2
          AND recipient = ?3 AND event IN ('Timer', 'Reminder', 'Escalation', 'Page')))
    ORDER BY id LIMIT ?6";

/// The key of a group: what it belongs to, and whether it tells problems.
const GROUP: &str = "grouping || char(31) || tells";

/// Folds; `write` says it in words. `None`, and nothing is changed, if there are less than
/// two to fold. `connection` is taken anew for each slice and given back between them.
pub(super) fn fold<Guard>(
    connection: impl Fn() -> Guard,
    fold: &Fold<'_>,
    slice: usize,
    write: &dyn Fn(&Folded) -> Message,
) -> Result<Option<Delivery>, StoreError>
where
    Guard: DerefMut<Target = Connection>,
{
    let mut taken = slice.min(fold.most);
    let Some(mut made) = begin(&mut connection(), fold, taken, write)? else { return Ok(None) };
    while taken < fold.most {
        std::thread::sleep(SLICE_PAUSE);
        let slice = slice.min(fold.most - taken);
        if !go_on(&mut connection(), fold, slice, &mut made, write)? {
            break;
        }
        taken += slice;
    }
    Ok(Some(made))
}

/// Makes the digest, of the first slice.
fn begin(
    connection: &mut Connection,
    fold: &Fold<'_>,
    slice: usize,
    write: &dyn Fn(&Folded) -> Message,
) -> Result<Option<Delivery>, StoreError> {
    let transaction = begin_slice(connection)?;
    let Some(first) = first_of_several(&transaction, fold)? else { return Ok(None) };
    let mut made = blank(fold, first);
    write::delivery(&transaction, &made)?;
    made.id = transaction.last_insert_rowid();
    mark_digest(&transaction, made.id)?;
    take_in(&transaction, fold, slice, made.id)?;
    finish_slice(transaction, fold, &mut made, write)?;
    Ok(Some(made))
}

/// Takes another slice into the digest. Whether it was a full one.
fn go_on(
    connection: &mut Connection,
    fold: &Fold<'_>,
    slice: usize,
    made: &mut Delivery,
    write: &dyn Fn(&Folded) -> Message,
) -> Result<bool, StoreError> {
    let transaction = begin_slice(connection)?;
    let taken = take_in(&transaction, fold, slice, made.id)?;
    if taken > 0 {
        finish_slice(transaction, fold, made, write)?;
    }
    Ok(taken == slice)
}

fn begin_slice(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(while_doing("begin to fold"))
}

/// Counts what is in the digest by now, and writes that.
fn finish_slice(
    transaction: Transaction<'_>,
    fold: &Fold<'_>,
    made: &mut Delivery,
    write: &dyn Fn(&Folded) -> Message,
) -> Result<(), StoreError> {
    let folded = count(&transaction, made.id, fold.groups)?;
    made.message = write(&folded);
    say(&transaction, made, folded.count)?;
    transaction.commit().map_err(while_doing("commit a digest"))
}

/// The oldest that may be folded, if another one may.
fn first_of_several(
    transaction: &Transaction<'_>,
    fold: &Fold<'_>,
) -> Result<Option<DeliveryId>, StoreError> {
    let (sink, to, busy) = (fold.sink, fold.to, read::list(fold.busy));
    let two = params![sink, to.target, to.address, busy, fold.spare_calls, 2];
    let ids: Vec<DeliveryId> = rows(transaction, "read what to fold", PENDING, two, |row| row.get(0))?;
    Ok(if ids.len() < 2 { None } else { ids.first().copied() })
}

/// The digest before it says anything. A delivery is folded once, so the first of those
/// in it makes its key.
fn blank(fold: &Fold<'_>, first: DeliveryId) -> Delivery {
    let to = fold.to;
    Delivery {
        id: 0,
        key: digest(&[
            FOLDED_BY,
            fold.sink,
            &to.target,
            &to.address,
            &first.to_string(),
            &fold.at.to_string(),
        ]),
        at: fold.at,
        sink: fold.sink.to_owned(),
        target: to.target.clone(),
        recipient: to.address.clone(),
        event: EventType::Digest.name().to_owned(),
        object: String::new(),
        incident: None,
        rule: FOLDED_BY.to_owned(),
        message: Message::default(),
        brief: Brief::default(),
        attempts: 0,
        revived: None,
    }
}

fn mark_digest(transaction: &Transaction<'_>, id: DeliveryId) -> Result<(), StoreError> {
    transaction
        .execute("UPDATE deliveries SET folded = 0 WHERE id = ?1", [id])
        .map(drop)
        .map_err(while_doing("make a digest"))
}

/// How many were taken in, of so many at most.
fn take_in(
    transaction: &Transaction<'_>,
    fold: &Fold<'_>,
    most: usize,
    id: DeliveryId,
) -> Result<usize, StoreError> {
    let (sink, to, busy) = (fold.sink, fold.to, read::list(fold.busy));
    let sql = format!("UPDATE deliveries SET status = 'digested', parent = ?7 WHERE id IN ({PENDING})");
    let chosen = params![sink, to.target, to.address, busy, fold.spare_calls, read::at_most(most), id];
    transaction.execute(&sql, chosen).map_err(while_doing("fold deliveries"))
}

/// What is in a digest.
fn count(connection: &Connection, id: DeliveryId, groups: usize) -> Result<Folded, StoreError> {
    const ALL: &str = "
        SELECT count(*) AS count, sum(tells = 'problem') AS problems, sum(tells = 'recovery') AS recoveries,
               min(at) AS since
        FROM deliveries WHERE parent = ?1";
    const STATES: &str = "
        SELECT coalesce(state, event), count(*) AS count FROM deliveries WHERE parent = ?1
        GROUP BY 1 ORDER BY min(tells = 'recovery'), max(severity) DESC, 2 DESC, 1";
    let mut all = rows(connection, "count a digest", ALL, [id], |row| {
        Ok(Folded {
            count: number(row, "count")?,
            problems: number(row, "problems")?,
            recoveries: number(row, "recoveries")?,
            since: moment(row, "since")?,
            ..Folded::default()
        })
    })?;
    let mut folded = all.pop().unwrap_or_default();
    folded.states =
        rows(connection, "count the states", STATES, [id], |row| Ok((row.get(0)?, number(row, "count")?)))?;
    let (chosen, all_groups) = choose(connection, id, groups)?;
    folded.more_groups = all_groups - chosen.len() as u64;
    folded.more = folded.count - chosen.iter().map(|group| group.count).sum::<u64>();
    folded.groups = named(connection, id, chosen)?;
    Ok(folded)
}

/// A count, which is never negative.
fn number(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    row.get(column).map(i64::cast_unsigned)
}

/// The groups that are named, without their names, and how many groups there are in all.
fn choose(connection: &Connection, id: DeliveryId, most: usize) -> Result<(Vec<Group>, u64), StoreError> {
    // In SQLite, `state` beside a `max()` is that of the row with the maximum.
    let sql = format!(
        "SELECT grouping, tells, state, count(*) AS count, max(severity) AS severity,
                count(*) OVER () AS groups
         FROM deliveries WHERE parent = ?1 GROUP BY {GROUP}
         ORDER BY tells = 'recovery', severity DESC, count DESC, grouping LIMIT ?2"
    );
    let found = rows(connection, "group a digest", &sql, params![id, read::at_most(most)], |row| {
        let state: Option<String> = row.get("state")?;
        let group = Group {
            name: row.get("grouping")?,
            tells: Tells::of_name(row.get_ref("tells")?.as_str()?).unwrap_or_default(),
            worst: state.as_deref().and_then(State::from_name),
            count: number(row, "count")?,
            names: Vec::new(),
        };
        Ok((group, number(row, "groups")?))
    })?;
    let all = found.first().map_or(0, |(_, all)| *all);
    Ok((found.into_iter().map(|(group, _)| group).collect(), all))
}

/// Gives the groups the names of their worst.
fn named(connection: &Connection, id: DeliveryId, groups: Vec<Group>) -> Result<Vec<Group>, StoreError> {
    let keys: Vec<String> =
        groups.iter().map(|group| format!("{}\u{1f}{}", group.name, group.tells.name())).collect();
    let sql = format!(
        "WITH objects AS (
             SELECT {GROUP} AS of, CASE object WHEN '' THEN event ELSE object END AS name,
                    max(severity) AS severity, min(id) AS first
             FROM deliveries WHERE parent = ?1 AND {GROUP} IN (SELECT value FROM json_each(?2))
             GROUP BY 1, 2),
         placed AS (
             SELECT of, name, row_number() OVER (PARTITION BY of ORDER BY severity DESC, first) AS place
             FROM objects)
         SELECT of, name FROM placed WHERE place <= ?3 ORDER BY of, place"
    );
    let parameters = params![id, read::list(&keys), read::at_most(NAMES)];
    let names: Vec<(String, String)> =
        rows(connection, "name the worst", &sql, parameters, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let of = |key: &String| names.iter().filter(|(of, _)| of == key).map(|(_, name)| name.clone()).collect();
    Ok(groups.into_iter().zip(&keys).map(|(group, key)| Group { names: of(key), ..group }).collect())
}

/// Writes what the digest says, and for how many it speaks.
fn say(transaction: &Transaction<'_>, made: &Delivery, count: u64) -> Result<(), StoreError> {
    let message = write::json("message", &made.message)?;
    transaction
        .prepare_cached("UPDATE deliveries SET message = ?2, severity = ?3, folded = ?4 WHERE id = ?1")
        .and_then(|mut statement| {
            statement.execute(params![made.id, message, made.message.severity, count.cast_signed()])
        })
        .map(drop)
        .map_err(while_doing("write a digest"))
}

/// Whether what digests made since `moment` say is what they hold.
pub(super) fn sums(connection: &Connection, moment: Timestamp) -> Result<DigestSums, StoreError> {
    const SUMS: &str = "
        SELECT (SELECT count(*) FROM deliveries AS child
                WHERE status = 'digested' AND at >= ?1
                  AND NOT EXISTS (SELECT 1 FROM deliveries AS made
                                  WHERE made.id = child.parent AND made.folded IS NOT NULL)) AS orphans,
               (SELECT count(*) FROM deliveries AS made
                WHERE folded IS NOT NULL AND at >= ?1
                  AND folded <> (SELECT count(*) FROM deliveries WHERE parent = made.id)) AS differing";
    let mut sums = rows(connection, "add up the digests", SUMS, [moment.as_microsecond()], |row| {
        Ok(DigestSums { orphans: number(row, "orphans")?, differing: number(row, "differing")? })
    })?;
    Ok(sums.pop().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fold::Recipient;
    use crate::store::sqlite::open;
    use std::cell::{Cell, RefCell};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    const WAITING: i64 = 35;

    /// A database in which so many wait, of five groups.
    fn waiting() -> RefCell<Connection> {
        let connection = open::in_memory().expect("a database");
        let insert = "
            INSERT INTO deliveries (key, at, sink, target, recipient, lane, event, object, rule, message, tells,
                                    state, severity, grouping)
            WITH RECURSIVE numbers (number) AS
                (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?1)
            SELECT number, number, 'irc', 'ops', '#ops', number, 'StateChange', 'host' || number, 'all',
                   '{}', 'problem', 'DOWN', 3, 'site' || (number % 5) FROM numbers";
        connection.execute(insert, [WAITING]).expect("kept");
        RefCell::new(connection)
    }

    fn told(folded: &Folded) -> Message {
        Message { text: format!("{folded:?}"), ..Message::default() }
    }

    fn fold_in_slices(
        database: &RefCell<Connection>,
        most: usize,
        write: &dyn Fn(&Folded) -> Message,
    ) -> Option<Delivery> {
        let to = Recipient { target: "ops".to_owned(), address: "#ops".to_owned() };
        let at = Timestamp::now();
        let all = Fold { sink: "irc", to: &to, busy: &[], spare_calls: true, most, groups: 3, at };
        fold(|| database.borrow_mut(), &all, 10, write).expect("folded")
    }

    fn check(database: &RefCell<Connection>, expected: i64) {
        let connection = database.borrow();
        assert_eq!(sums(&connection, Timestamp::UNIX_EPOCH).expect("read"), DigestSums::default());
        let folded = connection.query_row("SELECT max(folded) FROM deliveries", [], |row| row.get(0));
        assert_eq!(folded, Ok(expected));
    }

    #[test]
    fn a_digest_of_many_slices_is_one_and_says_what_one_slice_would() {
        let of = |most, slices| {
            let (database, count) = (waiting(), Cell::new(0));
            let write = |folded: &Folded| {
                count.set(count.get() + 1);
                told(folded)
            };
            let made = fold_in_slices(&database, most, &write).expect("there is enough to fold");
            assert_eq!(count.get(), slices);
            check(&database, (most as i64).min(WAITING));
            made.message.text
        };
        let text = of(100, 4);
        assert!(text.contains("count: 35") && text.contains("more_groups: 2"), "{text}");
        assert!(of(10, 1).contains("count: 10"));
        assert!(of(25, 3).contains("count: 25"));
    }

    #[test]
    fn what_was_folded_before_a_failure_is_told_and_the_rest_waits() {
        let (database, count) = (waiting(), Cell::new(0));
        let fails = |folded: &Folded| {
            count.set(count.get() + 1);
            assert!(count.get() < 3, "this slice fails");
            told(folded)
        };
        let folding = catch_unwind(AssertUnwindSafe(|| fold_in_slices(&database, 100, &fails)));
        assert!(folding.is_err());
        check(&database, 20);
        let text = "SELECT message FROM deliveries WHERE folded = 20 AND status = 'pending'";
        let text: String = database.borrow().query_row(text, [], |row| row.get(0)).expect("there is one");
        assert!(text.contains("count: 20"), "{text}");
        let made = fold_in_slices(&database, 100, &told).expect("the rest is folded next");
        assert!(made.message.text.contains("count: 15"), "{made:?}");
    }
}
