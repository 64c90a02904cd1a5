//! `[mailbox.<name>]`: where answers to mails are read.

use super::check_name;
use crate::config::keys::MAILBOX;
use crate::config::raw::{Section, suggestion};
use crate::config::reader::Written;
use crate::config::values::Server;
use crate::config::{MailboxSettings, Sasl, SinkKind, SinkSettings};
use std::collections::BTreeMap;
use std::time::Duration;

/// The least that `every` may be; mail servers shut out who asks more often.
const SHORTEST_EVERY: Duration = Duration::from_secs(5);

/// All mailboxes that are right. `kinds`: the kind of each sink that is written.
pub(super) fn mailboxes(
    root: &Section<'_>,
    sinks: &BTreeMap<String, SinkSettings>,
    kinds: &BTreeMap<String, &'static str>,
) -> BTreeMap<String, MailboxSettings> {
    let named = root.named("mailbox", &MAILBOX).into_iter();
    named
        .filter_map(|(name, section)| {
            check_name(&section, &name);
            let settings = mailbox(name.value.clone(), &section, sinks, kinds)?;
            Some((name.value, settings))
        })
        .collect()
}

fn mailbox(
    name: String,
    section: &Section<'_>,
    sinks: &BTreeMap<String, SinkSettings>,
    kinds: &BTreeMap<String, &'static str>,
) -> Option<MailboxSettings> {
    let server = server(section);
    let user = section.text("user");
    let password = section.required_secret("password");
    let ca_file = section.certificate_file("ca_file");
    let server_name = section.server_name();
    let folder = folder(section, "folder");
    let done_folder = folder_beside(section, folder.as_deref());
    let every = every(section);
    let sinks = answered(section, sinks, kinds);
    let (Server { host, port }, tls) = server?;
    Some(MailboxSettings {
        name,
        host,
        port,
        tls,
        ca_file,
        server_name,
        login: Sasl { user: user?.value, password: password? },
        folder: folder?,
        done_folder,
        every: every?,
        sinks: sinks?,
    })
}

/// The server, and whether the connection is protected.
fn server(section: &Section<'_>) -> Option<(Server, bool)> {
    let off = super::mail::tls_is_off(section);
    let written = section.text("server")?;
    section.hide_login(&written);
    let (address, port, tls) = if let Some(address) = written.value.strip_prefix("imaps://") {
        (address, 993, true)
    } else if let Some(address) = written.value.strip_prefix("imap://") {
        (address, 143, false)
    } else {
        let help = "write `imaps://HOST:993`";
        section.reader.fault(&written.spot, "begins neither with `imaps://` nor with `imap://`", help);
        return None;
    };
    let server = section.server(&written, address.strip_suffix('/').unwrap_or(address), port)?;
    if tls && off {
        section.reader.fault(&written.spot, "is `imaps://`, and `tls` is \"off\"", "remove one of the two");
    } else if !tls && !off {
        let help = "write `imaps://`; without TLS, only on this machine, with `tls = \"off\"`";
        section.reader.fault(&written.spot, "is read without TLS", help);
    } else if off && !server.is_loopback() {
        let help = "write `imaps://`; if the server's certificate is the trouble, name its CA in `ca_file`";
        section.reader.fault(&written.spot, "is not this machine, and `tls` is \"off\"", help);
    }
    Some((server, tls))
}

/// The name of a folder.
fn folder(section: &Section<'_>, key: &str) -> Option<String> {
    let Written { value, spot } = section.text(key)?;
    // Others are written in UTF-7 of its own kind (RFC 3501, section 5.1.3).
    let fits = |character: char| (' '..='~').contains(&character) && character != '&';
    if value.is_empty() || !value.chars().all(fits) {
        section.reader.fault(
            &spot,
            "is no folder that can be named",
            "letters, digits and signs of ASCII, no `&`",
        );
        return None;
    }
    Some(value)
}

fn folder_beside(section: &Section<'_>, folder_read: Option<&str>) -> Option<String> {
    let done = folder(section, "done_folder")?;
    if folder_read.is_some_and(|read| read.eq_ignore_ascii_case(&done)) {
        let spot = section.text("done_folder")?.spot;
        let help = "name another one, or leave `done_folder` out";
        section.reader.fault(&spot, "is the folder that is read: each mail would come again", help);
    }
    Some(done)
}

fn every(section: &Section<'_>) -> Option<Duration> {
    let every = section.duration("every")?;
    if every < SHORTEST_EVERY {
        let spot = section.text("every")?.spot;
        section.reader.fault(&spot, "is too short", "look at most every \"5s\"");
    }
    Some(every)
}

/// The sinks whose mails are answered here.
fn answered(
    section: &Section<'_>,
    sinks: &BTreeMap<String, SinkSettings>,
    kinds: &BTreeMap<String, &'static str>,
) -> Option<Vec<String>> {
    let has_key = |settings: &SinkSettings| matches!(&settings.kind, SinkKind::Email(email) if email.reply_key.is_some());
    if !section.has("sinks") {
        let all: Vec<String> =
            sinks.values().filter(|sink| has_key(sink)).map(|sink| sink.name.clone()).collect();
        // A sink that is faulty itself may have been meant.
        if all.is_empty() && kinds.keys().all(|name| sinks.contains_key(name)) {
            let help = "make a key with: openssl rand -hex 32; and name its file as `reply_key_file` of a `[sink.email.NAME]`";
            section.fault("answers no mail: no sink has a `reply_key_file`", help);
        }
        return Some(all);
    }
    let written = section.texts("sinks")?;
    if written.value.is_empty() {
        section.reader.fault(&written.spot, "names no sink", "leave `sinks` out for all that have a key");
    }
    for name in &written.value {
        match (sinks.get(&name.value), kinds.get(&name.value)) {
            (Some(settings), _) if has_key(settings) => {}
            (_, Some(&"email")) => {
                let message = format!("names the sink `{}`, which has no `reply_key_file`", name.value);
                let help = "without it nobody can prove that they got its mail; make a key with: openssl rand -hex 32";
                section.reader.fault(&name.spot, message, help);
            }
            (_, Some(kind)) => {
                let message = format!("names the sink `{}`, which is of kind {kind}", name.value);
                section.reader.fault(&name.spot, message, "name sinks of `[sink.email.NAME]`");
            }
            (_, None) => {
                let help = suggestion(&name.value, kinds.keys().map(String::as_str));
                let message = format!("names the sink `{}`, which is not configured", name.value);
                section.reader.fault(&name.spot, message, help);
            }
        }
    }
    Some(written.value.into_iter().map(|name| name.value).collect())
}
