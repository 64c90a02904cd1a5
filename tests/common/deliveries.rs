//! Deliveries, attempts and batches for tests of the store, the outbox and the sinks.

use watchbell::model::{Attempt, AttemptResult, Brief, Delivery, Message, Timestamp};
use watchbell::store::{Batch, StateKey, StateValue, StateWrite};

/// A moment that many seconds into the tests' own era.
pub(crate) fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a moment of this century")
}

/// A delivery to the sink `irc`, decided now; `object` makes the lane.
pub(crate) fn delivery(key: &str, object: &str) -> Delivery {
    Delivery {
        id: 0,
        key: key.to_owned(),
        at: Timestamp::now(),
        sink: "irc".to_owned(),
        target: "ops".to_owned(),
        recipient: "#ops".to_owned(),
        event: "StateChange".to_owned(),
        object: object.to_owned(),
        incident: Some(42),
        rule: "50-route.rhai:3 tell ops".to_owned(),
        message: Message { text: format!("text of {key}"), ..Message::default() },
        brief: Brief::default(),
        attempts: 0,
        revived: None,
    }
}

/// A batch that only holds deliveries.
pub(crate) fn deliveries(deliveries: impl IntoIterator<Item = Delivery>) -> Batch {
    Batch { deliveries: deliveries.into_iter().collect(), ..Batch::default() }
}

/// A batch that only writes one state entry.
pub(crate) fn state(key: &str, value: Option<&str>) -> Batch {
    let value = value.map(|value| StateValue::Json(value.to_owned()));
    let write = StateWrite { kind: "test", key: StateKey::Text(key.to_owned()), value };
    Batch { state: vec![write], ..Batch::default() }
}

/// A batch that only holds one attempt.
pub(crate) fn attempt(delivery: &Delivery, at: Timestamp, result: AttemptResult) -> Batch {
    let attempt = Attempt { delivery: delivery.clone(), at, result };
    Batch { attempts: vec![attempt], ..Batch::default() }
}

/// An attempt that is to be made again at a moment.
pub(crate) fn retry_at(not_before: Timestamp) -> AttemptResult {
    AttemptResult::Retry { not_before, reason: "try later".to_owned(), counted: true }
}

/// The keys, in order.
pub(crate) fn keys(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.key.as_str()).collect()
}

/// A delivery of incident 42 for this address, with this text.
pub(crate) fn finished(recipient: &str, text: &str) -> Delivery {
    Delivery {
        id: 1,
        key: "event-1/ops".to_owned(),
        at: "2026-03-01T12:34:56Z".parse().expect("a moment"),
        sink: "out".to_owned(),
        target: "ops".to_owned(),
        recipient: recipient.to_owned(),
        event: "StateChange".to_owned(),
        object: "db1!postgres".to_owned(),
        incident: Some(42),
        rule: "50-route.rhai:3 all problems".to_owned(),
        message: Message {
            text: text.to_owned(),
            subject: Some("db1!postgres is CRITICAL".to_owned()),
            thread: Some("incident-42".to_owned()),
            severity: 3,
            ..Message::default()
        },
        brief: Brief::default(),
        attempts: 0,
        revived: None,
    }
}
