//! Calendars of schedules: read from files and servers at the start and every hour.
//!
//! Promises: a calendar is handed over when it has changed, and why it cannot be read when that
//! has changed; what failed is tried again before it is told; no word of an address is shown.
//! Never: understands a calendar; the engine does.

use crate::config::{ScheduleSettings, ScheduleSource};
use crate::model::Input;
use crate::source::deepest;
use crate::tls;
use futures_util::StreamExt;
use reqwest::Client;
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// How often calendars are read.
const EVERY: Duration = Duration::from_secs(3600);
/// How long after one that failed it is tried again.
const AGAIN: &[Duration] = &[Duration::from_secs(5), Duration::from_secs(25)];
/// How long a server may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// How long a calendar may be, in bytes.
const LONGEST: usize = 4 << 20;

/// What came of reading a calendar: its text, or why there is none.
type Read = Result<Arc<str>, String>;

/// Why no calendar of a server can be read.
#[derive(Debug, thiserror::Error)]
#[error("calendars cannot be read from servers: {0}")]
pub struct ClientError(String);

/// Reads the calendars of all schedules that have one.
pub struct Calendars {
    /// Each with what asks its server, where it has one.
    schedules: Vec<(ScheduleSettings, Option<Client>)>,
    /// What was handed over last, by the schedule's name.
    known: BTreeMap<String, Read>,
    inputs: mpsc::Sender<Input>,
}

impl Calendars {
    /// The calendars of these schedules; `None` if no schedule has one.
    ///
    /// Errors: the certificates to trust cannot be used.
    pub fn of<'a>(
        schedules: impl Iterator<Item = &'a ScheduleSettings>,
        inputs: mpsc::Sender<Input>,
    ) -> Result<Option<Calendars>, ClientError> {
        let mut with_calendar = Vec::new();
        for schedule in schedules {
            let client = match &schedule.source {
                ScheduleSource::Layers(_) => continue,
                ScheduleSource::IcalFile(_) => None,
                ScheduleSource::IcalUrl { ca_file, .. } => Some(client(ca_file.as_deref())?),
            };
            with_calendar.push((schedule.clone(), client));
        }
        let calendars = Calendars { schedules: with_calendar, known: BTreeMap::new(), inputs };
        Ok((!calendars.schedules.is_empty()).then_some(calendars))
    }

    /// Runs until nobody listens any more.
    pub async fn run(&mut self) {
        loop {
            for (schedule, client) in &self.schedules {
                let read = read(&schedule.source, client.as_ref()).await;
                if self.known.get(&schedule.name) == Some(&read) {
                    continue;
                }
                self.known.insert(schedule.name.clone(), read.clone());
                let input = Input::Calendar { schedule: schedule.name.clone(), read };
                if self.inputs.send(input).await.is_err() {
                    return;
                }
            }
            sleep(EVERY).await;
        }
    }
}

/// What asks a server that one of these CAs has signed.
fn client(ca_file: Option<&Path>) -> Result<Client, ClientError> {
    let tls = tls::client_config(ca_file).map_err(|error| ClientError(error.to_string()))?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(Policy::none())
        .timeout(ANSWERS_WITHIN)
        .user_agent(concat!("watchbell/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| ClientError(error.to_string()))
}

/// Reads one, several times where that fails.
async fn read(source: &ScheduleSource, client: Option<&Client>) -> Read {
    let mut read = read_once(source, client).await;
    for wait in AGAIN {
        if read.is_ok() {
            break;
        }
        sleep(*wait).await;
        read = read_once(source, client).await;
    }
    read
}

async fn read_once(source: &ScheduleSource, client: Option<&Client>) -> Read {
    match (source, client) {
        (ScheduleSource::IcalFile(file), _) => from_file(file).await,
        (ScheduleSource::IcalUrl { url, .. }, Some(client)) => from_server(client, url).await,
        _ => Err("it has no calendar".to_owned()),
    }
}

async fn from_server(client: &Client, url: &SecretString) -> Read {
    let answer = client.get(url.expose_secret()).send().await.map_err(unsent)?;
    if !answer.status().is_success() {
        return Err(format!("the server answered {}", answer.status()));
    }
    let mut body = answer.bytes_stream();
    let mut text = Vec::new();
    while let Some(bytes) = body.next().await {
        text.extend_from_slice(&bytes.map_err(unsent)?);
        if text.len() > LONGEST {
            return Err(format!("the server sends more than {LONGEST} bytes"));
        }
    }
    as_text(text)
}

/// Why a server did not send it: the cause behind all others, which knows no address.
fn unsent(error: reqwest::Error) -> String {
    let cause = deepest(&error.without_url());
    let remedy = match cause.contains("UnknownIssuer") {
        true => "; set `ical_ca_file` to the PEM of the CA that signed the server's certificate",
        false => "",
    };
    format!("the server did not send it: {cause}{remedy}")
}

async fn from_file(file: &Path) -> Read {
    let words = |error: std::io::Error| format!("cannot read {}: {error}", file.display());
    let length = tokio::fs::metadata(file).await.map_err(words)?.len();
    if length > LONGEST as u64 {
        return Err(format!("{} is longer than {LONGEST} bytes", file.display()));
    }
    as_text(tokio::fs::read(file).await.map_err(words)?)
}

fn as_text(bytes: Vec<u8>) -> Read {
    String::from_utf8(bytes)
        .map(Arc::from)
        .map_err(|error| format!("it is no UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    #[tokio::test]
    async fn a_server_whose_certificate_nobody_we_trust_has_signed_is_told_with_its_remedy() {
        tls::install_provider();
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
        let server = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .expect("a certificate and its key");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await?;
            TlsAcceptor::from(Arc::new(server)).accept(stream).await.map(drop)
        });
        let url = SecretString::from(format!("https://localhost:{port}/secret-token.ics"));
        let source = ScheduleSource::IcalUrl { url, ca_file: None };
        let client = client(None).expect("there are certificates");
        let error = read_once(&source, Some(&client)).await.expect_err("it is not believed");
        assert!(error.contains("UnknownIssuer; set `ical_ca_file`"), "{error}");
        assert!(!error.contains("secret"), "{error}");
        assert!(serving.await.expect("no panic").is_err(), "we hung up");
    }
}
