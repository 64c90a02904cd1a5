//! Who is on call when.
//!
//! Owns: schedules with their layers and turns, and what an override does to them.
//! Promises: the turns of a span follow each other without a hole, and whoever has a turn
//! is on call at each of its moments. Hand-overs go by the clock on the wall of the
//! schedule's zone: a time that the clocks skip comes as much later as they skip, one that
//! they show twice is meant the first time.
//! Never: reads a clock or a file; the time is an argument.

pub mod ical;
mod layer;
mod overrides;

pub use ical::{Calendar, IcalError, People};
pub use overrides::{Override, trade};

use crate::config::{ScheduleSettings, ScheduleSource};
use crate::model::Timestamp;
use jiff::tz::TimeZone;
use layer::Layer;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Who is on call when, by one schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    name: String,
    zone: TimeZone,
    plan: Plan,
    gaps_are_meant: bool,
}

/// Where the turns of a schedule come from.
#[derive(Debug, Clone)]
enum Plan {
    /// Later ones stand above earlier ones.
    Layers(Vec<Layer>),
    /// A calendar; `None` until it was read.
    Calendar(Option<Arc<Calendar>>),
}

/// A span of time in which the same persons are on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// Who is on call; nobody where it is empty.
    pub persons: Vec<String>,
}

impl Schedule {
    /// The schedule that the configuration means. One that is a calendar has no turns until it
    /// was read.
    pub fn of(settings: &ScheduleSettings) -> Schedule {
        let plan = match &settings.source {
            ScheduleSource::Layers(layers) => {
                Plan::Layers(layers.iter().map(|layer| Layer::of(layer, &settings.zone)).collect())
            }
            ScheduleSource::IcalFile(_) | ScheduleSource::IcalUrl { .. } => Plan::Calendar(None),
        };
        let (name, zone) = (settings.name.clone(), settings.zone.clone());
        Schedule { name, zone, plan, gaps_are_meant: settings.gaps_are_meant }
    }

    /// Whether its turns come from a calendar.
    pub fn is_calendar(&self) -> bool {
        matches!(self.plan, Plan::Calendar(_))
    }

    /// The calendar its turns come from; `None` where it has layers, or was not read yet.
    pub fn calendar(&self) -> Option<&Arc<Calendar>> {
        match &self.plan {
            Plan::Layers(_) => None,
            Plan::Calendar(calendar) => calendar.as_ref(),
        }
    }

    /// Takes its turns from this calendar from now on; nothing where it has layers.
    pub fn put_calendar(&mut self, calendar: Calendar) {
        if let Plan::Calendar(known) = &mut self.plan {
            *known = Some(Arc::new(calendar));
        }
    }

    /// Works its calendar out around another moment; nothing where it has none.
    pub fn move_to(&mut self, around: Timestamp) {
        if let Plan::Calendar(Some(calendar)) = &mut self.plan {
            Arc::make_mut(calendar).move_to(around);
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone whose clocks its hand-overs go by.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Everybody who may have a turn in it, each once, by name.
    pub fn members(&self) -> BTreeSet<&str> {
        match &self.plan {
            Plan::Layers(layers) => layers.iter().flat_map(Layer::persons).map(String::as_str).collect(),
            Plan::Calendar(calendar) => calendar.iter().flat_map(|calendar| calendar.persons()).collect(),
        }
    }

    /// Who is on call at a moment, by name: whoever the newest override names, else whoever
    /// the topmost layer names that names somebody; empty if nobody is. Overrides of other
    /// schedules are left out.
    pub fn on_call(&self, at: Timestamp, overrides: &[Override]) -> Vec<String> {
        self.overriding(at, overrides).map_or_else(|| self.by_plan(at), |newest| vec![newest.person.clone()])
    }

    /// The override that holds at a moment, if one does.
    fn overriding<'a>(&self, at: Timestamp, overrides: &'a [Override]) -> Option<&'a Override> {
        let holding = overrides.iter().filter(|one| one.schedule == self.name && one.covers(at));
        holding.max_by_key(|one| one.id)
    }

    /// Who is on call at a moment if nobody overrides it.
    fn by_plan(&self, at: Timestamp) -> Vec<String> {
        match &self.plan {
            Plan::Layers(layers) => {
                let topmost = layers.iter().rev().find_map(|layer| layer.holder(at));
                topmost.map(|person| vec![person.to_owned()]).unwrap_or_default()
            }
            Plan::Calendar(calendar) => {
                calendar.as_ref().map(|calendar| calendar.covering(at).to_vec()).unwrap_or_default()
            }
        }
    }

    /// The moments between two others at which the plan may name somebody else.
    fn edges(&self, from: Timestamp, to: Timestamp) -> BTreeSet<Timestamp> {
        match &self.plan {
            Plan::Layers(layers) => layers.iter().flat_map(|layer| layer.edges(from, to)).collect(),
            Plan::Calendar(calendar) => {
                calendar.iter().flat_map(|calendar| calendar.edges(from, to)).collect()
            }
        }
    }

    /// The turns between two moments, in order, cut off at both: they follow each other without
    /// a hole, and two that follow each other are of different persons. Where nobody is on call
    /// there is one without persons. Empty if `to` is not after `from`.
    pub fn turns(&self, from: Timestamp, to: Timestamp, overrides: &[Override]) -> Vec<Turn> {
        self.parted(from, to, overrides, |_| None)
    }

    /// The same, but what somebody has by an override is no part of the turns beside it that they
    /// have by another one or by the plan. So turns that were traded can be traded back.
    pub fn turns_apart(&self, from: Timestamp, to: Timestamp, overrides: &[Override]) -> Vec<Turn> {
        self.parted(from, to, overrides, |at| self.overriding(at, overrides).map(|one| one.id))
    }

    /// The turns, which are parted where `by` differs, too.
    fn parted(
        &self,
        from: Timestamp,
        to: Timestamp,
        overrides: &[Override],
        by: impl Fn(Timestamp) -> Option<u64>,
    ) -> Vec<Turn> {
        if to <= from {
            return Vec::new();
        }
        let mut edges = self.edges(from, to);
        let ours = overrides.iter().filter(|one| one.schedule == self.name);
        edges.extend(ours.flat_map(|one| [one.from, one.until]));
        edges.retain(|edge| (from..to).contains(edge));
        edges.insert(from);
        let mut turns: Vec<Turn> = Vec::new();
        for edge in edges {
            let persons = self.on_call(edge, overrides);
            match turns.last_mut() {
                Some(last) if last.persons == persons && by(last.from) == by(edge) => continue,
                Some(last) => last.to = edge,
                None => {}
            }
            turns.push(Turn { from: edge, to, persons });
        }
        turns
    }

    /// The spans between two moments in which nobody is on call and somebody should be, in
    /// order. Where gaps are meant, it is only the whole span: the turns have run out.
    pub fn gaps(&self, from: Timestamp, to: Timestamp, overrides: &[Override]) -> Vec<Turn> {
        let turns = self.turns(from, to, overrides);
        let are_gaps = !self.gaps_are_meant || turns.len() == 1;
        turns.into_iter().filter(|turn| are_gaps && turn.persons.is_empty()).collect()
    }

    /// Whether hours without anybody on call are meant.
    pub fn are_gaps_meant(&self) -> bool {
        self.gaps_are_meant
    }
}

#[cfg(test)]
mod tests;
