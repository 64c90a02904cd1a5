//! Printing for people: the one place that writes to standard output and error.

use std::io::Write;

/// Prints a line. A reader that has gone away is no error: `watchbell why | head`.
pub(super) fn out(text: &str) {
    let _ = anstream::stdout().write_all(format!("{text}\n").as_bytes());
}

/// Prints a line to standard error.
pub(super) fn err(text: &str) {
    let _ = anstream::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Whether standard error shows colours.
pub(super) fn styled_errors() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}
