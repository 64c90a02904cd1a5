//! Recordings as a source: events from a file or standard input.
//!
//! Owns: the reading of recorded event lines and object answers, plain or gzipped
//! (known by their first bytes, not by a name). Promises: the same events in the same
//! order each time; a bad line is reported with its number and does not end the
//! reading. Never: connects anywhere, or changes a time that is written in a line.

use super::icinga::{self, Framed, Framer, LONGEST_LINE_BYTES};
use super::{Source, SourceError};
use crate::model::{Event, Input, Object, Timestamp};
use flate2::read::MultiGzDecoder;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// How many events may wait between the reading thread and the channel.
const READ_AHEAD: usize = 1024;

/// How fast a recording is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// As fast as it is taken.
    Max,
    /// With the pauses between the `timestamp`s of the lines.
    Real,
}

/// A recording of an event stream: one JSON object per line.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    source: Arc<str>,
    speed: Speed,
    counters: Arc<ReplayCounters>,
}

/// What was read so far.
#[derive(Debug, Default)]
pub struct ReplayCounters {
    events: AtomicU64,
    bad_lines: AtomicU64,
}

impl ReplayCounters {
    /// Events handed over.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Lines that were skipped.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines.load(Ordering::Relaxed)
    }
}

/// A line that was skipped.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct BadLine {
    /// Its number in the recording, from 1.
    pub line: u64,
    /// What is wrong with it; short, and without control characters.
    pub reason: String,
}

impl Replay {
    /// A recording in this file (`-` is standard input). Its events say that they
    /// come from `source_name`. Nothing is opened yet.
    pub fn new(path: &Path, source_name: &str, speed: Speed) -> Replay {
        Replay { path: path.to_owned(), source: Arc::from(source_name), speed, counters: Arc::default() }
    }

    /// The counters, which go on while it is read.
    pub fn counters(&self) -> Arc<ReplayCounters> {
        self.counters.clone()
    }

    /// When to take which event at this replay's speed; begins with the first.
    pub fn pace(&self) -> Pace {
        Pace::new(self.speed)
    }

    /// Opens the recording and reads it on this thread, at full speed.
    ///
    /// # Errors
    /// [`SourceError::Read`] where it cannot be opened.
    pub fn events(&self) -> Result<Events, SourceError> {
        Ok(Events {
            reader: open(&self.path)?,
            framer: Framer::new(LONGEST_LINE_BYTES),
            source: self.source.clone(),
            line: 0,
            read: VecDeque::new(),
            at_end: false,
            counters: self.counters.clone(),
        })
    }

    async fn hand_over(self, inputs: mpsc::Sender<Input>) -> Result<(), SourceError> {
        let events = self.events()?;
        let mut pace = self.pace();
        let mut events = self.read_ahead(events)?;
        while let Some(event) = events.recv().await {
            match event {
                Ok(event) => {
                    if let Some(due) = pace.due(event.timestamp) {
                        tokio::time::sleep_until(due).await;
                    }
                    if inputs.send(Input::Event(event)).await.is_err() {
                        return Ok(());
                    }
                }
                Err(bad) => tracing::warn!(recording = %self.path.display(), "{bad}; it is skipped"),
            }
        }
        Ok(())
    }

    /// Reads on a thread of its own. It ends with the recording, or when nobody
    /// takes its events any more; while standard input is silent it cannot end, and
    /// does not hold up the end of the process.
    fn read_ahead(&self, events: Events) -> Result<mpsc::Receiver<Result<Event, BadLine>>, SourceError> {
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let reading = move || {
            for event in events {
                if sender.blocking_send(event).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("replay".to_owned())
            .spawn(reading)
            .map_err(|source| read_error(&self.path, source))?;
        Ok(receiver)
    }
}

impl Source for Replay {
    fn name(&self) -> &str {
        &self.source
    }

    /// Waits while the channel is full.
    fn run(
        self: Box<Self>,
        inputs: mpsc::Sender<Input>,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<(), SourceError>> {
        Box::pin(
            async move { stop.run_until_cancelled_owned(self.hand_over(inputs)).await.unwrap_or(Ok(())) },
        )
    }
}

/// The events of a recording, in order.
pub struct Events {
    reader: Box<dyn Read + Send>,
    framer: Framer,
    source: Arc<str>,
    line: u64,
    read: VecDeque<Result<Event, BadLine>>,
    at_end: bool,
    counters: Arc<ReplayCounters>,
}

impl Iterator for Events {
    type Item = Result<Event, BadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.read.is_empty() && !self.at_end {
            self.read_chunk();
        }
        let event = self.read.pop_front()?;
        let counter = if event.is_ok() { &self.counters.events } else { &self.counters.bad_lines };
        counter.fetch_add(1, Ordering::Relaxed);
        Some(event)
    }
}

impl Events {
    fn read_chunk(&mut self) {
        let mut chunk = [0; CHUNK_BYTES];
        let length = match self.reader.read(&mut chunk) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
            Err(error) => {
                self.at_end = true;
                let reason = format!("cannot read on: {error}");
                self.read.push_back(Err(BadLine { line: self.line + 1, reason }));
                return;
            }
        };
        let Events { framer, source, line, read, .. } = self;
        let found = |framed: Framed| {
            *line += 1;
            read.extend(decoded(source, *line, framed));
        };
        if length == 0 {
            self.at_end = true;
            framer.finish_file(found);
        } else {
            framer.push(&chunk[..length], found);
        }
    }
}

fn decoded(source: &Arc<str>, line: u64, framed: Framed) -> Option<Result<Event, BadLine>> {
    let bad = |reason| BadLine { line, reason };
    match framed {
        Framed::Blank => None,
        Framed::Line(bytes) => Some(icinga::decode(source, bytes).map_err(|error| bad(error.to_string()))),
        Framed::TooLong(bytes) => Some(Err(bad(format!("{bytes} bytes are too long")))),
    }
}

/// Keeps the pauses of a recording.
pub struct Pace {
    speed: Speed,
    first: Option<(Timestamp, Instant)>,
}

impl Pace {
    /// A pace that begins with the first moment it is asked about.
    pub fn new(speed: Speed) -> Pace {
        Pace { speed, first: None }
    }

    /// When this moment of the recording has come; `None` at full speed.
    pub fn due(&mut self, moment: Timestamp) -> Option<Instant> {
        if self.speed == Speed::Max {
            return None;
        }
        let (first, begun) = *self.first.get_or_insert((moment, Instant::now()));
        // A line from before the first one is due at once.
        let offset = Duration::try_from(moment.duration_since(first)).unwrap_or_default();
        begun.checked_add(offset)
    }
}

/// Reads a file that holds an answer of `/v1/objects/hosts` or `/services`, plain or
/// gzipped. Parents are not in such an answer, and stay empty.
///
/// # Errors
/// [`SourceError::Read`] and [`SourceError::Objects`].
pub fn read_objects(path: &Path, source: &Arc<str>) -> Result<Vec<Object>, SourceError> {
    let mut body = Vec::new();
    open(path)?.read_to_end(&mut body).map_err(|error| read_error(path, error))?;
    let found = icinga::checkables(source, &body).map_err(|error| SourceError::Objects {
        path: path.display().to_string(),
        reason: error.to_string(),
    })?;
    Ok(found.into_iter().map(|found| Arc::unwrap_or_clone(found.object)).collect())
}

fn open(path: &Path) -> Result<Box<dyn Read + Send>, SourceError> {
    let plain: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| read_error(path, error))?)
    };
    unzipped(plain).map_err(|error| read_error(path, error))
}

fn unzipped(mut plain: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
    let mut begin = Vec::new();
    plain.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut begin)?;
    let is_gzip = begin == GZIP_MAGIC;
    let whole = io::Cursor::new(begin).chain(plain);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

fn read_error(path: &Path, source: io::Error) -> SourceError {
    SourceError::Read { path: path.display().to_string(), source }
}
