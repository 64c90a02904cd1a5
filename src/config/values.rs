//! Values that several sections share: servers, files, secrets, lengths of time.
//!
//! Promises: a value handed out has passed every check that needs no network.

use super::raw::Section;
use super::reader::{Spot, Written};
use super::secret::{self, SecretError};
use crate::tls;
use secrecy::SecretString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A host and a port, as a connection needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// A name or an address; IPv6 without brackets.
    pub(super) host: String,
    /// The port.
    pub(super) port: u16,
}

impl Server {
    /// Whether it is this very machine, so that nobody listens between.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// Whether a host, as a name or an address without brackets, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(super) fn parse_server(text: &str, default_port: u16) -> Result<Server, String> {
    let after_host = match text.strip_prefix('[') {
        Some(rest) => rest.find(']').map(|end| end + 2).ok_or("a bracket is not closed")?,
        None if text.matches(':').count() > 1 => return Err("an IPv6 address stands in brackets".to_owned()),
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(after_host);
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => default_port,
        Some(port) => match port.parse() {
            Ok(number) if number > 0 => number,
            _ => return Err("the port is not a number from 1 to 65535".to_owned()),
        },
        None => return Err("something follows the host that is no port".to_owned()),
    };
    let host = url::Host::parse(host).map_err(|cause| format!("the host cannot be read: {cause}"))?;
    let host = match host {
        url::Host::Domain(name) => name,
        url::Host::Ipv4(address) => address.to_string(),
        url::Host::Ipv6(address) => address.to_string(),
    };
    Ok(Server { host, port })
}

/// Reads `1 GiB`, `500MiB`: at least 1 MiB, at most 1024 GiB.
fn parse_size(text: &str) -> Option<u64> {
    const MIB: u64 = 1 << 20;
    let digits = text.trim_start().chars().take_while(char::is_ascii_digit).count();
    let (number, unit) = text.trim_start().split_at(digits);
    let unit: u64 = match unit.trim() {
        "KiB" => 1 << 10,
        "MiB" => MIB,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let bytes = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (MIB..=MIB << 20).contains(&bytes).then_some(bytes)
}

/// Why a text is no URL, in words that make sense to who wrote it.
pub(super) fn no_url(cause: url::ParseError) -> String {
    match cause {
        url::ParseError::RelativeUrlWithoutBase => "is no URL: it does not begin with `https://`".to_owned(),
        cause => format!("is no URL: {cause}"),
    }
}

impl Section<'_> {
    /// A server that was written as `text`, at the place of `written`.
    pub(super) fn server(&self, written: &Written<String>, text: &str, default_port: u16) -> Option<Server> {
        self.hide_login(written);
        parse_server(text, default_port)
            .map_err(|reason| {
                let message = format!("is no host and port: {reason}");
                self.reader.fault(
                    &written.spot,
                    message,
                    "write host and port, such as `irc.example.org:6697`",
                );
            })
            .ok()
    }

    /// Keeps an address out of what is shown if it might hold a password.
    pub(super) fn hide_login(&self, written: &Written<String>) {
        if written.value.contains('@') {
            self.reader.hide(&written.spot);
        }
    }

    /// A length of time.
    pub(super) fn duration(&self, key: &str) -> Option<Duration> {
        let written = self.text(key)?;
        let fault = |cause| {
            self.reader.fault(
                &written.spot,
                format!("is not understood: {cause}"),
                "a number and its unit, such as \"30s\"",
            );
        };
        crate::model::time::parse_duration(&written.value).map_err(fault).ok()
    }

    /// A length of time; inside, `None` for `0s`.
    pub(super) fn duration_or_none(&self, key: &str) -> Option<Option<Duration>> {
        match self.text(key)?.value.trim() {
            "0" | "0s" => Some(None),
            _ => self.duration(key).map(Some),
        }
    }

    /// A number of bytes, as `500 MiB`.
    pub(super) fn size(&self, key: &str) -> Option<u64> {
        let written = self.text(key)?;
        let size = parse_size(&written.value);
        if size.is_none() {
            let help = "write a number and its unit, such as \"500 MiB\" or \"1 GiB\"; at least 1 MiB";
            self.reader.fault(&written.spot, "is no size", help);
        }
        size
    }

    /// A path, which starts at the folder of the configuration.
    pub(super) fn path_to(&self, key: &str) -> Option<Written<PathBuf>> {
        let written = self.text(key)?;
        Some(Written { value: self.reader.folder.join(written.value), spot: written.spot })
    }

    /// A folder that exists.
    pub(super) fn folder(&self, key: &str) -> Option<PathBuf> {
        let Written { value: path, spot } = self.path_to(key)?;
        self.must_be_folder(&path, &spot);
        Some(path)
    }

    /// A folder that exists where it is named; the default one may be missing.
    pub(super) fn folder_if_named(&self, key: &str) -> Option<PathBuf> {
        let Written { value: path, spot } = self.path_to(key)?;
        if spot.span.is_some() {
            self.must_be_folder(&path, &spot);
        }
        Some(path)
    }

    fn must_be_folder(&self, path: &Path, spot: &Spot) {
        if !path.is_dir() {
            let message = format!("names the folder {}, which is not there", path.display());
            self.reader.fault(
                spot,
                message,
                format!("copy the shipped folder to {}, or name the right one", path.display()),
            );
        }
    }

    /// A PEM file with at least one certificate.
    pub(super) fn certificate_file(&self, key: &str) -> Option<PathBuf> {
        let Written { value: path, spot } = self.path_to(key)?;
        if let Err(error) = tls::certificates(&path) {
            let help = "name a file in PEM form: it has a line `-----BEGIN CERTIFICATE-----`";
            self.reader.fault(&spot, format!("is of no use: {error}"), help);
        }
        Some(path)
    }

    /// A PEM file with a key, which nobody but its owner can read.
    pub(super) fn key_file(&self, key: &str) -> Option<PathBuf> {
        let Written { value: path, spot } = self.path_to(key)?;
        if let Err(error) = secret::check_private(&path) {
            let help = match error {
                SecretError::Unreadable { .. } => "name the file of the key, in PEM form".to_owned(),
                _ => error.remedy(),
            };
            self.reader.fault(&spot, error.to_string(), help);
        } else if let Err(error) = tls::private_key(&path) {
            self.reader.fault(
                &spot,
                format!("is of no use: {error}"),
                "name a file with a private key in PEM form",
            );
        }
        Some(path)
    }

    /// The name in a server's certificate.
    pub(super) fn server_name(&self) -> Option<String> {
        Some(self.name_in_certificate(self.text("server_name")?))
    }

    /// A text that is to be the name in a server's certificate.
    pub(super) fn name_in_certificate(&self, written: Written<String>) -> String {
        let Written { value: name, spot } = written;
        if rustls::pki_types::ServerName::try_from(name.as_str()).is_err() {
            let help =
                "write it as it stands in the certificate, such as \"icinga1\"; no port, no `https://`";
            self.reader.fault(&spot, "is no name of a server", help);
        }
        name
    }

    /// A secret by file or environment variable. `None` where neither is given,
    /// and where something is wrong, which is then noted.
    pub(super) fn secret(&self, file_key: &str, env_key: &str) -> Option<Written<SecretString>> {
        if self.has(file_key) && self.has(env_key) {
            self.fault(
                format!("has both `{file_key}` and `{env_key}`"),
                format!("keep one; `{file_key}` is the safer one"),
            );
            return None;
        }
        let (spot, read) = if self.has(file_key) {
            let Written { value: path, spot } = self.path_to(file_key)?;
            (spot, secret::from_file(&path))
        } else {
            let Written { value: name, spot } = self.text(env_key)?;
            let read = secret::from_env(&name);
            if matches!(read, Err(SecretError::NoVariableName)) {
                self.reader.hide(&spot);
            }
            (spot, read)
        };
        let value = read.map_err(|error| self.reader.fault(&spot, error.to_string(), error.remedy())).ok()?;
        Some(Written { value, spot })
    }

    /// The secret `<name>_file` or `<name>_env`, which must be there. A secret
    /// that is written out has its own fault, and is not missed as well.
    pub(super) fn required_secret(&self, name: &str) -> Option<SecretString> {
        let (file_key, env_key) = (format!("{name}_file"), format!("{name}_env"));
        if !self.has(&file_key) && !self.has(&env_key) && !self.has(name) {
            self.missing(&file_key);
        }
        Some(self.secret(&file_key, &env_key)?.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_with_and_without_a_port() {
        for (text, host, port) in [
            ("irc.example.org", "irc.example.org", 6697),
            ("IRC.example.org:7000", "irc.example.org", 7000),
            ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::1]", "::1", 6697),
            ("[2001:db8::1]:65535", "2001:db8::1", 65535),
        ] {
            assert_eq!(parse_server(text, 6697), Ok(Server { host: host.to_owned(), port }), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        for (text, bytes) in [("1 GiB", 1 << 30), ("500MiB", 500 << 20), (" 2048 KiB ", 2 << 20)] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "1", "GiB", "1 GB", "-1 GiB", "1.5 GiB", "1 KiB", "0 GiB", "99999999999999 GiB", "ä"]
        {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "",
            ":6697",
            "host:",
            "host:0",
            "host:65536",
            "host:irc",
            "::1",
            "[::1",
            "[::1]x",
            "[",
            "[]:1",
            "a b:1",
            "u:p@h:1",
            "host/path",
            "irc://host",
        ] {
            assert!(parse_server(text, 6697).is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for (host, expected) in [
            ("localhost", true),
            ("127.8.9.1", true),
            ("::1", true),
            ("localhost.example.org", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
