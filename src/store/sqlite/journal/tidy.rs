//! Keeping the journal in order: copies of the state, small rows merged, old ones
//! forgotten.
//!
//! Promises: a copy of the state fits exactly between two rows, since both are read in
//! one transaction; what remains always begins with such a copy; no commit waits for
//! more than one small transaction. Never: reads what is in an input.
//! After a crash: a copy or a merged row is there whole or not at all; rows from before
//! the oldest copy are of no use, and are forgotten the next time.

use super::{Pack, Packed};
use crate::model::Timestamp;
use crate::model::time::age;
use crate::store::sqlite::while_doing;
use crate::store::{JournalLimits, StoreError};
use flate2::Compression;
use rusqlite::{Connection, OptionalExtension, params};
use std::ops::DerefMut;
use std::time::Duration;

/// A copy of the state is made this often.
const COPY_EVERY: Duration = Duration::from_secs(86_400);

/// A copy is made sooner when this many bytes came since, so that old ones can be
/// forgotten: at most this, and at most this share of all that may be kept.
const COPY_AFTER_BYTES: u64 = 64 << 20;
const COPY_AFTER_SHARE: u64 = 4;

/// Rows are merged up to this size before packing; much larger ones pack no better.
const MERGED_BYTES: u64 = 1 << 20;

/// How many rows are forgotten in one transaction, and the pause between two, so that
/// commits that wait get their turn.
const SLICE_ROWS: i64 = 1000;
const SLICE_PAUSE: Duration = Duration::from_millis(5);

/// Makes sure that the journal begins with a copy of the state. `reader` is used by
/// nobody else meanwhile; `writer` is taken anew for each transaction and given back
/// between them.
pub(in crate::store::sqlite) fn begin<Guard>(
    reader: &mut Connection,
    writer: impl Fn() -> Guard,
    limits: JournalLimits,
    now: Timestamp,
) -> Result<(), StoreError>
where
    Guard: DerefMut<Target = Connection>,
{
    match copy_is_due(reader, limits, now).map_err(while_doing("look into the journal"))? {
        true => copy_state(reader, &writer, now),
        false => Ok(()),
    }
}

/// Puts the journal in order; see [`begin`] for what it takes.
pub(in crate::store::sqlite) fn tidy<Guard>(
    reader: &mut Connection,
    writer: impl Fn() -> Guard,
    limits: JournalLimits,
    now: Timestamp,
) -> Result<(), StoreError>
where
    Guard: DerefMut<Target = Connection>,
{
    begin(reader, &writer, limits, now)?;
    forget_copies(reader, &writer, limits, now).map_err(while_doing("forget an old journal"))?;
    forget_rows(&writer)?;
    merge(reader, &writer)
}

/// Forgets all of it: a journal with a hole in it would tell lies.
pub(in crate::store::sqlite) fn forget_all<Guard>(writer: impl Fn() -> Guard) -> Result<(), StoreError>
where
    Guard: DerefMut<Target = Connection>,
{
    writer().execute("DELETE FROM checkpoints", []).map_err(while_doing("forget the journal"))?;
    forget_rows(&writer)
}

fn copy_is_due(reader: &Connection, limits: JournalLimits, now: Timestamp) -> rusqlite::Result<bool> {
    let newest = reader
        .query_row("SELECT at, after FROM checkpoints ORDER BY id DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    let Some((at, after)) = newest else { return Ok(true) };
    let is_old = Timestamp::from_microsecond(at).map_or(true, |at| age(at, now) >= COPY_EVERY);
    let since: i64 = reader.query_row(
        "SELECT coalesce(sum(length(body)), 0) FROM journal WHERE id > ?1",
        [after],
        |row| row.get(0),
    )?;
    Ok(is_old || since.cast_unsigned() > COPY_AFTER_BYTES.min(limits.size / COPY_AFTER_SHARE))
}

/// Copies the state as it is between two commits. Commits go on meanwhile.
fn copy_state<Guard>(
    reader: &mut Connection,
    writer: &impl Fn() -> Guard,
    now: Timestamp,
) -> Result<(), StoreError>
where
    Guard: DerefMut<Target = Connection>,
{
    let reading = while_doing("copy the state");
    // What one transaction reads is of one moment.
    let snapshot = reader.transaction().map_err(&reading)?;
    let after: i64 = snapshot
        .query_row("SELECT coalesce(max(id), 0) FROM journal", [], |row| row.get(0))
        .map_err(&reading)?;
    let mut pack = Pack::new(Compression::fast());
    {
        let mut statement = snapshot.prepare("SELECT kind, key, value FROM state").map_err(&reading)?;
        let mut rows = statement.query([]).map_err(&reading)?;
        while let Some(row) = rows.next().map_err(&reading)? {
            let text = |index| row.get_ref(index).and_then(|value| Ok(value.as_str()?)).map_err(&reading);
            pack.line("state", &(text(0)?, text(1)?, text(2)?))?;
        }
    }
    drop(snapshot);
    let Packed { lines, body, .. } = pack.finish()?;
    writer()
        .execute(
            "INSERT INTO checkpoints (at, after, entries, body) VALUES (?1, ?2, ?3, ?4)",
            params![now.as_microsecond(), after, lines.cast_signed(), body],
        )
        .map(drop)
        .map_err(while_doing("keep a copy of the state"))
}

/// Merges neighbours that are small, but never over a copy of the state.
fn merge<Guard>(reader: &Connection, writer: &impl Fn() -> Guard) -> Result<(), StoreError>
where
    Guard: DerefMut<Target = Connection>,
{
    let groups = groups(reader).map_err(while_doing("look for rows to merge"))?;
    for group in groups.iter().filter(|group| group.len() > 1) {
        let mut pack = Pack::new(Compression::default());
        for id in group {
            let (inputs, body) = row(reader, *id).map_err(while_doing("read a row to merge"))?;
            pack.packed(inputs.cast_unsigned(), &body)?;
        }
        replace(&mut writer(), group, &pack.finish()?).map_err(while_doing("merge rows"))?;
        std::thread::sleep(SLICE_PAUSE);
    }
    Ok(())
}

fn row(reader: &Connection, id: i64) -> rusqlite::Result<(i64, Vec<u8>)> {
    reader
        .prepare_cached("SELECT inputs, body FROM journal WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The rows of the journal in groups of neighbours, each small enough for one row.
fn groups(reader: &Connection) -> rusqlite::Result<Vec<Vec<i64>>> {
    let mut groups: Vec<Vec<i64>> = Vec::new();
    let mut statement = reader.prepare(
        "SELECT id, raw, (SELECT count(*) FROM checkpoints WHERE after < journal.id)
         FROM journal ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let (mut size, mut segment) = (0, 0);
    while let Some(row) = rows.next()? {
        let (id, raw, now_in) = (row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned(), row.get::<_, i64>(2)?);
        match groups.last_mut() {
            Some(group) if segment == now_in && size + raw <= MERGED_BYTES => group.push(id),
            _ => {
                groups.push(vec![id]);
                size = 0;
            }
        }
        size += raw;
        segment = now_in;
    }
    Ok(groups)
}

/// Puts one row where a group was: under the last one's number.
fn replace(writer: &mut Connection, group: &[i64], packed: &Packed) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(()) };
    let transaction = writer.transaction()?;
    transaction.execute(
        "UPDATE journal SET inputs = ?3, raw = ?4, body = ?5,
             first_at = (SELECT first_at FROM journal WHERE id = ?1)
         WHERE id = ?2",
        params![first, last, packed.lines.cast_signed(), packed.raw.cast_signed(), packed.body],
    )?;
    transaction.execute("DELETE FROM journal WHERE id >= ?1 AND id < ?2", params![first, last])?;
    transaction.commit()
}

/// Forgets the copies that nobody needs to go back as far as `keep`, and more while
/// all that is kept is too large. The newest stays.
fn forget_copies<Guard>(
    reader: &Connection,
    writer: &impl Fn() -> Guard,
    limits: JournalLimits,
    now: Timestamp,
) -> rusqlite::Result<()>
where
    Guard: DerefMut<Target = Connection>,
{
    // Each segment with all that it takes: a copy of the state, and the rows up to the
    // next copy.
    let mut statement = reader.prepare(
        "SELECT id, at, length(body) + (
             SELECT coalesce(sum(length(journal.body)), 0) FROM journal
             WHERE journal.id > after AND journal.id <= coalesce((
                 SELECT next.after FROM checkpoints AS next WHERE next.id > checkpoints.id
                 ORDER BY next.id LIMIT 1), 9223372036854775807))
         FROM checkpoints ORDER BY id",
    )?;
    let segments: Vec<(i64, i64, i64)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let oldest_wanted = now.as_microsecond().saturating_sub_unsigned(limits.keep.as_micros() as u64);
    let mut size: u64 = segments.iter().map(|(_, _, bytes)| bytes.cast_unsigned()).sum();
    let mut first_kept = None;
    for pair in segments.windows(2) {
        let [(_, _, bytes), (next, next_at, _)] = pair else { break };
        if *next_at > oldest_wanted && size <= limits.size {
            break;
        }
        size -= bytes.cast_unsigned();
        first_kept = Some(next);
    }
    if let Some(first_kept) = first_kept {
        writer().execute("DELETE FROM checkpoints WHERE id < ?1", [first_kept])?;
    }
    Ok(())
}

/// Forgets the rows that no copy stands before.
fn forget_rows<Guard>(writer: &impl Fn() -> Guard) -> Result<(), StoreError>
where
    Guard: DerefMut<Target = Connection>,
{
    const SLICE: &str = "DELETE FROM journal WHERE id IN (
        SELECT id FROM journal
        WHERE id <= coalesce((SELECT min(after) FROM checkpoints), 9223372036854775807) LIMIT ?1)";
    loop {
        let gone = writer().execute(SLICE, [SLICE_ROWS]).map_err(while_doing("forget an old journal"))?;
        if (gone as i64) < SLICE_ROWS {
            return Ok(());
        }
        std::thread::sleep(SLICE_PAUSE);
    }
}
