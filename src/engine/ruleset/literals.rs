//! Texts that a script writes out and that can never be right, found before they are
//! reached: spans of the week, time zones, names of holidays.

use super::fault::Finding;
use super::syntax::{Call, each_call, text_of};
use crate::span::{self, Span};
use rhai::{AST, Position};

/// What was found in a script.
#[derive(Default)]
pub(super) struct Found {
    /// What can never be right.
    pub faults: Vec<Finding>,
    /// Names of holidays.
    pub holidays: Vec<(Position, String)>,
}

/// Looks through a script.
pub(super) fn find(ast: &AST) -> Found {
    let mut found = Found::default();
    each_call(ast, &mut |call| found.look_at(&call));
    found
}

impl Found {
    fn look_at(&mut self, call: &Call<'_>) {
        let text = |index: usize| call.arguments().get(index).and_then(text_of);
        let holidays = |index: usize| text(index).map(|(name, at)| (at, name.to_owned()));
        match call.name() {
            "during" => {
                let wrong = |(text, at)| Some(Finding::new(at, Span::parse(text).err()?.to_string()));
                self.faults.extend(text(0).and_then(wrong));
                self.holidays.extend(holidays(1));
            }
            "holiday" => {
                self.holidays.extend(holidays(0));
                let wrong = |(text, at)| Some(Finding::new(at, span::zone(text).err()?));
                self.faults.extend(text(1).and_then(wrong));
            }
            _ => {}
        }
    }
}
