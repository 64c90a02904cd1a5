//! What a test expects, and what was heard instead.
//!
//! An expectation takes what it speaks of: it cannot be met twice by the same message.

use super::Trial;
use crate::engine::matcher::nearest;
use crate::model::{ActionKind, Delivery};

/// How much of what was heard instead is shown, and how long each may be, in characters.
const SHOWN: usize = 4;
const SHOWN_LENGTH: usize = 160;
/// What may be asked of Icinga, as tests call it.
const ACTIONS: [&str; 7] = ["ack", "unack", "comment", "downtime", "undowntime", "recheck", "notify"];

impl Trial {
    /// A target heard something whose finished text, or subject, holds this text.
    pub(in crate::engine) fn expect(&mut self, target: &str, text: &str) -> Result<(), String> {
        let target = self.road.engine().target(target)?;
        let meant = |heard: &Delivery| {
            let subject = heard.message.subject.as_deref().unwrap_or_default();
            heard.target == target && (heard.message.text.contains(text) || subject.contains(text))
        };
        if let Some(index) = self.heard.iter().position(meant) {
            self.heard.remove(index);
            return Ok(());
        }
        let what = if text.is_empty() { "anything".to_owned() } else { format!("\"{text}\"") };
        Err(format!("{target} did not hear {what}; {}", self.heard_instead()))
    }

    /// Nobody, or not this target, heard anything that no expectation took.
    pub(in crate::engine) fn expect_silence(&mut self, target: Option<&str>) -> Result<(), String> {
        let target = target.map(|target| self.road.engine().target(target)).transpose()?;
        let heard = |heard: &&Delivery| target.as_ref().is_none_or(|target| heard.target == *target);
        let told: Vec<String> = self.heard.iter().filter(heard).map(in_words).collect();
        if told.is_empty() {
            return Ok(());
        }
        Err(format!("somebody heard something: {}", listed(&told)))
    }

    /// What was heard so far is of no interest.
    pub(in crate::engine) fn forget(&mut self) {
        self.heard.clear();
        self.replies.clear();
        self.actions.clear();
        self.dropped.clear();
    }

    /// An event was dropped for a reason that holds this text.
    pub(in crate::engine) fn expect_dropped(&mut self, reason: &str) -> Result<(), String> {
        if let Some(index) = self.dropped.iter().position(|dropped| dropped.contains(reason)) {
            self.dropped.remove(index);
            return Ok(());
        }
        let dropped = match self.dropped.is_empty() {
            true => "nothing was dropped".to_owned(),
            false => format!("dropped was: {}", listed(&self.dropped)),
        };
        Err(format!("nothing was dropped for \"{reason}\"; {dropped}; {}", self.heard_instead()))
    }

    /// A command was answered in words that hold this text.
    pub(in crate::engine) fn expect_reply(&mut self, text: &str) -> Result<(), String> {
        if let Some(index) = self.replies.iter().position(|reply| reply.contains(text)) {
            self.replies.remove(index);
            return Ok(());
        }
        let answered = match self.replies.is_empty() {
            true => "nothing was answered".to_owned(),
            false => format!("answered was: {}", listed(&self.replies)),
        };
        Err(format!("no answer holds \"{text}\"; {answered}"))
    }

    /// This was asked of Icinga for an object.
    pub(in crate::engine) fn expect_action(&mut self, what: &str, object: &str) -> Result<(), String> {
        if !ACTIONS.contains(&what) {
            let meant = nearest(what, ACTIONS.iter().map(|action| (*action).to_owned())).map_or_else(
                || format!("it is one of {}", ACTIONS.join(", ")),
                |a| format!("did you mean `{a}`?"),
            );
            return Err(format!("nothing that Icinga does is called `{what}`; {meant}"));
        }
        let asked = self.actions.iter().position(|a| word(&a.kind) == what && a.object.name() == object);
        if let Some(index) = asked {
            self.actions.remove(index);
            return Ok(());
        }
        let asked: Vec<String> =
            self.actions.iter().map(|action| format!("{} {}", word(&action.kind), action.object)).collect();
        let asked = match asked.is_empty() {
            true => "it was asked nothing".to_owned(),
            false => format!("it was asked: {}", listed(&asked)),
        };
        Err(format!("Icinga was not asked to {what} {object}; {asked}"))
    }

    /// An object has an open incident, or has none.
    pub(in crate::engine) fn expect_incident(&mut self, name: &str, wanted: bool) -> Result<(), String> {
        let incident = self.road.engine().world().incident_of(&self.key(name));
        match incident.filter(|incident| incident.closed.is_none()) {
            None if wanted => Err(format!("{name} has no open incident")),
            Some(incident) if !wanted => Err(format!("{name} has the open incident {}", incident.id)),
            _ => Ok(()),
        }
    }

    fn heard_instead(&self) -> String {
        let told: Vec<String> = self.heard.iter().map(in_words).collect();
        if told.is_empty() {
            return match self.dropped.last() {
                Some(reason) => format!("nobody heard anything; last dropped: {reason}"),
                None => "nobody heard anything".to_owned(),
            };
        }
        format!("heard was: {}", listed(&told))
    }
}

fn in_words(heard: &Delivery) -> String {
    format!("{}: {}", heard.target, heard.message.text)
}

/// The last of them, cut to what can be read.
fn listed(items: &[String]) -> String {
    let left_out = items.len().saturating_sub(SHOWN);
    let cut = |item: &String| match item.char_indices().nth(SHOWN_LENGTH) {
        Some((end, _)) => format!("{}...", &item[..end]),
        None => item.clone(),
    };
    let shown: Vec<String> = items[left_out..].iter().map(cut).collect();
    let before = if left_out > 0 { format!("({left_out} more) | ") } else { String::new() };
    before + &shown.join(" | ")
}

fn word(kind: &ActionKind) -> &'static str {
    match kind {
        ActionKind::Acknowledge { .. } | ActionKind::ExtendAcknowledgement { .. } => "ack",
        ActionKind::RemoveAcknowledgement => "unack",
        ActionKind::AddComment { .. } => "comment",
        ActionKind::ScheduleDowntime { .. } => "downtime",
        ActionKind::RemoveDowntime { .. } => "undowntime",
        ActionKind::RescheduleCheck => "recheck",
        ActionKind::SendCustomNotification { .. } => "notify",
    }
}
