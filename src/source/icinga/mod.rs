//! Icinga 2 as a source: its event stream, its objects and its actions.
//!
//! Owns: the connection to one Icinga, or to all masters of one zone at the same time.
//! Promises: reconnects for ever, with growing waits; after every break
//! subscribes first, then reads the state of all objects and hands it over as a
//! snapshot, then what came meanwhile. What several masters tell is handed over
//! once. Reads as fast as Icinga sends and hangs up on
//! purpose before Icinga would have to queue. Never: decides anything, or stores.
//! On a crash the next start reads a snapshot: nothing is kept here.

mod actions;
mod attached;
mod buffer;
mod canary;
mod catalog;
mod client;
mod decode;
mod fault;
mod heard;
mod holes;
mod known;
mod line;
mod masters;
mod objects;
mod session;
mod slices;
mod stream;
mod trouble;
mod twins;
mod waits;
mod wire;

pub use actions::ActError;
pub use client::{IcingaClient, IcingaStatus};
pub use decode::decode;
pub use fault::DecodeError;
pub(crate) use line::{Framed, Framer, LONGEST_LINE_BYTES};
pub(crate) use objects::checkables;
pub use trouble::ApiError;
pub use twins::Twins;

use super::{Source, SourceError};
use crate::config::IcingaSettings;
use crate::lag::Lag;
use crate::model::{Broken, EventType, Input, Object, Timestamp};
use futures_util::future::BoxFuture;
use heard::Heard;
use known::Known;
use masters::{Masters, Place};
use session::{End, Session};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use waits::Waits;

/// How many streams in a row must carry nothing before that is told.
const DEAF_TIMES: u32 = 3;

/// Streams in a row that were open and carried nothing.
#[derive(Debug, Default)]
struct Deaf {
    times: u32,
    since: Option<Timestamp>,
}

impl Deaf {
    /// One more; gives once, when it is time to tell it, since when that is so.
    fn note(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.times += 1;
        let since = *self.since.get_or_insert(now);
        (self.times == DEAF_TIMES).then_some(since)
    }
}

/// The event stream of one Icinga.
///
/// While its channel is full it goes on reading into a buffer of its own. When one
/// input waits for longer than [`Limits::stall`], or the buffer holds more than
/// [`Limits::buffer_bytes`], it hangs up, waits until half of the channel is free and a
/// while longer each time, and connects again; the snapshot then heals what was missed.
#[derive(Debug)]
pub struct IcingaSource {
    name: Arc<str>,
    client: IcingaClient,
    types: watch::Receiver<BTreeSet<EventType>>,
    limits: Limits,
    counters: Arc<Counters>,
    last_error: watch::Sender<Option<String>>,
    lag: Arc<Lag>,
    known: Arc<Known>,
}

/// What protects Icinga and us.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long one input may wait for room in the channel: 30 s.
    pub stall: Duration,
    /// How much may wait to be decoded: 256 MiB.
    pub buffer_bytes: usize,
    /// The longest line that is read: 8 MiB.
    pub line_bytes: usize,
    /// How long after a line that could not be read all objects are read again: 2 s,
    /// and ever longer where that goes on.
    pub look_again: Duration,
    /// How long a silent Icinga has to answer: 10 s.
    pub probe: Duration,
    /// How long the canary may take to come back: 10 s.
    pub canary: Duration,
    /// How long it may be out of reach before that is told: 60 s.
    pub unreachable: Duration,
    /// After how long all objects are read once more where some were missing: 60 s.
    pub second_look: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            stall: Duration::from_secs(30),
            buffer_bytes: 256 * 1024 * 1024,
            line_bytes: LONGEST_LINE_BYTES,
            look_again: Duration::from_secs(2),
            probe: client::STATUS,
            canary: Duration::from_secs(10),
            unreachable: Duration::from_secs(60),
            second_look: Duration::from_secs(60),
        }
    }
}

/// What happened to the lines of a source, since it was made.
#[derive(Debug, Default)]
pub struct Counters {
    lines: AtomicU64,
    bad_lines: AtomicU64,
    long_lines: AtomicU64,
    cut_lines: AtomicU64,
    canaries: AtomicU64,
}

impl Counters {
    /// Whole lines taken up for decoding.
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Lines of those that could not be decoded and were skipped.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines.load(Ordering::Relaxed)
    }

    /// Lines that were longer than [`Limits::line_bytes`] and were skipped.
    pub fn long_lines(&self) -> u64 {
        self.long_lines.load(Ordering::Relaxed)
    }

    /// Lines that the end of a stream cut off, and that were discarded.
    pub fn cut_lines(&self) -> u64 {
        self.cut_lines.load(Ordering::Relaxed)
    }

    /// How often a silent stream was heard through the canary.
    pub fn canaries(&self) -> u64 {
        self.canaries.load(Ordering::Relaxed)
    }

    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl IcingaSource {
    /// A source for this Icinga. `types` are the event types that rules ask for, now
    /// and later; those that levels and objects need are added. When the set grows,
    /// the source subscribes anew.
    ///
    /// # Errors
    /// [`SourceError::Setting`] where a file of the settings cannot be used.
    pub fn new(
        settings: &IcingaSettings,
        types: watch::Receiver<BTreeSet<EventType>>,
    ) -> Result<IcingaSource, SourceError> {
        Ok(IcingaSource {
            name: Arc::from(&*settings.name),
            client: IcingaClient::new(settings)?,
            types,
            limits: Limits::default(),
            counters: Arc::default(),
            last_error: watch::Sender::new(None),
            lag: Arc::default(),
            known: Arc::default(),
        })
    }

    /// The same with other limits.
    pub fn with_limits(self, limits: Limits) -> IcingaSource {
        IcingaSource { limits, ..self }
    }

    /// The same, which notes here how late events are.
    pub fn with_lag(self, lag: Arc<Lag>) -> IcingaSource {
        IcingaSource { lag, ..self }
    }

    /// The same; what is read and is as one of these objects is that very one, so that it
    /// takes no second place in memory.
    pub fn with_known(self, objects: impl IntoIterator<Item = Arc<Object>>) -> IcingaSource {
        IcingaSource { known: Arc::new(Known::new(objects)), ..self }
    }

    /// The counters, which go on while the source runs.
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// What is wrong now, in words that say how to mend it; `None` while all is well.
    /// A missing permission stays here although the source goes on without it.
    pub fn last_error(&self) -> watch::Receiver<Option<String>> {
        self.last_error.subscribe()
    }

    async fn keep_reading(mut self, inputs: mpsc::Sender<Input>) {
        let known = std::mem::take(&mut self.known);
        let urls = &self.client.settings.urls;
        let masters = Masters::new(urls.len(), known);
        let readers = urls.iter().enumerate().map(|(master, url)| {
            let place = Place { masters: &masters, master };
            self.keep_reading_master(url, place, &inputs)
        });
        futures_util::future::join_all(readers).await;
    }

    /// Reads one master until nobody takes inputs any more.
    async fn keep_reading_master(&self, url: &url::Url, place: Place<'_>, inputs: &mpsc::Sender<Input>) {
        let mut waits = Waits::new();
        let mut deaf = Deaf::default();
        // A consumer that stalls must not be met with one connection after another.
        while waits::room(inputs).await {
            let (begun, canaries) = (Instant::now(), self.counters.canaries());
            let heard = Heard::default();
            let ended = match self.session(url, place, &heard, inputs) {
                Ok(session) => session.run().await,
                Err(error) => End::Reconnect(error.to_string()),
            };
            let (is_deaf, on_purpose) = (matches!(ended, End::Deaf(_)), matches!(ended, End::HungUp(_)));
            let why = match ended {
                End::NobodyListens => return,
                End::Reconnect(why) | End::HungUp(why) | End::Deaf(why) => why,
            };
            let wait = waits.after(begun.elapsed(), on_purpose);
            tracing::warn!(icinga = %self.name, master = %trouble::shown(url), ?wait, "{why}; connects again");
            self.last_error.send_replace(Some(why.clone()));
            let untold = place.masters.ended(place.master, &why, heard.until(), self.limits.unreachable);
            if self.counters.canaries() > canaries {
                deaf = Deaf::default();
            }
            let deaf_since = if is_deaf { deaf.note(Timestamp::now()) } else { None };
            if let Some(at) = untold.or(deaf_since.filter(|_| !place.masters.is_any_followed())) {
                let away =
                    Input::OutOfReach { source: self.name.clone(), broken: Broken { reason: why, at } };
                if inputs.send(away).await.is_err() {
                    return;
                }
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn session<'a>(
        &'a self,
        url: &url::Url,
        place: Place<'a>,
        heard: &'a Heard,
        inputs: &'a mpsc::Sender<Input>,
    ) -> Result<Session<'a>, SourceError> {
        Ok(Session {
            source: &self.name,
            api: self.client.api(url)?,
            place,
            lag: &self.lag,
            limits: &self.limits,
            counters: &self.counters,
            heard,
            types: self.types.clone(),
            last_error: &self.last_error,
            inputs,
        })
    }
}

impl Source for IcingaSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(
        self: Box<Self>,
        inputs: mpsc::Sender<Input>,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<(), SourceError>> {
        Box::pin(async move {
            stop.run_until_cancelled_owned(self.keep_reading(inputs)).await;
            Ok(())
        })
    }
}
