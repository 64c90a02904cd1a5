//! `[listen]` and `[webhook.<name>]`: who may send a webhook, and where.

use super::check_name;
use crate::config::Incoming;
use crate::config::keys::{INCOMING, LISTEN};
use crate::config::raw::Section;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What is taken; `None` where nobody may send anything, or where faults were noted.
pub(super) fn incoming(root: &Section<'_>) -> Option<Incoming> {
    let address = root.section("listen", &LISTEN).and_then(|section| address(&section));
    let named = root.named("webhook", &INCOMING);
    let mut tokens = BTreeMap::new();
    for (name, section) in &named {
        check_name(section, name);
        if let Some(token) = section.required_secret("token") {
            tokens.insert(name.value.clone(), token);
        }
    }
    if named.is_empty() {
        return None;
    }
    Some(Incoming { address: address?, tokens })
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
