//! Mail, handed to a real mail server and read by another's parser.

use crate::common::certificates::Authority;
use crate::common::closed_port;
use crate::common::deliveries::finished as delivery;
use crate::common::smtp::{Smtp, SmtpOptions, SmtpTls};
use secrecy::SecretString;
use std::time::Duration;
use tempfile::TempDir;
use watchbell::config::{EmailSettings, EmailTls, Sasl};
use watchbell::model::Delivery;
use watchbell::sink::email::Email;
use watchbell::sink::{Receipt, SendError, Sink};

const CANARY: &str = "c4n4ry-p4ssw0rd";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Settings that fit a server with the default options.
fn settings(server: &Smtp) -> EmailSettings {
    EmailSettings {
        host: "localhost".to_owned(),
        port: server.port,
        tls: EmailTls::StartTls,
        ca_file: Some(server.ca_file.clone()),
        server_name: None,
        from: "Wächter <bell@example.org>".parse().expect("a mailbox"),
        login: None,
        reply_key: None,
    }
}

fn email(settings: &EmailSettings) -> Email {
    Email::new("mail", settings).expect("settings that work")
}

async fn send(email: &Email, delivery: &Delivery) -> Result<Receipt, SendError> {
    email.send(delivery).await
}

/// The reason of an error that may pass; panics for all others.
fn retried(result: Result<Receipt, SendError>) -> String {
    match result {
        Err(SendError::Retry { reason, .. } | SendError::PutOff { reason, .. }) => reason,
        other => panic!("not to be tried again: {other:?}"),
    }
}

/// The reason of a final error; panics for all others.
fn rejected(result: Result<Receipt, SendError>) -> String {
    match result {
        Err(SendError::Rejected(reason)) => reason,
        other => panic!("not final: {other:?}"),
    }
}

#[tokio::test]
async fn text_and_html_arrive_through_starttls_and_the_receipt_is_the_servers() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions::default());
    let mut delivery = delivery("alice@example.org", "db1 is down\nsince 12:30");
    delivery.message.html = Some("<p>db1 is <b>down</b></p>".to_owned());

    let receipt = send(&email(&settings(&server)), &delivery).await;

    assert_eq!(receipt, Ok(Receipt("250 2.0.0 kept as 1".to_owned())));
    let mail = server.wait_for_mail("db1 is down");
    assert!(mail.encrypted);
    assert_eq!(
        (mail.sender.as_str(), mail.recipients.as_slice()),
        ("bell@example.org", &["alice@example.org".to_owned()][..])
    );
    assert_eq!(mail.text.as_deref().map(str::trim_end), Some("db1 is down\nsince 12:30"));
    assert_eq!(mail.html.as_deref().map(str::trim_end), Some("<p>db1 is <b>down</b></p>"));
    for (name, value) in [
        ("From", "Wächter <bell@example.org>"),
        ("To", "alice@example.org"),
        ("Subject", "db1!postgres is CRITICAL"),
        ("Date", "Sun, 01 Mar 2026 12:34:56 +0000"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Watchbell-Target", "ops"),
        ("X-Watchbell-Event", "StateChange"),
        ("X-Watchbell-Incident", "42"),
        ("X-Watchbell-Object", "db1!postgres"),
        ("X-Watchbell-Rule", "50-route.rhai:3 all problems"),
    ] {
        assert_eq!(mail.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn a_delivery_without_html_and_subject_is_a_plain_letter() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions::default());
    let mut delivery = delivery("alice@example.org", "\nfirst line\nsecond line");
    delivery.message.subject = None;

    send(&email(&settings(&server)), &delivery).await.expect("it is taken");

    let mail = server.wait_for_mail("second line");
    assert_eq!(mail.html, None);
    assert_eq!(mail.header("Subject"), "first line");
}

#[tokio::test]
async fn implicit_tls_a_login_and_another_server_name_work() {
    let folder = folder();
    let options = SmtpOptions {
        tls: SmtpTls::Implicit,
        name: "mail.example.org",
        login: Some(("bell", CANARY)),
        ..SmtpOptions::default()
    };
    let server = Smtp::start(folder.path(), options);
    let settings = EmailSettings {
        tls: EmailTls::Implicit,
        server_name: Some("mail.example.org".to_owned()),
        login: Some(Sasl { user: "bell".to_owned(), password: SecretString::from(CANARY) }),
        ..settings(&server)
    };

    send(&email(&settings), &delivery("alice@example.org", "hello")).await.expect("it is taken");

    assert!(server.wait_for_mail("hello").encrypted);
    assert_eq!(server.log().iter().filter(|line| *line == "AUTH").count(), 1);
}

#[tokio::test]
async fn without_tls_a_local_server_is_served() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions { tls: SmtpTls::Off, ..SmtpOptions::default() });
    let settings = EmailSettings { tls: EmailTls::Off, ..settings(&server) };

    send(&email(&settings), &delivery("alice@example.org", "hello")).await.expect("it is taken");

    assert!(!server.wait_for_mail("hello").encrypted);
}

#[tokio::test]
async fn deliveries_of_one_incident_share_a_thread_and_others_do_not() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions::default());
    let email = email(&settings(&server));
    for (key, thread) in [("a", "incident-42"), ("b", "incident-42"), ("c", "incident-43")] {
        let mut delivery = delivery("alice@example.org", "hello");
        delivery.key = key.to_owned();
        delivery.message.thread = Some(thread.to_owned());
        send(&email, &delivery).await.expect("it is taken");
    }

    let mails = server.mails();

    let all = |name: &str| mails.iter().map(|mail| mail.header(name).to_owned()).collect::<Vec<_>>();
    let (ids, roots) = (all("Message-ID"), all("References"));
    assert_eq!(all("In-Reply-To"), roots);
    assert_eq!(roots[0], roots[1]);
    assert_ne!(roots[1], roots[2]);
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && !ids.contains(&roots[0]), "{ids:?} {roots:?}");
}

#[tokio::test]
async fn hostile_text_injects_no_header_and_no_recipient() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions::default());
    let email = email(&settings(&server));
    let hostile = "x\r\nBcc: eve@example.org\r\n\r\n.\r\nMAIL FROM:<eve@example.org>\r\n\0\x1b[2J";
    let mut delivery = delivery("alice@example.org", hostile);
    delivery.message.subject = Some(hostile.to_owned());
    delivery.message.html = Some(hostile.to_owned());
    delivery.message.thread = Some(hostile.to_owned());
    for field in [
        &mut delivery.key,
        &mut delivery.target,
        &mut delivery.event,
        &mut delivery.object,
        &mut delivery.rule,
    ] {
        *field = hostile.to_owned();
    }

    send(&email, &delivery).await.expect("it is taken");
    let other = Delivery { recipient: format!("alice@example.org{hostile}"), ..delivery };
    let reason = rejected(send(&email, &other).await);

    assert!(reason.contains("no mail address"), "{reason}");
    let [mail] = &server.mails()[..] else {
        panic!("not one mail but {}", server.mails().len());
    };
    assert_eq!(mail.recipients, ["alice@example.org"]);
    assert_eq!(mail.headers.len(), 15, "{:?}", mail.headers);
    assert_eq!(mail.count("Bcc"), 0);
    assert_eq!(
        mail.text.as_deref().map(str::trim_end),
        Some("x\nBcc: eve@example.org\n\n.\nMAIL FROM:<eve@example.org>\n␀␛[2J")
    );
    assert_eq!(mail.header("Subject"), "x Bcc: eve@example.org . MAIL FROM:<eve@example.org> ␀␛[2J");
}

#[tokio::test]
async fn any_body_arrives_as_it_was_even_where_the_server_takes_seven_bits_only() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions { eight_bit: false, ..SmtpOptions::default() });
    let email = email(&settings(&server));
    let long = "0123456789".repeat(200);
    for text in [
        ".\n.\n..\n.dot".to_owned(),
        format!("{long}\nend"),
        format!("ümläüte ÄÖÜß 漢字 🔔\n{long}ß\n.\n"),
        "trailing space \n\ttab\t\nFrom the start =20 =\n".to_owned(),
        "ß".repeat(3000),
    ] {
        send(&email, &delivery("alice@example.org", &text)).await.expect("it is taken");

        let mail = server.mails().pop().expect("a mail");
        assert!(mail.raw.is_ascii());
        assert!(mail.raw.lines().all(|line| line.len() <= 998));
        assert_eq!(
            mail.text.as_deref().map(|got| got.trim_end_matches('\n')),
            Some(text.trim_end_matches('\n'))
        );
    }
}

#[tokio::test]
async fn where_starttls_is_stripped_nothing_is_sent() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions { tls: SmtpTls::Off, ..SmtpOptions::default() });
    let settings = EmailSettings {
        login: Some(Sasl { user: "bell".to_owned(), password: SecretString::from(CANARY) }),
        ..settings(&server)
    };

    let reason = retried(send(&email(&settings), &delivery("alice@example.org", "hello")).await);

    assert!(reason.contains("no STARTTLS"), "{reason}");
    assert_eq!(server.log(), ["EHLO"]);
}

#[tokio::test]
async fn another_ca_and_another_name_are_refused_with_a_remedy() {
    for (tls, server_tls) in
        [(EmailTls::StartTls, SmtpTls::StartTls), (EmailTls::Implicit, SmtpTls::Implicit)]
    {
        let folder = folder();
        let server = Smtp::start(folder.path(), SmtpOptions { tls: server_tls, ..SmtpOptions::default() });
        let right = EmailSettings { tls, ..settings(&server) };
        let stranger = Authority::new(folder.path(), "stranger");
        let other_ca = EmailSettings { ca_file: Some(stranger.ca_file), ..right.clone() };
        let other_name = EmailSettings { server_name: Some("mail.example.org".to_owned()), ..right.clone() };
        let system = EmailSettings { ca_file: None, ..right.clone() };
        let hello = delivery("alice@example.org", "hello");

        for (wrong, remedy) in
            [(other_ca, "set `ca_file`"), (other_name, "mail.example.org"), (system, "certificate")]
        {
            let reason = retried(send(&email(&wrong), &hello).await);
            assert!(reason.contains(remedy), "{reason}");
        }
        assert_eq!(server.mails().len(), 0);
        assert!(!server.log().iter().any(|line| line.starts_with("MAIL")), "{:?}", server.log());
        send(&email(&right), &hello).await.expect("the right settings work");
    }
}

#[tokio::test]
async fn a_refusal_for_now_is_tried_again_and_a_final_one_is_not() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions::default());
    let email = email(&settings(&server));
    let to = |who: &str| delivery(&format!("{who}@example.org"), "hello");

    let greylisted = retried(send(&email, &to("greylisted")).await);
    let overfull = retried(send(&email, &to("overfull")).await);
    let nobody = rejected(send(&email, &to("nobody")).await);
    let spam = rejected(send(&email, &to("spam")).await);

    assert!(greylisted.contains("451 4.7.1 come back in five minutes"), "{greylisted}");
    assert!(overfull.contains("451 4.3.1 the disk is full"), "{overfull}");
    assert!(nobody.contains("550 5.1.1 there is nobody of that name"), "{nobody}");
    assert!(spam.contains("554 5.7.1 this is spam"), "{spam}");
    assert_eq!(server.mails().len(), 0);
    send(&email, &to("greylisted")).await.expect("the second time it is taken");
}

#[tokio::test]
async fn a_server_that_falls_silent_after_the_text_is_tried_again_with_the_same_message_id() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions::default());
    let mut email = email(&settings(&server));
    // Long enough to reach the end of the text on a busy machine.
    email.deadline = Duration::from_secs(4);
    let delivery = delivery("swallowed@example.org", "hello");

    let reason = retried(send(&email, &delivery).await);
    assert!(reason.contains("did not answer within 4s"), "{reason}");
    send(&email, &delivery).await.expect("the second time it is taken");

    let ids: Vec<String> = server.mails().iter().map(|mail| mail.header("Message-ID").to_owned()).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(server.log().last().map(String::as_str), Some("DATA"));
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions::default());
    let held = closed_port();
    let port = held.local_addr().expect("a bound socket has an address").port();
    let settings = EmailSettings { port, ..settings(&server) };

    let reason = retried(send(&email(&settings), &delivery("alice@example.org", "hello")).await);

    assert!(reason.contains(&format!("mail server localhost:{port}: cannot connect")), "{reason}");
}

#[tokio::test]
async fn a_wrong_password_is_told_but_never_printed() {
    let folder = folder();
    let options = SmtpOptions { login: Some(("bell", "another")), ..SmtpOptions::default() };
    let server = Smtp::start(folder.path(), options);
    let settings = EmailSettings {
        login: Some(Sasl { user: "bell".to_owned(), password: SecretString::from(CANARY) }),
        ..settings(&server)
    };

    let result = send(&email(&settings), &delivery("alice@example.org", "hello")).await;

    let printed = format!("{settings:?} {result:?}");
    let reason = retried(result);
    assert!(reason.contains("login as `bell` failed") && reason.contains("535"), "{reason}");
    for secret in [CANARY, "c4n4ry", "YzRuNHJ5"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert_eq!(server.mails().len(), 0);
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_an_error_at_the_start() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions::default());
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("the folder can be written");
    let settings = EmailSettings { ca_file: Some(empty), ..settings(&server) };

    let error = Email::new("mail", &settings).err().expect("it holds no certificate").to_string();

    assert!(error.contains("sink `mail`") && error.contains("empty.pem"), "{error}");
}
