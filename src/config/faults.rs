//! The faults of one configuration file, all of them.
//!
//! Promises: sorted by their place; shows no secret, by whatever way it is printed.

use super::Folders;
use super::keys;
use super::reader::Reader;
use super::secret;
use crate::diagnostic::{self, Diagnostic};
use std::fmt;
use std::path::Path;

/// All that is wrong with a configuration; at least one fault, in the order of
/// the file. `Display` draws them without colour.
#[derive(Debug, Clone)]
pub struct Faults {
    diagnostics: Vec<Diagnostic>,
    folders: Folders,
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl Faults {
    /// The faults one by one.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The folders it names, whose files can be checked all the same.
    pub fn folders(&self) -> &Folders {
        &self.folders
    }

    /// Draws them with line, caret and remedy; with ANSI colours where asked for.
    pub fn render(&self, colour: bool) -> String {
        diagnostic::render(&self.diagnostics, colour)
    }

    /// The one fault of a file that could not be read.
    pub(super) fn unreadable(path: &Path, cause: &std::io::Error) -> Faults {
        let fault = Diagnostic::of_file(
            path.display().to_string(),
            format!("cannot read the configuration: {cause}"),
        )
        .help("`watchbell.example.toml` is a whole configuration to start from");
        Faults { diagnostics: vec![fault], folders: Folders::default() }
    }

    /// What the reader found. Secrets are blanked in the lines shown.
    pub(super) fn found(path: &Path, text: &str, reader: Reader, folders: Folders) -> Faults {
        let file = path.display().to_string();
        let (faults, hidden) = reader.into_parts();
        let shown = secret::blank(text, &hidden);
        let mut diagnostics: Vec<Diagnostic> = faults
            .into_iter()
            .map(|fault| {
                let message = format!("`{}` {}", fault.key, fault.message);
                let diagnostic = match fault.span {
                    Some(span) => Diagnostic::at_range(&file, &shown, span, message),
                    None => Diagnostic::of_file(&file, message),
                };
                diagnostic.help(fault.help)
            })
            .collect();
        diagnostics.sort_by_key(position);
        Faults { diagnostics, folders }
    }

    /// Faults of the syntax: the first of each line, and at most three, for the
    /// rest tends to follow from those.
    pub(super) fn syntax(path: &Path, text: &str, errors: &[toml::de::Error]) -> Faults {
        let file = path.display().to_string();
        let shown = secret::blank_unknown_words(text, &known_words());
        let mut diagnostics: Vec<Diagnostic> = errors
            .iter()
            .map(|error| {
                let span = error.span().unwrap_or_default();
                let help = syntax_remedy(text, span.start);
                Diagnostic::at_range(&file, &shown, span, format!("this is not TOML: {}", error.message()))
                    .help(help)
            })
            .collect();
        diagnostics.sort_by_key(position);
        diagnostics.dedup_by_key(|diagnostic| position(diagnostic).0);
        diagnostics.truncate(3);
        Faults { diagnostics, folders: Folders::default() }
    }
}

fn position(diagnostic: &Diagnostic) -> (usize, usize) {
    diagnostic.place.as_ref().map_or((0, 0), |place| (place.line, place.column))
}

fn syntax_remedy(text: &str, at: usize) -> &'static str {
    let before = text.get(..at).unwrap_or_default();
    let line = text.get(before.rfind('\n').map_or(0, |newline| newline + 1)..).unwrap_or_default();
    let value = line.lines().next().unwrap_or_default().split_once('=').map_or("", |(_, value)| value);
    if value.trim_start().starts_with('#') {
        return "`#` begins a comment; write a channel in quotes: \"#ops\"";
    }
    "text stands in quotes, lists in [ ]; the rest of the file is checked when this is mended. Stars: it might be a secret"
}

fn known_words() -> Vec<&'static str> {
    let kinds = keys::SINKS.iter().map(|(kind, _)| *kind);
    keys::TABLES.iter().flat_map(|table| table.names()).chain(kinds).chain(["true", "false"]).collect()
}
