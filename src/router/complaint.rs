//! What the template engine complains of, in words for people.
//!
//! Owns: the words. Promises: a place for every complaint, if only a line.

use crate::diagnostic::Diagnostic;
use minijinja::{Error, ErrorKind};
use std::ops::Range;

/// What to know of `include`, `import` and `extends`.
const TAKING_IN: &str = "only a file of the same ending can be taken in, named from the templates folder \
                         (`default/_x.text`) or beside this one (`_x.text`)";

/// The fault of a template that could not be read.
pub(super) fn syntax_fault(path: &str, text: &str, error: &Error) -> Diagnostic {
    Diagnostic::at_range(path, text, place(text, error), words(error))
}

/// The error that the others are wrapped around.
pub(super) fn innermost(error: &Error) -> &Error {
    let inner = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>());
    inner.map_or(error, innermost)
}

/// What went wrong, without the place.
pub(super) fn words(error: &Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError | ErrorKind::InvalidOperation, Some(detail)) => detail.to_owned(),
        (ErrorKind::TemplateNotFound, Some(detail)) => format!("{detail}; {TAKING_IN}"),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}

/// Which bytes of the text an error is about: its own, or else its whole line.
pub(super) fn place(text: &str, error: &Error) -> Range<usize> {
    if let Some(range) = error.range() {
        return range;
    }
    let line = error.line().unwrap_or(1).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let length = text[start.min(text.len())..].lines().next().map_or(0, str::len);
    start..start + length
}
