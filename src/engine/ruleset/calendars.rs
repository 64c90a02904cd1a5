//! Holidays as rule files declare and name them.
//!
//! Owns: the calendars of all files while they are loaded. Promises: a name stands for
//! one calendar, and a name that is written out in a script stands for one at all.

use super::collector::Collector;
use super::literals;
use crate::engine::holidays::Calendar;
use crate::engine::script;
use crate::model::RuleRef;
use rhai::{AST, Array, Position};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the files loaded so far say of holidays.
#[derive(Default)]
pub(super) struct Calendars {
    declared: BTreeMap<String, (RuleRef, Calendar)>,
    /// Names that scripts write out: file, place and name.
    named: Vec<(Arc<str>, Position, String)>,
}

impl Collector {
    /// Takes in a declaration.
    pub(super) fn holidays(&mut self, position: Position, name: &str, days: Array) {
        if let Some((at, _)) = self.calendars.declared.get(name) {
            let message = format!("the holidays `{name}` stand already in {}:{}", at.file, at.line);
            self.fault(position, message, "give each calendar a name of its own");
            return;
        }
        let mut calendar = Calendar::default();
        for day in days {
            let added = day
                .into_string()
                .map_err(|other| format!("a day is a text like 2026-12-25 or 12-25, not a {other}"))
                .and_then(|day| calendar.add(&day));
            if let Err(wrong) = added {
                self.fault(position, format!("holidays `{name}`: {wrong}"), "");
            }
        }
        let at = self.at(position, name);
        self.calendars.declared.insert(name.to_owned(), (at, calendar));
    }

    /// Checks the texts that a script of this file writes out. Names of holidays are
    /// checked when all files are known.
    pub(super) fn check_literals(&mut self, ast: &AST) {
        let found = literals::find(ast);
        for (position, message) in found.faults {
            self.fault(position, message, "");
        }
        let file = self.file.clone();
        let named = found.holidays.into_iter().map(|(position, name)| (file.clone(), position, name));
        self.calendars.named.extend(named);
    }

    /// All calendars, now that all files are known.
    pub(super) fn take_calendars(&mut self) -> BTreeMap<String, Calendar> {
        let Calendars { declared, named } = std::mem::take(&mut self.calendars);
        let calendars: BTreeMap<String, Calendar> =
            declared.into_iter().map(|(name, (_, calendar))| (name, calendar)).collect();
        for (file, position, name) in named {
            if let Err(message) = script::calendar(&calendars, &name) {
                self.file = file;
                self.fault(position, message, "");
            }
        }
        calendars
    }
}
