//! The lines between the socket and the engine.
//!
//! Owns: what was read and not yet decoded. Promises: taking a line from the socket
//! never waits; the bytes held are bounded, and past the bound the writer is told to
//! hang up, because Icinga's own queue for a slow reader has no bound. Never: drops
//! a line silently.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// What one line costs besides its text: its place in the queue.
const OVERHEAD_BYTES: usize = 64;

/// The end that takes lines from the socket.
pub(super) struct Writer {
    lines: mpsc::UnboundedSender<Vec<u8>>,
    held_bytes: Arc<AtomicUsize>,
    limit_bytes: usize,
}

/// The end that gives lines to the decoder.
pub(super) struct Reader {
    lines: mpsc::UnboundedReceiver<Vec<u8>>,
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
    /// Keeps a line. After [`Full`] nothing more is to be read.
    pub(super) fn push(&self, line: &[u8]) -> Result<(), Full> {
        let cost = line.len() + OVERHEAD_BYTES;
        if self.held_bytes.fetch_add(cost, Ordering::Relaxed) + cost > self.limit_bytes {
            return Err(Full);
        }
        // An error means that the reader is gone, and with it the whole session.
        let _ = self.lines.send(line.to_vec());
        Ok(())
    }
}

impl Reader {
    /// The next line; `None` when the stream ended and all lines are read.
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        let line = self.lines.recv().await?;
        self.held_bytes.fetch_sub(line.len() + OVERHEAD_BYTES, Ordering::Relaxed);
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_read_makes_room_again() {
        let (writer, mut reader) = buffer(2 * (OVERHEAD_BYTES + 3));
        for _ in 0..3 {
            assert_eq!(writer.push(b"abc"), Ok(()));
            assert_eq!(writer.push(b"def"), Ok(()));
            assert_eq!(reader.next().await.as_deref(), Some(&b"abc"[..]));
            assert_eq!(reader.next().await.as_deref(), Some(&b"def"[..]));
        }
        assert_eq!(writer.push(b"abc"), Ok(()));
        assert_eq!(writer.push(b"defg"), Err(Full));
        drop(writer);
        assert_eq!(reader.next().await.as_deref(), Some(&b"abc"[..]));
        assert_eq!(reader.next().await, None);
    }
}
