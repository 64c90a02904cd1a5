//! `[sink.email.<name>]`.

use crate::config::raw::Section;
use crate::config::reader::Written;
use crate::config::values::Server;
use crate::config::{EmailSettings, EmailTls, Sasl};
use lettre::message::Mailbox;
use secrecy::{ExposeSecret, SecretString};

/// The least bytes of a reply key: as many as a digest of SHA-256 has (RFC 2104, section 3).
const SHORTEST_KEY: usize = 32;

/// A mail server.
pub(super) fn email(section: &Section<'_>) -> Option<EmailSettings> {
    let server = server(section);
    let from = from(section);
    let login = login(section);
    let reply_key = reply_key(section);
    let ca_file = section.certificate_file("ca_file");
    let server_name = section.server_name();
    let (Server { host, port }, tls) = server?;
    Some(EmailSettings { host, port, tls, ca_file, server_name, from: from?, login, reply_key })
}

fn server(section: &Section<'_>) -> Option<(Server, EmailTls)> {
    let off = tls_is_off(section);
    let written = section.text("server")?;
    section.hide_login(&written);
    let (address, tls) = if let Some(address) = written.value.strip_prefix("smtps://") {
        (address, EmailTls::Implicit)
    } else if let Some(address) = written.value.strip_prefix("smtp://") {
        (address, EmailTls::StartTls)
    } else {
        let help = "write `smtp://HOST:25` (with STARTTLS) or `smtps://HOST:465`";
        section.reader.fault(&written.spot, "begins neither with `smtp://` nor with `smtps://`", help);
        return None;
    };
    let default_port = if tls == EmailTls::Implicit { 465 } else { 25 };
    let server = section.server(&written, address.strip_suffix('/').unwrap_or(address), default_port)?;
    if !off {
        return Some((server, tls));
    }
    if tls == EmailTls::Implicit {
        section.reader.fault(&written.spot, "is `smtps://`, and `tls` is \"off\"", "remove one of the two");
    } else if !server.is_loopback() {
        let help =
            "remove `tls = \"off\"`; if the server's certificate is the trouble, name its CA in `ca_file`";
        section.reader.fault(&written.spot, "is not this machine, and `tls` is \"off\"", help);
    }
    Some((server, EmailTls::Off))
}

/// Whether `tls` is "off"; it may be nothing else.
pub(super) fn tls_is_off(section: &Section<'_>) -> bool {
    let Some(Written { value, spot }) = section.text("tls") else { return false };
    if value != "off" {
        section.reader.fault(
            &spot,
            "may only be \"off\"",
            "leave it out: TLS is on; `smtps://` has it from the first byte",
        );
    }
    value == "off"
}

fn from(section: &Section<'_>) -> Option<Mailbox> {
    let Written { value, spot } = section.text("from")?;
    let fault = |_| {
        let help = "write `name@example.org` or `Name <name@example.org>`";
        section.reader.fault(&spot, "is no mail address", help);
    };
    value.parse().map_err(fault).ok()
}

fn login(section: &Section<'_>) -> Option<Sasl> {
    if !["user", "password", "password_file", "password_env"].iter().any(|key| section.has(key)) {
        return None;
    }
    let user = section.required_text("user");
    let password = section.required_secret("password");
    Some(Sasl { user: user?.value, password: password? })
}

/// `reply_key_file` or `reply_key_env` of a mail sink; `None` where its mails are not to be
/// answered, and where a fault was noted.
fn reply_key(section: &Section<'_>) -> Option<SecretString> {
    if !section.has("reply_key_file") && !section.has("reply_key_env") {
        return None;
    }
    let Written { value: key, spot } = section.secret("reply_key_file", "reply_key_env")?;
    if key.expose_secret().len() < SHORTEST_KEY {
        let message = format!("holds a key of fewer than {SHORTEST_KEY} bytes, which can be guessed");
        section.reader.fault(&spot, message, "make one with: openssl rand -hex 32");
        return None;
    }
    Some(key)
}
