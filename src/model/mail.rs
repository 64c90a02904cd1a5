//! Answers that came by mail, as far as they were proved before.

use super::Timestamp;
use super::identity::digest;
use serde::{Deserialize, Serialize};

/// An answer to a mail of ours, whose token held: who wrote it got that mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailAnswer {
    /// The mailbox it came to.
    pub mailbox: String,
    /// What makes it this mail when it is read again.
    pub id: String,
    /// When it was read.
    pub at: Timestamp,
    /// The address that it came from, and that the mail had gone to.
    pub from: String,
    /// The sink that had sent the mail; the answer goes back through it.
    pub sink: String,
    /// What the mail was about.
    pub subject: Subject,
    /// The first line that its writer wrote; or why there is none, in words for them.
    pub text: Result<String, String>,
    /// The `Message-ID`s that an answer to it names, oldest first: of the mail that it
    /// answers, and its own. Each is safe in a header.
    pub thread: Vec<String>,
}

/// What a mail was about, as its token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Number of the incident, if any.
    pub incident: Option<u64>,
    /// See [`Subject::object_digest`]; `None` where there is an incident, or no object.
    pub object: Option<String>,
}

impl Subject {
    /// Whether it was about an incident or an object at all.
    pub fn is_something(&self) -> bool {
        self.incident.is_some() || self.object.is_some()
    }

    /// What stands for an object in a token: 16 digits of the digest of its full name.
    pub fn object_digest(name: &str) -> String {
        let mut digits = digest(&[name]);
        digits.truncate(16);
        digits
    }
}

/// An address as it is compared: the domain in lower case. Only its own server knows whether
/// the part before it has a case.
pub fn comparable(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => address.to_owned(),
    }
}

/// A mail that came to a mailbox and is no answer that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailRefused {
    /// The mailbox it came to.
    pub mailbox: String,
    /// When it was read.
    pub at: Timestamp,
    /// Whom it names as its writer; proves nothing.
    pub from: String,
    /// Why it does not count.
    pub reason: String,
}
