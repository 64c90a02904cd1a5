//! Tokens in the ids of mails: an answer that names one proves which mail it answers, and
//! whose it was.
//!
//! ```text
//! w1.NAME.INCIDENT.OBJECT.AT.PROOF     the part of a Message-ID before its `@`
//! ```
//! NAME tells deliveries of one second apart, INCIDENT is a number or `-`, OBJECT the digest
//! of its name where there is no incident, or `-`, AT the second at which it was decided.
//! PROOF is 128 bits of an HMAC-SHA256 over all of it, the sink and the recipient, who is named
//! nowhere else. All but the number is written in `0-9a-v`, so that with most domains the id fits
//! into a line: some programs break longer ones.
//!
//! Promises: the same delivery has the same token, for ever; who changes a bit, or got another
//! mail, has none; proofs are compared in a time that tells nothing. Never: a reason to trust
//! more than that this address got this mail.

use crate::model::identity::digest;
use crate::model::mail::comparable;
use crate::model::{Delivery, Subject, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long after its decision a mail can be answered.
pub const LASTS: Duration = Duration::from_secs(7 * 86_400);

/// What every token begins with.
const FORM: &str = "w1";
/// What stands for an object or incident that is not there.
const NONE: &str = "-";
/// What the HMAC is for, so that no other use of the key makes the same.
const PURPOSE: &str = "watchbell: who got this mail";
/// How many bytes a proof has.
const PROOF_BYTES: usize = 16;
/// How many bytes of the digest of a delivery's key tell it apart.
const NAME_BYTES: usize = 5;
/// The longest token that is looked at.
const LONGEST: usize = 200;

/// Signs the mails of one sink, and knows them again.
#[derive(Debug, Clone)]
pub struct Signer {
    sink: String,
    key: SecretString,
}

/// Why an id proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NoProof {
    /// It is no token: the id of some other mail.
    #[error("it answers no mail of Watchbell")]
    NoToken,
    /// It was changed, made up, or is another recipient's.
    #[error("its token is forged, or was sent to another address")]
    Forged,
    /// It was true once.
    #[error("it answers a mail that is older than 7 days")]
    Old,
}

impl Signer {
    /// For the mails of a sink.
    pub fn new(sink: impl Into<String>, key: SecretString) -> Signer {
        Signer { sink: sink.into(), key }
    }

    /// The sink whose mails it signs.
    pub fn sink(&self) -> &str {
        &self.sink
    }

    /// The token of a delivery that goes to this address.
    pub fn token(&self, delivery: &Delivery, address: &str) -> String {
        let name = written(&Sha256::digest(&delivery.key)[..NAME_BYTES]);
        let (incident, object) = match (delivery.incident, delivery.object.as_str()) {
            (Some(number), _) => (number.to_string(), NONE.to_owned()),
            (None, "") => (NONE.to_owned(), NONE.to_owned()),
            (None, object) => (NONE.to_owned(), Subject::object_digest(object)),
        };
        let at = written(&delivery.at.as_second().max(0).to_be_bytes());
        let facts = format!("{FORM}.{name}.{incident}.{object}.{}", at.trim_start_matches('0'));
        let proof = self.mac(&facts, address).finalize().into_bytes();
        format!("{facts}.{}", written(&proof[..PROOF_BYTES]))
    }

    /// What the mail with this token was about, where `address` was its recipient.
    pub fn read(&self, token: &str, address: &str, now: Timestamp) -> Result<Subject, NoProof> {
        if token.len() > LONGEST {
            return Err(NoProof::NoToken);
        }
        let (facts, proof) = token.rsplit_once('.').ok_or(NoProof::NoToken)?;
        let [FORM, _, incident, object, at] = facts.split('.').collect::<Vec<_>>()[..] else {
            return Err(NoProof::NoToken);
        };
        let proof = read_bytes(proof).ok_or(NoProof::Forged)?;
        self.mac(facts, address).verify_truncated_left(&proof).map_err(|_| NoProof::Forged)?;
        // From here on it is what we wrote.
        let at = i64::from_str_radix(at, 32).ok().and_then(|second| Timestamp::from_second(second).ok());
        if at.is_none_or(|at| {
            now.duration_since(at) > jiff::SignedDuration::try_from(LASTS).unwrap_or_default()
        }) {
            return Err(NoProof::Old);
        }
        let object = Some(object.to_owned()).filter(|object| object != NONE);
        Ok(Subject { incident: incident.parse().ok(), object })
    }

    fn mac(&self, facts: &str, address: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(digest(&[PURPOSE, &self.sink, facts, &comparable(address)]).as_bytes());
        mac
    }
}

/// Bytes in `0-9a-v`, as RFC 4648 (section 7) writes them, from the last bit on: leading
/// zeros stand for bits that are not there.
fn written(bytes: &[u8]) -> String {
    let digits = (bytes.len() * 8).div_ceil(5);
    let bit =
        |index: usize| index < bytes.len() * 8 && bytes[bytes.len() - 1 - index / 8] >> (index % 8) & 1 == 1;
    let digit = |index: usize| (0..5).map(|of| u32::from(bit(index * 5 + of)) << of).sum();
    (0..digits).rev().filter_map(|index| char::from_digit(digit(index), 32)).collect()
}

/// The bytes of a proof; `None` unless it is one by its form.
fn read_bytes(text: &str) -> Option<[u8; PROOF_BYTES]> {
    if text.len() != (PROOF_BYTES * 8).div_ceil(5) || text.contains(|digit: char| digit.is_ascii_uppercase())
    {
        return None;
    }
    let number = u128::from_str_radix(text, 32).ok()?;
    // A sign is none of the digits that we write.
    text.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Brief, Message};
    use proptest::prelude::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const ALICE: &str = "alice@example.org";

    fn signer(sink: &str, key: &str) -> Signer {
        Signer::new(sink, SecretString::from(key))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    fn delivery() -> Delivery {
        Delivery {
            id: 7,
            key: "k".to_owned(),
            at: at(1_700_000_000),
            sink: "mail".to_owned(),
            target: "ops".to_owned(),
            recipient: ALICE.to_owned(),
            event: "StateChange".to_owned(),
            object: "db1!postgres".to_owned(),
            incident: Some(42),
            rule: String::new(),
            message: Message::default(),
            brief: Brief::default(),
            attempts: 0,
            revived: None,
        }
    }

    fn token() -> String {
        signer("mail", KEY).token(&delivery(), ALICE)
    }

    fn read(token: &str, address: &str) -> Result<Subject, NoProof> {
        signer("mail", KEY).read(token, address, at(1_700_000_060))
    }

    #[test]
    fn it_says_what_the_mail_was_about_and_never_changes() {
        assert_eq!(read(&token(), ALICE), Ok(Subject { incident: Some(42), object: None }));
        let of_object = Delivery { incident: None, ..delivery() };
        let of_object = signer("mail", KEY).token(&of_object, ALICE);
        let object = Some(Subject::object_digest("db1!postgres"));
        assert_eq!(read(&of_object, ALICE), Ok(Subject { incident: None, object }));
        assert!(token().len() < 60, "{}", token());
        let mut later = delivery();
        (later.attempts, later.revived) = (5, Some(at(1_700_009_999)));
        assert_eq!(signer("mail", KEY).token(&later, ALICE), token());
        let bare = Delivery { object: String::new(), incident: None, ..delivery() };
        let bare = signer("mail", KEY).token(&bare, ALICE);
        assert_eq!(read(&bare, ALICE), Ok(Subject { incident: None, object: None }));
    }

    #[test]
    fn no_other_address_sink_or_key_has_it() {
        for address in ["bob@example.org", "Alice@example.org", "alice@example.com", "", "alice"] {
            assert_eq!(read(&token(), address), Err(NoProof::Forged), "{address}");
        }
        assert!(read(&token(), "alice@EXAMPLE.org").is_ok(), "a domain has no case");
        let read_by = |signer: Signer| signer.read(&token(), ALICE, at(1_700_000_060));
        assert_eq!(read_by(signer("mail2", KEY)), Err(NoProof::Forged));
        assert_eq!(read_by(signer("mail", &KEY.replace('f', "e"))), Err(NoProof::Forged));
    }

    #[test]
    fn it_ends_after_a_week() {
        let lasts = i64::try_from(LASTS.as_secs()).expect("a week");
        let read = |second| signer("mail", KEY).read(&token(), ALICE, at(second));
        assert!(read(1_700_000_000 + lasts).is_ok());
        assert_eq!(read(1_700_000_001 + lasts), Err(NoProof::Old));
    }

    #[test]
    fn other_incidents_objects_and_times_need_another_proof() {
        for (from, to) in [(".42.", ".43."), (".42.", ".-."), (".1il7s80.", ".1jl7s80."), ("w1.", "w1.0")] {
            let changed = token().replace(from, to);
            assert_ne!(changed, token(), "{from}");
            assert_eq!(read(&changed, ALICE), Err(NoProof::Forged), "{from} {to}");
        }
    }

    #[test]
    fn each_single_bit_counts() {
        let token = token();
        for index in 0..token.len() {
            for bit in 0..8 {
                let mut bytes = token.clone().into_bytes();
                bytes[index] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(read(&changed, ALICE).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn what_is_no_token_says_so() {
        for id in ["", ".", "w1", "CAF=x.y@mail", "w1.a.b.c.d", "w2.a.1.-.0.00", &"w1.".repeat(100)] {
            assert_eq!(read(id, ALICE), Err(NoProof::NoToken), "{id}");
        }
        assert_eq!(read("w1.a.1.-.0.00", ALICE), Err(NoProof::Forged));
    }

    #[test]
    fn bytes_are_written_as_numbers_are() {
        for (bytes, text) in [(&[0, 0][..], "0000"), (&[255, 255], "1vvv"), (&[8], "08")] {
            assert_eq!(written(bytes), text, "{bytes:?}");
        }
        let bytes: [u8; PROOF_BYTES] = *b"0123456789abcdef";
        assert_eq!(read_bytes(&written(&bytes)), Some(bytes));
        for text in [
            "",
            "0",
            "+0000000000000000000000000",
            "V0000000000000000000000000",
            "80000000000000000000000000",
        ] {
            assert_eq!(read_bytes(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_made_up_is_a_proof(id in ".{0,120}", tail in "[0-7][0-9a-v]{25}") {
            prop_assert!(read(&id, ALICE).is_err());
            let facts = token().rsplit_once('.').expect("it has a proof").0.to_owned();
            prop_assert_eq!(read(&format!("{facts}.{tail}"), ALICE), Err(NoProof::Forged));
        }
    }
}
