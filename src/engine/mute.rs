//! Mutes: what people asked not to hear, for a time.
//!
//! Owns: what a mute is, what it covers and what ends it. Never: decides what happens to a
//! muted event; that is the rules' matter.

use super::matcher::{Matcher, MatcherError, Pattern};
use crate::model::time::{in_full, later, parse_duration, short_length};
use crate::model::words::counted;
use crate::model::{ObjectKey, Scene, Timestamp};
use crate::span::Span;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long before its end the owner of a mute is told of it.
pub const SOON: Duration = Duration::from_secs(600);
/// Mutes that last no longer than this end without a warning.
const TOO_SHORT_TO_WARN: Duration = Duration::from_secs(1200);
/// No span of the week is silent for longer than this.
const WEEK_IN_MINUTES: i64 = 8 * 24 * 60;

/// What stops a mute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its time was over.
    Ended,
    /// Somebody removed it.
    Removed,
    /// Each object that it covered is well.
    Recovered,
    /// It kept nothing quiet for as long as its owner said.
    Unused,
    /// Somebody removed in Icinga what stood there for it.
    Withdrawn,
}

impl Ending {
    /// As `mute.how` says it.
    pub fn name(self) -> &'static str {
        match self {
            Ending::Ended => "ended",
            Ending::Removed => "removed",
            Ending::Recovered => "recovered",
            Ending::Unused => "unused",
            Ending::Withdrawn => "withdrawn",
        }
    }
}

/// How long a rule mutes.
#[derive(Debug, Clone, PartialEq)]
pub enum Lasts {
    /// For so long.
    For(Duration),
    /// `until ok`.
    UntilOk,
    /// `every tue 02:00-04:00 Europe/Paris`.
    Every(String),
}

impl Lasts {
    /// Reads what a rule says. `Err` says how to write it.
    pub fn read(text: &str) -> Result<Lasts, String> {
        if text == "until ok" {
            return Ok(Lasts::UntilOk);
        }
        let Some(span) = text.strip_prefix("every ") else {
            return parse_duration(text).map(Lasts::For).map_err(|error| error.to_string());
        };
        match Span::parse(span) {
            Ok(parsed) if parsed.zone().is_some() => Ok(Lasts::Every(span.to_owned())),
            Ok(_) => Err(format!("`{span}` names no time zone; write it like {span} Europe/Berlin")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A mute as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mute {
    /// Its number; written `m3`.
    pub id: u64,
    /// The fields it covers, as a matcher of rules has them.
    pub conditions: BTreeMap<String, Pattern>,
    /// What it covers, in words.
    pub what: String,
    /// Who muted it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None` where something else ends it, or nothing but people.
    pub until: Option<Timestamp>,
    /// How many events it kept quiet.
    pub events: u64,
    /// Whether it ends when no object that it covers has a problem.
    #[serde(default)]
    pub until_ok: bool,
    /// The span of the week it is in force, with its zone; `None` means always.
    #[serde(default)]
    pub every: Option<String>,
    /// When the span ends next.
    #[serde(default)]
    pub pause: Option<Timestamp>,
    /// It ends when it has kept nothing quiet for so many seconds.
    #[serde(default)]
    pub unused_seconds: Option<u64>,
    /// When it last kept something quiet.
    #[serde(default)]
    pub used: Option<Timestamp>,
    /// Where it was made: sink, room and the nick of who made it.
    #[serde(default)]
    pub made_in: Option<(String, String, String)>,
    /// Whether its owner was told that it ends soon.
    #[serde(default)]
    pub warned: bool,
    /// The object that is in downtime in Icinga for it.
    #[serde(default)]
    pub mirror: Option<ObjectKey>,
    /// The objects that are acknowledged in Icinga for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<ObjectKey>,
    /// The downtimes that Icinga said it made for it, by full name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downtimes: Vec<String>,
}

impl Mute {
    /// One without an end; whoever makes it says what ends it.
    pub fn new(
        conditions: BTreeMap<String, Pattern>,
        what: String,
        owner: &str,
        reason: &str,
        since: Timestamp,
    ) -> Mute {
        Mute {
            id: 0,
            conditions,
            what,
            owner: owner.to_owned(),
            reason: reason.to_owned(),
            since,
            until: None,
            events: 0,
            until_ok: false,
            every: None,
            pause: None,
            unused_seconds: None,
            used: None,
            made_in: None,
            warned: false,
            mirror: None,
            acknowledged: Vec::new(),
            downtimes: Vec::new(),
        }
    }

    /// How many events it kept quiet, in words.
    pub fn kept_quiet(&self) -> String {
        format!("{} kept quiet", counted(self.events, "event"))
    }

    /// When it is in force, in words: `until Sun 2026-11-22 13:00 UTC`.
    pub fn when(&self, zone: &TimeZone) -> String {
        let until = |until: Timestamp| format!("until {}", in_full(until, zone));
        let unused = |seconds| format!("until it kept nothing quiet for {}", short_length(seconds as f64));
        let words: Vec<String> = [
            self.every.as_ref().map(|span| format!("every {span}")),
            self.until.map(until),
            self.until_ok.then(|| "until it is well".to_owned()),
            self.unused_seconds.map(unused),
        ]
        .into_iter()
        .flatten()
        .collect();
        if words.is_empty() { "until somebody removes it".to_owned() } else { words.join(", ") }
    }

    /// What a downtime begins with that stands in Icinga for it.
    pub fn mark(&self) -> String {
        format!("Watchbell m{}: ", self.id)
    }

    /// When it ends for want of use.
    pub fn unused_at(&self) -> Option<Timestamp> {
        let length = Duration::from_secs(self.unused_seconds?);
        Some(later(self.used.unwrap_or(self.since), length))
    }

    /// When its owner is to be told that it ends soon; `None` where that was done, or nobody
    /// can be told.
    pub fn soon_at(&self) -> Option<Timestamp> {
        let until = self.until.filter(|_| !self.warned && self.made_in.is_some())?;
        let is_long = later(self.since, TOO_SHORT_TO_WARN) < until;
        until.checked_sub(SOON).ok().filter(|_| is_long)
    }

    /// The next moment something is to happen with it by itself.
    pub fn next(&self) -> Option<Timestamp> {
        [self.until, self.unused_at(), self.soon_at(), self.pause].into_iter().flatten().min()
    }
}

/// A mute that can be asked.
#[derive(Clone)]
pub struct ActiveMute {
    /// As kept.
    pub mute: Mute,
    matcher: Matcher,
    span: Option<Span>,
}

impl ActiveMute {
    /// Makes a kept mute ready to be asked.
    pub fn new(mute: Mute) -> Result<ActiveMute, MatcherError> {
        let matcher = Matcher::compile(&mute.conditions)?;
        // What is kept was read when it was made.
        let span = mute.every.as_deref().and_then(|span| Span::parse(span).ok());
        Ok(ActiveMute { mute, matcher, span })
    }

    /// Whether it covers this event now.
    pub fn covers(&self, scene: &Scene) -> bool {
        self.is_in_force(scene.now) && self.concerns(scene)
    }

    /// Whether it is about this event, at whatever time.
    pub fn concerns(&self, scene: &Scene) -> bool {
        self.matcher.takes(scene.event.event_type()) && self.matcher.holds(scene)
    }

    /// Whether it is in force at this moment.
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.mute.until.is_none_or(|until| until > at) && self.is_in_span(at)
    }

    fn is_in_span(&self, at: Timestamp) -> bool {
        self.span.as_ref().is_none_or(|span| {
            let zone = span.zone().cloned().unwrap_or(TimeZone::UTC);
            span.covers(at.to_zoned(zone).datetime(), |_| false)
        })
    }

    /// Notes when its span ends next. It goes by the clock on the wall, minute by minute, so
    /// that an hour that comes twice or never is counted as it comes.
    pub fn plan_pause(&mut self, now: Timestamp) {
        if self.span.is_none() {
            return;
        }
        let minute = now.as_second().div_euclid(60) + 1;
        let at = |minute: i64| Timestamp::from_second(minute * 60).ok();
        let mut was_in = self.is_in_span(now);
        let mut ends = |moment: &Timestamp| {
            let is_in = self.is_in_span(*moment);
            let ended = was_in && !is_in;
            was_in = is_in;
            ended
        };
        self.mute.pause = (minute..minute + 2 * WEEK_IN_MINUTES).filter_map(at).find(|moment| ends(moment));
    }
}

/// Conditions that cover one object; a host's services with it.
pub fn conditions_for(object: &ObjectKey) -> BTreeMap<String, Pattern> {
    let (field, name) =
        if object.is_host() { ("host.name", object.host()) } else { ("object", object.name()) };
    BTreeMap::from([
        ("source".to_owned(), Pattern::Equal(object.source().as_ref().into())),
        (field.to_owned(), Pattern::Equal(name.into())),
    ])
}

/// Conditions that cover all objects whose full name, or whose host's name, is
/// like the wildcard pattern.
pub fn conditions_like(glob: &str) -> BTreeMap<String, Pattern> {
    let field = if glob.contains('!') { "object" } else { "host.name" };
    BTreeMap::from([(field.to_owned(), Pattern::Glob(glob.to_owned()))])
}

#[cfg(test)]
mod tests;
