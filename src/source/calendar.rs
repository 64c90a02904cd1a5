//! Calendars of schedules: read from files and servers at the start and every hour.
//!
//! Promises: a calendar is handed over when it has changed, and why it cannot be read when that
//! has changed; what failed is tried again before it is told; no word of an address is shown.
//! Never: understands a calendar; the engine does.

use crate::config::{ScheduleSettings, ScheduleSource};
use crate::model::Input;
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
    client: Client,
    schedules: Vec<ScheduleSettings>,
    /// What was handed over last, by the schedule's name.
    known: BTreeMap<String, Read>,
    inputs: mpsc::Sender<Input>,
}

impl Calendars {
    /// The calendars of these schedules; `None` if no schedule has one.
    ///
    /// Errors: the system's certificates cannot be used.
    pub fn of<'a>(
        schedules: impl Iterator<Item = &'a ScheduleSettings>,
        inputs: mpsc::Sender<Input>,
    ) -> Result<Option<Calendars>, ClientError> {
        let has_calendar =
            |schedule: &&ScheduleSettings| !matches!(schedule.source, ScheduleSource::Layers(_));
        let schedules: Vec<ScheduleSettings> = schedules.filter(has_calendar).cloned().collect();
        if schedules.is_empty() {
            return Ok(None);
        }
        let tls = tls::client_config(None).map_err(|error| ClientError(error.to_string()))?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(Policy::none())
            .timeout(ANSWERS_WITHIN)
            .user_agent(concat!("watchbell/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ClientError(error.to_string()))?;
        Ok(Some(Calendars { client, schedules, known: BTreeMap::new(), inputs }))
    }

    /// Runs until nobody listens any more.
    pub async fn run(&mut self) {
        loop {
            for schedule in self.schedules.clone() {
                let read = self.read(&schedule.source).await;
                if self.known.get(&schedule.name) == Some(&read) {
                    continue;
                }
                self.known.insert(schedule.name.clone(), read.clone());
                if self.inputs.send(Input::Calendar { schedule: schedule.name, read }).await.is_err() {
                    return;
                }
            }
            sleep(EVERY).await;
        }
    }

    /// Reads one, several times where that fails.
    async fn read(&self, source: &ScheduleSource) -> Read {
        let mut read = self.read_once(source).await;
        for wait in AGAIN {
            if read.is_ok() {
                break;
            }
            sleep(*wait).await;
            read = self.read_once(source).await;
        }
        read
    }

    async fn read_once(&self, source: &ScheduleSource) -> Read {
        match source {
            ScheduleSource::Layers(_) => Err("it has layers".to_owned()),
            ScheduleSource::IcalFile(file) => from_file(file).await,
            ScheduleSource::IcalUrl(url) => self.fetched(url).await,
        }
    }

    async fn fetched(&self, url: &SecretString) -> Read {
        let words = |error: reqwest::Error| format!("the server did not send it: {}", error.without_url());
        let answer = self.client.get(url.expose_secret()).send().await.map_err(words)?;
        if !answer.status().is_success() {
            return Err(format!("the server answered {}", answer.status()));
        }
        let mut body = answer.bytes_stream();
        let mut text = Vec::new();
        while let Some(bytes) = body.next().await {
            text.extend_from_slice(&bytes.map_err(words)?);
            if text.len() > LONGEST {
                return Err(format!("the server sends more than {LONGEST} bytes"));
            }
        }
        as_text(text)
    }
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
