//! A drill in words: what is shown before, what each target is told, what reaches nobody.

use super::course::{Course, Would};
use super::part::Part;
use crate::engine::Settings;
use crate::engine::outcome::By;
use crate::model::EventType;
use crate::model::time::short_length;
use crate::model::words::counted;
use std::collections::BTreeSet;
use std::time::Duration;

/// How many targets, and how many reasons, are named before the `yes`.
const NAMED: usize = 8;

/// What is played, such as `db1 DOWN`.
pub(super) fn played(part: &Part) -> String {
    let by = part.policy.as_ref().map_or(String::new(), |policy| format!(" with {}", policy.name));
    format!("{} {}{by}", part.key, part.state)
}

/// What a `yes` does: who is told, and what would come in earnest.
pub(super) fn preview(part: &Part, course: &Course, settings: &Settings) -> String {
    let persons: BTreeSet<&String> = course.told.iter().filter_map(|would| would.person.as_ref()).collect();
    let persons = match persons.len() {
        0 => String::new(),
        count => format!(", {}", people(count)),
    };
    let named: Vec<String> = course
        .told
        .iter()
        .take(NAMED)
        .map(|would| format!("{} {}", place(would, settings), how(would)))
        .collect();
    let beyond = course.told.len().saturating_sub(NAMED);
    let beyond = if beyond > 0 { format!(", and {beyond} more") } else { String::new() };
    let notes: String = notes(course).iter().map(|note| format!("; {note}")).collect();
    format!(
        "send a drill of {} at once to {}{persons}; in earnest it would come to {}{beyond}{notes}",
        played(part),
        counted(course.told.len() as u64, "target"),
        named.join(", "),
    )
}

fn people(count: usize) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} persons") }
}

/// The answer to the `yes`. `instead`: who hears what comes too late for a request to wait for it.
pub(super) fn begun(course: &Course, instead: Option<&str>) -> String {
    let count = counted(course.told.len() as u64, "target");
    let where_else = instead.map_or(String::new(), |target| format!(", here or else to {target}"));
    format!("the drill is on its way to {count}; within 60 s I say whom it reached{where_else}")
}

/// Why there is no drill: nobody would be told.
pub(super) fn nobody(part: &Part, course: &Course) -> String {
    let notes = notes(course);
    let why = match notes.is_empty() {
        true => "no rule asks for it, or it is known".to_owned(),
        false => notes.join("; "),
    };
    format!("nobody would be told {}: {why}", premise(part))
}

/// What one target is told.
pub(super) fn text(part: &Part, would: &Would) -> String {
    let more = match would.more {
        (0, _) => String::new(),
        (count, last) => format!(", and {count} more within {}", length(last)),
    };
    format!(
        "DRILL by {}: nothing is wrong with {}, and nothing is to be done.\n{}, {} would come here {}{more}.",
        part.author,
        part.key,
        capital(&premise(part)),
        what(would),
        how(would),
    )
}

/// What would come to one target, in the audit.
pub(super) fn would(would: &Would) -> String {
    format!("{} would hear {}", would.target, how(would))
}

/// What reaches nobody and why, and how far it was played.
pub(super) fn notes(course: &Course) -> Vec<String> {
    let kept =
        course.kept.iter().map(|(after, reason)| format!("kept from people {}: {reason}", when(*after)));
    let watching = (course.watching > 0)
        .then(|| format!("{} would hear of it in private, as they watch it", people(course.watching)));
    let bound = course.bound.map(|bound| format!("what comes after {} was not looked at", length(bound)));
    course.nobody.iter().cloned().chain(kept.take(NAMED)).chain(watching).chain(bound).collect()
}

fn premise(part: &Part) -> String {
    match (&part.policy, part.stands) {
        (Some(policy), true) => {
            format!("if {} were called now, while {} is {}", policy.name, part.key, part.state)
        }
        (Some(policy), false) => {
            format!("if {} became {} now and {} were called", part.key, part.state, policy.name)
        }
        (None, _) => format!("if {} became {} now", part.key, part.state),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// Where a target is: a person and the sink, or its addresses.
fn place(would: &Would, settings: &Settings) -> String {
    let place = settings.places.get(&would.target);
    match (&would.person, place) {
        (Some(person), Some((sink, _))) => format!("{person} by {sink}"),
        (None, Some((_, to))) if to.iter().any(|to| !to.is_empty()) => {
            format!("{} ({})", would.target, to.join(", "))
        }
        _ => would.target.clone(),
    }
}

/// What kind of message it would be.
fn what(would: &Would) -> &'static str {
    match would.of {
        EventType::Escalation => "a call",
        EventType::Reminder => "a reminder",
        EventType::Digest => "a digest that counts it",
        _ => "the message",
    }
}

/// When, and by which rule or step.
fn how(would: &Would) -> String {
    let by = match &would.by {
        By::Policy { policy, step } => format!("step {step} of {policy}"),
        other => other.to_string(),
    };
    format!("{} ({by})", when(would.after))
}

fn when(after: Duration) -> String {
    if after < Duration::from_secs(1) { "at once".to_owned() } else { format!("after {}", length(after)) }
}

fn length(length: Duration) -> String {
    short_length(length.as_secs_f64())
}
