//! Calendars of schedules, read from files and servers.

use crate::common::certificates::Authority;
use crate::common::http::{Answer, Http};
use secrecy::SecretString;
use std::time::Duration;
use tokio::sync::mpsc;
use watchbell::config::{ScheduleSettings, ScheduleSource};
use watchbell::model::Input;
use watchbell::source::calendar::Calendars;

/// The calendars of one schedule, and what is handed over.
fn calendars(source: ScheduleSource) -> (Calendars, mpsc::Receiver<Input>) {
    watchbell::tls::install_provider();
    let (inputs, handed) = mpsc::channel(16);
    let settings = ScheduleSettings {
        name: "dba".to_owned(),
        zone: jiff::tz::TimeZone::UTC,
        source,
        gaps_are_meant: false,
    };
    let calendars = Calendars::of([&settings].into_iter(), inputs).expect("there are certificates");
    (calendars.expect("it has a calendar"), handed)
}

async fn next(handed: &mut mpsc::Receiver<Input>) -> Result<String, String> {
    match handed.recv().await {
        Some(Input::Calendar { schedule, read }) if schedule == "dba" => read.map(|text| text.to_string()),
        other => panic!("no calendar: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_at_the_start_and_again_and_handed_over_when_it_has_changed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("dba.ics");
    std::fs::write(&file, "one").expect("it can be written");
    let (mut calendars, mut handed) = calendars(ScheduleSource::IcalFile(file.clone()));
    let reading = tokio::spawn(async move { calendars.run().await });
    assert_eq!(next(&mut handed).await, Ok("one".to_owned()));
    std::fs::write(&file, "two").expect("it can be written");
    assert_eq!(next(&mut handed).await, Ok("two".to_owned()));
    std::fs::remove_file(&file).expect("it is there");
    let error = next(&mut handed).await.expect_err("it is gone");
    assert!(error.contains("dba.ics: No such file"), "{error}");
    std::fs::write(&file, [b'x', 0xff]).expect("it can be written");
    assert_eq!(next(&mut handed).await, Err("it is no UTF-8 from byte 1 on".to_owned()));
    std::fs::write(&file, vec![b'x'; (4 << 20) + 1]).expect("it can be written");
    let error = next(&mut handed).await.expect_err("it is too long");
    assert!(error.contains("is longer than"), "{error}");
    // Nothing changes, so nothing is handed over.
    let silent = tokio::time::timeout(Duration::from_secs(3 * 3600), handed.recv()).await;
    assert!(silent.is_err(), "{silent:?}");
    drop(handed);
    std::fs::write(&file, "three").expect("it can be written");
    reading.await.expect("it ends when nobody listens");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_told_without_its_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let url = SecretString::from(format!("https://127.0.0.1:{port}/secret-token.ics"));
    let (mut calendars, mut handed) = calendars(ScheduleSource::IcalUrl { url, ca_file: None });
    tokio::time::pause();
    let reading = tokio::spawn(async move { calendars.run().await });
    let error = next(&mut handed).await.expect_err("nobody answers");
    assert!(error.starts_with("the server did not send it") && !error.contains("secret"), "{error}");
    reading.abort();
}

#[tokio::test]
async fn a_server_with_a_certificate_of_a_private_ca_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let authority = Authority::new(folder.path(), "calendars");
    let answers = vec![Answer::new(200, "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")];
    let server = Http::start_tls(answers, &authority.issue("localhost")).await;
    let url = SecretString::from(format!("https://localhost:{}/dba.ics?token=x", server.address.port()));
    let source = ScheduleSource::IcalUrl { url, ca_file: Some(authority.ca_file.clone()) };
    let (mut calendars, mut handed) = calendars(source);
    let reading = tokio::spawn(async move { calendars.run().await });
    assert_eq!(next(&mut handed).await, Ok("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".to_owned()));
    assert_eq!(server.requests()[0].line, "GET /dba.ics?token=x HTTP/1.1");
    reading.abort();
}
