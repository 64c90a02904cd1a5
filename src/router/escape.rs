//! Making text from outside harmless.
//!
//! Owns: which characters may stand in a message. Promises: what leaves here has
//! no control character but, where lines are kept, the newline; and no mark that
//! turns the reading direction. Never: changes a letter, a digit or an emoji.

use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;

/// Whether this ends a line in some program: LF, VT, FF, CR, NEL (U+0085), and
/// the line and paragraph separators (Unicode standard, section 5.8).
fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\u{0B}' | '\u{0C}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether this acts instead of being read: control characters (mIRC codes are
/// some), and the marks that turn or isolate the reading direction (Unicode
/// standard annex 9, section 2), which let one text pose as another.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Keeps the lines, each ended by `\n`, and takes out what acts; a tab becomes a
/// blank.
pub fn lines(text: &str) -> Cow<'_, str> {
    let harmless = |character: char| character == '\n' || !(acts(character) || ends_line(character));
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\r' && characters.peek() == Some(&'\n') {
            continue;
        }
        match character {
            '\t' => clean.push(' '),
            _ if ends_line(character) => clean.push('\n'),
            _ if acts(character) => {}
            _ => clean.push(character),
        }
    }
    Cow::Owned(clean)
}

/// One line: the lines that hold something, divided by ` / `.
pub fn one_line(text: &str) -> Cow<'_, str> {
    match lines(text) {
        Cow::Borrowed(clean) if !clean.contains('\n') => Cow::Borrowed(clean),
        clean => Cow::Owned(filled(&clean).collect::<Vec<_>>().join(" / ")),
    }
}

/// The first line that holds something; empty if none does.
pub fn first_line(text: &str) -> Cow<'_, str> {
    match lines(text) {
        Cow::Borrowed(clean) => Cow::Borrowed(filled(clean).next().unwrap_or_default()),
        Cow::Owned(clean) => Cow::Owned(filled(&clean).next().unwrap_or_default().to_owned()),
    }
}

fn filled(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// At most `limit` characters as people count them (grapheme clusters), the last
/// one an ellipsis where something was cut.
pub fn short(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit || text.graphemes(true).nth(limit).is_none() {
        return Cow::Borrowed(text);
    }
    let kept = text.graphemes(true).take(limit.saturating_sub(1)).map(str::len).sum();
    Cow::Owned(format!("{}…", &text[..kept]))
}

/// At most `limit` bytes, cut between characters.
pub fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The address, if it is a whole `http` or `https` one; else empty. Others, such
/// as `javascript:`, run code in a reader.
pub fn safe_url(text: &str) -> String {
    match url::Url::parse(text.trim()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url.into(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_stay_and_what_acts_goes() {
        for (raw, clean) in [
            ("plain", "plain"),
            ("a\r\nb\rc\nd", "a\nb\nc\nd"),
            ("a\u{2028}b\u{85}c\u{0B}d", "a\nb\nc\nd"),
            ("\u{2}bold\u{3}04red\u{f}\u{1d}\0\u{1b}[31m", "bold04red[31m"),
            ("abc\u{202e}txt.exe\u{202c}", "abctxt.exe"),
            ("a\tb", "a b"),
            ("\u{feff}ä 👩‍👩‍👧 ü", "ä 👩‍👩‍👧 ü"),
        ] {
            assert_eq!(lines(raw), clean);
        }
    }

    #[test]
    fn one_line_shows_that_there_were_more() {
        assert_eq!(one_line("a\r\n\r\n PRIVMSG #x :b \n"), "a / PRIVMSG #x :b");
        assert_eq!(one_line("\n\n"), "");
        assert_eq!(first_line("\r\n \n second\nthird"), "second");
        assert_eq!(first_line("\u{3}"), "");
    }

    #[test]
    fn cutting_keeps_characters_whole() {
        assert_eq!(short("abcdef", 6), "abcdef");
        assert_eq!(short("abcdefg", 6), "abcde…");
        assert_eq!(short("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 2), "👩‍👩‍👧…");
        assert_eq!(short("äöü", 3), "äöü");
        assert_eq!(short("abc", 0), "…");
        assert_eq!(cut("äöü", 3), "ä");
    }

    #[test]
    fn only_web_addresses_are_links() {
        assert_eq!(safe_url(" https://wiki/x?a=1&b "), "https://wiki/x?a=1&b");
        for text in ["javascript:alert(1)", "data:text/html,x", "/relative", "", "JAVASCRIPT://x%0aalert(1)"]
        {
            assert_eq!(safe_url(text), "", "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_clean_stays_as_it_is(text in any::<String>()) {
            let once = lines(&text).into_owned();
            prop_assert_eq!(lines(&once).into_owned(), once.clone());
            prop_assert!(once.chars().all(|character| character == '\n' || !character.is_control()));
            let line = one_line(&text).into_owned();
            prop_assert_eq!(one_line(&line).into_owned(), line.clone());
            prop_assert!(!line.chars().any(char::is_control));
        }

        #[test]
        fn short_is_short(text in any::<String>(), limit in 0_usize..50) {
            prop_assert!(short(&text, limit).graphemes(true).count() <= limit.max(1));
        }
    }
}
