//! A page that a test writes: prose, and between it what terminals showed.
//!
//! With `UPDATE_DOCS` the page is written. Without, it must say what was shown now: the prose
//! word for word; of each block the same kinds of messages, for it differs from run to run which
//! of two comes first that are on their way at the same time, and how many of a storm go out alone.

use regex::Regex;
use std::collections::BTreeSet;
use std::path::Path;

/// Begins a block, and a line of the same ends it.
const FENCE: &str = "```";

/// What differs in each run, and what stands for it in a comparison.
const BLANKS: &[(&str, &str)] = &[
    (r"\b[A-Z][a-z]{2} \d{4}-\d\d-\d\d\b", "DATE"),
    (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
    (r"\b\d\d:\d\d(:\d\d)?\b", "TIME"),
    // A moment of another day is told with its date: whether one is depends on the hour of the run.
    (r"\bDATE TIME\b", "TIME"),
    (r"\b\d+[smhd]( \d+[smhd])?\b", "LENGTH"),
    (r"Act: [\d,]+", "Act: N"),
    (r"\bosaka-\w+(!\w+)?", "OBJECT"),
    (r"OBJECT(, OBJECT)*(, \.\.\.)?", "OBJECTS"),
    (r"\d+", "N"),
    (r"N problem\b", "N problems"),
];

/// Of a storm, what may go out alone and may not.
const ALONE: &[&str] = &[
    "TIME < watchbell> #N OBJECTS is CRITICAL: CRITICAL - timed out after N seconds",
    "TIME < watchbell> #N OBJECTS is OK again after LENGTH: OK",
];

/// A page as it grows.
pub(super) struct Page {
    path: &'static str,
    text: String,
}

impl Page {
    /// An empty one; `path` is that in the project.
    pub(super) fn new(path: &'static str) -> Page {
        Page { path, text: String::new() }
    }

    /// A piece of prose: Markdown without blocks.
    pub(super) fn text(&mut self, text: &str) {
        self.text += &format!("{text}\n\n");
    }

    /// What was shown, line by line.
    pub(super) fn block(&mut self, lines: &[String]) {
        self.code("text", &lines.join("\n"));
    }

    /// What was written, in a language.
    pub(super) fn code(&mut self, language: &str, text: &str) {
        self.text += &format!("{FENCE}{language}\n{}\n{FENCE}\n\n", text.trim_end());
    }

    /// Writes the page, or compares it with what is there.
    pub(super) fn finish(self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.path);
        let text = self.text.trim_end().to_owned() + "\n";
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, text).expect("the page can be written");
            return;
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        let (written, shown) = (compared(&written), compared(&text));
        assert_eq!(written, shown, "{}: is stale; UPDATE_DOCS=1 writes it anew", self.path);
    }
}

/// A page as it is compared: prose as it is, of each block the kinds of its messages.
fn compared(page: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    for (number, piece) in page.split(FENCE).enumerate() {
        match number % 2 {
            0 => pieces.push(piece.trim().to_owned()),
            _ => pieces.extend(kinds(piece)),
        }
    }
    pieces
}

fn kinds(block: &str) -> BTreeSet<String> {
    let patterns = BLANKS.iter().map(|(pattern, blank)| (Regex::new(pattern).expect("a pattern"), *blank));
    let patterns: Vec<(Regex, &str)> = patterns.collect();
    let blanked = |message: String| {
        patterns
            .iter()
            .fold(message, |text, (pattern, blank)| pattern.replace_all(&text, *blank).into_owned())
    };
    let kinds = messages(block).into_iter().map(blanked);
    kinds.filter(|kind| !ALONE.contains(&kind.as_str())).collect()
}

/// The messages of a block: what a client of chat has broken into lines is one again.
fn messages(block: &str) -> Vec<String> {
    let begins = Regex::new(r"^\d\d:\d\d ").expect("a pattern");
    let is_chat = block.lines().any(|line| begins.is_match(line));
    let mut messages: Vec<String> = Vec::new();
    for line in block.lines() {
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        match messages.last_mut().filter(|_| is_chat && !begins.is_match(line)) {
            Some(message) => *message += &format!(" {words}"),
            None => messages.push(words),
        }
    }
    messages
}

#[test]
fn a_page_that_says_something_else_is_noticed() {
    let page = "# A\n\nFirst.\n\n```text\n18:01 < w> #1 osaka-web1!shop is down for\n          9s\n18:02 < w> fine\n```\n";
    for same in [
        page.replace("18:0", "07:5"),
        page.replace("#1 osaka-web1!shop", "#12 osaka-web4"),
        page.replace("for\n          9s", "for 1m 2s"),
        page.replace("18:02 < w> fine", "18:02 < w> fine\n18:02 < w> #3 osaka-web9 is down for 10s"),
        page.replace(
            "18:02 < w> fine",
            "18:02 < w> fine\n18:02 < watchbell> #3 osaka-web9 is OK again after 3s: OK",
        ),
    ] {
        assert_eq!(compared(&same), compared(page));
    }
    for other in [
        page.replace("First", "Second"),
        page.replace("fine", "fine!"),
        page.replace("18:02 < w> fine\n", ""),
        page.replace("osaka-web1!shop", "tokyo-db"),
    ] {
        assert_ne!(compared(&other), compared(page), "{other}");
    }
}
