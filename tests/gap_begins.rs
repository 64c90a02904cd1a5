//! Where a gap begins: at the last proof that nothing was missed, not where the break was noticed.

use crate::common::fake_icinga::{FakeIcinga, FakeStream};
use crate::common::reader::{Reader, all_types};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use watchbell::config::IcingaSettings;
use watchbell::model::{EventType, Timestamp};
use watchbell::source::icinga::Limits;

/// Short enough for a test, long enough for a busy machine.
const SHORT: Duration = Duration::from_millis(500);

/// A source that has caught up with a fake Icinga, and its stream. Limits and settings in short.
struct Read {
    fake: FakeIcinga,
    reader: Reader,
    stream: FakeStream,
    _dir: TempDir,
}

impl Read {
    async fn with(silence: Duration, limits: Limits, room: usize) -> Read {
        let dir = tempdir().expect("a temporary folder");
        let mut fake = FakeIcinga::start(dir.path(), "r2.13.6-1").await;
        let settings = IcingaSettings { silence, ..fake.settings() };
        let mut reader = Reader::start_with(&settings, limits, room, &all_types());
        let stream = fake.stream().await;
        reader.snapshot().await;
        Read { fake, reader, stream, _dir: dir }
    }

    /// Waits until Icinga was asked what it is this many times in all.
    async fn asked(&self, times: u64) -> Timestamp {
        while self.fake.behaviour.status_asked.load(Ordering::Relaxed) < times {
            tokio::task::yield_now().await;
        }
        Timestamp::now()
    }

    /// Where the gap begins that comes next.
    async fn begin(&mut self) -> Timestamp {
        self.reader.snapshot().await.broken.expect("a stream had ended before").at
    }
}

fn line(number: u64) -> String {
    let output = "x".repeat(10_000);
    format!(
        r#"{{"type":"StateChange","timestamp":{number},"host":"h","state":1,"state_type":1,"check_result":{{"output":"{output}"}}}}"#
    )
}

#[tokio::test]
async fn a_quiet_icinga_that_answers_is_known_until_it_was_asked_last() {
    let limits = Limits { probe: SHORT, ..Limits::default() };
    let mut quiet = Read::with(SHORT, limits, 1024).await;
    // Once before the stream was opened, then for each silence.
    let first = quiet.asked(2).await;
    quiet.asked(4).await;
    quiet.fake.behaviour.silent.store(true, Ordering::Relaxed);
    quiet.reader.error(&["did not answer"]).await;
    let noticed = Timestamp::now();
    quiet.fake.behaviour.silent.store(false, Ordering::Relaxed);
    let since = quiet.begin().await;
    assert!(first < since, "it answered after {first}, told is {since}");
    assert!(since <= noticed - SHORT, "it was noticed {noticed} at the latest, told is {since}");
}

#[tokio::test]
async fn what_was_said_is_known_and_an_answer_is_no_proof_where_a_canary_is_awaited() {
    let dir = tempdir().expect("a temporary folder");
    let mut fake = FakeIcinga::start(dir.path(), "r2.13.6-1").await;
    fake.behaviour.answers_actions.store(true, Ordering::Relaxed);
    let settings = IcingaSettings { silence: SHORT, canary: Some("host0".to_owned()), ..fake.settings() };
    let limits = Limits { canary: SHORT, ..Limits::default() };
    let mut reader = Reader::start_with(&settings, limits, 1024, &all_types());
    let mut stream = fake.stream().await;
    reader.snapshot().await;
    stream.line(&line(1)).await;
    reader.event(EventType::StateChange, "h").await;
    let heard = Timestamp::now();
    reader.error(&["canary did not come back"]).await;
    let since = reader.snapshot().await.broken.expect("a stream had ended before").at;
    assert!(since <= heard, "it was last heard before {heard}, told is {since}");
    assert!(heard - Duration::from_secs(10) < since, "it was heard until {heard}, told is {since}");
}

#[tokio::test]
async fn what_was_read_and_is_thrown_away_is_not_known() {
    let limits = Limits { buffer_bytes: 2 * 1024 * 1024, ..Limits::default() };
    let mut full = Read::with(Duration::from_secs(30), limits, 1).await;
    // The first takes all the room, the second waits, and with it all that follow.
    full.stream.line(&line(1)).await;
    full.stream.line(&line(2)).await;
    while full.reader.counters.lines() < 2 {
        tokio::task::yield_now().await;
    }
    let waits = Timestamp::now();
    let flood = format!("{}\n", line(3));
    while full.stream.send(flood.as_bytes()).await.is_ok() {}
    let since = full.begin().await;
    assert!(since <= waits, "nothing was taken since {waits}, told is {since}");
}
