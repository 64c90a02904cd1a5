//! Mail servers that fail in the middle: through the real worker, each letter is taken
//! in the end, or dead with a reason.

use crate::common::deliveries::delivery;
use crate::common::smtp::{Smtp, SmtpOptions, SmtpTls};
use crate::outage::outages;
use crate::outbox::{FAST, LONG, Office, folder, past};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use watchbell::config::{EmailSettings, EmailTls};
use watchbell::model::Delivery;
use watchbell::outbox::BackoffPolicy;
use watchbell::sink::email::Email;
use watchbell::store::Store;

/// A mail sink that asks for no TLS of a server on this machine.
fn email(port: u16) -> Email {
    let settings = EmailSettings {
        host: "127.0.0.1".to_owned(),
        port,
        tls: EmailTls::Off,
        ca_file: None,
        server_name: None,
        from: "bell@example.org".parse().expect("a mailbox"),
        login: None,
        reply_key: None,
    };
    Email::new("mail", &settings).expect("settings that work")
}

fn letter(key: &str, to: &str) -> Delivery {
    let recipient = format!("{to}@example.org");
    Delivery { sink: "mail".to_owned(), recipient, ..delivery(key, "db1") }
}

/// Waits until nothing waits for the mail sink.
async fn done(office: &Office) {
    let waits = async {
        while office.store.next_due("mail").expect("it can be read").is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, waits).await.expect("every letter ends");
}

fn fates(office: &Office) -> Vec<(String, String)> {
    let kept = past(&office.store, "db1").into_iter().rev();
    kept.map(|past| (past.delivery.recipient, past.status)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_recipient_of_five_keeps_the_other_four_from_nothing() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions { tls: SmtpTls::Off, ..SmtpOptions::default() });
    let mut office = Office::open(folder.path());
    office.employ("mail", email(server.port), FAST);
    let names = ["anne", "ben", "nobody", "greylisted", "eva"];
    office.keep(names.map(|name| letter(name, name))).await;
    done(&office).await;

    let fates = fates(&office);
    let dead: Vec<&str> = fates.iter().filter(|(_, status)| status == "dead").map(|(to, _)| &**to).collect();
    assert_eq!(dead, ["nobody@example.org"]);
    assert_eq!(fates.iter().filter(|(_, status)| status == "sent").count(), 4);
    let heard = office.close().await;
    assert_eq!(heard.len(), 1, "{heard:?}");
    let mut arrived: Vec<String> = server.mails().iter().flat_map(|mail| mail.recipients.clone()).collect();
    arrived.sort();
    let wanted = ["anne", "ben", "eva", "greylisted"].map(|name| format!("{name}@example.org"));
    assert_eq!(arrived, wanted, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn greylisting_of_many_in_a_row_is_no_doubt_about_the_server() {
    let folder = folder();
    let server = Smtp::start(folder.path(), SmtpOptions { tls: SmtpTls::Off, ..SmtpOptions::default() });
    let mut office = Office::open(folder.path());
    // In doubt, or once tried, nothing would go out for an hour.
    let hour = Duration::from_secs(3600);
    let policy = BackoffPolicy { not_ready_least: hour, not_ready_most: hour, probe: hour, ..FAST };
    office.employ("mail", email(server.port), policy);
    let names: Vec<String> = (0..12).map(|n| format!("greylisted{n}")).collect();
    office.keep(names.iter().map(|name| letter(name, name))).await;
    done(&office).await;

    assert!(fates(&office).iter().all(|(_, status)| status == "sent"), "{:?}", fates(&office));
    assert_eq!(server.log().iter().filter(|line| line.starts_with("RCPT")).count(), 24);
    assert_eq!(server.mails().len(), 12, "each once");
    assert!(outages(office).await.is_empty(), "nobody hears that the mail server is down");
}

/// Where a fake server leaves its client.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Shuts with 421 in place of a greeting.
    Shuts,
    /// Closes without a word.
    Nothing,
    /// Closes when the text is to come.
    AfterData,
    /// Closes when the text has come: it may or may not have it.
    AfterTheDot,
    /// Answers the text with 421.
    ShutsAfterTheDot,
    /// Greets late; then all is well.
    Late,
    /// None.
    Fine,
}

/// A fake of a mail server: each connection meets the next fault. Gives back the
/// Message-IDs of all whole texts.
async fn serve(listener: TcpListener, faults: Vec<Fault>) -> Vec<String> {
    let mut ids = Vec::new();
    for fault in faults {
        let (stream, _) = listener.accept().await.expect("a client comes");
        // A client that is left has nothing more to say.
        ids.extend(talk(stream, fault).await.unwrap_or_default());
    }
    ids
}

async fn talk(stream: TcpStream, fault: Fault) -> std::io::Result<Option<String>> {
    let mut stream = BufReader::new(stream);
    match fault {
        Fault::Nothing => return Ok(None),
        Fault::Shuts => {
            stream.write_all(b"421 4.3.2 shutting down\r\n").await?;
            return Ok(None);
        }
        Fault::Late => tokio::time::sleep(Duration::from_secs(1)).await,
        _ => {}
    }
    stream.write_all(b"220 fake\r\n").await?;
    let (mut id, mut in_text, mut line) = (None, false, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(id);
        }
        match line.trim_end() {
            "." if in_text && fault == Fault::AfterTheDot => return Ok(id),
            "." if in_text => {
                in_text = false;
                let bad = fault == Fault::ShutsAfterTheDot;
                let answer = if bad { "421 4.3.2 shutting down\r\n" } else { "250 taken\r\n" };
                stream.write_all(answer.as_bytes()).await?;
            }
            text if in_text => {
                id = id.or(text.strip_prefix("Message-ID: ").map(str::to_owned));
            }
            "DATA" if fault == Fault::AfterData => return Ok(None),
            "DATA" => {
                in_text = true;
                stream.write_all(b"354 go on\r\n").await?;
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n").await.map(|()| id),
            _ => stream.write_all(b"250 fine\r\n").await?,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_server_breaks_off_the_letter_is_taken_in_the_end_under_one_message_id() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let faults = [Fault::Shuts, Fault::AfterData, Fault::AfterTheDot, Fault::ShutsAfterTheDot, Fault::Late];
    let more = [Fault::Nothing, Fault::Fine];
    let server = tokio::spawn(serve(listener, [&faults[..], &more[..]].concat()));
    let mut office = Office::open(folder.path());
    office.employ("mail", email(port), FAST);
    office.keep([letter("first", "anne"), letter("second", "anne")]).await;
    done(&office).await;
    let sent = ("anne@example.org".to_owned(), "sent".to_owned());
    assert_eq!(fates(&office), [sent.clone(), sent]);
    office.close().await;

    let ids = tokio::time::timeout(LONG, server).await.expect("all came").expect("no panic");
    // The first: after the dot, at the 421 and late; the second: at last.
    assert_eq!(ids.len(), 4, "{ids:?}");
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3], "{ids:?}");
}
