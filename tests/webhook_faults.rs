//! What an HTTP service may do to a request: each ends in time, holds little memory, and
//! means one thing. The service is a fake that answers as it is told.

use crate::common::deliveries::finished as delivery;
use crate::common::http::{Answer, Http};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::time::Duration;
use watchbell::config::WebhookSettings;
use watchbell::model::Timestamp;
use watchbell::sink::webhook::Webhook;
use watchbell::sink::{Receipt, SendError, Sink};

/// What two sockets may hold between them, and more.
const BUFFERED: usize = 32 * 1024 * 1024;

fn webhook(url: String, timeout: Duration) -> Webhook {
    let settings = WebhookSettings {
        url: SecretString::from(url),
        method: "POST".to_owned(),
        headers: BTreeMap::new(),
        bearer: None,
        signing: Vec::new(),
        ca_file: None,
        timeout,
    };
    Webhook::new("hook", &settings).expect("settings that work")
}

/// What comes of one delivery to a service that answers so.
async fn sent(answer: Answer, timeout: Duration) -> (Result<Receipt, SendError>, Http) {
    let server = Http::start(vec![answer]).await;
    let hook = webhook(format!("http://{}/", server.address), timeout);
    (hook.send(&delivery("", "db1 is down")).await, server)
}

#[track_caller]
fn again(result: Result<Receipt, SendError>, words: &str) {
    match result {
        Err(SendError::Retry { reason, after: None }) => assert!(reason.contains(words), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_none() {
    for answer in [Answer::Silence, Answer::Trickle("HTTP/1.1 200 .\r\nX-Slow: ")] {
        let (result, server) = sent(answer, Duration::from_millis(500)).await;
        again(result, "timed out");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn words_that_come_too_late_take_nothing_back() {
    let slow_body = Answer::Trickle("HTTP/1.1 200 .\r\nConnection: close\r\n\r\n");
    let (result, _server) = sent(slow_body, Duration::from_millis(500)).await;
    assert!(matches!(&result, Ok(Receipt(words)) if words.starts_with("HTTP 200 OK: x")), "{result:?}");
}

#[tokio::test]
async fn a_head_without_end_is_a_failed_try_that_holds_little() {
    let (result, server) = sent(Answer::EndlessHead, Duration::from_secs(60)).await;
    again(result, "");
    assert!(server.endless_bytes() < BUFFERED, "{}", server.endless_bytes());
}

#[tokio::test]
async fn a_bomb_is_not_unpacked() {
    let (result, server) = sent(Answer::Bomb, Duration::from_secs(60)).await;
    let Ok(Receipt(words)) = result else { panic!("the status was 200: {result:?}") };
    // The quote begins with the bytes as they came: unpacked, there would be zeros alone.
    assert!(words.chars().count() < 300 && words.starts_with("HTTP 200 OK: "), "{words}");
    assert!(words.contains('\u{fffd}'), "{words}");
    assert!(server.endless_bytes() < BUFFERED, "{}", server.endless_bytes());
}

#[tokio::test]
async fn a_reset_is_tried_again() {
    let (result, server) = sent(Answer::Reset, Duration::from_secs(60)).await;
    again(result, "");
    assert_eq!(server.requests().len(), 1, "the sink itself does not try twice");
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_tried_again() {
    // RFC 6761, 6.4: names below `.invalid` are known to nobody.
    let hook = webhook("http://hooks.invalid/T0KENT0KEN".to_owned(), Duration::from_secs(20));
    let result = hook.send(&delivery("", "db1 is down")).await;
    assert!(!format!("{result:?}").contains("T0KENT0KEN"), "{result:?}");
    again(result, "");
}

#[tokio::test]
async fn too_many_requests_says_when_by_seconds_or_a_date() {
    let in_a_while = Timestamp::now() + Duration::from_secs(600);
    let date = in_a_while.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for value in ["600", &date] {
        let (result, _server) =
            sent(Answer::with_header(429, "Retry-After", value), Duration::from_secs(20)).await;
        let Err(SendError::Retry { after: Some(after), .. }) = result else { panic!("{value}: {result:?}") };
        // What is left of it when it was read.
        assert!(after <= Duration::from_secs(600) && after > Duration::from_secs(300), "{value}: {after:?}");
    }
}
