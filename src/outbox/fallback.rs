//! Fallbacks: what one target cannot be told goes to another, too.
//!
//! Owns: which deliveries that holds for, and their key. Promises: a delivery goes to
//! the fallback of its target once, however often that is decided: its key comes from
//! the key of the first. The first is tried on. Never: hands over an answer to a
//! command, or what people did in Icinga; only problems, recoveries and what Watchbell
//! itself has to say.

use crate::config::{Config, Fallback, SinkKind};
use crate::model::identity::digest;
use crate::model::words::first_line;
use crate::model::{Attempt, AttemptResult, Delivery, EventType, Message, Tells};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much of a sink's words stands in the message, in characters.
const REASON: usize = 200;

/// The fallbacks of all targets. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Fallbacks {
    of: Arc<BTreeMap<String, Way>>,
}

/// Where the fallback of one target leads.
#[derive(Debug)]
struct Way {
    after: u32,
    target: String,
    sink: String,
    has_subject: bool,
    to: Vec<String>,
}

impl Fallbacks {
    /// Those of a configuration.
    pub fn new(config: &Config) -> Fallbacks {
        let ways = config.targets.values().filter_map(|target| {
            let fallback = target.fallback.as_ref()?;
            Some((target.name.clone(), way(config, fallback)?))
        });
        Fallbacks { of: Arc::new(ways.collect()) }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// What goes to the fallback after this try: nothing if it was sent, or if it has not
    /// failed often enough.
    pub(super) fn after(&self, attempt: &Attempt) -> Vec<Delivery> {
        let delivery = &attempt.delivery;
        let reason = match &attempt.result {
            AttemptResult::Dead(reason) => reason,
            AttemptResult::Retry { reason, counted: true, .. } if self.is_enough(delivery) => reason,
            AttemptResult::Retry { .. } | AttemptResult::Sent(_) => return Vec::new(),
        };
        self.of(delivery, reason).unwrap_or_default()
    }

    /// Whether one more failure is enough.
    fn is_enough(&self, delivery: &Delivery) -> bool {
        self.of.get(&delivery.target).is_some_and(|way| delivery.attempts + 1 >= way.after)
    }

    /// The same for the fallback of its target, if there is one and it may go there.
    pub(super) fn of(&self, delivery: &Delivery, reason: &str) -> Option<Vec<Delivery>> {
        let way = self.of.get(&delivery.target).filter(|_| may_fall_back(delivery))?;
        let note = format!(" [{} did not get this: {}]", delivery.target, first_line(reason, REASON));
        let mut message = message(&delivery.message, way.has_subject);
        message.append(&note);
        let address = |recipient: &String| Delivery {
            id: 0,
            key: digest(&["fallback", &delivery.key, &way.target, recipient]),
            sink: way.sink.clone(),
            target: way.target.clone(),
            recipient: recipient.clone(),
            message: message.clone(),
            attempts: 0,
            ..delivery.clone()
        };
        Some(way.to.iter().map(address).collect())
    }
}

fn way(config: &Config, fallback: &Fallback) -> Option<Way> {
    let target = config.targets.get(&fallback.target)?;
    let sink = config.sinks.get(&target.sink)?;
    Some(Way {
        after: fallback.after,
        target: target.name.clone(),
        sink: sink.name.clone(),
        has_subject: matches!(sink.kind, SinkKind::Email(_)),
        to: target.to.clone(),
    })
}

fn may_fall_back(delivery: &Delivery) -> bool {
    let is_ours = EventType::from_name(&delivery.event).is_some_and(|event| !event.is_icinga());
    delivery.brief.tells != Tells::Other || is_ours
}

/// As the router wrote it for the fallback's sink; or else the text alone, where it was
/// decided before there was a fallback.
fn message(message: &Message, has_subject: bool) -> Message {
    if let Some(fallback) = &message.fallback {
        return (**fallback).clone();
    }
    let subject = has_subject.then(|| message.text.lines().next().unwrap_or("").to_owned());
    Message { subject, html: None, json: None, fallback: None, ..message.clone() }
}
