//! The canary: a silent stream is heard through, and one that carries nothing is told.

use crate::common::engine::key;
use crate::common::fake_icinga::FakeIcinga;
use crate::common::icinga::Icinga;
use crate::common::reader::{Reader, all_types};
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::tempdir;
use watchbell::config::IcingaSettings;
use watchbell::model::{EventType, Input};
use watchbell::source::icinga::Limits;

const SHORT: Duration = Duration::from_millis(200);

fn with_canary(settings: IcingaSettings, name: &str) -> IcingaSettings {
    IcingaSettings { silence: SHORT, canary: Some(name.to_owned()), ..settings }
}

#[tokio::test]
async fn the_canary_comes_back_through_a_silent_stream_and_reaches_no_rule() {
    let dir = tempdir().expect("a temporary folder");
    let icinga = Icinga::start(dir.path(), 2, 1).await;
    let mut reader = Reader::start(&with_canary(icinga.settings(), "host0!svc0"));
    let snapshot = reader.snapshot().await;
    assert!(!snapshot.objects.iter().any(|found| found.object.key == key("host0!svc0")));
    assert_eq!(snapshot.objects.len(), 3);
    while reader.counters.canaries() < 2 {
        tokio::task::yield_now().await;
    }
    icinga.check_result("host1", 1, "the end").await;
    let inputs = reader.until(EventType::StateChange, "host1").await;
    let of_canary = |input: &Input| match input {
        Input::Event(event) => event.object == Some(key("host0!svc0")),
        _ => true,
    };
    assert!(!inputs.iter().any(of_canary), "{inputs:?}");
}

#[tokio::test]
async fn a_stream_that_is_accepted_and_carries_nothing_is_opened_anew_and_told() {
    let dir = tempdir().expect("a temporary folder");
    let mut fake = FakeIcinga::start(dir.path(), "r2.13.6-1").await;
    fake.behaviour.answers_actions.store(true, Ordering::Relaxed);
    let limits = Limits { canary: SHORT, ..Limits::default() };
    let settings = with_canary(fake.settings(), "host0");
    let mut reader = Reader::start_with(&settings, limits, 1024, &all_types());
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(fake.stream().await);
    }
    let wanted = |input| if let Input::OutOfReach { broken, .. } = input { Some(broken) } else { None };
    let broken = reader.next("the news", wanted).await;
    assert!(broken.reason.contains("canary"), "{}", broken.reason);
}

#[tokio::test]
async fn a_canary_that_can_be_of_no_use_is_named_with_what_to_do() {
    let dir = tempdir().expect("a temporary folder");
    let icinga = Icinga::start(dir.path(), 1, 1).await;
    let mut reader = Reader::start(&with_canary(icinga.settings(), "host0!nope"));
    reader.error(&["canary `host0!nope`", "no such service", "take `canary` out"]).await;
    let body = json!({"attrs": {"enable_passive_checks": false}});
    icinga.api("/v1/objects/services/host0!svc0", body).await;
    let mut reader = Reader::start(&with_canary(icinga.settings(), "host0!svc0"));
    reader.error(&["canary `host0!svc0`", "enable_passive_checks = true"]).await;
}
