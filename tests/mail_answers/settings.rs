//! What `watchbell.toml` may say of answers by mail.

use crate::common::config::{CANARY, Folder};
use secrecy::ExposeSecret;
use std::time::Duration;
use watchbell::config::SinkKind;

const GOOD: &str = r##"
[sink.console.terminal]
[sink.email.mail]
server = "smtps://mail.example.org"
from = "Watchbell <watchbell@example.org>"
reply_key_file = "reply.key"
[sink.email.plain]
server = "smtps://mail.example.org"
from = "watchbell@example.org"
[mailbox.answers]
server = "imaps://imap.example.org"
user = "watchbell"
password_file = "mail.password"
[target.ops]
sink = "terminal"
[defaults]
target = "ops"
"##;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("reply.key", &format!("{CANARY}-0123456789abcdef0123456789abcdef\n"), 0o600);
    folder.write("short.key", &format!("{CANARY}\n"), 0o600);
    folder
}

#[test]
fn what_is_right_is_understood_and_no_key_is_shown() {
    let folder = folder();
    let config = folder.load(GOOD).unwrap_or_else(|faults| panic!("{faults}"));
    let mailbox = &config.mailboxes["answers"];
    assert_eq!((mailbox.host.as_str(), mailbox.port, mailbox.tls), ("imap.example.org", 993, true));
    assert_eq!((mailbox.folder.as_str(), mailbox.done_folder.as_deref()), ("INBOX", None));
    assert_eq!(
        (mailbox.every, mailbox.sinks.as_slice()),
        (Duration::from_secs(30), &["mail".to_owned()][..])
    );
    let SinkKind::Email(email) = &config.sinks["mail"].kind else { panic!("it sends mail") };
    assert!(email.reply_key.as_ref().is_some_and(|key| key.expose_secret().len() > 32));
    assert!(!format!("{config:#?}").contains(CANARY));
    let loopback = GOOD.replace("imaps://imap.example.org", "imap://127.0.0.1\"\ntls = \"off");
    let mailbox =
        folder.load(&loopback).unwrap_or_else(|faults| panic!("{faults}")).mailboxes["answers"].clone();
    assert_eq!((mailbox.port, mailbox.tls), (143, false));
}

#[test]
fn each_fault_is_told_with_its_place_and_no_secret() {
    let folder = folder();
    for (before, after, contains) in [
        (
            "\"reply.key\"",
            "\"short.key\"",
            "`sink.email.mail.reply_key_file` holds a key of fewer than 32 bytes",
        ),
        ("reply_key_file = \"reply.key\"", "", "no sink has a `reply_key_file`"),
        (
            "reply_key_file = \"reply.key\"",
            "reply_key = \"c4n4ry-t0k3n\"",
            "secrets do not stand in this file",
        ),
        ("imaps://imap.example.org", "imap.example.org", "begins neither with `imaps://`"),
        ("imaps://imap.example.org", "imap://imap.example.org", "is read without TLS"),
        ("imaps://imap.example.org", "imap://imap.example.org\"\ntls = \"off", "is not this machine"),
        ("imaps://imap.example.org", "imaps://localhost\"\ntls = \"off", "is `imaps://`, and `tls` is"),
        ("imaps://imap.example.org", "imaps://bell:c4n4ry-t0k3n@imap.example.org", "is no host and port"),
        ("user = \"watchbell\"", "", "`mailbox.answers.user` is missing"),
        ("password_file = \"mail.password\"", "", "`mailbox.answers.password_file` is missing"),
        ("user = \"watchbell\"", "user = \"watchbell\"\nevery = \"1s\"", "is too short"),
        (
            "user = \"watchbell\"",
            "user = \"watchbell\"\nfolder = \"Gr\u{fc}n\"",
            "is no folder that can be named",
        ),
        (
            "user = \"watchbell\"",
            "user = \"watchbell\"\ndone_folder = \"inbox\"",
            "is the folder that is read",
        ),
        ("user = \"watchbell\"", "user = \"watchbell\"\nsinks = []", "names no sink"),
        (
            "user = \"watchbell\"",
            "user = \"watchbell\"\nsinks = [\"plain\"]",
            "which has no `reply_key_file`",
        ),
        ("user = \"watchbell\"", "user = \"watchbell\"\nsinks = [\"terminal\"]", "is of kind console"),
        ("user = \"watchbell\"", "user = \"watchbell\"\nsinks = [\"mial\"]", "did you mean `mail`?"),
    ] {
        assert!(GOOD.contains(before), "{before}");
        let faults = folder.load(&GOOD.replace(before, after)).expect_err(after);
        let shown = folder.shown(&faults);
        assert!(shown.contains(contains), "{after}: {shown}");
        assert!(!shown.contains(CANARY), "{shown}");
    }
}
