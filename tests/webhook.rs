//! HTTP services, played by a small real server.

use crate::common::certificates::Authority;
use crate::common::closed_port;
use crate::common::deliveries::finished as delivery;
use crate::common::http::{Answer, Http};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use watchbell::config::WebhookSettings;
use watchbell::model::Timestamp;
use watchbell::sink::webhook::Webhook;
use watchbell::sink::{Receipt, SendError, Sink};

const TOKEN: &str = "T0KENc4n4ryT0KEN";
const BEARER: &str = "b34r3r-c4n4ry";

fn settings(authority: &str) -> WebhookSettings {
    WebhookSettings {
        url: SecretString::from(format!("http://{authority}/hooks/{TOKEN}?key={TOKEN}2")),
        method: "POST".to_owned(),
        headers: BTreeMap::new(),
        bearer: Some(SecretString::from(BEARER)),
        signing: Vec::new(),
        ca_file: None,
        timeout: Duration::from_secs(20),
    }
}

/// Sends one delivery; panics if a secret is in what comes back.
async fn send(settings: &WebhookSettings) -> Result<Receipt, SendError> {
    let webhook = Webhook::new("hook", settings).expect("settings that work");
    let result = webhook.send(&delivery("", "db1 is down")).await;
    for secret in [TOKEN, BEARER] {
        let printed = format!("{result:?} {settings:?}");
        assert!(!printed.contains(secret), "{printed}");
    }
    result
}

async fn answered(answer: Answer) -> Result<Receipt, SendError> {
    let server = Http::start(vec![answer]).await;
    let result = send(&settings(&server.address.to_string())).await;
    assert_eq!(server.requests().len(), 1);
    result
}

#[tokio::test]
async fn a_delivery_is_posted_as_json_and_accepted() {
    let server = Http::start(vec![Answer::new(200, "ok, queued")]).await;
    let mut settings = settings(&server.address.to_string());
    settings.headers = BTreeMap::from([("X-Team".to_owned(), "dba".to_owned())]);

    let receipt = send(&settings).await;

    assert_eq!(receipt, Ok(Receipt("HTTP 200 OK: ok, queued".to_owned())));
    let [request] = &server.requests()[..] else {
        panic!("not one request");
    };
    assert_eq!(request.line, format!("POST /hooks/{TOKEN}?key={TOKEN}2 HTTP/1.1"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {BEARER}").as_str()));
    assert_eq!(request.header("x-team"), Some("dba"));
    insta::assert_snapshot!(request.body, @r#"{"at":"2026-03-01T12:34:56Z","target":"ops","event":"StateChange","object":"db1!postgres","incident":42,"rule":"50-route.rhai:3 all problems","text":"db1 is down","subject":"db1!postgres is CRITICAL"}"#);
}

#[tokio::test]
async fn the_templates_json_goes_out_as_it_is_by_the_method_that_is_set() {
    let server = Http::start(vec![Answer::new(204, "")]).await;
    let settings = WebhookSettings { method: "PUT".to_owned(), ..settings(&server.address.to_string()) };
    let webhook = Webhook::new("hook", &settings).expect("settings that work");
    let mut delivery = delivery("", "db1 is down");
    delivery.message.json = Some(r#"{ "text": "from the template" }"#.to_owned());

    webhook.send(&delivery).await.expect("it is accepted");

    assert!(server.requests()[0].line.starts_with("PUT "));
    assert_eq!(server.requests()[0].body, r#"{ "text": "from the template" }"#);
}

#[tokio::test]
async fn the_idempotency_key_belongs_to_the_delivery() {
    let server = Http::start(vec![Answer::new(500, ""), Answer::new(200, ""), Answer::new(200, "")]).await;
    let webhook = Webhook::new("hook", &settings(&server.address.to_string())).expect("settings that work");
    let first = delivery("", "db1 is down");
    let mut second = first.clone();
    second.key = "another".to_owned();

    webhook.send(&first).await.expect_err("500 is no success");
    webhook.send(&first).await.expect("the second try is accepted");
    webhook.send(&second).await.expect("another delivery is accepted");

    let requests = server.requests();
    let keys: Vec<_> =
        requests.iter().map(|request| request.header("idempotency-key").expect("a key")).collect();
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2]);
}

#[tokio::test]
async fn what_is_signed_is_what_is_sent_under_the_same_id_each_time() {
    let server = Http::start(vec![Answer::new(500, ""), Answer::new(200, "")]).await;
    let keys = [[7; 24], [8; 24]].map(|key| SecretSlice::from(key.to_vec()));
    let settings = WebhookSettings { signing: keys.to_vec(), ..settings(&server.address.to_string()) };
    let webhook = Webhook::new("hook", &settings).expect("settings that work");
    let before = Timestamp::now().as_second();

    let delivery = delivery("", "db1 is down\nä");
    webhook.send(&delivery).await.expect_err("500 is no success");
    webhook.send(&delivery).await.expect("the second try is accepted");

    for request in server.requests() {
        let header = |name| request.header(name).unwrap_or_else(|| panic!("{name}: {request:?}")).to_owned();
        assert_eq!(header("webhook-id"), header("idempotency-key"));
        let seconds: i64 = header("webhook-timestamp").parse().expect("seconds");
        assert!((before..=Timestamp::now().as_second()).contains(&seconds), "{seconds}");
        let signed = format!("{}.{seconds}.{}", header("webhook-id"), request.body);
        let expected =
            keys.each_ref().map(|key| format!("v1,{}", pythons_hmac(key.expose_secret(), &signed)));
        assert_eq!(header("webhook-signature"), expected.join(" "));
    }
    let ids: Vec<_> =
        server.requests().iter().map(|request| request.header("webhook-id").map(str::to_owned)).collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
}

/// HMAC-SHA256 in base64, by another hand than ours.
fn pythons_hmac(key: &[u8], text: &str) -> String {
    const PROGRAM: &str = "import base64, hmac, sys; key = bytes.fromhex(sys.argv[1]); \
        print(base64.b64encode(hmac.digest(key, sys.argv[2].encode(), 'sha256')).decode(), end='')";
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let output = Command::new("/usr/bin/python3").args(["-c", PROGRAM, &hex, text]).output();
    let output = output.expect("python3 is installed");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("base64")
}

#[tokio::test]
async fn what_may_pass_is_tried_again_when_the_service_says() {
    for (answer, expected) in [
        (Answer::with_header(429, "Retry-After", "17"), Some(17)),
        (Answer::with_header(503, "Retry-After", "Thu, 01 Jan 1970 00:00:00 GMT"), Some(0)),
        (Answer::new(500, "oops"), None),
        (Answer::new(408, ""), None),
    ] {
        match answered(answer.clone()).await {
            Err(SendError::Retry { after, .. }) => {
                assert_eq!(after, expected.map(Duration::from_secs), "{answer:?}");
            }
            other => panic!("{answer:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_quoted_without_secrets() {
    let body =
        format!("<h1>Cannot POST /hooks/{TOKEN}</h1>\r\nbad bearer {BEARER}\x1b[2J{}", "x".repeat(9999));

    let result = answered(Answer::new(400, &body)).await;

    let Err(SendError::Rejected(reason)) = result else {
        panic!("400 is final, not {result:?}");
    };
    assert!(
        reason.starts_with("HTTP 400 Bad Request: <h1>Cannot POST ***</h1> bad bearer ***␛[2Jxxx"),
        "{reason}"
    );
    assert!(reason.chars().count() < 250, "{reason}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Http::start(vec![Answer::new(200, "stolen")]).await;
    let there = format!("http://{}/", elsewhere.address);

    let result = answered(Answer::with_header(307, "Location", &there)).await;

    assert!(matches!(&result, Err(SendError::Rejected(reason)) if reason.contains("307")), "{result:?}");
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let server = Http::start(vec![Answer::Endless]).await;

    let result = send(&settings(&server.address.to_string())).await;

    assert!(matches!(&result, Ok(Receipt(words)) if words.starts_with("HTTP 200 OK: xxx")), "{result:?}");
    // What the two sockets hold on top of what was read.
    assert!(server.endless_bytes() < 32 * 1024 * 1024, "{}", server.endless_bytes());
}

#[tokio::test]
async fn an_answer_that_breaks_off_was_still_an_acceptance() {
    let result = answered(Answer::BrokenOff).await;

    assert_eq!(result, Ok(Receipt("HTTP 200 OK: half of".to_owned())));
}

#[tokio::test]
async fn a_silent_or_absent_service_is_tried_again() {
    let silent = Http::start(vec![Answer::Silence]).await;
    let mut settings = settings(&silent.address.to_string());
    settings.timeout = Duration::from_millis(300);
    let held = closed_port();
    let absent = self::settings(&held.local_addr().expect("a bound socket has an address").to_string());

    for (settings, words) in [(settings, "timed out"), (absent, "onnection refused")] {
        match send(&settings).await {
            Err(SendError::Retry { reason, .. }) => assert!(reason.contains(words), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_private_ca_is_trusted_and_a_strange_one_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let authority = Authority::new(folder.path(), "ours");
    let stranger = Authority::new(folder.path(), "stranger");
    let server = Http::start_tls(vec![Answer::new(200, "")], &authority.issue("localhost")).await;
    let with = |ca_file: &PathBuf| WebhookSettings {
        url: SecretString::from(format!("https://localhost:{}/hooks/{TOKEN}", server.address.port())),
        ca_file: Some(ca_file.clone()),
        ..settings("unused")
    };

    let refused = send(&with(&stranger.ca_file)).await;
    let accepted = send(&with(&authority.ca_file)).await;

    let Err(SendError::Retry { reason, .. }) = refused else {
        panic!("a strange CA was trusted: {refused:?}");
    };
    assert!(reason.contains("UnknownIssuer; set `ca_file`"), "{reason}");
    assert_eq!(accepted, Ok(Receipt("HTTP 200 OK".to_owned())));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn settings_that_cannot_work_are_told_without_their_secrets() {
    let good = settings("h.example");
    let header = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    for (wrong, words) in [
        (WebhookSettings { url: SecretString::from(format!("h.example/{TOKEN}")), ..good.clone() }, "no URL"),
        (WebhookSettings { url: SecretString::from(format!("ftp://h/{TOKEN}")), ..good.clone() }, "https://"),
        (WebhookSettings { method: "PO ST".to_owned(), ..good.clone() }, "no HTTP method"),
        (WebhookSettings { headers: header("X Y", "z"), ..good.clone() }, "no header name"),
        (WebhookSettings { headers: header("X-Key", &format!("{TOKEN}\n")), ..good.clone() }, "newline"),
        (
            WebhookSettings { bearer: Some(SecretString::from(format!("{TOKEN}\n"))), ..good.clone() },
            "bearer",
        ),
        (WebhookSettings { ca_file: Some(PathBuf::from("/no/ca.pem")), ..good.clone() }, "/no/ca.pem"),
    ] {
        let error = Webhook::new("hook", &wrong).err().expect(words).to_string();
        assert!(error.contains("sink `hook`") && error.contains(words), "{error}");
        assert!(!error.contains(TOKEN), "{error}");
    }
}
