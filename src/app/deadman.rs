//! A service outside hears that all is well, and raises the alarm when it does not.
//!
//! Promises: it hears so only while the auditor's last look is fresh and found nothing;
//! no word of its address is shown. Never: keeps anybody waiting.

use super::auditor::Report;
use crate::config::Deadman;
use crate::tls;
use anyhow::Context;
use reqwest::Client;
use secrecy::ExposeSecret;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How long the service may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// A look that is older says nothing of now.
const FRESH: Duration = Duration::from_secs(180);

/// Tells the service.
pub(super) struct Pings {
    client: Client,
    settings: Deadman,
    report: watch::Receiver<Option<Report>>,
    /// Whether the last one failed, which is told once.
    failing: bool,
}

impl Pings {
    /// Errors: the system's certificates cannot be used.
    pub(super) fn new(settings: Deadman, report: watch::Receiver<Option<Report>>) -> anyhow::Result<Pings> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config(None)?)
            .no_proxy()
            .timeout(ANSWERS_WITHIN)
            .user_agent(concat!("watchbell/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("[deadman]")?;
        Ok(Pings { client, settings, report, failing: false })
    }

    /// Runs for ever.
    pub(super) async fn run(&mut self) {
        loop {
            if is_well(self.report.borrow().as_ref(), Instant::now()) {
                self.ping().await;
            }
            sleep(self.settings.every).await;
        }
    }

    async fn ping(&mut self) {
        let asked = self.client.get(self.settings.url.expose_secret()).send().await;
        let failed = match asked.and_then(reqwest::Response::error_for_status) {
            Ok(_) => None,
            Err(error) => Some(error.without_url()),
        };
        if let Some(error) = failed.as_ref().filter(|_| !self.failing) {
            tracing::warn!("[deadman] the service outside did not hear that all is well: {error}");
        }
        self.failing = failed.is_some();
    }
}

/// Whether all is well; not before the first look.
fn is_well(report: Option<&Report>, now: Instant) -> bool {
    report.is_some_and(|report| report.faults.is_empty() && now.duration_since(report.at) < FRESH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn all_is_well_while_a_fresh_look_found_nothing() {
        let now = Instant::now() + Duration::from_secs(3600);
        let report = |age: u64, faults: &[&str]| {
            let faults = faults.iter().map(|what| ((*what).to_owned(), String::new()));
            let at = now - Duration::from_secs(age);
            let faults = faults.collect::<BTreeMap<_, _>>();
            Report { at, since: at, faults, queues: Vec::new(), dead: 0 }
        };
        let cases = [
            (None, false),
            (Some(report(0, &[])), true),
            (Some(report(60, &[])), true),
            (Some(report(181, &[])), false),
            (Some(report(0, &["the database"])), false),
        ];
        for (report, well) in cases {
            assert_eq!(is_well(report.as_ref(), now), well, "{report:?}");
        }
    }
}
