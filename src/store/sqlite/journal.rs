//! The journal: what came in, and copies of the state between.
//!
//! Owns: how inputs and state are packed into rows; `tidy` copies, merges and forgets,
//! `read` gives them back. Promises: the inputs of a batch are kept in the batch's
//! transaction, so the journal and the state that came of it never disagree.
//! Never: knows what an input means.

pub(super) mod read;
pub(super) mod tidy;

use super::while_doing;
use crate::model::{Input, Timestamp};
use crate::store::StoreError;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rusqlite::{Transaction, params};
use serde::Serialize;
use std::io::{self, BufRead, BufReader, BufWriter, Write};

/// Lines of JSON on their way into a row.
struct Pack {
    zipped: BufWriter<Counted<GzEncoder<Vec<u8>>>>,
    lines: u64,
}

/// Counts what is written.
struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A finished row: how many lines, their size before and the bytes after packing.
struct Packed {
    lines: u64,
    raw: u64,
    body: Vec<u8>,
}

impl Pack {
    fn new(level: Compression) -> Pack {
        let zipped = BufWriter::new(Counted { inner: GzEncoder::new(Vec::new(), level), bytes: 0 });
        Pack { zipped, lines: 0 }
    }

    fn line<T: Serialize>(&mut self, what: &'static str, value: &T) -> Result<(), StoreError> {
        serde_json::to_writer(&mut self.zipped, value)
            .map_err(|source| StoreError::Value { what, source })?;
        self.zipped.write_all(b"\n").map_err(packing)?;
        self.lines += 1;
        Ok(())
    }

    /// Adds lines that were packed before.
    fn packed(&mut self, lines: u64, body: &[u8]) -> Result<(), StoreError> {
        io::copy(&mut GzDecoder::new(body), &mut self.zipped).map_err(packing)?;
        self.lines += lines;
        Ok(())
    }

    fn finish(self) -> Result<Packed, StoreError> {
        let counted = self.zipped.into_inner().map_err(|error| packing(error.into_error()))?;
        let body = counted.inner.finish().map_err(packing)?;
        Ok(Packed { lines: self.lines, raw: counted.bytes, body })
    }
}

/// The lines of a row.
fn lines(body: &[u8]) -> impl Iterator<Item = Result<Vec<u8>, StoreError>> {
    BufReader::new(GzDecoder::new(body)).split(b'\n').map(|line| line.map_err(packing))
}

fn packing(source: io::Error) -> StoreError {
    StoreError::Value { what: "row of the journal", source: serde_json::Error::io(source) }
}

/// Keeps the inputs of a batch, in order.
pub(super) fn keep(transaction: &Transaction<'_>, inputs: &[(Timestamp, Input)]) -> Result<(), StoreError> {
    let (Some((first, _)), Some((last, _))) = (inputs.first(), inputs.last()) else { return Ok(()) };
    // The disk is waited for anyway; `tidy` packs it well later.
    let mut pack = Pack::new(Compression::fast());
    inputs.iter().try_for_each(|input| pack.line("input", input))?;
    let packed = pack.finish()?;
    transaction
        .prepare_cached(
            "INSERT INTO journal (first_at, last_at, inputs, raw, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                first.as_microsecond(),
                last.as_microsecond(),
                packed.lines.cast_signed(),
                packed.raw.cast_signed(),
                packed.body,
            ])
        })
        .map(drop)
        .map_err(while_doing("keep what came in"))
}
