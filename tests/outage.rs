//! A sink that is down is told of once, past that sink, and so is that it is up again.

use crate::common::deliveries::delivery;
use crate::outbox::{Answer, FAST, LONG, Office, ScriptedSink, Shared, folder, next, next_keys};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use watchbell::model::event::SinkOutage;
use watchbell::model::{Delivery, Input, Timestamp};
use watchbell::outbox::BackoffPolicy;

/// Whether the sink was told to be down (or up), each time, once the workers have ended.
pub(crate) async fn outages(mut office: Office) -> Vec<bool> {
    office.stop.cancel();
    for worker in office.workers {
        worker.await.expect("it did not panic").expect("the writer was there");
    }
    let mut told = Vec::new();
    while let Ok(input) = office.given_up.try_recv() {
        if let Input::SinkOutage(outage) = input {
            told.push(outage.open);
        }
    }
    told
}

async fn next_outage(office: &mut Office) -> SinkOutage {
    loop {
        let input = tokio::time::timeout(LONG, office.given_up.recv()).await.expect("it is told");
        let input = input.expect("the workers live");
        let Input::SinkOutage(outage) = input else { continue };
        return outage;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_goes_down_and_up_is_told_of_once_each() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::Accept, 1);
    // Down: five failures, then probes that fail as well.
    office.employ("irc", sink.with("k0", std::iter::repeat_n(Answer::Retry, 8)), FAST);
    office.keep((0..6).map(|n| delivery(&format!("k{n}"), "db0"))).await;
    let down = next_outage(&mut office).await;
    assert_eq!((&*down.sink, down.open, &*down.reason, down.waiting), ("irc", true, "try later", 6));
    let up = next_outage(&mut office).await;
    assert_eq!((&*up.sink, up.open, up.since), ("irc", false, down.since));
    assert!(up.waiting < 6);
    next_keys(&mut heard, 14).await;
    office.done().await;
    office.stop.cancel();
    let worker = office.workers.remove(0);
    worker.await.expect("it did not panic").expect("the writer was there");
    while let Ok(input) = office.given_up.try_recv() {
        assert!(!matches!(input, Input::SinkOutage(_)), "told again: {input:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_down_is_probed_and_not_hammered_whatever_comes() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::Retry, 4);
    let hour = Duration::from_secs(3600);
    office.employ("irc", sink, BackoffPolicy { probe: hour, ..FAST });
    office.keep((0..50).map(|n| delivery(&format!("k{n}"), &format!("db{n}")))).await;
    next_outage(&mut office).await;
    let mut tried = 0;
    while heard.try_recv().is_ok() {
        tried += 1;
    }
    // Five failures, what was under way beside the fifth, and one probe.
    assert!((6..=9).contains(&tried), "{tried} tries");
    office.keep((50..60).map(|n| delivery(&format!("k{n}"), &format!("db{n}")))).await;
    office.close().await;
    assert!(heard.try_recv().is_err(), "it was tried again within the pause");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_who_is_put_off_again_and_again_slows_nobody_and_is_no_outage() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, mut heard) = ScriptedSink::new(Answer::Accept, 1);
    let hour = Duration::from_secs(3600);
    let policy = BackoffPolicy { not_ready_least: hour, not_ready_most: hour, probe: hour, ..FAST };
    office.employ("irc", sink.with("closed", std::iter::repeat_n(Answer::PutOff, 20)), policy);
    office.keep([delivery("closed", "db0")]).await;
    next_keys(&mut heard, 10).await;
    office.keep([delivery("open", "db1")]).await;
    office.done().await;
    assert!(outages(office).await.is_empty(), "nobody hears of a sink that is down");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_for_its_age_makes_no_sink_work_again() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (sink, _heard) = ScriptedSink::new(Answer::Retry, 1);
    office.employ("irc", sink, FAST);
    let old = |n| Delivery { at: Timestamp::UNIX_EPOCH, ..delivery(&format!("k{n}"), &format!("db{n}")) };
    office.keep((0..20).map(old)).await;
    office.done().await;
    assert_eq!(outages(office).await, [true], "down, and never up again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_can_tell_ends_the_pause_itself() {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (mut sink, mut heard) = ScriptedSink::new(Answer::Accept, 1);
    sink = sink.with("k0", std::iter::repeat_n(Answer::NotReady, 6));
    let sink = Arc::new(sink);
    let hour = Duration::from_secs(3600);
    office.employ("irc", Shared(sink.clone()), BackoffPolicy { probe: hour, ..FAST });
    office.keep([delivery("k0", "db0"), delivery("k1", "db1")]).await;
    assert!(next_outage(&mut office).await.open);
    next_keys(&mut heard, 6).await;
    sink.ready.notify_one();
    assert_eq!(next_keys(&mut heard, 2).await, ["k0", "k1"]);
    assert!(!next_outage(&mut office).await.open);
    office.close().await;
}

/// How long each of many deliveries takes from its decision to the sink `mail`, while
/// the sink `irc` does as it is told; the slowest of a hundred.
async fn slowest_of_a_hundred(other: Answer) -> Duration {
    let folder = folder();
    let mut office = Office::open(folder.path());
    let (irc, _irc) = ScriptedSink::new(other, 4);
    let (mail, mut mails) = ScriptedSink::new(Answer::Accept, 4);
    office.employ("irc", irc, FAST);
    office.employ("mail", mail, FAST);
    office.keep((0..500).map(|n| delivery(&format!("i{n}"), &format!("db{n}")))).await;
    let mut took = Vec::new();
    for n in 0..300 {
        let began = Instant::now();
        let for_mail = Delivery { sink: "mail".to_owned(), ..delivery(&format!("m{n}"), &format!("db{n}")) };
        let for_irc = delivery(&format!("j{n}"), &format!("db{n}"));
        office.keep([for_irc, for_mail]).await;
        next(&mut mails).await;
        took.push(began.elapsed());
    }
    for worker in &office.workers {
        worker.abort();
    }
    took.sort();
    took[took.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slowest_of_a_hundred_are_no_slower_beside_a_dead_or_hanging_sink() {
    let beside_a_healthy_one = slowest_of_a_hundred(Answer::Accept).await;
    for other in [Answer::Hang, Answer::Retry, Answer::NotReady] {
        let beside = slowest_of_a_hundred(other.clone()).await;
        // Ten times what is shared with a healthy one, which takes its part of the disk.
        let bound = beside_a_healthy_one * 10 + Duration::from_millis(50);
        assert!(
            beside < bound,
            "beside {other:?}: {beside:?}; beside a healthy one {beside_a_healthy_one:?}"
        );
    }
}
