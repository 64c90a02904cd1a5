//! A real Icinga that is reloaded, killed or frozen while it speaks.

use crate::common::icinga::Icinga;
use crate::common::reader::{Reader, all_types};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::tempdir;
use watchbell::config::IcingaSettings;
use watchbell::model::{EventType, Input, Snapshot, State};
use watchbell::source::icinga::Limits;

/// Short enough for a test, long enough for a busy machine.
const SHORT: Duration = Duration::from_secs(1);
const SERVICES: usize = 30;

/// Outputs as the flood has them: a half one is not among them.
fn is_whole(output: &str) -> bool {
    output.is_empty() || (output.starts_with("<<") && output.ends_with(">>") && output.len() == 1004)
}

fn output() -> String {
    format!("<<{}>>", "x".repeat(1000))
}

/// Takes inputs until a snapshot after a break, and checks each on the way.
async fn next_look(reader: &mut Reader) -> Snapshot {
    loop {
        match reader.next("a snapshot", Some).await {
            Input::Snapshot(snapshot) => return Arc::unwrap_or_clone(snapshot),
            Input::Event(event) => {
                let output = event.report().map_or("", |report| &report.output);
                assert!(is_whole(output), "half a line was used: {output}");
            }
            _ => {}
        }
    }
}

/// Disturbs an Icinga in the middle of a flood of results. Nothing of it is used by half,
/// and in the end every service is as Icinga says.
async fn disturbed(disturb: impl AsyncFnOnce(&mut Icinga)) {
    let dir = tempdir().expect("a temporary folder");
    let mut icinga = Icinga::start(dir.path(), 1, SERVICES).await;
    let mut reader = Reader::start_with(&icinga.settings(), Limits::default(), 100_000, &all_types());
    next_look(&mut reader).await;
    let stop = Arc::new(AtomicBool::new(false));
    let flood = flood(&icinga, stop.clone());
    let wanted = |input| matches!(input, Input::Event(_)).then_some(());
    reader.next("the flood", wanted).await;
    disturb(&mut icinga).await;
    let snapshot = next_look(&mut reader).await;
    let reason = snapshot.broken.as_ref().map_or("", |broken| &broken.reason);
    assert!(reason.contains("event stream"), "{reason}");
    stop.store(true, Ordering::Relaxed);
    flood.await.expect("the flood ends");

    assert!(icinga.result_for_all(0, &output()).await);
    assert!(icinga.result_for_all(2, &output()).await);
    let mut states = BTreeMap::new();
    while states.len() < SERVICES || states.values().any(|state| *state != State::Critical) {
        let event = match reader.next("the end of the flood", Some).await {
            Input::Event(event) if event.event_type() == EventType::StateChange => event,
            _ => continue,
        };
        let state = event.report().expect("it has one").state;
        states.insert(event.object.expect("it is about one").name().to_owned(), state);
    }
    assert_eq!(reader.counters.bad_lines(), 0);
}

/// Results for all services, one after the other, whether Icinga takes them or not.
fn flood(icinga: &Icinga, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<()> {
    let results = icinga.asker();
    tokio::spawn(async move {
        let mut round = 0;
        while !stop.load(Ordering::Relaxed) {
            round += 1;
            if !results.result_for_all(round % 3, &output()).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    })
}

#[tokio::test]
async fn a_reload_in_the_middle_of_a_flood_loses_nothing() {
    disturbed(async |icinga| icinga.reload()).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_flood_loses_nothing() {
    disturbed(async |icinga| {
        icinga.kill();
        icinga.restart().await;
    })
    .await;
}

#[tokio::test]
async fn a_frozen_icinga_is_noticed_and_read_again_when_it_goes_on() {
    let dir = tempdir().expect("a temporary folder");
    let icinga = Icinga::start(dir.path(), 1, 0).await;
    let settings = IcingaSettings { silence: SHORT, ..icinga.settings() };
    let limits = Limits { probe: SHORT, unreachable: SHORT, ..Limits::default() };
    let mut reader = Reader::start_with(&settings, limits, 4096, &all_types());
    reader.snapshot().await;
    icinga.freeze();
    reader.error(&["Icinga was silent and did not answer"]).await;
    let away = |input| if let Input::OutOfReach { broken, .. } = input { Some(broken) } else { None };
    let broken = reader.next("the news that it is away", away).await;
    assert!(broken.reason.contains("no answer in time"), "{broken:?}");
    icinga.thaw();
    let broken = reader.snapshot().await.broken.expect("a stream had ended before");
    assert!(broken.reason.contains("silent"), "{broken:?}");
    icinga.check_result("host0", 1, "DOWN").await;
    reader.event(EventType::StateChange, "host0").await;
}
