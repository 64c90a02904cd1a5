//! The network between a real Icinga and Watchbell fails in every way it can.

use crate::common::icinga::Icinga;
use crate::common::proxy::{BOTH, End, Proxy, Way};
use crate::common::reader::{Reader, all_types};
use crate::common::watchbell::Site;
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};
use watchbell::config::IcingaSettings;
use watchbell::model::{EventType, Snapshot, State, Timestamp};
use watchbell::source::icinga::Limits;

/// Short enough for a test, long enough for a busy machine.
const SHORT: Duration = Duration::from_secs(1);
/// What was on its way when a line died.
const IN_FLIGHT: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(60);

/// A real Icinga behind a proxy.
async fn behind_a_proxy(hosts: usize, services: usize) -> (TempDir, Icinga, Proxy) {
    let dir = tempdir().expect("a temporary folder");
    let icinga = Icinga::start(dir.path(), hosts, services).await;
    let proxy = Proxy::to(icinga.port);
    (dir, icinga, proxy)
}

/// A source that goes through the proxy, finds out soon that nothing comes, and has
/// caught up.
async fn caught_up(icinga: &Icinga, proxy: &Proxy) -> Reader {
    let settings = IcingaSettings { silence: SHORT, ..icinga.settings_through(proxy.port) };
    let limits = Limits { probe: SHORT, ..Limits::default() };
    let mut reader = Reader::start_with(&settings, limits, 4096, &all_types());
    assert_eq!(reader.snapshot().await.broken, None);
    reader
}

fn state(snapshot: &Snapshot, name: &str) -> Option<State> {
    snapshot.objects.iter().find(|found| found.object.key.name() == name)?.state
}

fn reason(snapshot: &Snapshot) -> &str {
    snapshot.broken.as_ref().map_or("", |broken| &broken.reason)
}

#[tokio::test]
async fn a_half_open_connection_is_noticed_whichever_way_is_dead() {
    let (_dir, icinga, proxy) = behind_a_proxy(3, 0).await;
    for (host, ways) in [("host0", &[Way::ToClient][..]), ("host1", &[Way::ToServer]), ("host2", &BOTH)] {
        let mut reader = caught_up(&icinga, &proxy).await;
        let died = Timestamp::now();
        proxy.stall(ways);
        icinga.check_result(host, 1, "DOWN - while the line was dead").await;
        reader.error(&["Icinga was silent and did not answer"]).await;
        let noticed = Timestamp::now();
        proxy.pass();
        let snapshot = reader.snapshot().await;
        let since = snapshot.broken.as_ref().expect("a stream had ended before").at;
        assert!(since <= noticed - SHORT, "{ways:?}: it was silent before {noticed}, told is {since}");
        if ways.contains(&Way::ToClient) {
            assert!(since <= died + IN_FLIGHT, "{ways:?}: dead since {died}, told is {since}");
        }
        // A silent Icinga is asked each second.
        assert!(since >= died - PATIENCE / 4, "{ways:?}: dead since {died}, told is {since}");
        assert_eq!(state(&snapshot, host), Some(State::Down), "{ways:?}");
        assert!(reason(&snapshot).contains("silent"), "{ways:?}: {}", reason(&snapshot));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_the_stream_loses_nothing() {
    let (_dir, icinga, proxy) = behind_a_proxy(2, 20).await;
    let mut reader = caught_up(&icinga, &proxy).await;
    for (round, end) in [End::Reset, End::Cut].into_iter().enumerate() {
        proxy.end_after(Way::ToClient, 7_000 + 1_111 * round as u64, end);
        let exit_status = 1 + round as i64 % 2;
        assert!(icinga.result_for_all(exit_status, &"x".repeat(500)).await);
        let snapshot = reader.snapshot().await;
        assert!(reason(&snapshot).contains("event stream"), "{end:?}: {}", reason(&snapshot));
        for found in snapshot.objects.iter().filter(|found| !found.object.key.is_host()) {
            assert_eq!(found.state, Some(State::of_service(exit_status)), "{end:?}");
            assert_eq!(found.output.len(), 500, "{end:?}");
        }
    }
    assert_eq!(reader.counters.bad_lines(), 0, "a line that was cut was taken for one");
}

#[tokio::test]
async fn a_slow_line_is_read_to_its_end_and_is_not_taken_for_a_dead_one() {
    let (_dir, icinga, proxy) = behind_a_proxy(1, 10).await;
    let few = [EventType::StateChange].into();
    let settings = IcingaSettings { silence: SHORT, ..icinga.settings_through(proxy.port) };
    let mut reader = Reader::start_with(&settings, Limits::default(), 4096, &few);
    reader.snapshot().await;
    // 64 kbit/s.
    proxy.trickle(&BOTH, 8_000);
    assert!(icinga.result_for_all(2, "broken").await);
    assert!(icinga.result_for_all(1, "less broken").await);
    let mut events = Vec::new();
    while events.len() < 20 {
        let next = reader.next("a change", Some).await;
        let watchbell::model::Input::Event(event) = next else { panic!("hung up: {next:?}") };
        events.push(event);
    }
    let states = |state| {
        let is =
            |event: &&watchbell::model::Event| event.report().is_some_and(|report| report.state == state);
        events.iter().filter(is).count()
    };
    assert_eq!((states(State::Critical), states(State::Warning)), (10, 10));
}

#[tokio::test]
async fn a_line_of_a_byte_a_second_costs_no_work_and_heals() {
    let (dir, icinga, proxy) = behind_a_proxy(1, 1).await;
    let site = Site::new(dir.path());
    site.configure(&[site.icinga_of(&icinga.settings_through(proxy.port), "botpw"), site.console()]);
    proxy.trickle(&BOTH, 1);
    let mut watchbell = site.start();
    watchbell.log.expect("connects again");
    let (begun, worked) = (Instant::now(), watchbell.worked());
    watchbell.log.expect("connects again");
    let (took, worked) = (begun.elapsed(), watchbell.worked() - worked);
    assert!(worked < took / 10, "{worked:?} of work in {took:?}");
    let before = proxy.connections();
    assert!(before < 10, "it connects again and again: {before}");
    proxy.pass();
    watchbell.log.expect("caught up");
}

#[tokio::test]
async fn a_port_that_resets_every_connection_is_tried_less_and_less() {
    let (_dir, icinga, proxy) = behind_a_proxy(1, 0).await;
    let mut reader = caught_up(&icinga, &proxy).await;
    proxy.refuse();
    let before = proxy.connections();
    let begun = Instant::now();
    while proxy.connections() < before + 3 {
        assert!(begun.elapsed() < PATIENCE, "it gave up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Waits are random, up to 1, 2 and 4 s: twenty tries would be no back-off at all.
    let tries = proxy.connections() - before;
    assert!(tries < 20, "{tries} tries in {:?}", begun.elapsed());
    proxy.pass();
    assert!(!reason(&reader.snapshot().await).is_empty());
}
