//! Every key of `watchbell.toml`: its meaning, its default and an example.
//!
//! Owns: the names and the defaults. The reader takes both from here, and
//! `docs/configuration.md` is written from here, so neither can disagree.
//! Never: checks a value.

mod calling;
mod mailbox;
mod people;
mod schedules;
mod sinks;

pub(super) use calling::{ESCALATION, STEP, WAY};
pub(super) use mailbox::MAILBOX;
pub(super) use people::{PERSON, ROLE};
pub(super) use schedules::{LAYER, SCHEDULE};
use sinks::{CONSOLE, EMAIL, EXEC, IRC, WEBHOOK};
pub(super) use sinks::{HEADER, SINK, SINKS};

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// As it is written.
    pub(super) name: &'static str,
    /// Whether it may be left out.
    pub(super) presence: Presence,
    /// A value as it would be written, in TOML.
    pub(super) example: &'static str,
    /// What it means, for the reference and for remedies.
    pub(super) meaning: &'static str,
}

/// Whether a key may be left out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Presence {
    /// It must be there.
    Required,
    /// It may be left out; its meaning says what happens then.
    Optional,
    /// What holds where it is left out, in TOML.
    Default(&'static str),
}

/// One table of keys.
#[derive(Debug)]
pub(super) struct Table {
    /// Its headline in the file; names of the admin's own in capitals.
    pub(super) header: &'static str,
    /// What it is for.
    pub(super) meaning: &'static str,
    /// Its keys.
    pub(super) keys: &'static [Key],
    /// Names of the tables in it.
    pub(super) tables: &'static [&'static str],
}

impl Table {
    /// Why a key of that name is not known any more, and what to write instead; `None` if it
    /// never was.
    pub(super) fn gone(&self, name: &str) -> Option<(&'static str, &'static str)> {
        let (.., why, instead) =
            GONE.iter().find(|(header, gone, ..)| (*header, *gone) == (self.header, name))?;
        Some((why, instead))
    }

    /// The key of that name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// All names that may stand in it.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name).chain(self.tables.iter().copied())
    }
}

/// Keys that there were: the table, the name, why there is none any more, and what to write.
const GONE: &[(&str, &str, &str, &str)] = &[(
    IRC.header,
    "trust_nicknames",
    "is gone: anybody can take a nick, so none is believed any more",
    "remove it; where the network has no accounts, write `codes = true`, and give each `[person.NAME]` a `code_file`",
)];

const fn required(name: &'static str, example: &'static str, meaning: &'static str) -> Key {
    Key { name, presence: Presence::Required, example, meaning }
}

const fn optional(name: &'static str, example: &'static str, meaning: &'static str) -> Key {
    Key { name, presence: Presence::Optional, example, meaning }
}

const fn default(name: &'static str, value: &'static str, meaning: &'static str) -> Key {
    Key { name, presence: Presence::Default(value), example: value, meaning }
}

const fn table(header: &'static str, meaning: &'static str, keys: &'static [Key]) -> Table {
    Table { header, meaning, keys, tables: &[] }
}

/// The top of the file.
pub(super) const ROOT: Table = Table {
    header: "The top of the file",
    meaning: "Where rules and templates are.",
    keys: &[
        default("rules", r#""rules""#, "The folder of rule files."),
        default(
            "templates",
            r#""templates""#,
            "The folder of templates; one that stands there is used instead of the shipped one of the same name.",
        ),
        optional(
            "candidate_rules",
            r#""rules.candidate""#,
            "The folder of rules that `!diff` compares with those in force; where left out, the name of the rules folder with `.candidate` behind it.",
        ),
    ],
    tables: &[
        "store",
        "journal",
        "icinga",
        "listen",
        "deadman",
        "webhook",
        "sink",
        "mailbox",
        "target",
        "defaults",
        "role",
        "person",
        "schedule",
        "escalation",
    ],
};

/// `[store]`.
pub(super) const STORE: Table = table(
    "[store]",
    "Where Watchbell keeps what it knows and what it still has to say.",
    &[
        default("path", r#""watchbell.db""#, "The database file; its folder must exist."),
        default(
            "keep",
            r#""7d""#,
            "How long decisions, and deliveries that are over, are kept for `why`; at least `\"1h\"`. What is still to be sent stays.",
        ),
        default(
            "keep_commands",
            r#""365d""#,
            "How long it is kept who wrote which command, and what came of it, for `watchbell audit`; at least `\"1d\"`.",
        ),
    ],
);

/// `[journal]`.
pub(super) const JOURNAL: Table = table(
    "[journal]",
    "What came in is kept for a time, beside the store, so that other rules can be tried on it: `watchbell diff`, `!diff` and `watchbell replay --journal`.",
    &[
        default("keep", r#""7d""#, "How far back it goes; `\"0s\"` keeps none."),
        default(
            "size",
            r#""1 GiB""#,
            "How large it may become on the disk; then it goes back less far. `KiB`, `MiB` or `GiB`.",
        ),
    ],
);

/// `[[icinga]]`.
pub(super) const ICINGA: Table = table(
    "[[icinga]]",
    "One Icinga: a server, or both masters of one zone. May stand several times.",
    &[
        required("name", r#""prod""#, "Your name for it; part of the identity of every object."),
        required(
            "urls",
            r#"["https://icinga1:5665"]"#,
            "Address of the API, or of both masters of one zone, which are read at the same time: `https`, host and port, no path. Where one of two stays away, all comes through the other, and a break of that one is a gap, after which all objects are read.",
        ),
        optional("user", r#""watchbell""#, "Name of the `ApiUser`, to log in with a password."),
        optional("password_file", r#""icinga.password""#, "File that holds the password."),
        optional("password_env", r#""ICINGA_PASSWORD""#, "Environment variable that holds the password."),
        optional(
            "client_cert_file",
            r#""watchbell.crt""#,
            "Certificate (PEM) to log in with instead of a password; its CN is the `client_cn` of the `ApiUser`.",
        ),
        optional("client_key_file", r#""watchbell.key""#, "Key (PEM) of that certificate."),
        CA_FILE,
        optional(
            "server_name",
            r#"["icinga1", "icinga2"]"#,
            "The name in the server's certificate (Icinga's `NodeName`), where it has another than its address: one for all `urls`, or a list with one for each, in their order.",
        ),
        default(
            "silence",
            r#""30s""#,
            "How long a stream may be silent before Icinga is asked whether it lives.",
        ),
        optional(
            "canary",
            r#""watchbell!canary""#,
            "Service that Watchbell submits results for when the stream is silent, to hear that it still carries events. No rule sees it. The `ApiUser` needs `actions/process-check-result`.",
        ),
    ],
);

/// `[listen]`.
pub(super) const LISTEN: Table = table(
    "[listen]",
    "Where Watchbell takes webhooks and commands; only where a `[webhook.NAME]` stands, or a person has a `token_file` or `token_env`.",
    &[default(
        "address",
        r#""127.0.0.1:8480""#,
        "Address and port; of this machine only, for there is no TLS: a reverse proxy adds it.",
    )],
);

/// `[deadman]`.
pub(super) const DEADMAN: Table = table(
    "[deadman]",
    "A service outside that raises the alarm when it hears nothing, such as healthchecks.io. It is asked (GET) only while all is well, so that silence means trouble.",
    &[
        optional(
            "url",
            r#""https://hc-ping.com/…""#,
            "What to ask; one of `url`, `url_file` and `url_env`. It is shown nowhere.",
        ),
        optional("url_file", r#""deadman.url""#, "A file that holds the URL, readable by nobody else."),
        optional("url_env", r#""DEADMAN_URL""#, "An environment variable that holds it."),
        default("every", r#""1m""#, "How often."),
    ],
);

/// `[webhook.NAME]`.
pub(super) const INCOMING: Table = table(
    "[webhook.NAME]",
    "Somebody who may send JSON to `/webhook/NAME`; each becomes a `Webhook` event. One that is sent again counts once, by `Idempotency-Key` or `webhook-id`; see [events](rules.md).",
    &[
        optional(
            "token_file",
            r#""deploy.token""#,
            "File that holds the token, sent as `Authorization: Bearer`.",
        ),
        optional("token_env", r#""DEPLOY_TOKEN""#, "Environment variable that holds that token."),
    ],
);

const CA_FILE: Key = optional(
    "ca_file",
    r#""/etc/icinga2/pki/ca.crt""#,
    "CA (PEM) that signed the server's certificate. Without it, the CAs of the system are trusted.",
);

const SERVER_NAME: Key = optional(
    "server_name",
    r#""icinga1""#,
    "The name in the server's certificate, where it has another than its address.",
);

/// `[target.NAME]`.
pub(super) const TARGET: Table = table(
    "[target.NAME]",
    "A named place to tell; rules speak of targets only. `default` and `reply` are taken.",
    &[
        required("sink", r#""libera""#, "Name of the sink it goes through."),
        optional(
            "to",
            r##""#ops""##,
            "One address or a list: channels and nicks for IRC, mail addresses for mail. Console, webhook and exec need none.",
        ),
        optional(
            "per_minute",
            "30",
            "How much each address is told in a minute before what waits is folded into digests: lines for IRC (30 where left out), messages for all others (3 for mail, else as many as there are).",
        ),
        optional(
            "fallback",
            r#""dba-mail""#,
            "Another target that gets problems, recoveries and news of Watchbell, too, when this one refuses them, fails, or its sink is down.",
        ),
        default(
            "fallback_after",
            "5",
            "After how many failed tries, from 1 to 100; a refusal and a sink that is down need none.",
        ),
    ],
);

/// `[defaults]`.
pub(super) const DEFAULTS: Table = table(
    "[defaults]",
    "What holds everywhere.",
    &[
        required("target", r#""ops""#, "The target that hears what no rule decided, and what went wrong."),
        optional(
            "zone",
            r#""Europe/Berlin""#,
            "Time zone that people read and write times in; that of the system where left out.",
        ),
        default("prefix", r#""!""#, "What marks a command in a channel."),
        default(
            "mirror_mutes",
            "false",
            "Whether a mute of one object also stands in Icinga until it is over: as a downtime, or `until ok` as acknowledgements.",
        ),
    ],
);

/// The default of `[defaults] prefix`, as it is meant.
pub(super) const PREFIX: &str = "!";

/// The roles that are built in.
pub(super) const ROLES: &[&str] = &["operator", "admin"];

/// All tables, in the order of the reference.
pub(super) const TABLES: &[Table] = &[
    ROOT, STORE, JOURNAL, ICINGA, LISTEN, DEADMAN, INCOMING, CONSOLE, IRC, EMAIL, WEBHOOK, HEADER, EXEC,
    MAILBOX, TARGET, DEFAULTS, ROLE, PERSON, WAY, SCHEDULE, LAYER, ESCALATION, STEP,
];

/// Writes the reference of all keys, in Markdown: `docs/configuration.md`.
pub fn reference() -> String {
    let mut page = REFERENCE_START.to_owned();
    for table in TABLES {
        let header = if table.header.starts_with('[') {
            format!("`{}`", table.header)
        } else {
            table.header.to_owned()
        };
        page += &format!("\n## {header}\n\n{}\n", table.meaning);
        if table.keys.is_empty() {
            continue;
        }
        page += "\n| Key | Left out | Example | Meaning |\n|---|---|---|---|\n";
        for key in table.keys {
            let left_out = match key.presence {
                Presence::Required => "not allowed".to_owned(),
                Presence::Optional => "allowed".to_owned(),
                Presence::Default(value) => format!("means `{value}`"),
            };
            page += &format!("| `{}` | {left_out} | `{}` | {} |\n", key.name, key.example, key.meaning);
        }
    }
    page
}

const REFERENCE_START: &str = "\
# The configuration

Everything `watchbell.toml` may say. The file is [TOML](https://toml.io); `watchbell.example.toml` is a whole one.

- Relative paths start at the folder of the file.
- Lengths of time are written like `90s`, `15m`, `1h30m` or `7d`.
- Secrets do not stand in the file. A key that ends in `_file` names a file that holds the secret and nothing else,
  and that nobody but its owner can read (`chmod 600`); one that ends in `_env` names an environment variable. Of such
  two, one is given.
- Names of your own are letters, digits, `-`, `_` and `.`. A sink's name is used once over all kinds.
- A key that Watchbell does not know is a fault. All faults are told at once.
";

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeValue;

    #[test]
    fn every_default_and_example_is_toml() {
        for key in TABLES.iter().flat_map(|table| table.keys) {
            assert!(DeValue::parse(key.example).is_ok(), "{key:?}");
            if let Presence::Default(value) = key.presence {
                assert!(DeValue::parse(value).is_ok(), "{key:?}");
            }
        }
    }

    #[test]
    fn the_prefix_is_the_same_everywhere() {
        let key = DEFAULTS.key("prefix").expect("it is a key");
        assert!(matches!(key.presence, Presence::Default(literal) if literal == format!("\"{PREFIX}\"")));
    }

    #[test]
    fn every_kind_of_sink_has_its_keys() {
        let kinds: Vec<_> = SINKS.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, SINK.tables);
    }

    #[test]
    fn no_table_knows_a_name_twice() {
        for table in TABLES {
            let mut names: Vec<_> = table.names().collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}", table.header);
        }
    }
}
