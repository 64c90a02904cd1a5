//! A line that cannot be read may have held anything: what it may have said is read again.

use crate::common::fake_icinga::{FakeIcinga, FakeStream};
use crate::common::icinga::Icinga;
use crate::common::reader::{Reader, all_types};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use watchbell::model::{EventType, Snapshot, SnapshotObject, State};
use watchbell::source::icinga::Limits;

/// Longer lines are skipped; many times what a common line has.
const LINE_BYTES: usize = 50_000;

fn limits() -> Limits {
    Limits { line_bytes: LINE_BYTES, look_again: Duration::from_millis(200), ..Limits::default() }
}

/// A fake Icinga, a source that has caught up with it, and its stream.
async fn connected(limits: Limits) -> (TempDir, FakeIcinga, Reader, FakeStream) {
    let dir = tempdir().expect("a temporary folder");
    let mut fake = FakeIcinga::start(dir.path(), "r2.13.6-1").await;
    let mut reader = Reader::start_with(&fake.settings(), limits, 64, &all_types());
    let stream = fake.stream().await;
    assert_eq!(state(&reader.snapshot().await), Some(State::Up));
    (dir, fake, reader, stream)
}

fn host0(snapshot: &Snapshot) -> &SnapshotObject {
    snapshot.objects.iter().find(|found| found.object.key.name() == "host0").expect("it is there")
}

fn state(snapshot: &Snapshot) -> Option<State> {
    host0(snapshot).state
}

fn down(output: &str) -> String {
    format!(
        r#"{{"type":"StateChange","timestamp":1,"host":"host0","state":1,"state_type":1,"check_result":{{"output":"{output}"}}}}"#
    )
}

#[tokio::test]
async fn what_a_skipped_or_broken_line_said_is_read_again_over_the_same_stream() {
    let long = down(&"x".repeat(LINE_BYTES));
    let half = &down("half a line")[..90];
    let deep = format!(r#"{{"type":"StateChange","timestamp":1,"host":"host0","new":{}"#, "[".repeat(10_000));
    let two = [down("one"), down("two")].concat();
    let no_state = r#"{"type":"StateChange","timestamp":1,"host":"host0"}"#;
    for (name, line) in
        [("long", &*long), ("half", half), ("deep", &deep), ("two", &two), ("no state", no_state)]
    {
        let (_dir, fake, mut reader, mut stream) = connected(limits()).await;
        fake.behaviour.host_state.store(1, Ordering::Relaxed);
        stream.line(line).await;
        let snapshot = reader.snapshot().await;
        assert_eq!(state(&snapshot), Some(State::Down), "{name}");
        let broken = snapshot.broken.expect("people are told why");
        assert_eq!(broken.reason, "1 line of the event stream could not be read", "{name}");
        stream.line(&down("the stream goes on")).await;
        reader.event(EventType::StateChange, "host0").await;
    }
}

#[tokio::test]
async fn many_broken_lines_are_one_look_and_the_lines_between_are_kept() {
    let limits = Limits { look_again: Duration::from_secs(2), ..limits() };
    let (_dir, _fake, mut reader, mut stream) = connected(limits).await;
    let lines: String = (0..20).map(|number| format!("{{\n{}\n", down(&number.to_string()))).collect();
    stream.send(lines.as_bytes()).await.expect("the client listens");
    for number in 0..20 {
        let event = reader.event(EventType::StateChange, "host0").await;
        assert_eq!(event.report().map(|report| report.output.clone()), Some(number.to_string()));
    }
    let reason = reader.snapshot().await.broken.map(|broken| broken.reason);
    assert_eq!(reason.as_deref(), Some("20 lines of the event stream could not be read"));
}

#[tokio::test]
async fn a_problem_with_more_output_than_is_read_is_found_all_the_same() {
    let dir = tempdir().expect("a temporary folder");
    let icinga = Icinga::start(dir.path(), 1, 0).await;
    let mut reader = Reader::start_with(&icinga.settings(), limits(), 64, &all_types());
    reader.snapshot().await;
    for _ in 0..3 {
        icinga.check_result("host0", 1, &"x".repeat(2 * LINE_BYTES)).await;
    }
    loop {
        let snapshot = reader.snapshot().await;
        assert!(snapshot.broken.is_some_and(|broken| broken.reason.contains("could not be read")));
        let found = snapshot.objects.first().expect("the host");
        if found.hard && found.state == Some(State::Down) {
            assert_eq!(found.output.len(), 2 * LINE_BYTES);
            break;
        }
    }
    assert!(reader.counters.long_lines() >= 1);
}
