//! One look for every fault in a file that people write: the configuration,
//! rules and templates.
//!
//! Owns: how a fault is shown, with its file, line, caret and remedy.
//! Promises: text from outside, however hostile, neither breaks the layout nor
//! panics; a fault keeps the line it speaks of, so it can be shown after the file
//! has changed. Never: reads a file, knows what the file is for.
//! On a crash: nothing to lose.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};
use std::fmt;
use std::ops::Range;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file is used, but says something it probably does not mean.
    Warning,
}

/// One fault: what is wrong, where, and how to mend it.
///
/// `Display` writes it in one line, for chat and logs; [`render`] draws it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the reader knows it.
    pub file: String,
    /// The place in the file; `None` where the fault is the file as a whole.
    pub place: Option<Box<Place>>,
    /// What is wrong, in one line.
    pub message: String,
    /// A word beside the caret.
    pub label: Option<String>,
    /// How to mend it, in one line.
    pub help: Option<String>,
}

/// A place in a file, with the line that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The whole line, without its end.
    pub text: String,
    /// The part that is meant: bytes of `text`, on borders of characters.
    pub marked: Range<usize>,
}

impl Place {
    /// Where a range of bytes begins. What lies outside of the text, inside of a
    /// character or past the first line is cut off.
    pub fn at_range(source: &str, range: Range<usize>) -> Place {
        let start = character_start(source, range.start);
        let line_start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = source[line_start..].split('\n').next().unwrap_or_default();
        let text = line.strip_suffix('\r').unwrap_or(line);
        let from = (start - line_start).min(text.len());
        let to = character_start(text, range.end.saturating_sub(line_start)).max(from);
        Place {
            line: source[..line_start].matches('\n').count() + 1,
            column: text[..from].chars().count() + 1,
            text: text.to_owned(),
            marked: from..to,
        }
    }

    /// The character at a line and a column, both counted from 1. What lies
    /// outside of the text is moved to its nearest place.
    pub fn at_line_column(source: &str, line: usize, column: usize) -> Place {
        let skipped = line.saturating_sub(1).min(source.matches('\n').count());
        let line_start: usize = source.split_inclusive('\n').take(skipped).map(str::len).sum();
        let rest = source[line_start..].split('\n').next().unwrap_or_default();
        let mut characters = rest.char_indices().skip(column.saturating_sub(1));
        let from = characters.next().map_or(rest.len(), |(offset, _)| offset);
        let to = characters.next().map_or(rest.len(), |(offset, _)| offset);
        Place::at_range(source, line_start + from..line_start + to)
    }
}

/// The nearest border of characters at or before a byte.
fn character_start(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl Diagnostic {
    /// An error of a file as a whole, such as one that cannot be read.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            file: file.into(),
            place: None,
            message: message.into(),
            label: None,
            help: None,
        }
    }

    /// An error at a range of bytes of `source`, the text of the file.
    pub fn at_range(
        file: impl Into<String>,
        source: &str,
        range: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            place: Some(Box::new(Place::at_range(source, range))),
            ..Diagnostic::of_file(file, message)
        }
    }

    /// An error at a line and a column (in characters) of `source`, both counted
    /// from 1.
    pub fn at_line_column(
        file: impl Into<String>,
        source: &str,
        line: usize,
        column: usize,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            place: Some(Box::new(Place::at_line_column(source, line, column))),
            ..Diagnostic::of_file(file, message)
        }
    }

    /// For sorting: by file, then by place.
    pub fn order(&self) -> (String, Option<(usize, usize)>) {
        (self.file.clone(), self.place.as_ref().map(|place| (place.line, place.column)))
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(self) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..self }
    }

    /// The same with a word beside the caret.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Diagnostic {
        Diagnostic { label: Some(label.into()), ..self }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Diagnostic {
        Diagnostic { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Diagnostic {
    /// `file:line:column: message`, in one line whatever is in it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", one_line(&self.file))?;
        if let Some(place) = &self.place {
            write!(formatter, "{}:{}:", place.line, place.column)?;
        }
        write!(formatter, " {}", one_line(&self.message))
    }
}

/// Draws faults for a terminal or a log, one below the other, each with its line,
/// a caret and its remedy. Colour is ANSI. Ends with a newline unless empty.
pub fn render(diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let drawn: Vec<String> =
        diagnostics.iter().map(|diagnostic| draw(&renderer, diagnostic) + "\n").collect();
    drawn.join("\n")
}

fn draw(renderer: &Renderer, diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let file = one_line(&diagnostic.file);
    let help = diagnostic.help.as_deref().map(|help| Level::HELP.message(one_line(help)));
    let Some(place) = &diagnostic.place else {
        let title = level.primary_title(format!("{file}: {}", one_line(&diagnostic.message)));
        return renderer.render(&[Group::with_title(title).elements(help)]);
    };
    let title = level.primary_title(one_line(&diagnostic.message));
    let caret =
        AnnotationKind::Primary.span(place.marked.clone()).label(diagnostic.label.as_deref().map(one_line));
    let snippet = Snippet::source(&place.text).line_start(place.line).path(file).annotation(caret);
    renderer.render(&[title.element(snippet).elements(help)])
}

/// Text from outside as one line: line ends become spaces, other control
/// characters become visible.
fn one_line(text: &str) -> String {
    normalize_untrusted_str(&text.replace("\r\n", " ").replace(['\n', '\r'], " "))
}

/// The candidate that was probably meant, if one is near enough: at most a third
/// of its letters away, or containing what was written.
///
/// ```
/// use watchbell::diagnostic::did_you_mean;
/// assert_eq!(did_you_mean("nikc", ["nick", "server"]), Some("nick".to_owned()));
/// assert_eq!(did_you_mean("colour", ["nick", "server"]), None);
/// ```
pub fn did_you_mean<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let written = written.to_lowercase();
    let length = written.chars().count();
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let letters = candidate.chars().count();
        let limit = (letters / 3).max(1);
        let holds = written.len() >= 4 && candidate.contains(&written);
        // They are at least as far apart as they differ in length. Telling how far exactly takes time
        // in proportion to both, and somebody may have written a word without end.
        let may_be_near = letters.abs_diff(length) <= limit;
        let distance = (holds || may_be_near).then(|| strsim::damerau_levenshtein(&written, &candidate))?;
        (holds || distance <= limit).then_some(distance)
    };
    let near = candidates.into_iter().filter_map(|candidate| Some((distance(candidate)?, candidate)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOURCE: &str = "rules = \"rules\"\r\n\tnick = \"wä€h\"\nlast";

    #[test]
    fn a_range_is_found_by_line_and_character() {
        for (range, line, column, marked) in [
            (0..5, 1, 1, "rules"),
            (18..22, 2, 2, "nick"),
            (25..34, 2, 9, "\"wä€h\""),
            (18..10_000, 2, 2, "nick = \"wä€h\""),
            (8..30, 1, 9, "\"rules\""),
            (28..30, 2, 11, "ä"),
            (35..39, 3, 1, "last"),
            (9_999..10_000, 3, 5, ""),
        ] {
            let place = Place::at_range(SOURCE, range.clone());
            let found = (place.line, place.column, &place.text[place.marked.clone()]);
            assert_eq!(found, (line, column, marked), "{range:?}");
        }
    }

    #[test]
    fn a_line_and_a_column_mark_one_character() {
        for (line, column, expected_line, marked) in [
            (1, 1, 1, "r"),
            (2, 11, 2, "ä"),
            (2, 12, 2, "€"),
            (3, 99, 3, ""),
            (99, 1, 3, "l"),
            (0, 0, 1, "r"),
        ] {
            let place = Place::at_line_column(SOURCE, line, column);
            assert_eq!((place.line, &place.text[place.marked.clone()]), (expected_line, marked));
        }
    }

    #[test]
    fn a_fault_is_drawn_with_line_caret_and_remedy() {
        let fault = Diagnostic::at_range("a.toml", "nick = 5\n", 7..8, "`nick` must be text")
            .label("a number")
            .help("write \"5\"");
        insta::assert_snapshot!(render(&[fault.clone(), fault.warning()], false), @r#"
        error: `nick` must be text
         --> a.toml:1:8
          |
        1 | nick = 5
          |        ^ a number
          |
          = help: write "5"

        warning: `nick` must be text
         --> a.toml:1:8
          |
        1 | nick = 5
          |        ^ a number
          |
          = help: write "5"
        "#);
    }

    #[test]
    fn a_fault_of_a_whole_file_names_the_file() {
        let fault = Diagnostic::of_file("a.toml", "no such file").help("create it");
        assert_eq!(render(&[fault], false), "error: a.toml: no such file\n |\n = help: create it\n");
    }

    #[test]
    fn colour_is_only_where_asked_for() {
        let fault = [Diagnostic::at_line_column("a.rhai", "let x", 1, 5, "unused")];
        assert!(render(&fault, true).contains('\u{1b}'));
        assert!(!render(&fault, false).contains('\u{1b}'));
    }

    #[test]
    fn one_line_stays_one_line_and_control_codes_become_visible() {
        let fault = Diagnostic::at_range("a\n.rhai", "\u{1b}[31m", 0..1, "bad\r\n\u{1b}[2J\u{202e}name")
            .help("a\nb")
            .label("c\nd");
        assert_eq!(fault.to_string(), "a .rhai:1:1: bad ␛[2J�name");
        let drawn = render(&[fault], false);
        assert!(!drawn.contains(['\u{1b}', '\u{202e}', '\r']), "{drawn}");
        assert_eq!(drawn.lines().count(), 7, "{drawn}");
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        for (written, expected) in [
            ("servr", Some("server")),
            ("SERVER", Some("server")),
            ("sink", None),
            ("password", Some("sasl_password_file")),
            ("", None),
        ] {
            let found = did_you_mean(written, ["nick", "server", "sasl_password_file"]);
            assert_eq!(found.as_deref(), expected, "{written}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(source in any::<String>(), from in 0_usize..200, length in 0_usize..200, message in any::<String>()) {
            let by_range = Diagnostic::at_range("file", &source, from..from + length, message.clone()).label(message.clone());
            let by_column = Diagnostic::at_line_column("file", &source, from, length, message);
            prop_assert_eq!(by_range.to_string().lines().count(), 1);
            render(&[by_range, by_column], true);
        }
    }
}
