//! One try: hand a delivery to its sink and judge what came back.
//!
//! Promises: ends, whatever the sink does. A panic of the sink, or its silence,
//! is a failed try.

use super::backoff::BackoffPolicy;
use crate::clock;
use crate::model::words::counted;
use crate::model::{Attempt, AttemptResult, Delivery, Tells, Timestamp};
use crate::patience::within;
use crate::sink::{Receipt, SendError, Sink};
use crate::supervise::panic_text;
use futures_util::FutureExt;
use jiff::SignedDuration;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// A sink answers within a minute by its own promise; past this it is cut off.
const DEADLINE: Duration = Duration::from_secs(90);

/// A delivery that fails and is older than this is given up ...
const HOURS: i64 = 24;

/// ... and the end of a problem sooner: nobody waits for old good news.
const HOURS_OF_RECOVERIES: i64 = 4;

/// ... and a drill soonest: who asked for it has long heard that it did not arrive.
const HOURS_OF_DRILLS: i64 = 1;

/// A far side may answer with a whole page; this much of it is kept.
const REASON_CHARS: usize = 1000;

/// What a try told of the sink itself, whatever became of the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// It answered, be it with a refusal.
    Works,
    /// Nothing: one recipient was put off, which neither raises nor ends a doubt.
    Unknown,
    /// It could not take this, and why.
    Fails(String),
    /// It cannot take anything now, and why.
    NotReady(String),
}

impl Health {
    fn of(answer: &Result<Receipt, SendError>) -> Health {
        match answer {
            Ok(_) | Err(SendError::Rejected(_)) => Health::Works,
            Err(SendError::PutOff { .. }) => Health::Unknown,
            Err(SendError::Retry { reason, .. }) => Health::Fails(clipped(reason.clone())),
            Err(SendError::NotReady(reason)) => Health::NotReady(clipped(reason.clone())),
        }
    }
}

/// Tries one delivery once. Not cancel-safe, as [`Sink::send`] is not.
pub(super) async fn attempt(
    sink: &dyn Sink,
    delivery: Delivery,
    policy: &BackoffPolicy,
) -> (Attempt, Health) {
    let at = clock::now();
    let answer = send(sink, &delivery).await;
    let health = Health::of(&answer);
    let result = judge(answer, &delivery, policy, clock::now(), rand::random());
    (Attempt { delivery, at, result }, health)
}

async fn send(sink: &dyn Sink, delivery: &Delivery) -> Result<Receipt, SendError> {
    // The sink is not looked into after its panic, only called again: what it
    // guards with locks is its own to mend.
    let sending = AssertUnwindSafe(async { sink.send(delivery).await }).catch_unwind();
    match within(DEADLINE, sending).await {
        Some(Ok(answer)) => answer,
        Some(Err(panic)) => Err(failed(format!("the sink panicked: {}", panic_text(&*panic)))),
        None => Err(failed(format!("the sink gave no answer within {} s", DEADLINE.as_secs()))),
    }
}

fn failed(reason: String) -> SendError {
    SendError::Retry { reason, after: None }
}

/// What an answer means for the delivery. Pure.
fn judge(
    answer: Result<Receipt, SendError>,
    delivery: &Delivery,
    policy: &BackoffPolicy,
    now: Timestamp,
    chance: f64,
) -> AttemptResult {
    match answer {
        Ok(Receipt(receipt)) => AttemptResult::Sent(clipped(receipt)),
        Err(SendError::Rejected(reason)) => AttemptResult::Dead(clipped(reason)),
        Err(
            SendError::NotReady(reason) | SendError::Retry { reason, .. } | SendError::PutOff { reason, .. },
        ) if is_too_old(delivery, now) => {
            let after = counted(hours(delivery).unsigned_abs(), "hour");
            AttemptResult::Dead(clipped(format!("given up after {after}: {reason}")))
        }
        // The worker waits for the sink; the delivery itself need not.
        Err(SendError::NotReady(reason)) => {
            AttemptResult::Retry { not_before: now, reason: clipped(reason), counted: false }
        }
        Err(SendError::Retry { reason, after } | SendError::PutOff { reason, after }) => {
            AttemptResult::Retry {
                not_before: later(now, policy.retry(delivery.attempts, after, chance)),
                reason: clipped(reason),
                counted: true,
            }
        }
    }
}

fn is_too_old(delivery: &Delivery, now: Timestamp) -> bool {
    now.duration_since(delivery.waits_since()) > SignedDuration::from_hours(hours(delivery))
}

fn hours(delivery: &Delivery) -> i64 {
    match delivery.brief.tells {
        _ if delivery.is_drill() => HOURS_OF_DRILLS,
        Tells::Recovery => HOURS_OF_RECOVERIES,
        Tells::Problem | Tells::Other => HOURS,
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn clipped(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(REASON_CHARS) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Brief, DRILL, Message};
    use futures_util::future::BoxFuture;

    const POLICY: BackoffPolicy = BackoffPolicy::QUICK;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).expect("a moment of this century")
    }

    fn delivery(age: SignedDuration) -> Delivery {
        Delivery {
            id: 1,
            key: "key".to_owned(),
            at: now() - age,
            sink: "irc".to_owned(),
            target: "ops".to_owned(),
            recipient: "#ops".to_owned(),
            event: "StateChange".to_owned(),
            object: "db1!postgres".to_owned(),
            incident: None,
            rule: "rules.rhai:1 tell".to_owned(),
            message: Message { text: "CRITICAL".to_owned(), ..Message::default() },
            brief: Brief::default(),
            attempts: 2,
            revived: None,
        }
    }

    fn retry(after: Option<Duration>) -> SendError {
        SendError::Retry { reason: "busy".to_owned(), after }
    }

    fn put_off() -> SendError {
        SendError::PutOff { reason: "full".to_owned(), after: None }
    }

    fn check(answer: Result<Receipt, SendError>, age: SignedDuration, expected: &AttemptResult) {
        let got = judge(answer.clone(), &delivery(age), &POLICY, now(), 1.0);
        assert_eq!(&got, expected, "{answer:?} at the age of {age:?}");
    }

    fn try_again(seconds: i64, reason: &str, counted: bool) -> AttemptResult {
        let not_before = now() + SignedDuration::from_secs(seconds);
        AttemptResult::Retry { not_before, reason: reason.to_owned(), counted }
    }

    #[test]
    fn each_answer_means_one_thing() {
        let (young, old) = (SignedDuration::from_mins(1), SignedDuration::from_hours(25));
        let not_ready = SendError::NotReady("connecting".to_owned());
        let sent = AttemptResult::Sent("250 OK".to_owned());
        let dead = |reason: &str| AttemptResult::Dead(reason.to_owned());

        check(Ok(Receipt("250 OK".to_owned())), young, &sent);
        check(Ok(Receipt("250 OK".to_owned())), old, &sent);
        check(Err(SendError::Rejected("no such room".to_owned())), young, &dead("no such room"));
        check(Err(not_ready.clone()), young, &try_again(0, "connecting", false));
        check(Err(not_ready), old, &dead("given up after 24 hours: connecting"));
        check(Err(retry(None)), young, &try_again(4, "busy", true));
        check(Err(retry(Some(Duration::from_secs(100)))), young, &try_again(100, "busy", true));
        check(Err(retry(None)), old, &dead("given up after 24 hours: busy"));
        check(Err(put_off()), young, &try_again(4, "full", true));
        check(Err(put_off()), old, &dead("given up after 24 hours: full"));
    }

    #[test]
    fn only_what_is_the_sinks_own_fault_is_told_of_it() {
        let not_ready = SendError::NotReady("connecting".to_owned());
        for (answer, expected) in [
            (Ok(Receipt("250 OK".to_owned())), Health::Works),
            (Err(SendError::Rejected("no such room".to_owned())), Health::Works),
            (Err(put_off()), Health::Unknown),
            (Err(retry(None)), Health::Fails("busy".to_owned())),
            (Err(not_ready), Health::NotReady("connecting".to_owned())),
        ] {
            assert_eq!(Health::of(&answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn old_good_news_is_given_up_sooner() {
        for (tells, minutes, expected) in [
            (Tells::Recovery, 4 * 60, None),
            (Tells::Recovery, 4 * 60 + 1, Some("given up after 4 hours: busy")),
            (Tells::Problem, 4 * 60 + 1, None),
            (Tells::Problem, 24 * 60 + 1, Some("given up after 24 hours: busy")),
            (Tells::Other, 24 * 60 + 1, Some("given up after 24 hours: busy")),
        ] {
            let told = delivery(SignedDuration::from_mins(minutes));
            let told = Delivery { brief: Brief { tells, ..Brief::default() }, ..told };
            let dead = match judge(Err(retry(None)), &told, &POLICY, now(), 1.0) {
                AttemptResult::Dead(reason) => Some(reason),
                _ => None,
            };
            assert_eq!(dead.as_deref(), expected, "{tells:?} after {minutes} minutes");
        }
    }

    #[test]
    fn a_drill_is_given_up_soonest() {
        for (minutes, is_dead) in [(60, false), (61, true)] {
            let told = delivery(SignedDuration::from_mins(minutes));
            let told = Delivery { event: DRILL.to_owned(), ..told };
            let result = judge(Err(retry(None)), &told, &POLICY, now(), 1.0);
            let dead = AttemptResult::Dead("given up after 1 hour: busy".to_owned());
            assert_eq!(result == dead, is_dead, "{minutes} minutes: {result:?}");
        }
    }

    #[test]
    fn a_page_long_reason_is_clipped_between_characters() {
        let page = "ä".repeat(100_000);
        let AttemptResult::Dead(reason) =
            judge(Err(SendError::Rejected(page)), &delivery(SignedDuration::ZERO), &POLICY, now(), 0.0)
        else {
            panic!("a rejected delivery is dead");
        };
        assert_eq!(reason, "ä".repeat(REASON_CHARS));
    }

    /// Breaks the promises of [`Sink::send`].
    enum Broken {
        Silent,
        Panics,
        PanicsAtOnce,
    }

    impl Sink for Broken {
        fn send<'a>(&'a self, _: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>> {
            match self {
                Broken::Silent => Box::pin(std::future::pending()),
                Broken::Panics => Box::pin(async { panic!("index {} out of bounds", 7) }),
                Broken::PanicsAtOnce => panic!("no future at all"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_sink_is_a_failed_try() {
        let answers = [
            (Broken::Silent, "the sink gave no answer within 90 s"),
            (Broken::Panics, "the sink panicked: index 7 out of bounds"),
            (Broken::PanicsAtOnce, "the sink panicked: no future at all"),
        ];
        for (sink, expected) in answers {
            let answer = send(&sink, &delivery(SignedDuration::ZERO)).await;
            assert_eq!(answer, Err(failed(expected.to_owned())));
        }
    }
}
