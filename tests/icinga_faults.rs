//! The Icinga source against what a real Icinga cannot be made to do on purpose.

use crate::common::fake_icinga::{FakeIcinga, FakeStream};
use crate::common::reader::{Reader, all_types};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use watchbell::config::IcingaSettings;
use watchbell::model::{Action, ActionKind, EventType, Input, ObjectKey};
use watchbell::source::icinga::{ActError, IcingaClient, Limits};

/// Short enough for a test, long enough for a busy machine.
const SHORT: Duration = Duration::from_millis(500);

async fn fake() -> (TempDir, FakeIcinga) {
    fake_of("r2.13.6-1").await
}

async fn fake_of(version: &'static str) -> (TempDir, FakeIcinga) {
    let dir = tempdir().expect("a temporary folder");
    let fake = FakeIcinga::start(dir.path(), version).await;
    (dir, fake)
}

fn state_change(host: &str, output: &str) -> String {
    format!(
        r#"{{"type":"StateChange","timestamp":1,"host":"{host}","state":1,"state_type":1,"check_result":{{"output":"{output}"}}}}"#
    )
}

/// A source that has caught up, and its stream.
async fn connected(fake: &mut FakeIcinga) -> (Reader, FakeStream) {
    let mut reader = Reader::start(&fake.settings());
    let stream = fake.stream().await;
    assert_eq!(reader.snapshot().await.objects.len(), 1);
    (reader, stream)
}

/// A line that is not understood is counted, and the next one is.
async fn one_bad_line(bad: &[u8]) {
    let (_dir, mut fake) = fake().await;
    let (mut reader, mut stream) = connected(&mut fake).await;
    stream.send(bad).await.expect("the client listens");
    stream.line("").await;
    stream.line(&state_change("next", "")).await;
    reader.event(EventType::StateChange, "next").await;
    assert_eq!((reader.counters.lines(), reader.counters.bad_lines()), (2, 1));
}

#[tokio::test]
async fn a_last_line_that_is_cut_is_discarded_and_counted() {
    let (_dir, mut fake) = fake().await;
    let (mut reader, mut stream) = connected(&mut fake).await;
    stream.line(&state_change("whole", "")).await;
    stream.send(&state_change("cut", "").as_bytes()[..60]).await.expect("the client listens");
    reader.event(EventType::StateChange, "whole").await;
    drop(stream);
    let snapshot = reader.snapshot().await;
    let reason = snapshot.broken.expect("a stream had ended before").reason;
    assert!(reason.contains("event stream"), "{reason}");
    assert_eq!((reader.counters.cut_lines(), reader.counters.lines()), (1, 1));
}

#[tokio::test]
async fn two_objects_in_one_line_are_one_bad_line() {
    one_bad_line([state_change("a", ""), state_change("b", "")].concat().as_bytes()).await;
}

#[tokio::test]
async fn what_is_not_json_is_one_bad_line() {
    one_bad_line(b"\x00\xff<html>502 Bad Gateway</html>").await;
}

#[tokio::test]
async fn wrong_types_are_one_bad_line() {
    one_bad_line(br#"{"type":"StateChange","timestamp":"now","host":["a"],"state":{}}"#).await;
}

#[tokio::test]
async fn a_missing_host_is_one_bad_line() {
    one_bad_line(br#"{"type":"StateChange","timestamp":1,"state":1,"state_type":1}"#).await;
}

#[tokio::test]
async fn blank_lines_a_byte_order_mark_and_crlf_are_no_fault() {
    let (_dir, mut fake) = fake().await;
    let (mut reader, mut stream) = connected(&mut fake).await;
    let text = format!("\r\n\n \n\u{feff}{}\r\n", state_change("h", ""));
    stream.send(text.as_bytes()).await.expect("the client listens");
    reader.event(EventType::StateChange, "h").await;
    assert_eq!((reader.counters.lines(), reader.counters.bad_lines()), (1, 0));
}

#[tokio::test]
async fn a_line_of_a_million_characters_is_read_whole() {
    let (_dir, mut fake) = fake().await;
    let (mut reader, mut stream) = connected(&mut fake).await;
    stream.line(&state_change("long", &"x".repeat(1_000_000))).await;
    let event = reader.event(EventType::StateChange, "long").await;
    assert_eq!(event.report().map(|report| report.output.len()), Some(1_000_000));
}

#[tokio::test]
async fn a_line_of_nine_megabytes_is_skipped_and_the_next_is_read() {
    let (_dir, mut fake) = fake().await;
    let (mut reader, mut stream) = connected(&mut fake).await;
    stream.line(&state_change("huge", &"x".repeat(9 * 1024 * 1024))).await;
    stream.line(&state_change("next", "")).await;
    reader.event(EventType::StateChange, "next").await;
    assert_eq!((reader.counters.long_lines(), reader.counters.lines()), (1, 1));
}

#[tokio::test]
async fn a_chunked_stream_of_a_new_icinga_is_read() {
    let (_dir, mut fake) = fake_of("r2.16.0-1").await;
    let (mut reader, mut stream) = connected(&mut fake).await;
    let line = format!("{}\n", state_change("h", ""));
    let (first, second) = line.split_at(20);
    for part in [first, second] {
        let chunk = format!("{:x}\r\n{part}\r\n", part.len());
        stream.send(chunk.as_bytes()).await.expect("the client listens");
    }
    reader.event(EventType::StateChange, "h").await;
}

#[tokio::test]
async fn an_old_icinga_is_not_asked_for_types_it_does_not_know() {
    for (version, knows) in [("r2.12.3-1", false), ("r2.13.6-1", true)] {
        let (_dir, mut fake) = fake_of(version).await;
        let (_reader, stream) = connected(&mut fake).await;
        let types = stream.subscription["types"].as_array().expect("types are a list");
        assert_eq!(types.iter().any(|name| name == "ObjectCreated"), knows, "{version}");
        assert!(types.iter().any(|name| name == "StateChange"));
        assert!(stream.subscription["queue"].as_str().is_some_and(|queue| !queue.is_empty()));
    }
}

#[tokio::test]
async fn a_silent_stream_of_a_hung_icinga_is_noticed() {
    let (_dir, mut fake) = fake().await;
    let settings = IcingaSettings { silence: SHORT, ..fake.settings() };
    let limits = Limits { probe: SHORT, ..Limits::default() };
    let mut reader = Reader::start_with(&settings, limits, 64, &all_types());
    let mut stream = fake.stream().await;
    reader.snapshot().await;
    fake.behaviour.silent.store(true, Ordering::Relaxed);
    stream.hung_up().await;
    fake.behaviour.silent.store(false, Ordering::Relaxed);
    let snapshot = reader.snapshot().await;
    let reason = snapshot.broken.expect("a stream had ended before").reason;
    assert!(reason.contains("silent"), "{reason}");
}

#[tokio::test]
async fn a_silent_icinga_that_was_restarted_is_noticed() {
    let (_dir, mut fake) = fake().await;
    let settings = IcingaSettings { silence: SHORT, ..fake.settings() };
    let mut reader = Reader::start(&settings);
    let mut stream = fake.stream().await;
    reader.snapshot().await;
    fake.behaviour.program_start.store(2, Ordering::Relaxed);
    stream.hung_up().await;
    let reason = reader.snapshot().await.broken.expect("a stream had ended before").reason;
    assert!(reason.contains("restarted"), "{reason}");
}

#[tokio::test]
async fn a_silent_icinga_that_lives_keeps_its_stream() {
    let (_dir, mut fake) = fake().await;
    let settings = IcingaSettings { silence: Duration::from_millis(50), ..fake.settings() };
    let mut reader = Reader::start(&settings);
    let mut stream = fake.stream().await;
    reader.snapshot().await;
    let behaviour = fake.behaviour.clone();
    let asked_often = || (behaviour.status_asked.load(Ordering::Relaxed) > 4).then_some(());
    while asked_often().is_none() {
        tokio::task::yield_now().await;
    }
    stream.line(&state_change("at last", "")).await;
    reader.event(EventType::StateChange, "at last").await;
}

#[tokio::test]
async fn a_consumer_that_stalls_makes_it_hang_up_and_catch_up_later() {
    let (_dir, mut fake) = fake().await;
    let limits = Limits { stall: SHORT, ..Limits::default() };
    let mut reader = Reader::start_with(&fake.settings(), limits, 1, &all_types());
    let mut stream = fake.stream().await;
    for _ in 0..10 {
        stream.line(&state_change("h", "")).await;
    }
    stream.hung_up().await;
    assert_eq!(reader.snapshot().await.broken, None, "the first was taken");
    let snapshot = reader.snapshot().await;
    let reason = snapshot.broken.expect("a stream had ended before").reason;
    assert!(reason.contains("to protect Icinga"), "{reason}");
}

#[tokio::test]
async fn a_full_buffer_makes_it_hang_up_and_catch_up_later() {
    let (_dir, mut fake) = fake().await;
    let limits = Limits { buffer_bytes: 2 * 1024 * 1024, ..Limits::default() };
    let mut reader = Reader::start_with(&fake.settings(), limits, 1, &all_types());
    let mut stream = fake.stream().await;
    reader.snapshot().await;
    let line = format!("{}\n", state_change("h", &"x".repeat(10_000)));
    while stream.send(line.as_bytes()).await.is_ok() {}
    let snapshot = reader.snapshot().await;
    let reason = snapshot.broken.expect("a stream had ended before").reason;
    assert!(reason.contains("2 MiB of events wait"), "{reason}");
}

#[tokio::test]
async fn an_icinga_that_cannot_be_read_is_told_once_with_the_reason() {
    let (_dir, mut fake) = fake().await;
    fake.behaviour.broken_objects.store(true, Ordering::Relaxed);
    let limits = Limits { unreachable: Duration::ZERO, ..Limits::default() };
    let mut reader = Reader::start_with(&fake.settings(), limits, 1024, &all_types());
    let wanted = |input| if let Input::OutOfReach { broken, .. } = input { Some(broken) } else { None };
    let broken = reader.next("the news", wanted).await;
    assert!(broken.reason.contains("Unhandled exception"), "{}", broken.reason);
    let _first = fake.stream().await;
    fake.stream().await.hung_up().await;
    fake.behaviour.broken_objects.store(false, Ordering::Relaxed);
    let next = reader.next("the next input", Some).await;
    assert!(matches!(next, Input::Snapshot(_)), "the second failure is not told: {next:?}");
}

#[tokio::test]
async fn a_list_of_objects_that_is_cut_in_the_middle_is_no_list() {
    let (_dir, mut fake) = fake().await;
    fake.behaviour.hosts.store(30_000, Ordering::Relaxed);
    fake.behaviour.cuts_objects.store(true, Ordering::Relaxed);
    let mut reader = Reader::start(&fake.settings());
    fake.stream().await.hung_up().await;
    reader.error(&["did not answer"]).await;
    assert!(reader.inputs.try_recv().is_err(), "nothing was handed over");
    fake.behaviour.cuts_objects.store(false, Ordering::Relaxed);
    assert_eq!(reader.snapshot().await.objects.len(), 30_000);
}

#[tokio::test]
async fn what_is_missing_is_looked_for_twice_before_it_is_gone() {
    let (_dir, mut fake) = fake().await;
    let hosts = |count: u64| fake.behaviour.hosts.store(count, Ordering::Relaxed);
    hosts(2);
    let limits = Limits { second_look: Duration::from_millis(50), ..Limits::default() };
    let mut reader = Reader::start_with(&fake.settings(), limits, 1024, &all_types());
    assert!(reader.snapshot().await.settled, "there is nothing to compare with");
    hosts(1);
    drop(fake.stream().await);
    let first = reader.snapshot().await;
    assert!(!first.settled && first.broken.is_some(), "one is missing after the break");
    let second = reader.snapshot().await;
    assert!(second.settled && second.broken.is_none() && second.beside.is_some(), "{second:?}");
}

#[tokio::test]
async fn a_reading_that_fails_gives_no_snapshot_and_is_tried_again() {
    let (_dir, mut fake) = fake().await;
    fake.behaviour.broken_objects.store(true, Ordering::Relaxed);
    let mut reader = Reader::start(&fake.settings());
    let mut first = fake.stream().await;
    first.hung_up().await;
    reader.error(&["500", "Unhandled exception"]).await;
    assert!(reader.inputs.try_recv().is_err(), "nothing was handed over");
    fake.behaviour.broken_objects.store(false, Ordering::Relaxed);
    assert_eq!(reader.snapshot().await.objects.len(), 1);
}

#[tokio::test]
async fn what_comes_while_the_state_is_read_comes_after_the_snapshot() {
    let (_dir, mut fake) = fake().await;
    let mut reader = Reader::start(&fake.settings());
    let mut stream = fake.stream().await;
    stream.line(&state_change("meanwhile", "")).await;
    reader.snapshot().await;
    reader.event(EventType::StateChange, "meanwhile").await;
}

#[tokio::test]
async fn an_action_that_was_sent_and_not_answered_is_not_sent_to_the_other_master() {
    let (_dir, fake) = fake().await;
    let mut settings = fake.settings();
    settings.urls.push(settings.urls[0].clone());
    let client = IcingaClient::new(&settings).expect("the settings are good");
    let action = Action {
        id: 1,
        object: ObjectKey::from_name(&Arc::from("lab"), "host0"),
        author: "alice".to_owned(),
        kind: ActionKind::AddComment { comment: "once".to_owned() },
        reply_to: None,
        asked_by: String::new(),
        thread: Vec::new(),
        is_one_of_many: false,
    };
    let lost = client.act(&action).await;
    assert!(
        matches!(&lost, Err(ActError::Unavailable(words)) if words.contains("did not answer")),
        "{lost:?}"
    );
    assert_eq!(fake.behaviour.actions_asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_setting_that_can_never_work_is_refused_before_any_connection() {
    let (dir, fake) = fake().await;
    let empty = dir.path().join("empty.crt");
    std::fs::write(&empty, "").expect("it can be written");
    for ca_file in [dir.path().join("no-such.crt"), empty] {
        let settings = IcingaSettings { ca_file: Some(ca_file.clone()), ..fake.settings() };
        let error = IcingaClient::new(&settings).expect_err("it is no CA").to_string();
        assert!(error.contains("lab") && error.contains(&*ca_file.to_string_lossy()), "{error}");
    }
}
