//! Numbers of things, as people write them, and texts in short.

/// A number and what it counts: `1 event`, `3 events`.
pub fn counted(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// The first line of a text, and at most so many characters of it.
pub fn first_line(text: &str, most: usize) -> &str {
    let line = text.lines().next().unwrap_or("");
    line.char_indices().nth(most).map_or(line, |(end, _)| &line[..end])
}

/// A text whose words have at most so many characters each: what is longer was written by nobody
/// who wants to read it again. A quoted word stays quoted.
pub fn short_words(text: &str, most: usize) -> String {
    let short = |word: &str| match word.char_indices().nth(most) {
        None => word.to_owned(),
        Some((end, _)) if word.starts_with('`') => format!("{}...`", &word[..end]),
        Some((end, _)) => format!("{}...", &word[..end]),
    };
    text.split(' ').map(short).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_between_characters() {
        for (text, short) in [
            ("", ""),
            ("a bcd  e", "a bcd  e"),
            ("I know no `größere`; say", "I know no `grö...` say"),
            ("größere", "größ..."),
        ] {
            assert_eq!(short_words(text, 4), short, "{text:?}");
        }
    }

    #[test]
    fn a_first_line_is_cut_between_characters() {
        for (text, most, line) in [
            ("", 3, ""),
            ("one\r\ntwo", 9, "one"),
            ("\ntwo", 9, ""),
            ("größer", 3, "grö"),
            ("größer", 6, "größer"),
            ("a\u{1f525}b", 2, "a\u{1f525}"),
            ("a", 0, ""),
        ] {
            assert_eq!(first_line(text, most), line, "{text:?}");
        }
    }
}
