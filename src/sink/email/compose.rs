//! From a delivery to the bytes of a letter. Pure.
//!
//! Promises: no text from outside becomes a header of its own; the bytes are
//! ASCII in short lines, so that every mail server can carry them; what belongs
//! to one thread names the same root, so that mail programs show it together.
//!
//! The root is a made-up `Message-ID` that no letter has: whoever joins late, or
//! lost the first letter, sees the same thread. (Gmail also wants the subject to
//! stay the same; that is the template's choice.)

use crate::model::{Delivery, Timestamp};
use crate::sink::{identity, plain};
use crate::token::Signer;
use lettre::Message;
use lettre::address::{Address, Envelope};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, SinglePart};
use std::time::SystemTime;

/// A header line may have 998 characters (RFC 5322, 2.1.1); a subject that is
/// longer than this is not read.
const LONGEST_HEADER: usize = 250;

/// A finished letter and who hands it to whom.
pub(super) struct Letter {
    /// Sender and the one recipient.
    pub(super) envelope: Envelope,
    /// Headers and body, lines ended by CR LF.
    pub(super) bytes: Vec<u8>,
}

/// Writes the letter of a delivery; with a signer, one that can be answered.
///
/// Errors: the recipient is no mail address, in words for people.
pub(super) fn compose(
    delivery: &Delivery,
    from: &Mailbox,
    signer: Option<&Signer>,
) -> Result<Letter, String> {
    let to = recipient(&delivery.recipient)?;
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.email.clone()])
        .map_err(|error| format!("`{}`: {error}", to.email))?;
    let id = message_id(&own_name(delivery, &to.email, signer), &from.email);
    let builder = Message::builder()
        .from(from.clone())
        .to(to)
        .subject(subject(delivery))
        .date(SystemTime::from(delivery.at.max(Timestamp::UNIX_EPOCH)))
        .message_id(Some(id));
    let builder = thread(builder, delivery, &from.email);
    let builder = labels(delivery)
        .into_iter()
        .fold(builder, |builder, (name, value)| builder.raw_header(header(name, &value)));
    let text = body(&delivery.message.text);
    let built = match &delivery.message.html {
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(text, body(html))),
        None => builder.singlepart(SinglePart::plain(text)),
    };
    let message = built.map_err(|error| format!("cannot write the letter: {error}"))?;
    Ok(Letter { envelope, bytes: message.formatted() })
}

fn recipient(text: &str) -> Result<Mailbox, String> {
    if text.chars().any(char::is_control) {
        return Err(format!("{text:?} is no mail address: it holds control characters"));
    }
    text.parse()
        .map_err(|error| format!("`{text}` is no mail address ({error}); write it like ops@example.org"))
}

fn subject(delivery: &Delivery) -> String {
    let message = &delivery.message;
    let first_line = || message.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    header_text(message.subject.as_deref().unwrap_or_else(first_line))
}

/// Stable for a delivery: a letter sent again is the same letter.
fn own_name(delivery: &Delivery, to: &Address, signer: Option<&Signer>) -> String {
    // An answer of ours has no token: a program that answers it answers nothing.
    match signer.filter(|_| delivery.message.answers.is_empty()) {
        Some(signer) => signer.token(delivery, to.as_ref()),
        None => identity::of(&delivery.key),
    }
}

fn message_id(name: &str, from: &Address) -> String {
    // A domain outside ASCII has no place in a Message-ID (RFC 5322, 3.6.4).
    let domain = if from.domain().is_ascii() { from.domain() } else { "watchbell.invalid" };
    format!("<{name}@{domain}>")
}

fn thread(builder: MessageBuilder, delivery: &Delivery, from: &Address) -> MessageBuilder {
    if let Some(last) = delivery.message.answers.last() {
        return builder.in_reply_to(last.clone()).references(delivery.message.answers.join(" "));
    }
    let Some(thread) = &delivery.message.thread else {
        return builder;
    };
    // Another hash than any delivery's, so that a thread is never its own answer.
    let root = message_id(&identity::of(&format!("thread {thread}")), from);
    builder.in_reply_to(root.clone()).references(root)
}

/// What filters and auto-responders look at.
fn labels(delivery: &Delivery) -> Vec<(&'static str, String)> {
    // RFC 3834: no vacation notice shall answer.
    let how = if delivery.message.answers.is_empty() { "auto-generated" } else { "auto-replied" };
    let mut labels = vec![
        ("Auto-Submitted", how.to_owned()),
        ("X-Watchbell-Target", delivery.target.clone()),
        ("X-Watchbell-Event", delivery.event.clone()),
        ("X-Watchbell-Rule", delivery.rule.clone()),
    ];
    if !delivery.object.is_empty() {
        labels.push(("X-Watchbell-Object", delivery.object.clone()));
    }
    if let Some(incident) = delivery.incident {
        labels.push(("X-Watchbell-Incident", incident.to_string()));
    }
    labels
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), header_text(value))
}

/// One short line. `=?` would begin an encoded word (RFC 2047) that readers
/// show as something else than was said.
fn header_text(text: &str) -> String {
    plain::one_line(text, LONGEST_HEADER).replace("=?", "= ?")
}

/// Control characters made visible, lines ended by CR LF as mail wants it.
fn body(text: &str) -> String {
    plain::visible(text).replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;
    use proptest::prelude::*;

    fn from() -> Mailbox {
        "Watchbell <bell@example.org>".parse().expect("a mailbox")
    }

    fn delivery() -> Delivery {
        Delivery {
            id: 7,
            key: "event-1/ops/alice".to_owned(),
            at: "2026-03-01T12:34:56Z".parse().expect("a moment"),
            sink: "mail".to_owned(),
            target: "ops".to_owned(),
            recipient: "alice@example.org".to_owned(),
            event: "StateChange".to_owned(),
            object: "db1!postgres".to_owned(),
            incident: Some(42),
            rule: "50-route.rhai:3 all problems".to_owned(),
            message: model::Message {
                text: "db1 is down".to_owned(),
                thread: Some("incident-42".to_owned()),
                ..model::Message::default()
            },
            brief: model::Brief::default(),
            attempts: 0,
            revived: None,
        }
    }

    fn written(delivery: &Delivery) -> String {
        let letter = compose(delivery, &from(), None).expect("a letter");
        String::from_utf8(letter.bytes).expect("ASCII")
    }

    /// The names of the headers, in order; folded lines belong to the one before.
    fn names(letter: &str) -> Vec<&str> {
        let (head, _) = letter.split_once("\r\n\r\n").expect("a head and a body");
        let first = |line: &&str| !line.starts_with([' ', '\t']);
        head.split("\r\n").filter(first).map(|line| line.split(':').next().unwrap_or(line)).collect()
    }

    const NAMES: [&str; 16] = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Auto-Submitted",
        "X-Watchbell-Target",
        "X-Watchbell-Event",
        "X-Watchbell-Rule",
        "X-Watchbell-Object",
        "X-Watchbell-Incident",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];

    #[test]
    fn a_letter_has_these_headers() {
        let letter = written(&delivery());
        assert_eq!(names(&letter), NAMES);
        for line in [
            "Subject: db1 is down",
            "Date: Sun, 01 Mar 2026 12:34:56 +0000",
            "Auto-Submitted: auto-generated",
            "X-Watchbell-Object: db1!postgres",
            "X-Watchbell-Incident: 42",
        ] {
            assert!(letter.contains(&format!("\r\n{line}\r\n")), "{line} in {letter}");
        }
    }

    #[test]
    fn what_is_not_there_makes_no_header() {
        let mut plain = delivery();
        (plain.object, plain.incident, plain.message.thread) = (String::new(), None, None);
        let letter = written(&plain);
        for name in ["X-Watchbell-Object", "X-Watchbell-Incident", "In-Reply-To", "References"] {
            assert!(!names(&letter).contains(&name), "{name}");
        }
    }

    #[test]
    fn ids_are_stable_and_differ() {
        let id = |delivery: &Delivery, signer: Option<&Signer>| {
            let letter = compose(delivery, &from(), signer).expect("a letter");
            let letter = String::from_utf8(letter.bytes).expect("ASCII");
            let line = letter.lines().find_map(|line| line.strip_prefix("Message-ID: "));
            line.expect("it has an id").to_owned()
        };
        let signer = Signer::new("mail", "k".repeat(32).into());
        let other = Delivery { key: "event-2".to_owned(), ..delivery() };
        let again = Delivery { attempts: 3, ..delivery() };
        for signer in [None, Some(&signer)] {
            assert_eq!(id(&delivery(), signer), id(&again, signer));
            assert_ne!(id(&delivery(), signer), id(&other, signer));
            assert!(id(&delivery(), signer).ends_with("@example.org>"));
        }
        let signed = id(&delivery(), Some(&signer));
        assert!(signed.starts_with("<w1.") && signed.contains(".42.-."), "{signed}");
        assert!(signed.len() < 77, "it fits into a line: {signed}");
    }

    #[test]
    fn an_answer_names_the_mail_that_it_answers_and_has_no_token() {
        let mut answer = delivery();
        answer.message.thread = None;
        answer.message.answers = vec!["<w1.x@example.org>".to_owned(), "<theirs@example.org>".to_owned()];
        let signer = Signer::new("mail", "k".repeat(32).into());
        let letter = compose(&answer, &from(), Some(&signer)).expect("a letter");
        let letter = String::from_utf8(letter.bytes).expect("ASCII");
        for line in [
            "In-Reply-To: <theirs@example.org>",
            "References: <w1.x@example.org> <theirs@example.org>",
            "Auto-Submitted: auto-replied",
        ] {
            assert!(letter.contains(&format!("\r\n{line}\r\n")), "{line} in {letter}");
        }
        assert!(!letter.contains("Message-ID: <w1."), "{letter}");
    }

    #[test]
    fn an_encoded_word_is_not_decoded() {
        let mut hostile = delivery();
        hostile.message.subject = Some("=?utf-8?Q?fine?=".to_owned());
        assert!(written(&hostile).contains("Subject: = ?utf-8?Q?fine?="));
    }

    #[test]
    fn what_is_no_mailbox_is_refused() {
        for text in ["", "alice", "a@b.c, d@e.f", "a@b.c\r\nBcc: x@y.z", "\"a\nb\" <a@b.c>"] {
            let bad = Delivery { recipient: text.to_owned(), ..delivery() };
            let reason = compose(&bad, &from(), None).err().unwrap_or_else(|| panic!("{text:?} was taken"));
            assert!(reason.contains("no mail address"), "{reason}");
            assert!(!reason.contains(['\r', '\n']), "{reason:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_adds_a_header_or_breaks_a_line(
            subject in any::<String>(),
            object in ".{1,300}",
            rule in any::<String>(),
            text in any::<String>(),
        ) {
            let mut hostile = Delivery { object, rule, ..delivery() };
            hostile.message.subject = Some(subject);
            hostile.message.text = text;
            let letter = written(&hostile);
            prop_assert_eq!(names(&letter), NAMES);
            prop_assert!(letter.is_ascii());
            prop_assert!(letter.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
        }
    }
}
