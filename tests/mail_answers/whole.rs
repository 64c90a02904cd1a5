//! The whole way: Icinga, a mail, a person's mail program, and back.

use crate::common::dovecot::{Dovecot, PASSWORD};
use crate::common::icinga::Icinga;
use crate::common::smtp::{Mail, Smtp, SmtpOptions};
use crate::common::wait_for;
use crate::common::watchbell::{Site, Watchbell};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const KEY: &str = "c4n4ry-k3y-0123456789abcdef0123456789";

/// Icinga, a mail server that takes mails, one that is read, and a Watchbell between.
struct Post {
    icinga: Icinga,
    smtp: Smtp,
    dovecot: Dovecot,
    site: Site,
    watchbell: Watchbell,
    _dir: TempDir,
}

impl Post {
    async fn open(failpoints: &str) -> Post {
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        let icinga = Icinga::start(dir.path(), 2, 2).await;
        let smtp = Smtp::start(dir.path(), SmtpOptions::default());
        let dovecot = Dovecot::start(dir.path());
        let site = Site::new(dir.path());
        site.secret("imap.password", PASSWORD);
        site.secret("reply.key", KEY);
        let mail = format!(
            "[sink.email.mail]\nserver = \"smtp://localhost:{}\"\nca_file = \"{}\"\n\
             from = \"Watchbell <bell@example.org>\"\nreply_key_file = \"reply.key\"\n\
             [mailbox.bell]\nserver = \"imaps://localhost:{}\"\nca_file = \"{}\"\nuser = \"bell\"\n\
             password_file = \"imap.password\"\nevery = \"5s\"\n\
             [target.ops]\nsink = \"mail\"\nto = [\"alice@example.org\", \"bob@example.org\"]\nper_minute = 100\n\
             [person.alice]\nicinga_author = \"alice.smith\"\nmail = \"alice@example.org\"\nroles = [\"operator\"]\n",
            smtp.port,
            smtp.ca_file.display(),
            dovecot.port,
            dovecot.ca_file.display(),
        );
        site.configure(&[site.icinga(&icinga), mail]);
        let watchbell = site.start_so(|command| {
            command.env("RUST_LOG", "trace").env("FAILPOINTS", failpoints);
        });
        let mut post = Post { icinga, smtp, dovecot, site, watchbell, _dir: dir };
        post.watchbell.log.expect("caught up");
        post
    }

    async fn fail(&self, object: &str) {
        for _ in 0..3 {
            self.icinga.check_result(object, 2, "disk full").await;
        }
    }

    /// The first mail to this address with this text in its subject.
    fn mail(&self, to: &str, subject: &str) -> Mail {
        wait_for(&format!("a mail to {to}: {subject}"), PATIENCE, || {
            let is_it = |mail: &Mail| mail.recipients == [to] && mail.header("Subject").contains(subject);
            self.smtp.mails().into_iter().find(is_it)
        })
    }

    /// Somebody answers a mail: the id of the answer.
    fn reply(&self, mail: &Mail, from: &str, text: &str) -> String {
        let asked = json!({
            "mail": mail.raw, "from": from, "sender": "alice@example.org", "text": text, "port": self.dovecot.lmtp_port,
        });
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mail_reply.py");
        let done = Command::new("/usr/bin/python3").arg(script).arg(asked.to_string()).output();
        let done = done.expect("Python runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("an id").trim().to_owned()
    }

    async fn service(&self, name: &str) -> Value {
        let path = format!("/v1/objects/services/{name}");
        let answer = self.icinga.call(reqwest::Method::GET, &path, json!({})).await;
        answer["results"][0]["attrs"].clone()
    }

    async fn comments(&self) -> Vec<(String, String)> {
        let answer = self.icinga.call(reqwest::Method::GET, "/v1/objects/comments", json!({})).await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let comment = |found: &Value| (text(&found["attrs"]["author"]), text(&found["attrs"]["text"]));
        let mut comments: Vec<_> =
            answer["results"].as_array().expect("a list").iter().map(comment).collect();
        comments.sort();
        comments
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_acknowledges_a_problem_of_a_real_icinga_by_answering_its_mail() {
    let mut post = Post::open("").await;
    post.fail("host1!svc0").await;
    let mail = post.mail("alice@example.org", "host1!svc0");
    let theirs = post.reply(&mail, "Alice Smith <alice@example.org>", "ack looking into it");
    let answer = post.mail("alice@example.org", "host1!svc0 is acknowledged");
    assert_eq!(answer.header("In-Reply-To"), theirs);
    assert_eq!(answer.header("References"), format!("{} {theirs}", mail.header("Message-ID")));
    assert_eq!(answer.header("Auto-Submitted"), "auto-replied");
    assert_eq!(post.service("host1!svc0").await["acknowledgement"], json!(1));
    let of_alice = |text: &str| ("alice.smith".to_owned(), text.to_owned());
    assert_eq!(post.comments().await, [of_alice("looking into it")]);

    // A plain sentence is a comment, also as an answer to the answer.
    post.reply(&answer, "alice@example.org", "the fan is broken");
    post.mail("alice@example.org", "the comment stands on host1!svc0");
    assert_eq!(post.comments().await, [of_alice("looking into it"), of_alice("the fan is broken")]);

    // What cannot be done is said, once Icinga has told of the acknowledgement.
    post.mail("alice@example.org", "[ACK] host1!svc0");
    post.reply(&mail, "alice@example.org", "ack again");
    post.mail("alice@example.org", "is acknowledged already");

    // Bob got a mail of it as well, but is nobody; and alice's mail is not his to answer.
    let count = |post: &Post| {
        post.smtp
            .mails()
            .iter()
            .filter(|mail| mail.count("In-Reply-To") == 1 && mail.header("Auto-Submitted") == "auto-replied")
            .count()
    };
    let before = count(&post);
    let to_bob = post.mail("bob@example.org", "host1!svc0");
    post.reply(&to_bob, "bob@example.org", "unack");
    post.reply(&to_bob, "alice@example.org", "unack");
    post.reply(&mail, "mallory@example.org", "unack");
    post.dovecot.wait_until_seen(6);
    assert_eq!(post.service("host1!svc0").await["acknowledgement"], json!(1));
    assert_eq!(count(&post), before, "nobody of them was answered");

    assert!(post.watchbell.terminate().success());
    let log = post.watchbell.log.rest().join("\n");
    assert!(log.contains("a mail from `mallory@example.org` is refused"), "the log says who was refused");
    for secret in [PASSWORD, KEY, "c4n4ry"] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    let checked = post.site.call(&["check"]);
    let shown =
        String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(!shown.contains(PASSWORD) && !shown.contains(KEY), "{shown}");
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_the_disk_and_the_mailbox_repeats_nothing() {
    // It dies when the first answer is on the disk and not marked in the mailbox.
    let mut post = Post::open("mail.kept=return").await;
    post.fail("host1!svc0").await;
    let mail = post.mail("alice@example.org", "host1!svc0");
    post.reply(&mail, "alice@example.org", "see ticket 42");
    post.watchbell.wait();
    assert_eq!(post.dovecot.seen_and_unseen(""), (0, 1));
    post.watchbell = post.site.start();
    post.dovecot.wait_until_seen(1);
    post.mail("alice@example.org", "the comment stands on host1!svc0");
    // The next one is done after it: by then a second comment would be there.
    post.reply(&mail, "alice@example.org", "ack looking");
    post.mail("alice@example.org", "host1!svc0 is acknowledged");
    let of_alice = |text: &str| ("alice.smith".to_owned(), text.to_owned());
    assert_eq!(post.comments().await, [of_alice("looking"), of_alice("see ticket 42")]);
}
