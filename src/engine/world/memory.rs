//! What rules have the world remember: windows, kept values, and who was told.
//!
//! Promises: nothing grows beyond [`bounds`]; what is forgotten before its time is counted.

use super::World;
use super::durable::Entry;
use crate::engine::bounds::{self, Forgotten, Recency};
use crate::engine::windows::{self, Kept, Windows};
use crate::model::time::age;
use crate::model::{IncidentId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Who was told of something that is no incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    /// The targets, by name.
    pub(super) targets: BTreeSet<String>,
    /// When the last of them was told.
    pub(super) at: Timestamp,
}

/// Which windows and values were used when.
#[derive(Clone)]
pub(super) struct Uses {
    windows: Recency,
    values: Recency,
}

impl Default for Uses {
    fn default() -> Uses {
        Uses {
            windows: Recency::new(bounds::WINDOWS_OF_RULE, bounds::WINDOWS),
            values: Recency::new(bounds::VALUES, bounds::VALUES),
        }
    }
}

impl World {
    /// What went for want of room, since the start.
    pub fn forgotten(&self) -> Forgotten {
        self.forgotten
    }

    /// How many windows and values rules keep.
    pub fn remembered(&self) -> (usize, usize) {
        (self.windows.windows.len(), self.windows.kept.len())
    }

    /// The windows, to change the one with this name.
    pub fn window(&mut self, key: &str) -> &mut Windows {
        if let Some(gone) = self.uses.windows.used(windows::rule_of(key), key) {
            self.windows.forget(&gone);
            self.forgotten.windows += 1;
            self.change(|| Entry::Window(gone));
        }
        self.change(|| Entry::Window(key.to_owned()));
        &mut self.windows
    }

    /// A value a rule keeps.
    pub fn kept(&self, key: &str, now: Timestamp) -> Option<&serde_json::Value> {
        self.windows.get(key, now)
    }

    /// Keeps a value.
    pub fn keep(&mut self, key: &str, kept: Kept) {
        if let Some(gone) = self.uses.values.used(&kept.by, key) {
            self.windows.kept.remove(&gone);
            self.forgotten.values += 1;
            self.change(|| Entry::Kept(gone));
        }
        self.windows.kept.insert(key.to_owned(), kept);
        self.change(|| Entry::Kept(key.to_owned()));
    }

    /// Notes what was restored as used, the oldest first.
    pub(super) fn note_restored_uses(&mut self) {
        let mut windows: Vec<(Option<Timestamp>, String)> =
            self.windows.windows.iter().map(|(key, window)| (window.last(), key.clone())).collect();
        windows.sort_unstable();
        for (_, key) in windows {
            let rule = windows::rule_of(&key);
            if let Some(gone) = self.uses.windows.used(rule, &key) {
                self.windows.forget(&gone);
                self.change(|| Entry::Window(gone));
            }
        }
        let mut values: Vec<(Timestamp, String, String)> =
            self.windows.kept.iter().map(|(key, kept)| (kept.until, key.clone(), kept.by.clone())).collect();
        values.sort_unstable();
        for (_, key, by) in values {
            if let Some(gone) = self.uses.values.used(&by, &key) {
                self.windows.kept.remove(&gone);
                self.change(|| Entry::Kept(gone));
            }
        }
    }

    // Who was told of things that are no incident: a downtime, flapping.

    /// The targets told of a subject; in order of their names.
    pub fn told_of(&self, subject: &str) -> Option<&BTreeSet<String>> {
        self.told.get(subject).map(|told| &told.targets)
    }

    /// Notes that a target was told of a subject.
    pub fn note_told_of(&mut self, subject: &str, target: &str, now: Timestamp) {
        let nobody = || Told { targets: BTreeSet::new(), at: now };
        let told = self.told.entry(subject.to_owned()).or_insert_with(nobody);
        told.targets.insert(target.to_owned());
        told.at = now;
        self.change(|| Entry::Told(subject.to_owned()));
    }

    /// Forgets who was told of a subject: it is over.
    pub fn forget_told_of(&mut self, subject: &str) {
        if self.told.remove(subject).is_some() {
            self.change(|| Entry::Told(subject.to_owned()));
        }
    }

    /// Forgets what is over: windows, values, rested gathers, long ended incidents, and
    /// who was told of what was never heard of again.
    pub fn forget_over(&mut self, now: Timestamp) {
        let (windows, kept) = self.windows.forget_over(now);
        for key in windows {
            self.uses.windows.forget(&key);
            self.change(|| Entry::Window(key));
        }
        for key in kept {
            self.uses.values.forget(&key);
            self.change(|| Entry::Kept(key));
        }
        self.forget_rested(now);
        self.forget_checks_asked(now);
        self.forget_quiet(now);
        self.forget_old_incidents(now);
        self.forget_old_told(now);
        self.forget_overrides(now);
    }

    /// What ended stays for a day, and of very much the newest; an end that is owed stays longer.
    fn forget_old_incidents(&mut self, now: Timestamp) {
        let day = std::time::Duration::from_secs(86_400);
        let mut ended: Vec<(Timestamp, IncidentId)> = self
            .incidents
            .values()
            .filter(|incident| {
                self.records.get(&incident.object).is_none_or(|r| r.marks().incident != Some(incident.id))
            })
            .filter_map(|incident| Some((incident.closed?, incident.id)))
            .collect();
        ended.sort_unstable();
        let too_many = ended.len().saturating_sub(bounds::ENDED_INCIDENTS);
        for (place, (closed, id)) in ended.into_iter().enumerate() {
            let is_old = age(closed, now) > day;
            if is_old || place < too_many {
                self.forgotten.incidents += u64::from(!is_old);
                self.incidents.remove(&id);
                self.change(|| Entry::Incident(id));
            }
        }
    }

    /// A downtime that is still known may end after any time.
    fn forget_old_told(&mut self, now: Timestamp) {
        let lasts = |subject: &str| {
            subject.strip_prefix("downtime ").is_some_and(|name| self.downtimes.contains_key(name))
        };
        let old =
            self.told.iter().filter(|(subject, told)| age(told.at, now) > bounds::TOLD && !lasts(subject));
        let old: Vec<String> = old.map(|(subject, _)| subject.clone()).collect();
        old.iter().for_each(|subject| self.forget_told_of(subject));
    }
}
