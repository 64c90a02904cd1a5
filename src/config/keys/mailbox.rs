//! The keys of `[mailbox.NAME]`: where answers to mails are read.

use super::{CA_FILE, SERVER_NAME, Table, default, optional, required, table};

/// `[mailbox.NAME]`.
pub(in crate::config) const MAILBOX: Table = table(
    "[mailbox.NAME]",
    "A mailbox that answers to mails of Watchbell come to (IMAP). An answer acknowledges or comments; see [answers by mail](mail-answers.md).",
    &[
        required(
            "server",
            r#""imaps://imap.example.org:993""#,
            "`imaps://HOST:PORT`: TLS from the first byte, port 993 where left out. `imap://HOST:PORT` (143) only with `tls = \"off\"`.",
        ),
        optional("tls", r#""off""#, "`\"off\"` reads without TLS; for loopback only."),
        CA_FILE,
        SERVER_NAME,
        required("user", r#""watchbell""#, "Name to log in with."),
        optional("password_file", r#""imap.password""#, "File that holds its password."),
        optional("password_env", r#""IMAP_PASSWORD""#, "Environment variable that holds its password."),
        default("folder", r#""INBOX""#, "The folder that answers come to. Nobody else reads mail there."),
        optional(
            "done_folder",
            r#""Done""#,
            "Folder that mails are moved to once they are dealt with; where left out they stay and are marked as read.",
        ),
        default(
            "every",
            r#""30s""#,
            "How often the mailbox is looked into, at least every `\"5s\"`; where the server knows `IDLE`, a new mail is read at once.",
        ),
        optional(
            "sinks",
            r#"["mail"]"#,
            "The sinks whose mails are answered here, each with a `reply_key_file`; where left out, all that have one.",
        ),
    ],
);
