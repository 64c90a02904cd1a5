//! A real mailbox, and a test in place of the engine.

use crate::common::certificates::Authority;
use crate::common::closed_port;
use crate::common::dovecot::{Dovecot, PASSWORD};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use watchbell::config::MailboxSettings;
use watchbell::model::{Brief, Delivery, Input, MailAnswer, MailRefused, Message, Timestamp};
use watchbell::source::mailbox::MailboxSource;
use watchbell::source::post::{Post, postbox};
use watchbell::token::Signer;

const PATIENCE: Duration = Duration::from_secs(60);
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A reader of a mailbox, and what it hands over.
struct Office {
    posts: mpsc::Receiver<Post>,
    inputs: mpsc::Receiver<Input>,
    reader: JoinHandle<()>,
}

impl Office {
    fn open(settings: MailboxSettings) -> Office {
        let (sender, inputs) = mpsc::channel(10_000);
        let (postbox, posts) = postbox(&sender);
        let signers = vec![Signer::new("mail", KEY.into())];
        let mut source = MailboxSource::new(settings, signers, postbox, sender).expect("settings that work");
        let reader = tokio::spawn(async move { source.run().await });
        Office { posts, inputs, reader }
    }

    /// The next input; its sender waits until `kept` is used.
    async fn next(&mut self) -> Post {
        tokio::time::timeout(PATIENCE, self.posts.recv())
            .await
            .expect("something comes")
            .expect("the reader lives")
    }

    /// The next answer, which is kept.
    async fn answer(&mut self) -> MailAnswer {
        let post = self.next().await;
        post.kept.send(()).expect("somebody waits");
        match post.input {
            Input::MailAnswer(answer) => answer,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// The next refusal, which is kept.
    async fn refusal(&mut self) -> MailRefused {
        let post = self.next().await;
        post.kept.send(()).expect("somebody waits");
        match post.input {
            Input::MailRefused(refused) => refused,
            other => panic!("not refused: {other:?}"),
        }
    }

    fn close(self) {
        self.reader.abort();
    }
}

/// The id of a mail that this address got of incident 42.
fn id(address: &str, at: Timestamp) -> String {
    let delivery = Delivery {
        id: 7,
        key: "k".to_owned(),
        at,
        sink: "mail".to_owned(),
        target: "ops".to_owned(),
        recipient: address.to_owned(),
        event: "StateChange".to_owned(),
        object: "db1".to_owned(),
        incident: Some(42),
        rule: String::new(),
        message: Message::default(),
        brief: Brief::default(),
        attempts: 0,
        revived: None,
    };
    let token = Signer::new("mail", KEY.into()).token(&delivery, address);
    format!("<{token}@example.org>")
}

/// An answer from alice, with this id of its own.
fn answer(own: &str, text: &str) -> String {
    let answered = id("alice@example.org", Timestamp::now());
    format!(
        "From: Alice <alice@example.org>\r\nTo: bell@example.org\r\nMessage-ID: <{own}@her.host>\r\n\
         In-Reply-To: {answered}\r\nSubject: Re: db1\r\n\r\n{text}\r\n\r\n> db1 is down\r\n"
    )
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for temporary files")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_read_as_it_comes_and_marked_only_once_it_is_kept() {
    let folder = folder();
    let dovecot = Dovecot::start(folder.path());
    // A look every hour: what is read sooner came by `IDLE`.
    let settings = MailboxSettings { every: Duration::from_secs(3600), ..dovecot.settings() };
    let mut office = Office::open(settings.clone());
    dovecot.deliver("alice@example.org", answer("1", "ack looking").as_bytes());
    let post = office.next().await;
    let Input::MailAnswer(first) = &post.input else { panic!("{:?}", post.input) };
    assert_eq!((first.text.as_deref(), first.subject.incident), (Ok("ack looking"), Some(42)));
    assert_eq!((first.from.as_str(), first.id.as_str()), ("alice@example.org", "1@her.host"));
    assert_eq!(dovecot.seen_and_unseen(""), (0, 1), "nothing is kept yet");
    // It ends before the word came that all is on the disk: the next one reads it again.
    office.close();
    drop(post);
    let mut office = Office::open(settings);
    assert_eq!(office.answer().await.id, "1@her.host");
    dovecot.wait_until_seen(1);
    dovecot.deliver("alice@example.org", answer("2", "unack").as_bytes());
    assert_eq!(office.answer().await.id, "2@her.host", "the first one is not read once more");
    dovecot.wait_until_seen(2);
    assert!(office.inputs.try_recv().is_ok_and(|input| input == Input::Tick), "no trouble was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dealt_with_is_moved_where_a_folder_is_named() {
    is_moved("", (0, 0)).await;
}

/// Where the server cannot move, it copies, and what it copied is taken away.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_dealt_with_is_copied_and_taken_away_where_the_server_cannot_move() {
    is_moved("protocol imap {\n  imap_capability = IMAP4rev1 LITERAL+ IDLE UIDPLUS\n}\n", (0, 0)).await;
    // Where it cannot take away single mails either, they stay, marked as deleted.
    is_moved("protocol imap {\n  imap_capability = IMAP4rev1 LITERAL+\n}\n", (2, 0)).await;
}

/// Two mails are moved by a server that is configured so; `left`: how many of them are still
/// in the inbox, read and unread.
async fn is_moved(more: &str, left: (usize, usize)) {
    let folder = folder();
    let dovecot = Dovecot::start_with(folder.path(), more);
    let settings = MailboxSettings { done_folder: Some("Done".to_owned()), ..dovecot.settings() };
    let mut office = Office::open(settings);
    dovecot.deliver("alice@example.org", answer("1", "ack looking").as_bytes());
    dovecot.deliver("mallory@example.org", b"From: mallory@example.org\r\n\r\nack\r\n");
    let mut kept = (0, 0);
    for _ in 0..2 {
        let post = office.next().await;
        match post.input {
            Input::MailAnswer(_) => kept.0 += 1,
            _ => kept.1 += 1,
        }
        post.kept.send(()).expect("somebody waits");
    }
    assert_eq!(kept, (1, 1));
    crate::common::wait_for("both to be moved", PATIENCE, || {
        (dovecot.seen_and_unseen("Done") == (2, 0) && dovecot.seen_and_unseen("") == left).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_mails_are_refused_each_with_its_reason() {
    let folder = folder();
    let dovecot = Dovecot::start(folder.path());
    let good = answer("1", "ack mine");
    let now = Timestamp::now();
    let right = id("alice@example.org", now);
    let last = right.rfind('@').expect("an id has one") - 1;
    let mut flipped = right.clone();
    flipped.replace_range(last..=last, if &right[last..=last] == "0" { "1" } else { "0" });
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let answered = id("alice@example.org", now);
    let old = id("alice@example.org", now - Duration::from_secs(8 * 86_400));
    let with_id = |id: &str| {
        good.lines()
            .map(|line| {
                let line = if line.starts_with("In-Reply-To: ") {
                    format!("In-Reply-To: {id}")
                } else {
                    line.to_owned()
                };
                format!("{line}\r\n")
            })
            .collect::<String>()
    };
    let cases = [
        (with_id("<x@example.org>"), "answers no mail of Watchbell"),
        (with_id(&flipped), "forged"),
        (with_id(&answered.replace(".42.", ".43.")), "forged"),
        (with_id(&id("bob@example.org", now)), "forged"),
        (with_id(&old), "older than 7 days"),
        (replaced("From: Alice <alice@example.org>", "From: mallory@evil.org"), "forged"),
        (
            replaced("From: Alice <alice@example.org>", "From: alice@example.org, mallory@evil.org"),
            "several addresses",
        ),
        (replaced("From: Alice <", "From: \"alice@example.org\" <mallory@evil.org>\r\nX: <"), "forged"),
        (
            replaced(
                "From: Alice <",
                "From: =?utf-8?q?x=0D=0AFrom:_alice=40example=2Eorg?= <m@evil.org>\r\nX: <",
            ),
            "forged",
        ),
        (replaced("Subject:", "Auto-Submitted: auto-replied\r\nSubject:"), "a program sent it"),
        (replaced("Subject:", "Precedence: bulk\r\nSubject:"), "Precedence"),
        ("\r\n\r\nack\r\n".to_owned(), "not whom it is from"),
        ("\u{0}\u{1}\u{ff}MIME\r\n--x\r\nContent-Type: multipart/mixed".to_owned(), "not whom it is from"),
    ];
    let mut office = Office::open(dovecot.settings());
    for (mail, expected) in &cases {
        dovecot.deliver("alice@example.org", mail.as_bytes());
        let reason = office.refusal().await.reason;
        assert!(reason.contains(expected), "{reason}, for {mail}");
    }
    // Whoever has no address to send an error to is a mail server.
    dovecot.deliver("", good.as_bytes());
    let reason = office.refusal().await.reason;
    assert!(reason.contains("bounce"), "{reason}");
    dovecot.wait_until_seen(cases.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_mails_are_put_away_in_bounded_steps_and_an_answer_behind_them_counts() {
    let folder = folder();
    let dovecot = Dovecot::start(folder.path());
    let bombs = (0..10_000).map(|n| format!("From: bomb{n}@evil.org\r\nSubject: {n}\r\n\r\nack\r\n"));
    dovecot.flood(bombs.chain([answer("1", "ack looking")]));
    let mut office = Office::open(dovecot.settings());
    let (mut refusals, mut counted) = (0, 0);
    let answer = loop {
        let post = office.next().await;
        post.kept.send(()).expect("somebody waits");
        match post.input {
            Input::MailAnswer(answer) => break answer,
            Input::MailRefused(refused) if refused.from == "90 more mails" => counted += 90,
            Input::MailRefused(_) => refusals += 1,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(answer.id, "1@her.host");
    assert_eq!((refusals, counted), (1000, 9000), "ten of each hundred are told by name");
    dovecot.wait_until_seen(10_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_of_50_mb_is_not_fetched_and_its_writer_hears_so() {
    let folder = folder();
    let dovecot = Dovecot::start(folder.path());
    let mut huge = answer("1", "ack looking");
    huge.extend(std::iter::repeat_n("0123456789abcdef0123456789abcdef0123456789abcdef\r\n", 1_000_000));
    dovecot.flood(std::iter::once(huge));
    let mut office = Office::open(dovecot.settings());
    let answer = office.answer().await;
    assert!(
        answer.text.as_ref().is_err_and(|reason| reason.contains("larger than 1 MiB")),
        "{:?}",
        answer.text
    );
    dovecot.wait_until_seen(1);
    office.close();
    // Dovecot says at the end of a session how much of mails it has sent.
    let sent = crate::common::wait_for("the end of the session", PATIENCE, || {
        let log = dovecot.log();
        let line = log.lines().find(|line| line.contains("imap(bell)") && line.contains(" out="))?.to_owned();
        line.split(" out=").nth(1)?.split(' ').next()?.parse::<u64>().ok()
    });
    assert!(sent < 20_000, "{sent} bytes were sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_and_comes_is_read_again() {
    let folder = folder();
    let mut dovecot = Dovecot::start(folder.path());
    let mut office = Office::open(dovecot.settings());
    dovecot.deliver("alice@example.org", answer("1", "ack looking").as_bytes());
    assert_eq!(office.answer().await.id, "1@her.host");
    dovecot.wait_until_seen(1);
    dovecot.restart();
    dovecot.deliver("alice@example.org", answer("2", "unack").as_bytes());
    assert_eq!(office.answer().await.id, "2@her.host");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_trusted_or_does_not_know_us_is_told_nothing() {
    let folder = folder();
    let dovecot = Dovecot::start(folder.path());
    let stranger = Authority::new(folder.path(), "stranger");
    let port = closed_port();
    let right = dovecot.settings();
    let mut wrong_password = right.clone();
    wrong_password.login.password = "another-p4ssw0rd".into();
    for (settings, is_login) in [
        (MailboxSettings { ca_file: Some(stranger.ca_file), ..right.clone() }, false),
        (MailboxSettings { ca_file: None, ..right.clone() }, false),
        (MailboxSettings { server_name: Some("mail.example.org".to_owned()), ..right.clone() }, false),
        (MailboxSettings { port: port.local_addr().expect("it is bound").port(), ..right.clone() }, false),
        (wrong_password, true),
    ] {
        let before = dovecot.log().lines().count();
        let office = Office::open(settings.clone());
        // What ended before may be written down only now; a login that failed is its own.
        let sign = if is_login { "auth failed" } else { "imap-login" };
        crate::common::wait_for("a try", PATIENCE, || {
            let tried = dovecot.log().lines().skip(before).any(|line| line.contains(sign));
            (tried || settings.port != dovecot.port).then_some(())
        });
        let log = dovecot.log();
        let new: Vec<&str> = log.lines().skip(before).filter(|line| line.contains("imap-login")).collect();
        assert!(!new.iter().any(|line| line.contains("Login: user=<bell>")), "{new:?}");
        assert_eq!(new.iter().any(|line| line.contains("auth failed")), is_login, "{new:?}");
        assert!(!format!("{settings:?}").contains(PASSWORD));
        office.close();
    }
}
