//! The configuration as it is meant. Only these types travel.
//!
//! Owns: these types, and the way to them: `raw` reads what is written, `check`
//! finds all faults at once, `keys` holds every name and default.
//! Promises: a [`Config`] in hand has passed every check that needs no network.
//! Never: starts anything, prints a secret.
//! On a crash: nothing to lose; it only reads.

mod calling;
mod check;
mod faults;
mod keys;
mod mailbox;
mod people;
mod raw;
mod reader;
mod schedule;
mod secret;
mod values;

pub use calling::{Policy, PolicyStep, Quiet, Reach, Recipient, Way};
pub use faults::Faults;
pub use keys::reference;
pub use mailbox::MailboxSettings;
pub use people::{Accounts, Person, Role, Wanted};
pub use schedule::{Handover, LayerSettings, Rotation, ScheduleSettings, ScheduleSource};

use secrecy::{SecretSlice, SecretString};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Reads and checks a configuration file, and the files it names. Opens no
/// connection.
///
/// Errors: every fault there is, in one go; only where the file is no TOML, the
/// faults of its syntax alone.
pub fn load(path: &Path) -> Result<Config, Faults> {
    let text = std::fs::read_to_string(path).map_err(|cause| Faults::unreadable(path, &cause))?;
    let (document, errors) = toml::de::DeTable::parse_recoverable(&text);
    if errors.iter().any(|error| !reader::is_duplicate(error)) {
        return Err(Faults::syntax(path, &text, &errors));
    }
    let reader = reader::Reader::new(path.parent().unwrap_or(Path::new("")).to_owned());
    errors.iter().for_each(|error| reader.duplicate(&text, error));
    let root = raw::Section::root(&reader, document.get_ref(), &keys::ROOT);
    let folders = check::folders(&root);
    match check::config(&root, path, folders.clone()) {
        Some(config) if !reader.has_faults() => Ok(config),
        _ => Err(Faults::found(path, &text, reader, folders)),
    }
}

/// The folders of rules and templates, as far as a faulty configuration names them.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    /// `rules`; `None` where it is not written.
    pub rules: Option<PathBuf>,
    /// `templates`; `None` where it is not written.
    pub templates: Option<PathBuf>,
}

/// `[journal]`: how much is kept of what came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalSettings {
    /// `keep`: how far back it goes; 7 days.
    pub keep: Duration,
    /// `size`: how large it may become, in bytes; 1 GiB.
    pub size: u64,
}

/// The configuration of `watchbell replay` and `watchbell demo` without a file:
/// everything is told on the console, nothing is kept.
pub fn builtin(rules: PathBuf, templates: PathBuf) -> Config {
    let console = "console".to_owned();
    let zone = jiff::tz::TimeZone::system();
    let kind = SinkKind::Console(ConsoleSettings { zone: zone.clone() });
    let sink = SinkSettings { name: console.clone(), kind };
    let target = Target {
        name: console.clone(),
        sink: console.clone(),
        to: vec![String::new()],
        per_minute: None,
        fallback: None,
    };
    Config {
        path: None,
        candidate_rules: beside(&rules),
        rules,
        templates,
        store: PathBuf::from(":memory:"),
        keep: Duration::from_secs(7 * 86_400),
        keep_commands: Duration::from_secs(365 * 86_400),
        journal: None,
        icinga: Vec::new(),
        incoming: None,
        deadman: None,
        sinks: BTreeMap::from([(console.clone(), sink)]),
        mailboxes: BTreeMap::new(),
        targets: BTreeMap::from([(console.clone(), target)]),
        default_target: console,
        mirror_mutes: false,
        zone,
        prefix: keys::PREFIX.to_owned(),
        roles: BTreeMap::new(),
        persons: BTreeMap::new(),
        schedules: BTreeMap::new(),
        reach: BTreeMap::new(),
        policies: BTreeMap::new(),
    }
}

/// Where the candidates of a rules folder are looked for: beside it.
fn beside(rules: &Path) -> PathBuf {
    let mut name = rules.file_name().unwrap_or_default().to_owned();
    name.push(".candidate");
    rules.with_file_name(name)
}

/// Everything `watchbell.toml` says, checked and complete.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it came from; `None` for a built-in one.
    pub path: Option<PathBuf>,
    /// `rules`: the folder of rule files.
    pub rules: PathBuf,
    /// `templates`: the folder of templates.
    pub templates: PathBuf,
    /// `candidate_rules`: the folder of rules to compare with; need not exist.
    pub candidate_rules: PathBuf,
    /// `[store] path`: the database file.
    pub store: PathBuf,
    /// `[store] keep`: how long decisions, and deliveries that are over, are kept.
    pub keep: Duration,
    /// `[store] keep_commands`: how long the audit of commands is kept.
    pub keep_commands: Duration,
    /// `[journal]`; `None` where none is kept.
    pub journal: Option<JournalSettings>,
    /// `[[icinga]]`, in the order of the file; at least one to `run`.
    pub icinga: Vec<IcingaSettings>,
    /// `[listen]`, and the tokens of `[webhook.<name>]` and `[person.<name>]`; `None` where nobody has one.
    pub incoming: Option<Incoming>,
    /// `[deadman]`; `None` where nobody outside is told that all is well.
    pub deadman: Option<Deadman>,
    /// `[sink.<kind>.<name>]`, by name; a name is used once over all kinds.
    pub sinks: BTreeMap<String, SinkSettings>,
    /// `[mailbox.<name>]`, by name.
    pub mailboxes: BTreeMap<String, MailboxSettings>,
    /// `[target.<name>]`, by name.
    pub targets: BTreeMap<String, Target>,
    /// `[defaults] target`: the name of an existing target.
    pub default_target: String,
    /// `[defaults] mirror_mutes`: whether a mute of one object puts it in downtime in Icinga, too.
    pub mirror_mutes: bool,
    /// `[defaults] zone`: the time zone people read and write times in; IANA
    /// name, the system's where not set.
    pub zone: jiff::tz::TimeZone,
    /// `[defaults] prefix`: what marks a command in a channel; `!`.
    pub prefix: String,
    /// `[role.<name>]`, without the built-in ones.
    pub roles: BTreeMap<String, Role>,
    /// `[person.<name>]`, by name.
    pub persons: BTreeMap<String, Person>,
    /// `[schedule.<name>]`, by name.
    pub schedules: BTreeMap<String, ScheduleSettings>,
    /// How each person is reached, by name; their ways are targets as well.
    pub reach: BTreeMap<String, Reach>,
    /// `[escalation.<name>]`, by name.
    pub policies: BTreeMap<String, Policy>,
}

/// Who outside is told that all is well.
#[derive(Debug, Clone)]
pub struct Deadman {
    /// `url`, `url_file` or `url_env`: an `https` or `http` address; may hold a token.
    pub url: SecretString,
    /// `every`: how often.
    pub every: Duration,
}

/// Webhooks and commands that are taken.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// `[listen] address`: of this machine only.
    pub address: std::net::SocketAddr,
    /// `[webhook.<name>] token_file` or `token_env`, by name.
    pub tokens: BTreeMap<String, SecretString>,
    /// `[person.<name>] token_file` or `token_env`: who may post commands, by name. No two tokens
    /// are the same, those of webhooks included; there is at least one of either.
    pub persons: BTreeMap<String, SecretString>,
}

/// One Icinga: a server, or both masters of one zone.
#[derive(Debug, Clone)]
pub struct IcingaSettings {
    /// `name`: ours for it; part of every object's identity.
    pub name: String,
    /// `urls`, at least one, `https` only, without a path.
    pub urls: Vec<url::Url>,
    /// How to log in.
    pub login: Login,
    /// `ca_file`: PEM of the CA that signed Icinga's certificate; without it the
    /// system's CAs are trusted.
    pub ca_file: Option<PathBuf>,
    /// `server_name`: the name in Icinga's certificate, where the URL has another; one for
    /// all, or one for each of `urls`, in their order.
    pub server_names: Vec<String>,
    /// `silence`: how long a stream may be silent before Icinga is asked whether
    /// it still lives; 30 s.
    pub silence: Duration,
    /// `canary`: full name of the service that results are submitted for when the stream is
    /// silent.
    pub canary: Option<String>,
}

impl IcingaSettings {
    /// The name in the certificate of who answers at one of the `urls`, where it is not the
    /// URL's own.
    pub fn server_name(&self, url: &url::Url) -> Option<&str> {
        let name = match &self.server_names[..] {
            [for_all] => Some(for_all),
            names => names.get(self.urls.iter().position(|known| known == url)?),
        };
        name.map(String::as_str)
    }
}

/// How to log in to an Icinga.
#[derive(Debug, Clone)]
pub enum Login {
    /// `user` with `password_file` or `password_env`.
    Password {
        /// Name of the `ApiUser`.
        user: String,
        /// Its password.
        password: SecretString,
    },
    /// `client_cert_file` and `client_key_file`, PEM.
    Certificate {
        /// The certificate, whose CN is the `ApiUser`'s `client_cn`.
        cert_file: PathBuf,
        /// Its key.
        key_file: PathBuf,
    },
}

/// One way out.
#[derive(Debug, Clone)]
pub struct SinkSettings {
    /// The name targets use.
    pub name: String,
    /// Its kind and what belongs to it.
    pub kind: SinkKind,
}

/// The kinds of sinks and their settings.
#[derive(Debug, Clone)]
pub enum SinkKind {
    /// `[sink.console.<name>]`.
    Console(ConsoleSettings),
    /// `[sink.irc.<name>]`.
    Irc(IrcSettings),
    /// `[sink.email.<name>]`.
    Email(EmailSettings),
    /// `[sink.webhook.<name>]`.
    Webhook(WebhookSettings),
    /// `[sink.exec.<name>]`.
    Exec(ExecSettings),
}

impl SinkKind {
    /// The kind's name, as in the configuration and the templates folder.
    pub fn name(&self) -> &'static str {
        match self {
            SinkKind::Console(_) => "console",
            SinkKind::Irc(_) => "irc",
            SinkKind::Email(_) => "email",
            SinkKind::Webhook(_) => "webhook",
            SinkKind::Exec(_) => "exec",
        }
    }
}

/// Standard output of this process.
#[derive(Debug, Clone)]
pub struct ConsoleSettings {
    /// The zone that times are shown in: that of `[defaults]`.
    pub zone: jiff::tz::TimeZone,
}

/// An IRC network.
#[derive(Debug, Clone)]
pub struct IrcSettings {
    /// `server`: host and port, the port 6697 where none is written (6667
    /// without TLS).
    pub host: String,
    /// See `host`.
    pub port: u16,
    /// `tls`: true unless switched off; off is for loopback only.
    pub tls: bool,
    /// `ca_file`: PEM of a private CA; without it the system's CAs are trusted.
    pub ca_file: Option<PathBuf>,
    /// `server_name`: the name in the certificate, where `server` has another.
    pub server_name: Option<String>,
    /// `nick`.
    pub nick: String,
    /// `sasl_user` (the nick where not set) with `sasl_password_file` or
    /// `sasl_password_env`; `None` without a password.
    pub sasl: Option<Sasl>,
    /// `codes`: whether a one-time code proves who somebody is. False unless set.
    pub codes: bool,
    /// `lines_per_second` on average, after `burst` lines at once: 0.5.
    pub lines_per_second: f64,
    /// `burst`: 4.
    pub burst: u32,
}

/// Login to a network's services.
#[derive(Debug, Clone)]
pub struct Sasl {
    /// The account.
    pub user: String,
    /// Its password.
    pub password: SecretString,
}

/// A mail server to hand mails to.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    /// Host of `server`.
    pub host: String,
    /// Port of `server`; 465 for `smtps://`, 25 for `smtp://`.
    pub port: u16,
    /// How the connection is protected.
    pub tls: EmailTls,
    /// `ca_file`: PEM of a private CA.
    pub ca_file: Option<PathBuf>,
    /// `server_name`: the name in the certificate, where `server` has another.
    pub server_name: Option<String>,
    /// `from`: the sender, with or without a name.
    pub from: lettre::message::Mailbox,
    /// `user` with `password_file` or `password_env`.
    pub login: Option<Sasl>,
    /// `reply_key_file` or `reply_key_env`: what the ids of its mails are signed with, so that
    /// they can be answered.
    pub reply_key: Option<SecretString>,
}

/// How a mail connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailTls {
    /// `smtps://`: TLS from the first byte.
    Implicit,
    /// `smtp://`: STARTTLS, and no mail without it.
    StartTls,
    /// `tls = "off"`: allowed to loopback only.
    Off,
}

/// An HTTP service that takes JSON. `Debug` shows the names of headers only.
#[derive(Clone)]
pub struct WebhookSettings {
    /// `url` or `url_file` or `url_env`: it may hold a token, so it is a secret.
    pub url: SecretString,
    /// `method`: POST unless set.
    pub method: String,
    /// `headers`; a value may be a secret.
    pub headers: BTreeMap<String, String>,
    /// `bearer_file` or `bearer_env`: sent as `Authorization: Bearer`.
    pub bearer: Option<SecretString>,
    /// `secret_file` or `secret_env`, then `old_secret_file` or `old_secret_env`: the keys
    /// that requests are signed with, decoded; none if they are not signed.
    pub signing: Vec<SecretSlice<u8>>,
    /// `ca_file`: PEM of a private CA.
    pub ca_file: Option<PathBuf>,
    /// `timeout`: 10 s.
    pub timeout: Duration,
}

impl fmt::Debug for WebhookSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WebhookSettings { url, method, headers, bearer, signing, ca_file, timeout } = self;
        formatter
            .debug_struct("WebhookSettings")
            .field("url", url)
            .field("method", method)
            .field("headers", &headers.keys())
            .field("bearer", bearer)
            .field("signing", signing)
            .field("ca_file", ca_file)
            .field("timeout", timeout)
            .finish()
    }
}

/// A program that is given each delivery on its standard input.
#[derive(Debug, Clone)]
pub struct ExecSettings {
    /// `command`: the program and its arguments; no shell is between.
    pub command: Vec<String>,
    /// `timeout`: 10 s; then it is killed with its children.
    pub timeout: Duration,
}

/// A named place to tell.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// The sink it goes through; exists.
    pub sink: String,
    /// Addresses in the sink's form; at least one, `""` for sinks without.
    pub to: Vec<String>,
    /// `per_minute`: how much each of them is told in a minute, in lines for IRC (30), in
    /// messages for mail (3) and others (not bounded).
    pub per_minute: Option<u32>,
    /// `fallback`; `None` where it has none.
    pub fallback: Option<Fallback>,
}

impl Target {
    /// Its name, and where it is told: the sink and the recipients there.
    pub fn place(&self) -> (String, (String, Vec<String>)) {
        (self.name.clone(), (self.sink.clone(), self.to.clone()))
    }
}

/// Who is told besides when a target cannot be told.
#[derive(Debug, Clone)]
pub struct Fallback {
    /// `fallback`: the name of another target. No chain of them leads back to where it began.
    pub target: String,
    /// `fallback_after`: after how many failed tries; 5.
    pub after: u32,
}
