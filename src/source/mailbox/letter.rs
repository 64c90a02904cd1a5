//! From the bytes of a mail to an answer that counts, or why it does not. Pure.
//!
//! Promises: whom a mail is from is believed only where the token of a mail that this very
//! address got says so; what a program sent is no answer; however a mail is broken, it is
//! refused with a reason. Never: takes anything else in a mail for true.

use super::own_words;
use crate::model::identity::digest;
use crate::model::mail::comparable;
use crate::model::{MailAnswer, Subject, Timestamp};
use crate::token::{NoProof, Signer};
use mail_parser::{HeaderName, Message, MessageParser};

/// The largest head of a mail that is read, in bytes.
pub(super) const LARGEST_HEAD: usize = 64 * 1024;
/// The largest mail that is read.
pub(super) const LARGEST_MAIL: usize = 1024 * 1024;
/// How many ids of mails before it are tried for a token.
const MOST_IDS: usize = 50;
/// The longest id that is named in an answer.
const LONGEST_ID: usize = 250;
/// How much of a name is shown in the log and the audit, in characters.
const LONGEST_NAME: usize = 200;

/// Whom a mail names as its writer, and why it does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// An address, or what else stands there; proves nothing.
    pub(super) from: String,
    /// Why.
    pub(super) reason: String,
}

/// A mail whose head says that it is an answer, and proves whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proved {
    from: String,
    sink: String,
    subject: Subject,
    id: Option<String>,
    thread: Vec<String>,
}

/// Looks at the head of a mail: all that need be read of those that are none of ours.
pub(super) fn prove(head: &[u8], signers: &[Signer], now: Timestamp) -> Result<Proved, Refusal> {
    let refused = |from: &str, reason: &str| Refusal { from: shown(from), reason: reason.to_owned() };
    if head.len() > LARGEST_HEAD {
        return Err(refused("", "its headers are larger than 64 KiB"));
    }
    let Some(mail) = MessageParser::default().parse_headers(head) else {
        return Err(refused("", "it has no headers that can be read"));
    };
    let from = writer(&mail).map_err(|reason| refused(&any_writer(&mail), reason))?;
    if let Some(reason) = sent_by_a_program(&mail) {
        return Err(refused(&from, &reason));
    }
    let ids = answered(&mail);
    let mut best: Option<(Subject, &Signer, &String)> = None;
    let mut worst = NoProof::NoToken;
    for (id, signer) in ids.iter().flat_map(|id| signers.iter().map(move |signer| (id, signer))) {
        let token = id.rsplit_once('@').map_or(id.as_str(), |(token, _)| token);
        match signer.read(token, &from, now) {
            // A mail about nothing, such as an answer of ours, may stand in between.
            Ok(subject) if best.is_none() || subject.is_something() => {
                let is_final = subject.is_something();
                best = Some((subject, signer, id));
                if is_final {
                    break;
                }
            }
            Ok(_) => {}
            Err(reason) => worst = worst.max(reason),
        }
    }
    let Some((subject, signer, answered)) = best else {
        return Err(refused(&from, &worst.to_string()));
    };
    let id = mail.message_id().filter(|id| is_safe_id(id)).map(str::to_owned);
    let thread = [Some(answered.clone()), id.clone()].into_iter().flatten();
    Ok(Proved {
        sink: signer.sink().to_owned(),
        subject,
        thread: thread.map(|id| format!("<{id}>")).collect(),
        id,
        from,
    })
}

impl Proved {
    /// The answer in a mail that was read whole.
    pub(super) fn answer(self, mailbox: &str, mail: &[u8], now: Timestamp) -> MailAnswer {
        let parsed = MessageParser::default().parse(mail);
        let text = parsed.as_ref().and_then(|mail| mail.body_text(0)).unwrap_or_default();
        let text = own_words::first(&text).ok_or_else(|| "your mail has no line of your own".to_owned());
        let id = self.id.clone().unwrap_or_else(|| digest(&[String::from_utf8_lossy(mail)]));
        self.into_answer(mailbox, id, text, now)
    }

    /// The answer in a mail that is not read because of its size.
    pub(super) fn too_large(self, mailbox: &str, head: &[u8], now: Timestamp) -> MailAnswer {
        let id = self.id.clone().unwrap_or_else(|| digest(&[String::from_utf8_lossy(head)]));
        let reason = "your mail is larger than 1 MiB and was not read; answer without attachments";
        self.into_answer(mailbox, id, Err(reason.to_owned()), now)
    }

    fn into_answer(
        self,
        mailbox: &str,
        id: String,
        text: Result<String, String>,
        at: Timestamp,
    ) -> MailAnswer {
        let Proved { from, sink, subject, thread, .. } = self;
        MailAnswer { mailbox: mailbox.to_owned(), id, at, from, sink, subject, text, thread }
    }
}

/// The one address that a mail is from.
fn writer(mail: &Message<'_>) -> Result<String, &'static str> {
    let fields = mail.headers().iter().filter(|header| header.name == HeaderName::From).count();
    if fields != 1 {
        return Err(if fields == 0 { "it says not whom it is from" } else { "it has several `From`" });
    }
    let addresses =
        mail.from().and_then(|from| from.as_list()).ok_or("it is from a group, not from one address")?;
    let [address] = addresses else { return Err("it is from several addresses") };
    let address = address.address.as_deref().unwrap_or_default();
    address.parse::<lettre::Address>().map_err(|_| "what it is from is no mail address")?;
    Ok(comparable(address))
}

/// What a mail says it is from, for the audit.
fn any_writer(mail: &Message<'_>) -> String {
    mail.header_raw(HeaderName::From).unwrap_or_default().to_owned()
}

/// How it is known that no person wrote a mail (RFC 3834, RFC 3464, and customs).
fn sent_by_a_program(mail: &Message<'_>) -> Option<String> {
    let raw = |name: &'static str| mail.header_raw(name).map(|value| value.trim().to_ascii_lowercase());
    if raw("Auto-Submitted").is_some_and(|value| value != "no") {
        return Some("a program sent it (`Auto-Submitted`)".to_owned());
    }
    let bulk = ["bulk", "list", "junk", "auto_reply"];
    if raw("Precedence").is_some_and(|value| bulk.contains(&value.as_str())) {
        return Some("it was sent to many, or by a program (`Precedence`)".to_owned());
    }
    let automatic = ["List-Id", "List-Post", "X-Autoreply", "X-Autorespond", "X-Loop"];
    if let Some(name) = automatic.into_iter().find(|name| raw(name).is_some()) {
        return Some(format!("it is of a list or a program (`{name}`)"));
    }
    if raw("Return-Path").is_some_and(|value| value.is_empty() || value == "<>") {
        return Some("it is a bounce (`Return-Path` is empty)".to_owned());
    }
    let kind = mail.header(HeaderName::ContentType).and_then(|value| value.as_content_type());
    let is_report = kind.is_some_and(|kind| {
        kind.ctype().eq_ignore_ascii_case("multipart")
            && kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case("report"))
    });
    is_report.then(|| "it is a report of a mail server (`multipart/report`)".to_owned())
}

/// The ids of the mails that it answers, the nearest first, without brackets.
fn answered(mail: &Message<'_>) -> Vec<String> {
    let ids = |value: &mail_parser::HeaderValue<'_>| -> Vec<String> {
        match value.as_text_list() {
            Some(list) => list.iter().map(|id| id.to_string()).collect(),
            None => value.as_text().map(str::to_owned).into_iter().collect(),
        }
    };
    let before = ids(mail.references()).into_iter().rev();
    let mut all: Vec<String> = ids(mail.in_reply_to()).into_iter().chain(before).collect();
    all.retain(|id| is_safe_id(id));
    all.truncate(MOST_IDS);
    all
}

/// Whether it may stand in a header between `<` and `>`.
fn is_safe_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"<>()\"\\,;:".contains(&byte);
    id.len() <= LONGEST_ID && id.bytes().all(fits) && id.contains('@')
}

fn shown(from: &str) -> String {
    let visible = from.chars().map(|character| if character.is_control() { ' ' } else { character });
    let visible: String = visible.take(LONGEST_NAME).collect();
    visible.trim().to_owned()
}

#[cfg(test)]
mod tests;
