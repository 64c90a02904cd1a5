//! What the head of a mail proves, and what of a whole one counts.

use super::*;
use crate::model::{Brief, Delivery};
use proptest::prelude::*;

const ALICE: &str = "alice@example.org";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a moment")
}

fn now() -> Timestamp {
    at(1_700_000_060)
}

fn signers() -> Vec<Signer> {
    [("mail", "a"), ("night", "b")].map(|(sink, key)| Signer::new(sink, key.repeat(32).into())).into()
}

/// The id of a mail of the sink `night` to this address, about this incident.
fn id(address: &str, incident: Option<u64>) -> String {
    let delivery = Delivery {
        id: 7,
        key: "k".to_owned(),
        at: at(1_700_000_000),
        sink: "night".to_owned(),
        target: "ops".to_owned(),
        recipient: address.to_owned(),
        event: "StateChange".to_owned(),
        object: incident.map_or(String::new(), |_| "db1".to_owned()),
        incident,
        rule: String::new(),
        message: crate::model::Message::default(),
        brief: Brief::default(),
        attempts: 0,
        revived: None,
    };
    format!("{}@example.org", signers()[1].token(&delivery, address))
}

/// A mail of alice that answers one of ours, with more headers and a text.
fn mail(headers: &str, text: &str) -> String {
    let id = id(ALICE, Some(42));
    format!("From: Alice <{ALICE}>\r\nMessage-ID: <1@her.host>\r\nIn-Reply-To: <{id}>\r\n{headers}\r\n{text}")
}

fn read(mail: &str) -> Result<MailAnswer, Refusal> {
    prove(mail.as_bytes(), &signers(), now()).map(|proved| proved.answer("bell", mail.as_bytes(), now()))
}

fn reason(mail: &str) -> String {
    read(mail).expect_err(mail).reason
}

#[test]
fn an_answer_says_whose_it_is_and_about_what() {
    let answer = read(&mail("", "ack on it\r\n\r\n> db1 is down\r\n")).expect("it counts");
    assert_eq!(answer.from, ALICE);
    assert_eq!(answer.sink, "night");
    assert_eq!(answer.subject.incident, Some(42));
    assert_eq!(answer.text, Ok("ack on it".to_owned()));
    assert_eq!(answer.id, "1@her.host");
    assert_eq!(answer.thread, [format!("<{}>", id(ALICE, Some(42))), "<1@her.host>".to_owned()]);
}

#[test]
fn a_token_among_the_references_is_found_the_nearest_first() {
    let references = format!(
        "From: {ALICE}\r\nReferences: <root@example.org>\r\n <{}>\r\n <{}> <{}>\r\n <x@her.host>\r\n\r\nok\r\n",
        id(ALICE, Some(1)),
        id(ALICE, Some(2)),
        id(ALICE, None),
    );
    assert_eq!(read(&references).expect("it counts").subject.incident, Some(2));
    let about_nothing = format!("From: {ALICE}\r\nIn-Reply-To: <{}>\r\n\r\nok\r\n", id(ALICE, None));
    assert!(!read(&about_nothing).expect("it counts").subject.is_something());
}

#[test]
fn html_alone_and_other_encodings_are_read_as_text() {
    let html = mail(
        "Content-Type: text/html; charset=utf-8\r\n",
        "<html><body><p>ack on it</p><blockquote>db1 is down</blockquote></body></html>",
    );
    assert_eq!(read(&html).expect("it counts").text, Ok("ack on it".to_owned()));
    let encoded = mail(
        "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n",
        "ack schaue nach, gr=FC=DFe\r\n",
    );
    assert_eq!(read(&encoded).expect("it counts").text, Ok("ack schaue nach, grüße".to_owned()));
    let parts = mail(
        "Content-Type: multipart/alternative; boundary=x\r\n",
        "--x\r\nContent-Type: text/plain\r\n\r\nunack\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>ack</p>\r\n--x--\r\n",
    );
    assert_eq!(read(&parts).expect("it counts").text, Ok("unack".to_owned()));
}

#[test]
fn without_a_word_of_their_own_they_hear_so() {
    let text = read(&mail("", "> ack on it\r\n-- \r\nAlice\r\n")).expect("it is theirs").text;
    assert_eq!(text, Err("your mail has no line of your own".to_owned()));
    let proved = prove(mail("", "").as_bytes(), &signers(), now()).expect("it counts");
    let text = proved.too_large("bell", b"", now()).text.expect_err("it was not read");
    assert!(text.contains("larger than 1 MiB"), "{text}");
}

#[test]
fn what_was_not_sent_to_this_address_proves_nothing() {
    let bob = mail("", "ack\r\n").replace("alice@example.org>\r\nM", "bob@example.org>\r\nM");
    assert_eq!(reason(&bob), "its token is forged, or was sent to another address");
    let unknown = format!("From: {ALICE}\r\nIn-Reply-To: <else@example.org>\r\n\r\nack\r\n");
    assert_eq!(reason(&unknown), "it answers no mail of Watchbell");
    assert_eq!(reason(&format!("From: {ALICE}\r\n\r\nack\r\n")), "it answers no mail of Watchbell");
    let other_key = [Signer::new("night", "c".repeat(32).into())];
    assert!(prove(mail("", "ack").as_bytes(), &other_key, now()).is_err());
    let old = prove(mail("", "ack").as_bytes(), &signers(), at(1_701_000_000)).expect_err("it is old");
    assert_eq!(old.reason, "it answers a mail that is older than 7 days");
}

#[test]
fn it_is_from_one_address_alone_whatever_names_stand_before_it() {
    let with = |from: &str| mail("", "ack\r\n").replace("From: Alice <alice@example.org>", from);
    for (from, why) in [
        ("From: alice@example.org, mallory@evil.org", "several addresses"),
        ("From: alice@example.org\r\nFrom: mallory@evil.org", "several `From`"),
        ("From: mallory@evil.org\r\nFrom: alice@example.org", "several `From`"),
        ("From: friends: alice@example.org;", "a group"),
        ("From: friends: alice@example.org, bob@example.org;", "a group"),
        ("X-From: alice@example.org", "not whom it is from"),
        ("From: alice", "no mail address"),
        ("From:", "no"),
        ("From: \"alice@example.org\" <mallory@evil.org>", "forged"),
        ("From: alice@example.org <mallory@evil.org>", "forged"),
        ("From: =?utf-8?q?alice=40example=2Eorg?= <mallory@evil.org>", "forged"),
        ("From: \"x\r\n From: alice@example.org\" <mallory@evil.org>", "forged"),
        ("From: <alice@example.org@evil.org>", ""),
        ("From: alice@example.org.evil.org", "forged"),
        ("From: \u{430}lice@example.org", ""),
        ("Sender: alice@example.org\r\nFrom: mallory@evil.org", "forged"),
        ("Reply-To: alice@example.org\r\nFrom: mallory@evil.org", "forged"),
    ] {
        let reason = reason(&with(from));
        assert!(reason.contains(why), "{from}: {reason}");
    }
    for from in [
        "From: alice@example.org",
        "From: alice@EXAMPLE.ORG",
        "From: \"mallory@evil.org, x\" <alice@example.org>",
        "From: \"\\\"<mallory@evil.org>\\\"\" <alice@example.org> (really)",
        "from: Alice\r\n <alice@example.org>",
    ] {
        assert!(read(&with(from)).is_ok(), "{from}: {:?}", read(&with(from)));
    }
}

#[test]
fn what_a_program_sent_is_no_answer() {
    for header in [
        "Auto-Submitted: auto-replied",
        "auto-submitted: Auto-Generated; x=y",
        "Auto-Submitted:",
        "Precedence: bulk",
        "Precedence: LIST",
        "Precedence: junk",
        "Precedence: auto_reply",
        "Return-Path: <>",
        "Return-Path:",
        "List-Id: <ops.example.org>",
        "X-Autoreply: yes",
        "X-Autorespond: vacation",
        "X-Loop: bell",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
        "Content-Type: Multipart/Report; boundary=x",
    ] {
        let answer = read(&mail(&format!("{header}\r\n"), "ack\r\n"));
        assert!(answer.is_err(), "{header}: {answer:?}");
    }
    for header in ["Auto-Submitted: no", "Precedence: first-class", "Return-Path: <alice@example.org>"] {
        assert!(read(&mail(&format!("{header}\r\n"), "ack\r\n")).is_ok(), "{header}");
    }
}

#[test]
fn headers_without_end_are_not_read() {
    let endless = mail(&format!("X-Fill: {}\r\n", "x".repeat(LARGEST_HEAD)), "ack");
    assert_eq!(reason(&endless), "its headers are larger than 64 KiB");
}

#[test]
fn what_is_no_id_is_named_in_no_answer() {
    for (theirs, is_named) in [
        ("<1@her.host>", true),
        ("<1@her.host\r\n Bcc: x@y>", false),
        ("<a b@her.host>", false),
        ("<größe@her.host>", false),
        ("<none>", false),
    ] {
        let mail = mail("", "ack\r\n").replace("<1@her.host>", theirs);
        let answer = read(&mail).expect("it counts");
        assert_eq!(answer.thread.len(), if is_named { 2 } else { 1 }, "{theirs} {:?}", answer.thread);
        assert!(answer.thread.iter().all(|id| id.is_ascii() && !id.contains(char::is_whitespace)));
        // It is still the same mail when it is read again.
        assert_eq!(answer.id, read(&mail).expect("it counts").id);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail(bytes in any::<Vec<u8>>(), text in any::<String>()) {
        prop_assert!(prove(&bytes, &signers(), now()).is_err());
        let _ = read(&text);
        let answer = read(&mail("", &text)).expect("its head is right");
        prop_assert!(answer.text.unwrap_or_default().chars().count() <= 1000);
        let broken = mail(&format!("Content-Type: multipart/mixed; boundary=x\r\nX: {}\r\n", text.escape_default()), &text);
        prop_assert!(read(&broken).is_ok());
    }
}
