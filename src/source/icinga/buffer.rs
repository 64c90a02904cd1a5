//! The lines between the socket and the engine.
//!
//! Owns: what was read and not yet decoded. Promises: taking a line from the socket
//! never waits; the bytes held are bounded, and past the bound the writer is told to
//! hang up, because Icinga's own queue for a slow reader has no bound. Never: drops
//! a line silently; one that was skipped keeps its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::mpsc;

/// What one line costs besides its text: its place in the queue.
const OVERHEAD_BYTES: usize = 64;

/// What was read of the stream.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    /// A whole line, without its end.
    Line(Vec<u8>),
    /// Here was a line that was skipped.
    Skipped,
}

impl Read {
    fn cost(&self) -> usize {
        match self {
            Read::Line(line) => line.len() + OVERHEAD_BYTES,
            Read::Skipped => OVERHEAD_BYTES,
        }
    }
}

/// The end that takes lines from the socket.
pub(super) struct Writer {
    lines: mpsc::UnboundedSender<(Instant, Read)>,
    held_bytes: Arc<AtomicUsize>,
    limit_bytes: usize,
}

/// The end that gives lines to the decoder.
pub(super) struct Reader {
    lines: mpsc::UnboundedReceiver<(Instant, Read)>,
    held_bytes: Arc<AtomicUsize>,
}

/// The buffer is full.
#[derive(Debug, PartialEq)]
pub(super) struct Full;

/// A buffer for this many bytes.
pub(super) fn buffer(limit_bytes: usize) -> (Writer, Reader) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let held_bytes = Arc::new(AtomicUsize::new(0));
    let writer = Writer { lines: sender, held_bytes: held_bytes.clone(), limit_bytes };
    (writer, Reader { lines: receiver, held_bytes })
}

impl Writer {
    /// Keeps what was read. After [`Full`] nothing more is to be read.
    pub(super) fn push(&self, read: Read) -> Result<(), Full> {
        let cost = read.cost();
        if self.held_bytes.fetch_add(cost, Ordering::Relaxed) + cost > self.limit_bytes {
            return Err(Full);
        }
        // An error means that the reader is gone, and with it the whole session.
        let _ = self.lines.send((Instant::now(), read));
        Ok(())
    }
}

impl Reader {
    /// Whether all that was read is taken.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// What was read next, and when that was; `None` when the stream ended and all is taken.
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(Instant, Read)> {
        let (at, read) = self.lines.recv().await?;
        self.held_bytes.fetch_sub(read.cost(), Ordering::Relaxed);
        Some((at, read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Read {
        Read::Line(text.as_bytes().to_vec())
    }

    async fn next(reader: &mut Reader) -> Option<Read> {
        Some(reader.next().await?.1)
    }

    #[tokio::test]
    async fn what_is_read_makes_room_again() {
        let (writer, mut reader) = buffer(2 * (OVERHEAD_BYTES + 3));
        for _ in 0..3 {
            assert_eq!(writer.push(line("abc")), Ok(()));
            assert_eq!(writer.push(Read::Skipped), Ok(()));
            assert_eq!(next(&mut reader).await, Some(line("abc")));
            assert_eq!(next(&mut reader).await, Some(Read::Skipped));
        }
        assert_eq!(writer.push(line("abc")), Ok(()));
        assert_eq!(writer.push(line("defg")), Err(Full));
        drop(writer);
        assert_eq!(next(&mut reader).await, Some(line("abc")));
        assert_eq!(next(&mut reader).await, None);
    }
}
