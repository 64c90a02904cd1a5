//! Who is on call when.
//!
//! Owns: schedules with their layers and turns, and what an override does to them.
//! Promises: the turns of a span follow each other without a hole, and whoever has a turn
//! is on call at each of its moments. Hand-overs go by the clock on the wall of the
//! schedule's zone: a time that the clocks skip comes as much later as they skip, one that
//! they show twice is meant the first time.
//! Never: reads a clock or a file; the time is an argument.

mod layer;
mod overrides;

pub use overrides::Override;

use crate::config::{ScheduleSettings, ScheduleSource};
use crate::model::Timestamp;
use jiff::tz::TimeZone;
use layer::Layer;
use std::collections::BTreeSet;

/// Who is on call when, by one schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    name: String,
    zone: TimeZone,
    /// Later ones stand above earlier ones.
    layers: Vec<Layer>,
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
        let layers = match &settings.source {
            ScheduleSource::Layers(layers) => layers,
            ScheduleSource::IcalFile(_) | ScheduleSource::IcalUrl(_) => &Vec::new(),
        };
        Schedule {
            name: settings.name.clone(),
            zone: settings.zone.clone(),
            layers: layers.iter().map(|layer| Layer::of(layer, &settings.zone)).collect(),
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
        self.layers.iter().flat_map(Layer::persons).map(String::as_str).collect()
    }

    /// Who is on call at a moment, by name: whoever the newest override names, else whoever
    /// the topmost layer names that names somebody; empty if nobody is. Overrides of other
    /// schedules are left out.
    pub fn on_call(&self, at: Timestamp, overrides: &[Override]) -> Vec<String> {
        let overriding = overrides.iter().filter(|one| one.schedule == self.name && one.covers(at));
        if let Some(newest) = overriding.max_by_key(|one| one.id) {
            return vec![newest.person.clone()];
        }
        self.by_plan(at)
    }

    /// Who is on call at a moment if nobody overrides it.
    fn by_plan(&self, at: Timestamp) -> Vec<String> {
        let topmost = self.layers.iter().rev().find_map(|layer| layer.holder(at));
        topmost.map(|person| vec![person.to_owned()]).unwrap_or_default()
    }

    /// The turns between two moments, in order, cut off at both: they follow each other without
    /// a hole, and two that follow each other are of different persons. Where nobody is on call
    /// there is one without persons. Empty if `to` is not after `from`.
    pub fn turns(&self, from: Timestamp, to: Timestamp, overrides: &[Override]) -> Vec<Turn> {
        if to <= from {
            return Vec::new();
        }
        let mut edges: BTreeSet<Timestamp> =
            self.layers.iter().flat_map(|layer| layer.edges(from, to)).collect();
        let ours = overrides.iter().filter(|one| one.schedule == self.name);
        edges.extend(ours.flat_map(|one| [one.from, one.until]));
        edges.retain(|edge| (from..to).contains(edge));
        edges.insert(from);
        let mut turns: Vec<Turn> = Vec::new();
        for edge in edges {
            let persons = self.on_call(edge, overrides);
            match turns.last_mut() {
                Some(last) if last.persons == persons => continue,
                Some(last) => last.to = edge,
                None => {}
            }
            turns.push(Turn { from: edge, to, persons });
        }
        turns
    }

    /// The spans between two moments in which nobody is on call, in order.
    pub fn gaps(&self, from: Timestamp, to: Timestamp, overrides: &[Override]) -> Vec<Turn> {
        self.turns(from, to, overrides).into_iter().filter(|turn| turn.persons.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests;
