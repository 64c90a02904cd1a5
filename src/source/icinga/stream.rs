//! The event stream: subscribing to it and reading it to its end.
//!
//! Owns: the open stream. Promises: reads as fast as Icinga sends and hands whole
//! lines to the buffer; finds out within the silence and a probe that Icinga no
//! longer lives; a line cut by the end of the stream is discarded and counted.
//! Never: decodes, or waits for whoever takes the lines.

use super::buffer::{Full, Read, Writer};
use super::canary::Canary;
use super::client::{Api, IcingaStatus};
use super::heard::Heard;
use super::line::{Framed, Framer};
use super::trouble::{self, ApiError};
use super::{Counters, Limits};
use crate::clock;
use crate::model::EventType;
use crate::patience::within;
use crate::source::deepest;
use reqwest::Response;
use std::collections::BTreeSet;
use std::time::Duration;

/// Those types without which the levels and the object store would go wrong.
const ESSENTIAL: &[EventType] = &[
    EventType::StateChange,
    EventType::Flapping,
    EventType::AcknowledgementSet,
    EventType::AcknowledgementCleared,
    EventType::CommentAdded,
    EventType::CommentRemoved,
    EventType::DowntimeAdded,
    EventType::DowntimeRemoved,
    EventType::DowntimeStarted,
    EventType::DowntimeTriggered,
    EventType::ObjectCreated,
    EventType::ObjectModified,
    EventType::ObjectDeleted,
];

/// What Icinga knows since 2.13.
const SINCE_2_13: &[EventType] =
    &[EventType::ObjectCreated, EventType::ObjectModified, EventType::ObjectDeleted];

/// The types to ask of an Icinga for what the rules ask for.
pub(super) fn wanted(by_rules: &BTreeSet<EventType>) -> BTreeSet<EventType> {
    let by_rules = by_rules.iter().copied().filter(|event_type| event_type.is_icinga());
    by_rules.chain(ESSENTIAL.iter().copied()).collect()
}

/// Takes out, and gives back, what an Icinga of this version does not know. It would
/// accept such a type and stay silent.
pub(super) fn take_unknown(types: &mut BTreeSet<EventType>, version: &str) -> Vec<EventType> {
    if at_least_2_13(version) {
        return Vec::new();
    }
    SINCE_2_13.iter().copied().filter(|event_type| types.remove(event_type)).collect()
}

/// Reads `r2.13.6-1`, `v2.14.0` or `2.11.3`; what cannot be read counts as new.
fn at_least_2_13(version: &str) -> bool {
    let mut numbers = version.trim_start_matches(['r', 'v']).split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (2, 13),
        _ => true,
    }
}

/// An open stream, and the permissions that it lacks.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) response: Response,
    pub(super) lacking: Vec<String>,
}

/// Subscribes to these types, or to those of them that the user may read.
///
/// Icinga refuses a whole request for one type too many and does not say which, so
/// after a refusal each is tried alone. Without `StateChange` there is nothing to do.
pub(super) async fn subscribe(api: &Api, types: &BTreeSet<EventType>) -> Result<Subscription, ApiError> {
    match api.subscribe(types).await {
        Ok(response) => return Ok(Subscription { response, lacking: Vec::new() }),
        Err(error) if error.is_passing() || matches!(error, ApiError::Unauthorized(_)) => return Err(error),
        Err(_) => {}
    }
    let mut allowed = BTreeSet::new();
    let mut lacking = Vec::new();
    for event_type in types {
        match api.subscribe(&BTreeSet::from([*event_type])).await {
            Ok(_) => _ = allowed.insert(*event_type),
            Err(error) if error.is_passing() => return Err(error),
            Err(_) => lacking.push(format!("events/{event_type}")),
        }
    }
    if !allowed.contains(&EventType::StateChange) {
        let user = trouble::login_name(&api.settings.login);
        return Err(ApiError::Forbidden { user, permissions: lacking });
    }
    let response = api.subscribe(&allowed).await?;
    Ok(Subscription { response, lacking })
}

/// Why the reading ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// There is no more; what is buffered is still good.
    Stream(String),
    /// We hung up on purpose; what is buffered goes.
    HungUp(String),
    /// It was open, and the canary did not come back through it.
    Deaf(String),
}

/// The reading of one stream.
pub(super) struct Reading<'a> {
    pub(super) api: &'a Api,
    pub(super) counters: &'a Counters,
    pub(super) heard: &'a Heard,
    pub(super) limits: &'a Limits,
    /// How long the stream may be silent before Icinga is asked.
    pub(super) silence: Duration,
    /// The Icinga that was asked before the stream was opened.
    pub(super) status: Option<&'a IcingaStatus>,
    /// Who shows that a silent stream carries events.
    pub(super) canary: Option<&'a Canary>,
}

impl Reading<'_> {
    /// Reads until the stream ends, dies or must be hung up.
    pub(super) async fn run(&self, mut response: Response, lines: Writer) -> Ended {
        let mut framer = Framer::new(self.limits.line_bytes);
        let mut listening = false;
        let ended = loop {
            let patience = if listening { self.limits.canary } else { self.silence };
            let heard = match within(patience, self.heard.watch(patience, response.chunk())).await {
                Some(chunk) => chunk,
                None if listening => break Ended::Deaf(self.deaf()),
                // Where this process stood still, all that came meanwhile may wait to be read: it
                // is heard before what Icinga answers.
                None => {
                    let asked = clock::lived();
                    tokio::select! {
                        biased;
                        chunk = self.heard.watch(patience, response.chunk()) => chunk,
                        probed = self.probe() => match probed {
                            Ok(sang) => {
                                listening = sang;
                                if !sang {
                                    self.heard.lives(asked);
                                }
                                continue;
                            }
                            Err(reason) => break Ended::Stream(reason),
                        },
                    }
                }
            };
            match heard {
                Ok(Some(bytes)) => {
                    self.heard.came();
                    if std::mem::take(&mut listening) {
                        Counters::add(&self.counters.canaries);
                    }
                    if self.frame(&mut framer, &bytes, &lines).is_err() {
                        break Ended::HungUp(self.full());
                    }
                }
                Ok(None) => {
                    self.heard.came();
                    break Ended::Stream("Icinga ended the event stream".to_owned());
                }
                Err(error) if trouble::is_hang_up(&error) => {
                    self.heard.came();
                    break Ended::Stream("Icinga closed the connection of the event stream".to_owned());
                }
                Err(error) => {
                    let cause = super::fault::words(&deepest(&error));
                    break Ended::Stream(format!("the event stream broke: {cause}"));
                }
            }
        };
        let cut_bytes = framer.finish();
        if cut_bytes > 0 {
            Counters::add(&self.counters.cut_lines);
            tracing::warn!(icinga = %self.api.settings.name, cut_bytes, "the stream ended inside a line, which is discarded");
        }
        ended
    }

    fn frame(&self, framer: &mut Framer, bytes: &[u8], lines: &Writer) -> Result<(), Full> {
        let mut room = Ok(());
        framer.push(bytes, |framed| match framed {
            _ if room.is_err() => {}
            Framed::Line(line) => {
                self.heard.holds();
                room = lines.push(Read::Line(line.to_vec()));
            }
            Framed::Blank => {}
            Framed::TooLong(bytes) => {
                Counters::add(&self.counters.long_lines);
                tracing::warn!(icinga = %self.api.settings.name, bytes, "a line is too long and is skipped");
                self.heard.holds();
                room = lines.push(Read::Skipped);
            }
        });
        room
    }

    fn full(&self) -> String {
        format!(
            "hung up to protect Icinga: {} MiB of events wait to be worked on",
            self.limits.buffer_bytes / (1024 * 1024)
        )
    }

    fn deaf(&self) -> String {
        let patience = self.limits.canary;
        format!(
            "Icinga answers, but its event stream carries nothing: the canary did not come back within {patience:?}"
        )
    }

    /// Has the canary sing, if there is one and Icinga lets it; whether it did.
    async fn sing(&self) -> Result<bool, String> {
        let Some(canary) = self.canary else { return Ok(false) };
        match tokio::time::timeout(self.limits.probe, canary.sing(self.api)).await {
            Err(_) => Err(format!("Icinga was silent and took no result within {:?}", self.limits.probe)),
            Ok(Ok(())) => Ok(true),
            Ok(Err(error)) if error.is_passing() => Err(format!("Icinga was silent, and {error}")),
            Ok(Err(error)) => {
                tracing::warn!(icinga = %self.api.settings.name, "the canary cannot be used: {error}");
                Ok(false)
            }
        }
    }

    /// Asks a silent Icinga whether it lives and is still the same process; then the canary.
    /// Whether the canary is to be heard now.
    async fn probe(&self) -> Result<bool, String> {
        let name = &self.api.settings.name;
        let asked = tokio::time::timeout(self.limits.probe, self.api.status()).await;
        match asked {
            Err(_) => Err(format!("Icinga was silent and did not answer within {:?}", self.limits.probe)),
            Ok(Err(error)) if error.is_passing() => Err(format!("Icinga was silent, and {error}")),
            Ok(Ok(status)) if self.status.is_some_and(|old| old.program_start != status.program_start) => {
                Err("Icinga was silent and has been restarted".to_owned())
            }
            // Icinga answers, even if this user may not know more.
            Ok(Ok(_) | Err(_)) => {
                tracing::debug!(icinga = %name, "a silent Icinga lives");
                self.sing().await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_can_only_add_types_of_icinga() {
        let types = wanted(&BTreeSet::from([EventType::CheckResult, EventType::Gap]));
        assert!(types.contains(&EventType::CheckResult) && !types.contains(&EventType::Gap));
        assert!(ESSENTIAL.iter().all(|event_type| types.contains(event_type)));
    }

    #[test]
    fn old_icingas_are_not_asked_for_what_they_do_not_know() {
        for (version, unknown) in [
            ("r2.13.6-1", 0),
            ("v2.16.0", 0),
            ("r2.12.0-1", 3),
            ("2.11.3", 3),
            ("r3.0.0", 0),
            ("", 0),
            ("r2", 0),
        ] {
            let mut types = wanted(&BTreeSet::new());
            assert_eq!(take_unknown(&mut types, version).len(), unknown, "{version}");
            assert_eq!(types.len(), ESSENTIAL.len() - unknown, "{version}");
        }
    }
}
