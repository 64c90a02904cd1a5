//! What one person wants to hear in private, and what not.
//!
//! Owns: what a watch is, and the words for each change of what is watched. Never: decides
//! what others hear; that is the rules' matter.

use crate::model::words::first_line;
use crate::model::{Detail, Event, ObjectKey, State, Timestamp};
use serde::{Deserialize, Serialize};

/// How much of a check's output is told, in characters.
const OUTPUT: usize = 200;

/// Somebody who hears of each change of an object until it is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Which object.
    pub object: ObjectKey,
    /// Who: the name under which Icinga hears of them.
    pub who: String,
    /// The sink they are told by.
    pub sink: String,
    /// Where they are told there: their account, or their nick where there are no accounts.
    #[serde(alias = "nick")]
    pub room: String,
    /// Since when.
    pub since: Timestamp,
}

impl Watch {
    /// What it is kept under: one for each person and object.
    pub fn name(&self) -> String {
        let Watch { object, who, .. } = self;
        format!("{who}\u{1f}{}\u{1f}{}", object.source(), object.name())
    }
}

/// Whether this ends a watch: the object is well.
pub fn is_over(event: &Event) -> bool {
    event.report().is_some_and(|report| report.hard && !report.state.is_problem())
}

/// Whether somebody hears of it who wants quiet.
pub fn is_grave(event: &Event) -> bool {
    let grave = [State::Critical, State::Down];
    event.report().is_some_and(|report| report.hard && grave.contains(&report.state))
}

/// What is told of an event to who watches its object; `None` where it changes nothing.
pub fn words(event: &Event) -> Option<String> {
    let object = event.object.as_ref()?;
    let by = |author: &str, text: &str| match text {
        "" => format!("by {author}"),
        text => format!("by {author}: {}", first_line(text, OUTPUT)),
    };
    let said = match &event.detail {
        Detail::StateChange(report) => {
            let soft = if report.hard { "" } else { " (soft)" };
            let output = first_line(&report.output, OUTPUT);
            let output = if output.is_empty() { String::new() } else { format!(": {output}") };
            format!("is {}{soft}{output}", report.state.name())
        }
        Detail::AcknowledgementSet(ack) => format!("is acknowledged {}", by(&ack.author, &ack.comment)),
        Detail::AcknowledgementCleared(_) => "is no longer acknowledged".to_owned(),
        Detail::Flapping(flapping) if flapping.is_flapping => "is flapping".to_owned(),
        Detail::Flapping(_) => "is no longer flapping".to_owned(),
        Detail::CommentAdded(comment) => format!("has a comment {}", by(&comment.author, &comment.text)),
        Detail::DowntimeStarted(downtime) | Detail::DowntimeTriggered(downtime) => {
            format!("is in downtime {}", by(&downtime.author, &downtime.comment))
        }
        Detail::DowntimeRemoved(_) => "has a downtime less".to_owned(),
        _ => return None,
    };
    let missed = if event.missed { " (missed while disconnected)" } else { "" };
    Some(format!("{object} {said}{missed}"))
}
