//! The keys of `[sink.KIND.NAME]`: the ways out, a table for each kind.

use super::{CA_FILE, SERVER_NAME, Table, default, optional, required, table};

/// `[sink]`: a table for each kind.
pub(in crate::config) const SINK: Table = Table {
    header: "[sink.KIND.NAME]",
    meaning: "Ways out.",
    keys: &[],
    tables: &["console", "irc", "email", "webhook", "exec"],
};

/// The kinds of sinks, and the keys of each.
pub(in crate::config) const SINKS: &[(&str, Table)] =
    &[("console", CONSOLE), ("irc", IRC), ("email", EMAIL), ("webhook", WEBHOOK), ("exec", EXEC)];

pub(super) const CONSOLE: Table =
    table("[sink.console.NAME]", "Standard output of this process. It has no keys.", &[]);

pub(super) const IRC: Table = table(
    "[sink.irc.NAME]",
    "An IRC network.",
    &[
        required(
            "server",
            r#""irc.example.org:6697""#,
            "Host and port; 6697 without a port, 6667 without TLS.",
        ),
        required("nick", r#""watchbell""#, "The nick Watchbell takes."),
        default("tls", "true", "Whether the connection is encrypted; `false` is for loopback only."),
        CA_FILE,
        SERVER_NAME,
        optional("sasl_user", r#""watchbell""#, "Account to log in to (SASL); the nick where left out."),
        optional("sasl_password_file", r#""irc.password""#, "File that holds the account's password."),
        optional("sasl_password_env", r#""IRC_PASSWORD""#, "Environment variable that holds it."),
        default(
            "codes",
            "false",
            "Whether a one-time code proves who somebody is (`code PERSON CODE COMMAND`), for a network without accounts; see [people](people.md).",
        ),
        default("lines_per_second", "0.5", "How many lines are sent on average, after the burst."),
        default("burst", "4", "How many lines may be sent at once."),
    ],
);

pub(super) const EMAIL: Table = table(
    "[sink.email.NAME]",
    "A mail server that takes mails.",
    &[
        required(
            "server",
            r#""smtp://mail.example.org:25""#,
            "`smtp://HOST:PORT` (port 25, STARTTLS is required) or `smtps://HOST:PORT` (port 465).",
        ),
        required("from", r#""Watchbell <watchbell@example.org>""#, "The sender."),
        optional("tls", r#""off""#, "`\"off\"` sends without TLS; for loopback only."),
        CA_FILE,
        SERVER_NAME,
        optional("user", r#""watchbell""#, "Name to log in with, where the server wants that."),
        optional("password_file", r#""mail.password""#, "File that holds its password."),
        optional("password_env", r#""MAIL_PASSWORD""#, "Environment variable that holds its password."),
        optional(
            "reply_key_file",
            r#""reply.key""#,
            "File that holds a key of 32 bytes or more, such as `openssl rand -hex 32` makes. With it, mails can be answered through a `[mailbox.NAME]`: their `Message-ID` proves who got them.",
        ),
        optional("reply_key_env", r#""REPLY_KEY""#, "Environment variable that holds that key."),
    ],
);

pub(super) const WEBHOOK: Table = table(
    "[sink.webhook.NAME]",
    "An HTTP service that takes JSON. Its address is one of `url`, `url_file` and `url_env`; where it holds a token, use a file.",
    &[
        optional("url", r#""https://hooks.example.org/watchbell""#, "Its address; never shown."),
        optional("url_file", r#""hook.url""#, "File that holds its address."),
        optional("url_env", r#""HOOK_URL""#, "Environment variable that holds its address."),
        default("method", r#""POST""#, "`POST`, `PUT` or `PATCH`."),
        optional(
            "headers",
            r#"{ X-Source = "watchbell", X-Api-Key = { file = "hook.key" } }"#,
            "Headers to send. A secret value is `{ file = \"...\" }` or `{ env = \"...\" }`.",
        ),
        optional(
            "bearer_file",
            r#""hook.token""#,
            "File that holds a token, sent as `Authorization: Bearer`.",
        ),
        optional("bearer_env", r#""HOOK_TOKEN""#, "Environment variable that holds that token."),
        optional(
            "secret_file",
            r#""hook.secret""#,
            "File that holds the secret that requests are signed with, by Standard Webhooks: `whsec_` and base64, or any text of 24 bytes or more. Requests are not signed without one.",
        ),
        optional("secret_env", r#""HOOK_SECRET""#, "Environment variable that holds that secret."),
        optional(
            "old_secret_file",
            r#""hook.secret.old""#,
            "File that holds the secret of before; while it stands here, requests are signed with both.",
        ),
        optional(
            "old_secret_env",
            r#""HOOK_SECRET_OLD""#,
            "Environment variable that holds that old secret.",
        ),
        CA_FILE,
        default("timeout", r#""10s""#, "How long one request may take."),
    ],
);

/// The value of a header that is a secret.
pub(in crate::config) const HEADER: Table = table(
    "[sink.webhook.NAME.headers.HEADER]",
    "A header whose value is a secret: one of these two. May be written shorter, as `HEADER = { file = \"...\" }`.",
    &[
        optional("file", r#""hook.key""#, "File that holds the value."),
        optional("env", r#""HOOK_KEY""#, "Environment variable that holds the value."),
    ],
);

pub(super) const EXEC: Table = table(
    "[sink.exec.NAME]",
    "A program that is given each delivery on its standard input.",
    &[
        required(
            "command",
            r#"["/usr/local/bin/page", "--urgent"]"#,
            "The program and its arguments; no shell is between. Others on this machine may see arguments: no secrets here.",
        ),
        default("timeout", r#""10s""#, "How long it may run; then it is killed with its children."),
    ],
);
