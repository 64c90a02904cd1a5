//! Everything that changes the database.
//!
//! Promises: a batch is one transaction; forgetting is many small ones, so that
//! no commit waits long for it.

use super::{commands, journal, while_doing};
use crate::crash;
use crate::model::{
    Action, ActionId, ActionResult, Attempt, AttemptResult, Decision, Delivery, DeliveryId, State, Timestamp,
};
use crate::store::{Batch, StateValue, StateWrite, StoreError};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde::Serialize;
use std::borrow::Cow;
use std::ops::Deref;
use std::time::Duration;

/// How many rows one slice of forgetting takes at most.
const SLICE_ROWS: i64 = 1000;

/// Between two slices, so that commits that wait for the connection get it.
const SLICE_PAUSE: Duration = Duration::from_millis(5);

/// Keeps a batch in one transaction, and leaves nothing of it on an error.
pub(super) fn batch(connection: &mut Connection, batch: &Batch) -> Result<(), StoreError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(while_doing("begin to write"))?;
    in_order(&batch.state).chunk_by(is_same_entry).try_for_each(|writes| latest(&transaction, writes))?;
    each(&transaction, &batch.deliveries, delivery)?;
    each(&transaction, &batch.actions, action)?;
    each(&transaction, &batch.decisions, decision)?;
    each(&transaction, &batch.commands, commands::keep)?;
    each(&transaction, &batch.attempts, attempt)?;
    each(&transaction, &batch.action_results, action_result)?;
    each(&transaction, &batch.heard, heard)?;
    each(&transaction, &batch.answered, answered)?;
    journal::keep(&transaction, &batch.journal)?;
    crash::point("commit.inside");
    transaction.commit().map_err(while_doing("commit"))
}

/// The writes in the order in which their entries lie in the file, so that each page is found,
/// changed and written once; of one entry the latest last.
fn in_order(writes: &[StateWrite]) -> Vec<&StateWrite> {
    let mut writes: Vec<&StateWrite> = writes.iter().collect();
    writes.sort_by(|a, b| (a.kind, &a.key).cmp(&(b.kind, &b.key)));
    writes
}

fn is_same_entry(a: &&StateWrite, b: &&StateWrite) -> bool {
    (a.kind, &a.key) == (b.kind, &b.key)
}

/// Writes what one entry is in the end.
fn latest(transaction: &Transaction<'_>, writes: &[&StateWrite]) -> Result<(), StoreError> {
    writes.last().map_or(Ok(()), |write| state(transaction, write))
}

fn each<T>(
    transaction: &Transaction<'_>,
    rows: &[T],
    write: fn(&Transaction<'_>, &T) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    rows.iter().try_for_each(|row| write(transaction, row))
}

fn state(transaction: &Transaction<'_>, write: &StateWrite) -> Result<(), StoreError> {
    let StateWrite { kind, key, value } = write;
    let key = key.text();
    let json = |value: &StateValue| value.json().map(Cow::into_owned);
    let value = value.as_ref().map(json).transpose();
    let done = match value.map_err(|source| StoreError::Value { what: "state", source })? {
        Some(value) => transaction
            .prepare_cached(
                "INSERT INTO state (kind, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value",
            )
            .and_then(|mut statement| statement.execute(params![kind, key, value])),
        None => transaction
            .prepare_cached("DELETE FROM state WHERE kind = ?1 AND key = ?2")
            .and_then(|mut statement| statement.execute(params![kind, key])),
    };
    done.map(drop).map_err(while_doing("keep state"))
}

pub(super) fn delivery(transaction: &Transaction<'_>, delivery: &Delivery) -> Result<(), StoreError> {
    let message = json("message", &delivery.message)?;
    transaction
        .prepare_cached(
            "INSERT INTO deliveries
                 (key, at, sink, target, recipient, lane, event, object, incident, rule, message, attempts,
                  tells, state, severity, grouping, words)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
             ON CONFLICT (key) DO NOTHING",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                delivery.key,
                delivery.at.as_microsecond(),
                delivery.sink,
                delivery.target,
                delivery.recipient,
                delivery.lane(),
                delivery.event,
                delivery.object,
                delivery.incident.map(u64::cast_signed),
                delivery.rule,
                message,
                delivery.attempts,
                delivery.brief.tells.name(),
                delivery.brief.state.map(State::name),
                delivery.message.severity,
                delivery.brief.group,
                delivery.brief.words,
            ])
        })
        .map(drop)
        .map_err(while_doing("keep a delivery"))
}

fn action(transaction: &Transaction<'_>, action: &Action) -> Result<(), StoreError> {
    let body = json("action", action)?;
    transaction
        .prepare_cached("INSERT INTO actions (object, verb, author, action) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut statement| {
            statement.execute(params![action.object.name(), action.kind.name(), action.author, body])
        })
        .map(drop)
        .map_err(while_doing("keep an action"))
}

fn decision(transaction: &Transaction<'_>, decision: &Decision) -> Result<(), StoreError> {
    let verdict = json("verdict", &decision.verdict)?;
    let steps = json("list of steps", &decision.steps)?;
    let facts = json("list of facts", &decision.facts)?;
    transaction
        .prepare_cached(
            "INSERT INTO decisions (at, event, object, incident, summary, verdict, steps, ruleset, facts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                decision.at.as_microsecond(),
                decision.event,
                decision.object,
                decision.incident.map(u64::cast_signed),
                decision.summary,
                verdict,
                steps,
                decision.ruleset,
                facts,
            ])
        })
        .map(drop)
        .map_err(while_doing("keep a decision"))
}

/// What an attempt changes in the row of its delivery; `None` leaves a column.
struct Change<'a> {
    status: &'static str,
    tries: u32,
    not_before: Option<Timestamp>,
    note: Option<&'a str>,
    receipt: Option<&'a str>,
}

impl Change<'_> {
    fn of(result: &AttemptResult) -> Change<'_> {
        let change = Change { status: "pending", tries: 1, not_before: None, note: None, receipt: None };
        match result {
            AttemptResult::Sent(receipt) => Change { status: "sent", receipt: Some(receipt), ..change },
            AttemptResult::Dead(reason) => Change { status: "dead", note: Some(reason), ..change },
            AttemptResult::Retry { not_before, reason, counted } => Change {
                tries: u32::from(*counted),
                not_before: Some(*not_before),
                note: Some(reason),
                ..change
            },
        }
    }
}

/// Only a pending delivery can change: one that has ended stays as it ended.
fn attempt(transaction: &Transaction<'_>, attempt: &Attempt) -> Result<(), StoreError> {
    let change = Change::of(&attempt.result);
    transaction
        .prepare_cached(
            "UPDATE deliveries
             SET status = ?2, attempts = attempts + ?3, last_attempt = ?4,
                 not_before = coalesce(?5, not_before), note = coalesce(?6, note), receipt = ?7,
                 heard = 0
             WHERE id = ?1 AND status = 'pending'",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                attempt.delivery.id,
                change.status,
                change.tries,
                attempt.at.as_microsecond(),
                change.not_before.map(Timestamp::as_microsecond),
                change.note,
                change.receipt,
            ])
        })
        .map(drop)
        .map_err(while_doing("keep an attempt"))
}

fn action_result(transaction: &Transaction<'_>, result: &ActionResult) -> Result<(), StoreError> {
    let (status, outcome) = match &result.outcome {
        Ok(outcome) => ("done", outcome),
        Err(outcome) => ("failed", outcome),
    };
    transaction
        .prepare_cached("UPDATE actions SET status = ?2, outcome = ?3 WHERE id = ?1 AND status = 'pending'")
        .and_then(|mut statement| statement.execute(params![result.action.id, status, outcome]))
        .map(drop)
        .map_err(while_doing("keep the result of an action"))
}

fn heard(transaction: &Transaction<'_>, delivery: &DeliveryId) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE deliveries SET heard = 1 WHERE id = ?1")
        .and_then(|mut statement| statement.execute([delivery]))
        .map(drop)
        .map_err(while_doing("keep that it is known that a delivery was given up"))
}

fn answered(transaction: &Transaction<'_>, action: &ActionId) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE actions SET heard = 1 WHERE id = ?1")
        .and_then(|mut statement| statement.execute([action]))
        .map(drop)
        .map_err(while_doing("keep that the result of an action is known"))
}

/// Forgets what is over and older than `moment`. `connection` is taken anew for
/// each slice and given back between them.
pub(super) fn forget_before<Guard>(
    connection: impl Fn() -> Guard,
    moment: Timestamp,
) -> Result<(), StoreError>
where
    Guard: Deref<Target = Connection>,
{
    const SLICES: [&str; 2] = [
        "DELETE FROM deliveries WHERE id IN (
             SELECT id FROM deliveries WHERE status <> 'pending' AND at < ?1 LIMIT ?2)",
        "DELETE FROM actions WHERE id IN (
             SELECT id FROM actions WHERE status <> 'pending' AND kept_at < ?1 LIMIT ?2)",
    ];
    forget_decisions(&connection, moment)?;
    for slice in SLICES {
        while forget_slice(&connection(), slice, moment).map_err(while_doing("forget what is old"))? {
            std::thread::sleep(SLICE_PAUSE);
        }
    }
    Ok(())
}

/// Decisions are kept in the order of time, but for those on what was missed: an index for
/// the few would cost every one of them. So they are gone through from the oldest, up to
/// the first slice of which nothing is to be forgotten.
fn forget_decisions<Guard>(connection: &impl Fn() -> Guard, moment: Timestamp) -> Result<(), StoreError>
where
    Guard: Deref<Target = Connection>,
{
    const LAST: &str = "SELECT max(id) FROM (SELECT id FROM decisions WHERE id > ?1 ORDER BY id LIMIT ?2)";
    const SLICE: &str = "DELETE FROM decisions WHERE id > ?1 AND id <= ?2 AND at < ?3";
    let mut done = 0;
    loop {
        let slice = |connection: &Connection| {
            let last: Option<i64> =
                connection.prepare_cached(LAST)?.query_row(params![done, SLICE_ROWS], |row| row.get(0))?;
            let Some(last) = last else { return Ok((done, 0)) };
            let gone =
                connection.prepare_cached(SLICE)?.execute(params![done, last, moment.as_microsecond()])?;
            Ok((last, gone))
        };
        let (last, gone) = slice(&connection()).map_err(while_doing("forget old decisions"))?;
        if gone == 0 {
            return Ok(());
        }
        done = last;
        std::thread::sleep(SLICE_PAUSE);
    }
}

/// Whether more is left to forget.
fn forget_slice(connection: &Connection, slice: &str, moment: Timestamp) -> rusqlite::Result<bool> {
    let gone = connection.prepare_cached(slice)?.execute(params![moment.as_microsecond(), SLICE_ROWS])?;
    Ok(gone as i64 == SLICE_ROWS)
}

pub(super) fn json<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Value { what, source })
}
