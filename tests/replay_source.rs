//! Recordings as a source.

use crate::common::reader::all_types;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use watchbell::model::{Input, Object};
use watchbell::source::replay::{Replay, Speed, read_objects};
use watchbell::source::{Source, SourceError};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn written(bytes: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempdir().expect("a temporary folder");
    let path = dir.path().join("recording");
    std::fs::write(&path, bytes).expect("it can be written");
    (dir, path)
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

fn line(timestamp: f64) -> String {
    format!(r#"{{"type":"StateChange","timestamp":{timestamp},"host":"h","state":1,"state_type":1}}"#)
}

#[test]
fn plain_and_gzipped_recordings_are_told_apart_by_their_bytes() {
    let plain = std::fs::read(fixture("lifecycle.jsonl")).expect("the fixture is there");
    for bytes in [plain.clone(), gzipped(&plain)] {
        let (_dir, path) = written(&bytes);
        let replay = Replay::new(&path, "lab", Speed::Max);
        assert_eq!(replay.events().expect("it opens").filter(Result::is_ok).count(), 278);
        assert_eq!((replay.counters().events(), replay.counters().bad_lines()), (278, 0));
    }
    for bytes in [&b""[..], b"\n", b"{"] {
        let (_dir, path) = written(bytes);
        let events = Replay::new(&path, "lab", Speed::Max).events().expect("it opens");
        assert_eq!(events.filter(Result::is_ok).count(), 0, "{bytes:?}");
    }
}

#[test]
fn bad_lines_are_counted_and_named_by_number() {
    let text = format!("{}\n\nnot json\n{}\r\n{{}}\n{}", line(1.0), line(2.0), line(3.0));
    let (_dir, path) = written(text.as_bytes());
    let replay = Replay::new(&path, "lab", Speed::Max);
    let bad: Vec<_> = replay.events().expect("it opens").filter_map(Result::err).collect();
    assert_eq!(bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [3, 5]);
    assert!(bad[0].to_string().starts_with("line 3: not one JSON object"), "{}", bad[0]);
    assert_eq!((replay.counters().events(), replay.counters().bad_lines()), (3, 2));
}

#[test]
fn a_damaged_archive_gives_what_is_whole_and_says_so() {
    let mut bytes = gzipped(format!("{}\n", line(1.0)).repeat(10_000).as_bytes());
    bytes.truncate(bytes.len() / 2);
    let (_dir, path) = written(&bytes);
    let events: Vec<_> = Replay::new(&path, "lab", Speed::Max).events().expect("it opens").collect();
    let bad = events.last().expect("something").as_ref().expect_err("the end is missing");
    assert!(bad.reason.contains("cannot read on"), "{bad}");
    assert!(events.iter().filter(|event| event.is_ok()).count() > 0);
}

#[test]
fn a_missing_recording_is_named() {
    let Err(error) = Replay::new(Path::new("no/such.jsonl"), "lab", Speed::Max).events() else {
        panic!("it is not there")
    };
    assert!(error.to_string().contains("no/such.jsonl"), "{error}");
}

#[tokio::test]
async fn at_full_speed_all_events_come_in_order_and_the_source_ends() {
    let replay = Replay::new(&fixture("storm.jsonl.gz"), "lab", Speed::Max);
    let counters = replay.counters();
    assert_eq!(replay.name(), "lab");
    let (sender, mut inputs) = mpsc::channel(8);
    let running = tokio::spawn(Box::new(replay).run(sender, CancellationToken::new()));
    let mut times = Vec::new();
    while let Some(input) = inputs.recv().await {
        let Input::Event(event) = input else { panic!("{input:?}") };
        assert!(all_types().contains(&event.event_type()));
        times.push(event.timestamp);
    }
    running.await.expect("no panic").expect("it was read");
    assert_eq!((times.len(), counters.events()), (34_875, 34_875));
    let again = Replay::new(&fixture("storm.jsonl.gz"), "lab", Speed::Max);
    assert!(again.events().expect("it opens").flatten().map(|event| event.timestamp).eq(times));
}

#[tokio::test(start_paused = true)]
async fn at_recorded_pace_pauses_are_kept() {
    let text = [line(100.0), line(99.0), line(160.5), line(161.0)].join("\n");
    let (_dir, path) = written(text.as_bytes());
    let (sender, mut inputs) = mpsc::channel(8);
    let begun = Instant::now();
    tokio::spawn(Box::new(Replay::new(&path, "lab", Speed::Real)).run(sender, CancellationToken::new()));
    let mut offsets = Vec::new();
    while inputs.recv().await.is_some() {
        offsets.push(begun.elapsed().as_millis());
    }
    assert_eq!(offsets.len(), 4);
    // The timer is exact to the millisecond.
    for (offset, expected) in offsets.iter().zip([0_u128, 0, 60_500, 61_000]) {
        assert!(offset.abs_diff(expected) <= 2, "{offsets:?}");
    }
}

#[tokio::test]
async fn a_replay_stops_when_told() {
    let (_dir, path) = written([line(1.0), line(1e9)].join("\n").as_bytes());
    let (sender, mut inputs) = mpsc::channel(8);
    let stop = CancellationToken::new();
    let running = tokio::spawn(Box::new(Replay::new(&path, "lab", Speed::Real)).run(sender, stop.clone()));
    assert!(inputs.recv().await.is_some());
    stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(30), running).await.expect("it stops");
    ended.expect("no panic").expect("that is no error");
}

#[test]
fn object_answers_are_read_plain_and_gzipped() {
    let lab = Arc::from("lab");
    let read = |name: &str| read_objects(&fixture(name), &lab).unwrap_or_else(|error| panic!("{error}"));
    let find = |objects: &[Object], name: &str| -> Object {
        objects.iter().find(|object| object.key.name() == name).expect(name).clone()
    };
    let hosts = read("lifecycle-objects-hosts.json.gz");
    let host = find(&hosts, "host12");
    assert_eq!((&*host.address, &*host.notes_url), ("127.0.0.1", "https://wiki.example/host12"));
    assert_eq!(
        (host.groups.as_slice(), &host.vars["team"]),
        (&["db".to_owned()][..], &serde_json::json!("team2"))
    );
    let services = read("storm-objects-services.json.gz");
    assert_eq!((services.len(), &*find(&services, "host175!svc0").display_name), (5000, "svc0"));

    let (_dir, plain) = written(br#"{"results":[{"name":"h","attrs":{}}]}"#);
    assert_eq!(read_objects(&plain, &lab).expect("an answer").len(), 1);
}

#[test]
fn what_is_no_object_answer_is_refused() {
    for bytes in [&b""[..], b"[]", b"{\"error\":404}", b"\x1f\x8bnot gzip"] {
        let (_dir, path) = written(bytes);
        let refused = read_objects(&path, &Arc::from("lab"));
        assert!(matches!(refused, Err(SourceError::Objects { .. } | SourceError::Read { .. })), "{bytes:?}");
    }
}
