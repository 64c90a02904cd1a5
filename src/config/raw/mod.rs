//! The configuration as it is written: typed reading of TOML with places.
//!
//! Owns: types, missing and unknown keys; `scalars` reads values, `tables` what
//! is nested. Promises: whatever is wrong becomes a fault with its place, and
//! reading goes on with the next key. Never: knows what a value means; `check`
//! does.

mod scalars;
mod tables;

pub(super) use tables::Entry;

use super::keys::{Presence, Table};
use super::reader::{Reader, Spot, Written};
use crate::diagnostic::did_you_mean;
use std::borrow::Cow;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One table of the file while it is read.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// Where faults go.
    pub(super) reader: &'a Reader,
    /// Its headline.
    pub(super) spot: Spot,
    known: &'static Table,
    values: Option<&'a DeTable<'a>>,
}

impl<'a> Section<'a> {
    /// The whole document. Keys that are not known are faults at once.
    pub(super) fn root(reader: &'a Reader, values: &'a DeTable<'a>, known: &'static Table) -> Section<'a> {
        let spot = Spot { key: String::new(), span: None };
        Section::open(reader, spot, Some(values), known)
    }

    fn open(reader: &'a Reader, spot: Spot, values: Option<&'a DeTable<'a>>, known: &'static Table) -> Self {
        let section = Section { reader, spot, known, values };
        section.report_unknown_keys();
        section
    }

    fn report_unknown_keys(&self) {
        for (key, value) in self.values.into_iter().flatten() {
            let name: &str = key.get_ref();
            if self.known.names().any(|known| known == name) {
                continue;
            }
            self.reader.hide_value(value);
            let spot = Spot { key: self.path(name), span: Some(key.span()) };
            let as_file = format!("{name}_file");
            if let Some((why, instead)) = self.known.gone(name) {
                self.reader.fault(&spot, why, instead);
            } else if self.known.key(&as_file).is_some() {
                let help =
                    format!("put it into a file of its own, `chmod 600` it, and write `{as_file} = \"...\"`");
                self.reader.fault(&spot, "is a secret, and secrets do not stand in this file", help);
            } else {
                self.reader.fault(&spot, "is not known", suggestion(name, self.known.names()));
            }
        }
    }

    /// The path of a key of this section.
    pub(super) fn path(&self, key: &str) -> String {
        if self.spot.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.spot.key) }
    }

    /// Whether the key is written, rightly or wrongly.
    pub(super) fn has(&self, key: &str) -> bool {
        self.written(key).is_some()
    }

    /// Keeps the value of a key out of everything that is shown.
    pub(super) fn hide(&self, key: &str) {
        if let Some(value) = self.written(key) {
            self.reader.hide_value(value);
        }
    }

    /// Notes a fault of the section as a whole.
    pub(super) fn fault(&self, message: impl Into<String>, help: impl Into<String>) {
        self.reader.fault(&self.spot, message, help);
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, key: &str) {
        let help = self
            .known
            .key(key)
            .map_or_else(String::new, |key| format!("add `{} = {}`. {}", key.name, key.example, key.meaning));
        let spot = Spot { key: self.path(key), span: self.spot.span.clone() };
        self.reader.fault(&spot, "is missing", help);
    }

    /// Notes a fault where a key that is optional elsewhere is not written.
    pub(super) fn require(&self, key: &str) {
        if !self.has(key) {
            self.missing(key);
        }
    }

    fn written(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.values?.get(key)
    }

    /// What is written, else the default. Notes what is missing.
    fn value(&self, key: &str) -> Option<Written<Cow<'a, DeValue<'a>>>> {
        debug_assert!(self.known.key(key).is_some(), "`{key}` is no key of {}", self.known.header);
        if let Some(value) = self.written(key) {
            let spot = Spot { key: self.path(key), span: Some(value.span()) };
            return Some(Written { value: Cow::Borrowed(value.get_ref()), spot });
        }
        match self.known.key(key)?.presence {
            Presence::Optional => None,
            Presence::Required => {
                self.missing(key);
                None
            }
            Presence::Default(literal) => {
                let default = DeValue::parse(literal).expect("a test reads every default").into_inner();
                let spot = Spot { key: self.path(key), span: self.spot.span.clone() };
                Some(Written { value: Cow::Owned(default), spot })
            }
        }
    }
}

/// A remedy for a name that is not known.
pub(super) fn suggestion<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    match did_you_mean(written, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "nothing may stand here".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
