//! Holidays as rule files declare and name them.
//!
//! Owns: the calendars of all files while they are loaded. Promises: a name stands for
//! one calendar, and a name that is written out in a script stands for one at all.

use super::fault::{Finding, RuleFault};
use crate::engine::holidays::Calendar;
use crate::engine::script;
use crate::model::RuleRef;
use rhai::{Array, Position};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the files loaded so far say of holidays.
#[derive(Default)]
pub(super) struct Calendars {
    declared: BTreeMap<String, (RuleRef, Calendar)>,
    /// Names that scripts write out: file, place and name.
    named: Vec<(Arc<str>, Position, String)>,
}

impl Calendars {
    /// Takes in a declaration; what is wrong with it, and how to mend it.
    pub(super) fn declare(&mut self, at: RuleRef, days: Array) -> Vec<(String, &'static str)> {
        let name = at.name.to_string();
        if let Some((other, _)) = self.declared.get(&name) {
            let message = format!("the holidays `{name}` stand already in {}:{}", other.file, other.line);
            return vec![(message, "give each calendar a name of its own")];
        }
        let mut calendar = Calendar::default();
        let mut wrong = Vec::new();
        for day in days {
            let added = day
                .into_string()
                .map_err(|other| format!("a day is a text like 2026-12-25 or 12-25, not a {other}"))
                .and_then(|day| calendar.add(&day));
            wrong.extend(added.err().map(|error| (format!("holidays `{name}`: {error}"), "")));
        }
        self.declared.insert(name, (at, calendar));
        wrong
    }

    /// Notes the names that a file writes out; they are checked when all files are known.
    pub(super) fn note(&mut self, file: &Arc<str>, names: Vec<(Position, String)>) {
        self.named.extend(names.into_iter().map(|(position, name)| (file.clone(), position, name)));
    }

    /// All calendars, now that all files are known; and the faults of names that stand for
    /// none.
    pub(super) fn complete(self) -> (BTreeMap<String, Calendar>, Vec<RuleFault>) {
        let calendars: BTreeMap<String, Calendar> =
            self.declared.into_iter().map(|(name, (_, calendar))| (name, calendar)).collect();
        let unknown = self.named.into_iter().filter_map(|(file, position, name)| {
            let message = script::calendar(&calendars, &name).err()?;
            Some(Finding::new(position, message).in_file(&file))
        });
        let unknown = unknown.collect();
        (calendars, unknown)
    }
}
