//! `[escalation.<name>]`: who is called until somebody acknowledges.

use super::check_name;
use crate::config::keys::{ESCALATION, STEP};
use crate::config::raw::{Section, suggestion};
use crate::config::reader::{Spot, Written};
use crate::config::{Policy, PolicyStep, Recipient};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often a policy may be repeated, and how many may have to acknowledge.
const REPEATS: std::ops::RangeInclusive<u32> = 0..=100;
const ACKS: std::ops::RangeInclusive<u32> = 1..=20;
/// The shortest time after an acknowledgement that something may follow from it.
const SHORTEST: Duration = Duration::from_secs(60);

/// The names that steps may call.
pub(super) struct Callable<'a> {
    /// All targets that are written.
    pub(super) targets: &'a BTreeSet<String>,
    /// All persons, and whether each has a way to be reached.
    pub(super) persons: BTreeMap<&'a str, bool>,
    /// All schedules.
    pub(super) schedules: BTreeSet<&'a str>,
    /// All roles.
    pub(super) roles: BTreeSet<&'a str>,
}

/// All policies that are right.
pub(super) fn escalations(root: &Section<'_>, callable: &Callable<'_>) -> BTreeMap<String, Policy> {
    let mut policies = BTreeMap::new();
    for (name, section) in root.named("escalation", &ESCALATION) {
        check_name(root, &name);
        let fallback = section.text("fallback");
        if let Some(Written { value, spot }) = &fallback {
            target(&section, value, spot, callable);
        }
        let repeat = section.integer("repeat", REPEATS);
        let repeat_after = section.duration("repeat_after");
        let acks = section.integer("acks", ACKS);
        let ack_remind = after_ack(&section, "ack_remind");
        let ack_timeout = after_ack(&section, "ack_timeout");
        let steps: Vec<PolicyStep> =
            section.list("step", &STEP).iter().filter_map(|written| step(written, callable)).collect();
        if !section.has("step") {
            section.fault("has no steps", format!("add one: `{}`", STEP.header));
        }
        let (Some(repeat), Some(repeat_after), Some(acks)) = (repeat, repeat_after, acks) else { continue };
        let policy = Policy {
            name: name.value.clone(),
            steps,
            repeat,
            repeat_after,
            fallback: fallback.map_or_else(|| "default".to_owned(), |written| written.value),
            acks: acks as usize,
            ack_remind,
            ack_timeout,
        };
        policies.insert(name.value, policy);
    }
    policies
}

fn after_ack(section: &Section<'_>, key: &str) -> Option<Duration> {
    let length = section.duration(key)?;
    if length < SHORTEST {
        let spot = section.text(key)?.spot;
        section.reader.fault(&spot, "is too short", "write at least \"1m\"");
    }
    Some(length)
}

fn step(section: &Section<'_>, callable: &Callable<'_>) -> Option<PolicyStep> {
    let after = section.duration_or_none("after")?.unwrap_or(Duration::ZERO);
    section.require("to");
    let to = section.texts("to")?;
    if to.value.is_empty() {
        section.reader.fault(&to.spot, "is empty", "name at least one, such as \"person:alice\"");
    }
    let to = to.value.into_iter().map(|written| {
        let recipient = Recipient::read(&written.value);
        check(section, &recipient, &written.spot, callable);
        recipient
    });
    Some(PolicyStep { after, to: to.collect() })
}

fn check(section: &Section<'_>, recipient: &Recipient, spot: &Spot, callable: &Callable<'_>) {
    match recipient {
        Recipient::Target(name) => target(section, name, spot, callable),
        Recipient::Person(name) => match callable.persons.get(name.as_str()) {
            Some(true) => {}
            Some(false) => {
                let help = format!("add a `[[person.{name}.way]]`");
                section.reader.fault(spot, format!("calls {name}, who has no way to be reached"), help);
            }
            None => unknown(section, "person", name, spot, callable.persons.keys().copied()),
        },
        Recipient::Schedule(name) if !callable.schedules.contains(name.as_str()) => {
            unknown(section, "schedule", name, spot, callable.schedules.iter().copied());
        }
        Recipient::Role(name) if !callable.roles.contains(name.as_str()) => {
            unknown(section, "role", name, spot, callable.roles.iter().copied());
        }
        Recipient::Schedule(_) | Recipient::Role(_) => {}
    }
}

fn target(section: &Section<'_>, name: &str, spot: &Spot, callable: &Callable<'_>) {
    if name != "default" && !callable.targets.contains(name) {
        unknown(section, "target", name, spot, callable.targets.iter().map(String::as_str));
    }
}

fn unknown<'a>(
    section: &Section<'_>,
    what: &str,
    name: &str,
    spot: &Spot,
    known: impl Iterator<Item = &'a str>,
) {
    let message = format!("names the {what} `{name}`, which is not configured");
    section.reader.fault(spot, message, suggestion(name, known));
}
