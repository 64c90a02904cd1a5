//! A real mail server: Debian's aiosmtpd, with the handler in
//! `tests/fixtures/smtp_server.py`. The handler's doc says which recipients are
//! refused, put off or never answered.

use super::certificates::Authority;
use super::{Process, wait_for};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How the server protects its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SmtpTls {
    /// Not at all; offers no STARTTLS.
    Off,
    /// Wants STARTTLS before any mail.
    StartTls,
    /// From the first byte.
    Implicit,
}

/// What kind of server it is.
#[derive(Debug, Clone)]
pub(crate) struct SmtpOptions {
    /// How it protects its connections.
    pub(crate) tls: SmtpTls,
    /// The name in its certificate.
    pub(crate) name: &'static str,
    /// Whether it offers 8BITMIME.
    pub(crate) eight_bit: bool,
    /// The user and password it asks for.
    pub(crate) login: Option<(&'static str, &'static str)>,
}

impl Default for SmtpOptions {
    fn default() -> Self {
        SmtpOptions { tls: SmtpTls::StartTls, name: "localhost", eight_bit: true, login: None }
    }
}

/// A running mail server. Listens on 127.0.0.1.
pub(crate) struct Smtp {
    folder: PathBuf,
    /// Its port.
    pub(crate) port: u16,
    /// The PEM of the CA that signed its certificate.
    pub(crate) ca_file: PathBuf,
    _process: Process,
}

/// One mail that arrived.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Mail {
    /// Of the envelope.
    pub(crate) sender: String,
    /// Of the envelope.
    pub(crate) recipients: Vec<String>,
    /// Whether it came through TLS.
    pub(crate) encrypted: bool,
    /// As it came, byte for byte.
    pub(crate) raw: String,
    /// Name and decoded value, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// The plain part, decoded.
    pub(crate) text: Option<String>,
    /// The HTML part, decoded.
    pub(crate) html: Option<String>,
}

impl Mail {
    /// The decoded value of the only header of this name; panics unless there is one.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found: Vec<_> = self.headers.iter().filter(|(known, _)| known == name).collect();
        let [(_, value)] = found[..] else {
            panic!("{} headers `{name}` in {:?}", found.len(), self.headers);
        };
        value
    }

    /// How many headers of this name there are, in any case of letters.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).count()
    }

    fn says(&self, text: &str) -> bool {
        let decoded = self.headers.iter().map(|(_, value)| Some(value));
        let bodies = [self.text.as_ref(), self.html.as_ref(), Some(&self.raw)];
        decoded.chain(bodies).flatten().any(|part| part.contains(text))
    }
}

impl Smtp {
    /// Starts it in a folder of its own inside `folder`; it listens when this returns.
    pub(crate) fn start(folder: &Path, options: SmtpOptions) -> Smtp {
        let folder = folder.join("smtp");
        fs::create_dir_all(&folder).expect("the folder can be made");
        let authority = Authority::new(&folder, "smtp");
        let identity = authority.issue(options.name);
        let (user, password) = options.login.unzip();
        let settings = serde_json::json!({
            "folder": folder,
            "tls": match options.tls {
                SmtpTls::Off => "off",
                SmtpTls::StartTls => "starttls",
                SmtpTls::Implicit => "implicit",
            },
            "certificate": identity.cert_file,
            "key": identity.key_file,
            "eight_bit": options.eight_bit,
            "user": user,
            "password": password,
        });
        let process = start_server(&folder, &settings.to_string());
        let port_file = folder.join("port");
        let port = wait_for("the mail server's port", Duration::from_secs(90), || {
            fs::read_to_string(&port_file).ok()?.parse().ok()
        });
        Smtp { folder, port, ca_file: authority.ca_file, _process: process }
    }

    /// All mails that arrived, in order.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        let entries = fs::read_dir(&self.folder).expect("the server's folder");
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        files.sort();
        let read = |path| fs::read_to_string(path).expect("a mail");
        files.iter().map(|path| serde_json::from_str(&read(path)).expect("a parsed mail")).collect()
    }

    /// Waits for the first mail with this text in a header or a part, decoded or raw.
    pub(crate) fn wait_for_mail(&self, contains: &str) -> Mail {
        wait_for(&format!("a mail with `{contains}`"), Duration::from_secs(90), || {
            self.mails().into_iter().find(|mail| mail.says(contains))
        })
    }

    /// What clients did: `EHLO`, `AUTH`, `MAIL <address>`, `RCPT <address>`, `DATA`.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn start_server(folder: &Path, settings: &str) -> Process {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smtp_server.py");
    let errors = fs::File::create(folder.join("errors")).expect("the folder can be written");
    // Debian's own Python: aiosmtpd is a package of it.
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script).arg(settings).stderr(errors);
    Process::start("aiosmtpd", &mut command)
}
