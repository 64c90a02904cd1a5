//! `[listen]`, `[webhook.<name>]` and the tokens of persons: who may send what, and where.

use super::check_name;
use crate::config::Incoming;
use crate::config::keys::{INCOMING, LISTEN};
use crate::config::raw::Section;
use crate::config::reader::Written;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The least characters of a token that stands for a person, who may do much: 16 random bytes in
/// hexadecimal have 32, in base64 24.
const SHORTEST_TOKEN: usize = 24;

/// The webhooks there are, and the tokens of those that are right.
pub(super) struct Webhooks {
    are_any: bool,
    tokens: BTreeMap<String, SecretString>,
}

/// All webhooks that may be sent.
pub(super) fn webhooks(root: &Section<'_>) -> Webhooks {
    let named = root.named("webhook", &INCOMING);
    let mut tokens = BTreeMap::new();
    for (name, section) in &named {
        check_name(section, name);
        if let Some(token) = section.required_secret("token") {
            tokens.insert(name.value.clone(), token);
        }
    }
    Webhooks { are_any: !named.is_empty(), tokens }
}

/// What is taken; `None` where nobody may send anything, or where faults were noted.
pub(super) fn incoming(
    root: &Section<'_>,
    webhooks: Webhooks,
    persons: Vec<(String, Written<SecretString>)>,
) -> Option<Incoming> {
    let address = root.section("listen", &LISTEN).and_then(|section| address(&section));
    let Webhooks { are_any, tokens } = webhooks;
    if !are_any && persons.is_empty() {
        return None;
    }
    let persons = of_persons(root, &tokens, persons);
    Some(Incoming { address: address?, tokens, persons })
}

/// The tokens of persons. A fault is noted for each that is too short, or that somebody else has.
fn of_persons(
    root: &Section<'_>,
    webhooks: &BTreeMap<String, SecretString>,
    written: Vec<(String, Written<SecretString>)>,
) -> BTreeMap<String, SecretString> {
    let help = "each needs one of its own; make one with: openssl rand -hex 32";
    let mut persons: BTreeMap<String, SecretString> = BTreeMap::new();
    for (person, Written { value: token, spot }) in written {
        let is_same = |other: &SecretString| other.expose_secret() == token.expose_secret();
        let of_webhook = webhooks.iter().find(|(_, other)| is_same(other));
        let of_person = persons.iter().find(|(_, other)| is_same(other));
        let owner = of_webhook.map(|(name, _)| format!("webhook.{name}"));
        let owner = owner.or_else(|| of_person.map(|(name, _)| format!("person.{name}")));
        if let Some(owner) = owner {
            root.reader.fault(&spot, format!("holds the token of `{owner}` as well"), help);
        } else if token.expose_secret().chars().count() < SHORTEST_TOKEN {
            let message = format!("holds fewer than {SHORTEST_TOKEN} characters, which can be guessed");
            root.reader.fault(&spot, message, help);
        }
        persons.insert(person, token);
    }
    persons
}

fn address(section: &Section<'_>) -> Option<SocketAddr> {
    let written = section.text("address")?;
    let Ok(address) = written.value.parse::<SocketAddr>() else {
        let help = "write an address and a port, such as \"127.0.0.1:8480\" or \"[::1]:8480\"";
        section.reader.fault(&written.spot, "is no address to listen at", help);
        return None;
    };
    if !address.ip().is_loopback() {
        let help = "listen at 127.0.0.1, and let a reverse proxy with TLS pass on what others send";
        section.reader.fault(&written.spot, "is open to other machines, and has no TLS", help);
        return None;
    }
    Some(address)
}
