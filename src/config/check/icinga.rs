//! `[[icinga]]`: where the events come from.

use super::check_name;
use crate::config::keys::ICINGA;
use crate::config::raw::Section;
use crate::config::reader::Written;
use crate::config::values::no_url;
use crate::config::{IcingaSettings, Login};
use std::collections::BTreeSet;
use url::Url;

/// All Icingas, in the order of the file.
pub(super) fn icingas(root: &Section<'_>) -> Vec<IcingaSettings> {
    let mut names = BTreeSet::new();
    root.list("icinga", &ICINGA)
        .iter()
        .filter_map(|section| {
            let name = section.text("name");
            if let Some(name) = &name {
                check_name(section, name);
                if !names.insert(name.value.clone()) {
                    let help = "give each Icinga a name of its own; two masters of one zone are one Icinga with two `urls`";
                    section.reader.fault(&name.spot, "is the name of another Icinga as well", help);
                }
            }
            icinga(section, name)
        })
        .collect()
}

fn icinga(section: &Section<'_>, name: Option<Written<String>>) -> Option<IcingaSettings> {
    let urls = section.texts("urls");
    let server_names = server_names(section, urls.as_ref().map(|urls| urls.value.len()));
    let urls = urls.map(|written| parse_urls(section, &written));
    let login = login(section);
    let ca_file = section.certificate_file("ca_file");
    let silence = section.duration("silence");
    let canary = canary(section);
    Some(IcingaSettings {
        name: name?.value,
        urls: urls?,
        login: login?,
        ca_file,
        server_names,
        silence: silence?,
        canary,
    })
}

fn canary(section: &Section<'_>) -> Option<String> {
    let Written { value: name, spot } = section.text("canary")?;
    let is_service =
        name.split_once('!').is_some_and(|(host, service)| !host.is_empty() && !service.is_empty());
    if !is_service {
        let help = "write host and service, such as \"watchbell!canary\"";
        section.reader.fault(&spot, "is no full name of a service", help);
    }
    Some(name)
}

/// The names in the certificates: one for all, or one for each of so many `urls`.
fn server_names(section: &Section<'_>, urls: Option<usize>) -> Vec<String> {
    let Some(Written { value: names, spot }) = section.texts("server_name") else { return Vec::new() };
    if let Some(urls) = urls.filter(|urls| names.len() != 1 && names.len() != *urls) {
        let message = format!("has {} names, and `urls` has {urls} addresses", names.len());
        let help = "write one name for all, or one for each address, in the order of `urls`";
        section.reader.fault(&spot, message, help);
    }
    names.into_iter().map(|name| section.name_in_certificate(name)).collect()
}

fn parse_urls(section: &Section<'_>, written: &Written<Vec<Written<String>>>) -> Vec<Url> {
    if written.value.is_empty() {
        section.reader.fault(
            &written.spot,
            "is empty",
            "write at least one, such as `urls = [\"https://icinga1:5665\"]`",
        );
    }
    let mut urls: Vec<Url> = Vec::new();
    for text in &written.value {
        section.hide_login(text);
        let (message, help) = match parse_url(&text.value) {
            Ok(url) if urls.contains(&url) => {
                ("is written twice".to_owned(), "write the address of each master once")
            }
            Ok(url) => {
                urls.push(url);
                continue;
            }
            Err(fault) => fault,
        };
        section.reader.fault(&text.spot, message, help);
    }
    urls
}

/// Reads the address of an API; else what is wrong and how to mend it.
fn parse_url(text: &str) -> Result<Url, (String, &'static str)> {
    const LIKE: &str = "write scheme, host and port only, such as \"https://icinga1:5665\"";
    let url = Url::parse(text).map_err(|cause| (no_url(cause), LIKE))?;
    if url.scheme() != "https" {
        let help = "Icinga speaks TLS only; write `https://`, and name its CA in `ca_file`";
        return Err(("does not begin with `https://`".to_owned(), help));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let help = "use `user` and `password_file`; what was written here should be changed, for others may have read it";
        return Err(("holds a login".to_owned(), help));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(("has more than host and port".to_owned(), LIKE));
    }
    Ok(url)
}

fn login(section: &Section<'_>) -> Option<Login> {
    let has_any = |keys: &[&str]| keys.iter().any(|key| section.has(key));
    let by_password = has_any(&["user", "password", "password_file", "password_env"]);
    let by_certificate = has_any(&["client_cert_file", "client_key_file"]);
    match (by_password, by_certificate) {
        (true, true) => {
            let help = "keep `user` with its password, or `client_cert_file` with `client_key_file`";
            section.fault("has both a password and a certificate to log in with", help);
            None
        }
        (false, false) => {
            let help = "add `user` and `password_file`, or `client_cert_file` and `client_key_file`";
            section.fault("does not say how to log in", help);
            None
        }
        (true, false) => {
            let user = section.required_text("user");
            let password = section.required_secret("password");
            Some(Login::Password { user: user?.value, password: password? })
        }
        (false, true) => {
            section.require("client_cert_file");
            section.require("client_key_file");
            let cert_file = section.certificate_file("client_cert_file");
            let key_file = section.key_file("client_key_file");
            Some(Login::Certificate { cert_file: cert_file?, key_file: key_file? })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_host_and_port() {
        for text in
            ["https://icinga1:5665", "https://icinga1:5665/", "https://[::1]:5665", "https://10.0.0.1"]
        {
            assert!(parse_url(text).is_ok(), "{text}");
        }
        for (text, expected) in [
            ("http://icinga1:5665", "https://"),
            ("icinga1:5665", "https://"),
            ("icinga1", "no URL"),
            ("https://root:hunter2@icinga1:5665", "login"),
            ("https://root@icinga1:5665", "login"),
            ("https://icinga1:5665/v1", "more than host"),
            ("https://icinga1:5665/?a=b", "more than host"),
            ("https://icinga1:5665/#a", "more than host"),
        ] {
            let (message, help) = parse_url(text).expect_err(text);
            assert!(message.contains(expected), "{text}: {message}");
            assert!(!message.contains("hunter2") && !help.contains("hunter2"));
        }
    }
}
