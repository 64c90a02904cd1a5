//! What the reading of one file gathers: faults, and what must not be shown.
//!
//! Promises: noting a fault never stops the reading. Never: draws a fault.

use std::cell::RefCell;
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::DeValue;

/// One fault, before it is drawn.
#[derive(Debug)]
pub(super) struct Fault {
    /// The whole path of the key, such as `sink.irc.libera.nick`.
    pub(super) key: String,
    /// Where; `None` for what is not there.
    pub(super) span: Option<Range<usize>>,
    /// What is wrong, as a sentence whose subject is the key.
    pub(super) message: String,
    /// How to mend it.
    pub(super) help: String,
}

/// Gathers what the reading of one file finds.
#[derive(Debug)]
pub(super) struct Reader {
    /// Relative paths start here: the folder of the file.
    pub(super) folder: PathBuf,
    faults: RefCell<Vec<Fault>>,
    hidden: RefCell<Vec<Range<usize>>>,
}

impl Reader {
    /// Nothing found so far.
    pub(super) fn new(folder: PathBuf) -> Reader {
        Reader { folder, faults: RefCell::default(), hidden: RefCell::default() }
    }

    /// All faults, and the ranges of the text that must not be shown.
    pub(super) fn into_parts(self) -> (Vec<Fault>, Vec<Range<usize>>) {
        (self.faults.into_inner(), self.hidden.into_inner())
    }

    /// Whether there is any fault.
    pub(super) fn has_faults(&self) -> bool {
        !self.faults.borrow().is_empty()
    }

    /// Notes a fault. The message is a sentence whose subject is the key.
    pub(super) fn fault(&self, spot: &Spot, message: impl Into<String>, help: impl Into<String>) {
        let (key, span) = (spot.key.clone(), spot.span.clone());
        self.faults.borrow_mut().push(Fault { key, span, message: message.into(), help: help.into() });
    }

    /// Notes a key that is written twice, and hides what follows it in its line.
    pub(super) fn duplicate(&self, text: &str, error: &toml::de::Error) {
        let span = error.span().unwrap_or_default();
        let rest = text.get(span.end..).unwrap_or_default();
        let line_end = rest.find('\n').map_or(text.len(), |length| span.end + length);
        self.hidden.borrow_mut().push(span.end..line_end);
        let spot = Spot { key: text.get(span.clone()).unwrap_or_default().to_owned(), span: Some(span) };
        self.fault(&spot, "is written twice", "keep one of the two; several Icingas are `[[icinga]]` each");
    }

    /// Keeps what is written at a place out of everything that is shown.
    pub(super) fn hide(&self, spot: &Spot) {
        self.hidden.borrow_mut().extend(spot.span.clone());
    }

    /// The same for a value and all values in it; names of keys stay.
    pub(super) fn hide_value(&self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Array(elements) => elements.iter().for_each(|element| self.hide_value(element)),
            DeValue::Table(table) => table.values().for_each(|inner| self.hide_value(inner)),
            _ => self.hidden.borrow_mut().push(value.span()),
        }
    }
}

/// Whether the syntax is right but for a key that stands twice; the rest of the
/// document can be relied on then.
pub(super) fn is_duplicate(error: &toml::de::Error) -> bool {
    error.message() == "duplicate key"
}

/// A place in the file and the key that stands there.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// The whole path of the key.
    pub(super) key: String,
    /// Bytes of the file; `None` where nothing is written.
    pub(super) span: Option<Range<usize>>,
}

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Written<T> {
    /// The value.
    pub(super) value: T,
    /// Where.
    pub(super) spot: Spot,
}
