//! Text from outside, made harmless to show.
//!
//! Owns: what becomes of control characters. Promises: what comes out drives no
//! terminal and starts no header line. Never: drops a character that can be read.

/// Makes control characters visible: `ESC` becomes `␛`, the C1 codes become `�`.
/// Newlines (`CR LF` counts as one) and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    text.replace("\r\n", "\n").chars().map(shown).collect()
}

/// What stands for a character, if it cannot stand for itself.
fn shown(character: char) -> char {
    match character {
        '\n' | '\t' => character,
        // Unicode has a picture of each C0 code, in their order, from U+2400.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\x7f' => '␡',
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        other => other,
    }
}

/// Removes the characters that turn the writing direction of what follows
/// (Unicode TR 9: embeddings, overrides, isolates): they can make one host's
/// name read as another's.
pub(crate) fn without_turns(text: &str) -> String {
    let turns = |character| matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|character| !turns(*character)).collect()
}

/// One line of at most `limit` characters, with `…` where more was cut off:
/// for headers, subjects and reasons.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let text = without_turns(&visible(text));
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= limit {
        return line;
    }
    let mut cut: String = line.chars().take(limit.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_codes_become_visible() {
        for (text, expected) in [
            ("plain Ünïcode", "plain Ünïcode"),
            ("a\tb\nc\r\nd", "a\tb\nc\nd"),
            ("\x1b[31mred\x07", "␛[31mred␇"),
            ("over\rwritten", "over␍written"),
            ("\0\x7f\u{9b}2J", "␀␡\u{fffd}2J"),
        ] {
            assert_eq!(visible(text), expected, "{text:?}");
        }
    }

    #[test]
    fn turns_of_direction_are_removed() {
        assert_eq!(without_turns("db\u{202e}1\u{2066}x\u{2069}"), "db1x");
        assert_eq!(without_turns("עברית\u{200f}"), "עברית\u{200f}");
    }

    #[test]
    fn one_line_is_one_line_and_short() {
        assert_eq!(one_line("  a\r\nBcc: x\n\n", 50), "a Bcc: x");
        assert_eq!(one_line("äöüäöü", 4), "äöü…");
        assert_eq!(one_line("äöüä", 4), "äöüä");
        assert_eq!(one_line("", 4), "");
    }

    proptest! {
        #[test]
        fn one_line_holds_its_promise_for_any_text(text in any::<String>(), limit in 1usize..80) {
            let line = one_line(&text, limit);
            prop_assert!(line.chars().count() <= limit);
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
