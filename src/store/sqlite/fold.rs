//! Folding: what waits for one recipient becomes one digest.
//!
//! Promises: one transaction makes the digest, marks what is in it, and counts it, so
//! a digest tells exactly the deliveries that name it as their parent. Only counts and
//! a few names leave the database, however much is folded.

use super::read::{self, moment, rows};
use super::{while_doing, write};
use crate::model::identity::digest;
use crate::model::{Brief, Delivery, DeliveryId, EventType, Message, State, Tells, Timestamp};
use crate::store::StoreError;
use crate::store::fold::{DigestSums, FOLDED_BY, Fold, Folded, Group};
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

/// How many objects of a group are named.
const NAMES: usize = 5;

/// What may be folded: no digest, nothing under way, and no lane in which a call waits.
const PENDING: &str = "
    SELECT id FROM deliveries
    WHERE status = 'pending' AND sink = ?1 AND target = ?2 AND recipient = ?3 AND folded IS NULL
      AND lane NOT IN (SELECT value FROM json_each(?4))
      AND NOT (?5 AND lane IN (
          SELECT lane FROM deliveries WHERE status = 'pending' AND sink = ?1 AND target = ?2
          AND recipient = ?3 AND event IN ('Timer', 'Reminder')))
    ORDER BY id LIMIT ?6";

/// The key of a group: what it belongs to, and whether it tells problems.
const GROUP: &str = "grouping || char(31) || tells";

/// Folds; `write` says it in words. `None`, and nothing is changed, if there are less than
/// two to fold.
pub(super) fn fold(
    connection: &mut Connection,
    fold: &Fold<'_>,
    write: &dyn Fn(&Folded) -> Message,
) -> Result<Option<Delivery>, StoreError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(while_doing("begin to fold"))?;
    let Some(first) = first_of_several(&transaction, fold)? else { return Ok(None) };
    let mut made = blank(fold, first);
    write::delivery(&transaction, &made)?;
    made.id = transaction.last_insert_rowid();
    take_in(&transaction, fold, made.id)?;
    let folded = count(&transaction, made.id, fold.groups)?;
    made.message = write(&folded);
    say(&transaction, &made, folded.count)?;
    transaction.commit().map_err(while_doing("commit a digest"))?;
    Ok(Some(made))
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

fn take_in(transaction: &Transaction<'_>, fold: &Fold<'_>, id: DeliveryId) -> Result<(), StoreError> {
    let (sink, to, busy) = (fold.sink, fold.to, read::list(fold.busy));
    let sql = format!("UPDATE deliveries SET status = 'digested', parent = ?7 WHERE id IN ({PENDING})");
    let mark = "UPDATE deliveries SET folded = 0 WHERE id = ?1";
    transaction
        .execute(mark, [id])
        .and_then(|_| {
            let most = read::at_most(fold.most);
            transaction.execute(&sql, params![sink, to.target, to.address, busy, fold.spare_calls, most, id])
        })
        .map(drop)
        .map_err(while_doing("fold deliveries"))
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
