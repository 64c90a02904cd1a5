//! `[sink.webhook.<name>]`.

use super::signing;
use crate::config::WebhookSettings;
use crate::config::keys::HEADER;
use crate::config::raw::{Entry, Section, suggestion};
use crate::config::reader::{Reader, Spot, Written};
use crate::config::values::no_url;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;

const METHODS: &[&str] = &["POST", "PUT", "PATCH"];

/// An HTTP service.
pub(super) fn webhook(section: &Section<'_>) -> Option<WebhookSettings> {
    let url = url(section);
    let method = method(section);
    let headers = headers(section);
    let bearer = section.secret("bearer_file", "bearer_env").map(|token| token.value);
    let signing = signing::keys(section);
    let ca_file = section.certificate_file("ca_file");
    let timeout = section.duration("timeout");
    Some(WebhookSettings { url: url?, method: method?, headers, bearer, signing, ca_file, timeout: timeout? })
}

/// The address of a service outside, from one of three keys.
pub(super) fn url(section: &Section<'_>) -> Option<SecretString> {
    section.hide("url");
    let given = ["url", "url_file", "url_env"].iter().filter(|key| section.has(key)).count();
    if given != 1 {
        let message = if given == 0 { "has no address" } else { "has more than one address" };
        section.fault(
            message,
            "write one of `url`, `url_file` and `url_env`; where it holds a token, `url_file`",
        );
        return None;
    }
    let Written { value, spot } = if section.has("url") {
        let Written { value, spot } = section.text("url")?;
        Written { value: SecretString::from(value), spot }
    } else {
        section.secret("url_file", "url_env")?
    };
    check_url(section, value.expose_secret(), &spot);
    Some(value)
}

/// The address may hold a token, so no word of it goes into a fault.
fn check_url(section: &Section<'_>, text: &str, spot: &Spot) {
    let help = "write it like `https://hooks.example.org/watchbell`";
    match url::Url::parse(text) {
        Err(cause) => section.reader.fault(spot, no_url(cause), help),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            section.reader.fault(spot, "begins neither with `https://` nor with `http://`", help);
        }
        Ok(_) => {}
    }
}

fn method(section: &Section<'_>) -> Option<String> {
    let Written { value, spot } = section.text("method")?;
    if !METHODS.contains(&value.as_str()) {
        section.reader.fault(
            &spot,
            "is no method that takes a body",
            suggestion(&value, METHODS.iter().copied()),
        );
    }
    Some(value)
}

fn headers(section: &Section<'_>) -> BTreeMap<String, String> {
    section.hide("headers");
    let header = |(name, entry): (Written<String>, Entry<'_>)| {
        if HeaderName::from_bytes(name.value.as_bytes()).is_err() {
            section.reader.fault(
                &name.spot,
                "is no name of a header",
                "letters, digits and `-`, such as X-Source",
            );
        }
        Some((name.value.clone(), header_value(&name, entry)?))
    };
    section.entries("headers", &HEADER).into_iter().filter_map(header).collect()
}

fn header_value(name: &Written<String>, entry: Entry<'_>) -> Option<String> {
    let (reader, value) = match entry {
        Entry::Text(reader, text) => {
            check_not_secret(reader, name);
            (reader, text.value)
        }
        Entry::Section(section) => {
            if !section.has("file") && !section.has("env") {
                section.missing("file");
            }
            (section.reader, section.secret("file", "env")?.value.expose_secret().to_owned())
        }
    };
    if !value.is_ascii() || HeaderValue::from_str(&value).is_err() {
        reader.fault(&name.spot, "has a value that a header cannot have", "plain ASCII text, in one line");
    }
    Some(value)
}

fn check_not_secret(reader: &Reader, name: &Written<String>) {
    let is_secret = ["authorization", "cookie"].iter().any(|secret| name.value.eq_ignore_ascii_case(secret));
    if is_secret {
        let help = format!(
            "use `bearer_file`, or put the whole value into a file: `{} = {{ file = \"...\" }}`",
            name.value
        );
        reader.fault(&name.spot, "is a secret, and secrets do not stand in this file", help);
    }
}
