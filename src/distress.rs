//! Telling people that the database cannot be written: the one message that goes past it.
//!
//! Promises: when nothing could be kept for a while, and so nothing sent, the default target
//! hears of it, once, and again when it works. Never: keeps anything, or tries twice; the
//! log has all of it.
//! After a crash in between, the next start finds the disk as it is.

use crate::clock;
use crate::config::Config;
use crate::model::Delivery;
use crate::router;
use crate::sink::Sink;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long it must have failed. What is over sooner only made messages late.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a sink may take; none takes longer.
const SEND_WITHIN: Duration = Duration::from_secs(60);

/// Who tells it.
pub struct Distress {
    /// Why nothing can be kept now.
    pub trouble: watch::Receiver<Option<String>>,
    /// Who is to hear it.
    pub config: Arc<Config>,
    /// The ways out, by their names.
    pub sinks: BTreeMap<String, Arc<dyn Sink>>,
}

impl Distress {
    /// Tells of every lasting trouble of the writer, until the writer has ended.
    pub async fn tell(&mut self) {
        while let Some(reason) = lasting(&mut self.trouble).await {
            let words = format!("nothing can be kept or sent, for the database cannot be written: {reason}");
            send(&self.config, &self.sinks, &words).await;
            if self.trouble.wait_for(Option::is_none).await.is_err() {
                return;
            }
            let words = "the database can be written again; nothing was lost, and what waited is sent now";
            send(&self.config, &self.sinks, words).await;
        }
    }
}

/// Waits for trouble that does not pass by itself; `None` when there will be none.
async fn lasting(trouble: &mut watch::Receiver<Option<String>>) -> Option<String> {
    loop {
        let reason = trouble.wait_for(Option::is_some).await.ok()?.clone();
        match tokio::time::timeout(PATIENCE, trouble.wait_for(Option::is_none)).await {
            Err(_) => return reason,
            Ok(Err(_)) => return None,
            Ok(Ok(_)) => {}
        }
    }
}

async fn send(config: &Config, sinks: &BTreeMap<String, Arc<dyn Sink>>, words: &str) {
    for delivery in router::notice(config, "the database", words, clock::now()) {
        let Some(sink) = sinks.get(&delivery.sink) else { continue };
        if let Err(reason) = send_one(&**sink, &delivery).await {
            tracing::error!(sink = %delivery.sink, "cannot tell that the database is in trouble: {reason}");
        }
    }
}

async fn send_one(sink: &dyn Sink, delivery: &Delivery) -> Result<(), String> {
    let sending = tokio::time::timeout(SEND_WITHIN, sink.send(delivery));
    let sent = sending.await.map_err(|_| format!("no answer within {SEND_WITHIN:?}"))?;
    sent.map(drop).map_err(|error| error.to_string())
}
