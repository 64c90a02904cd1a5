//! Text into lines that IRC can carry. Pure.
//!
//! Owns: what may stand in a line, how long it may be, where it is cut, and which
//! recipients are valid. Promises: no line break, control code or text-direction
//! trick passes; no character is cut in two; no line is longer than a server
//! passes on. Never: hides that something was left out.

use unicode_segmentation::UnicodeSegmentation;

/// The longest line a server passes on, line break included (RFC 2812, 2.3).
const LINE_BYTES: usize = 512;

/// Our `nick!user@host` where we do not know it: 63, 10 and 63 bytes are the most
/// that common servers allow.
pub(super) const ASSUMED_PREFIX_BYTES: usize = 63 + 1 + 10 + 1 + 63;

/// No server allows longer names of channels (RFC 2812, 1.3: 50; many allow 200).
const RECIPIENT_BYTES: usize = 200;

/// What a channel name begins with (RFC 2812, 1.3).
const CHANNEL_PREFIXES: [char; 4] = ['#', '&', '+', '!'];

/// Whether this is a channel, not a nick.
pub(super) fn is_channel(recipient: &str) -> bool {
    recipient.starts_with(CHANNEL_PREFIXES)
}

/// Says what is wrong with a recipient, if anything is.
pub(super) fn fault_of_recipient(recipient: &str) -> Option<&'static str> {
    if recipient.is_empty() {
        return Some("is empty; write a channel such as #ops, or a nick");
    }
    if recipient.len() > RECIPIENT_BYTES {
        return Some("is longer than any channel or nick");
    }
    if recipient.starts_with([':', '$']) {
        return Some("begins with a character that means something else to a server");
    }
    let forbidden = |character: char| character.is_whitespace() || character.is_control() || character == ',';
    recipient.contains(forbidden).then_some("holds a blank, a comma or a control character")
}

/// Cuts `text` into lines for `target`, at most `most` and then one that counts
/// the rest. `prefix_bytes` is the length of our `nick!user@host`. Empty if there
/// is nothing to see in `text`.
pub(super) fn lines(text: &str, target: &str, prefix_bytes: usize, most: usize) -> Vec<String> {
    let budget = budget_bytes(target, prefix_bytes);
    let all = text.split(['\r', '\n']).map(clean).flat_map(|line| split(line.trim_end(), budget));
    let mut shown: Vec<String> = Vec::new();
    let mut hidden = 0usize;
    for line in all {
        if shown.len() < most {
            shown.push(line);
        } else {
            hidden += 1;
        }
    }
    match hidden {
        0 => {}
        1 => shown.push("... 1 more line".to_owned()),
        _ => shown.push(format!("... {hidden} more lines")),
    }
    shown
}

/// What is left for text in `:prefix PRIVMSG target :text` and the line break.
fn budget_bytes(target: &str, prefix_bytes: usize) -> usize {
    let frame = ":".len() + prefix_bytes + " PRIVMSG ".len() + target.len() + " :".len() + "\r\n".len();
    // A host of absurd length must not leave less than a word.
    LINE_BYTES.saturating_sub(frame).max(64)
}

/// Removes what could act instead of being read: control codes, colours with
/// their numbers, and characters that turn the direction of text.
pub(super) fn clean(line: &str) -> String {
    let mut cleaned = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match character {
            '\t' | '\u{2028}' | '\u{2029}' => cleaned.push(' '),
            '\u{3}' => rest = after_colour(rest.as_str(), 1, 2, |c| c.is_ascii_digit()).chars(),
            '\u{4}' => rest = after_colour(rest.as_str(), 6, 6, |c| c.is_ascii_hexdigit()).chars(),
            _ if character.is_control() || turns_direction(character) => {}
            _ => cleaned.push(character),
        }
    }
    cleaned
}

/// Skips `foreground[,background]` of a mIRC colour, each of `least` to `most` digits.
fn after_colour(text: &str, least: usize, most: usize, digit: fn(&char) -> bool) -> &str {
    let digits = |text: &str| text.chars().take(most).take_while(digit).count();
    let foreground = digits(text);
    if foreground < least {
        return text;
    }
    // All digits are ASCII, so counts of characters are offsets of bytes.
    let text = &text[foreground..];
    let Some(background) = text.strip_prefix(',') else { return text };
    match digits(background) {
        count if count >= least => &background[count..],
        _ => text,
    }
}

fn turns_direction(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Cuts one line into pieces of at most `budget` bytes; none for an empty line.
fn split(line: &str, budget: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (piece, left) = rest.split_at(cut(rest, budget));
        let piece = piece.trim_end();
        if !piece.is_empty() {
            pieces.push(piece.to_owned());
        }
        // A blank that was cut at is the line break now.
        rest = if left.len() < rest.len() && !left.is_empty() { left.trim_start() } else { left };
    }
    pieces
}

/// Where to cut: after all of it, else at the last blank, else at the last border
/// of a grapheme, else (one enormous grapheme) at the last border of a character.
fn cut(text: &str, budget: usize) -> usize {
    if text.len() <= budget {
        return text.len();
    }
    // A blank right behind the budget is a good place too.
    let window = border_before(text, budget + 1);
    if let Some(blank) = text[..window].rfind(' ').filter(|blank| *blank > 0 && *blank <= budget) {
        return blank;
    }
    // Looking at a part only keeps this linear; the last grapheme of it may be cut short.
    let grapheme = text[..window]
        .grapheme_indices(true)
        .map(|(start, _)| start)
        .take_while(|start| *start <= budget)
        .last()
        .filter(|start| *start > 0);
    grapheme.unwrap_or_else(|| border_before(text, budget))
}

/// The last border of a character at or before `at`, or the end of `text`.
fn border_before(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(lines(text, "#ops", ASSUMED_PREFIX_BYTES, 10), expected, "{text:?}");
    }

    #[test]
    fn text_becomes_lines() {
        check("one", &["one"]);
        check("one\ntwo", &["one", "two"]);
        check("one\r\n\r\ntwo\rthree\n", &["one", "two", "three"]);
        check("a\tb", &["a b"]);
        check("", &[]);
        check("\n \n\u{2}\r", &[]);
        check("  indented stays  ", &["  indented stays"]);
    }

    #[test]
    fn hostile_text_is_only_text() {
        check("x\r\nQUIT :bye", &["x", "QUIT :bye"]);
        check("x\0y\u{1}VERSION\u{1}\u{7}\u{1b}[31m\u{7f}\u{9b}", &["xyVERSION[31m"]);
        check("\u{3}04,01red\u{3} \u{3}4x \u{3}12,y \u{3}123", &["red x ,y 3"]);
        check("\u{4}ff0000,00ff00hex \u{4}abc", &["hex abc"]);
        check(
            "\u{2}bold\u{1d}italic\u{1f}line\u{1e}strike\u{11}mono\u{16}\u{f}",
            &["bolditaliclinestrikemono"],
        );
        check("a\u{202e}b\u{2066}c\u{200f}d\u{61c}e", &["abcde"]);
        check("a\u{2028}b", &["a b"]);
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let text: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        let shown = lines(&text.join("\n"), "#ops", 0, 10);
        assert_eq!(shown.len(), 11);
        assert_eq!(shown[10], "... 2 more lines");
        assert_eq!(lines("a\nb", "#ops", 0, 1), ["a", "... 1 more line"]);
    }

    #[test]
    fn a_long_line_is_cut_at_a_blank() {
        assert_eq!(split("one two three", 9), ["one two", "three"]);
        assert_eq!(split("one two three", 7), ["one two", "three"]);
        assert_eq!(split("onetwothree", 4), ["onet", "woth", "ree"]);
    }

    #[test]
    fn a_family_is_not_torn_apart() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let pieces = split(&family.repeat(5), family.len() * 2 + 5);
        assert_eq!(pieces, [family.repeat(2), family.repeat(2), family.to_owned()]);
    }

    #[test]
    fn recipients_that_are_none_are_refused() {
        for good in ["#ops", "&local", "alice", "#caf\u{e9}", "a[b]"] {
            assert_eq!(fault_of_recipient(good), None, "{good}");
        }
        for bad in ["", "#a b", "#a,#b", ":x", "$*", "#a\r\nQUIT", "#a\0", "\u{a0}x", &"#".repeat(201)] {
            assert!(fault_of_recipient(bad).is_some(), "{bad:?}");
        }
    }

    /// Text with much of what makes trouble.
    fn trouble() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<char>().prop_map(String::from),
            "[a-z]{1,40}",
            "[ \r\n\t\u{0}-\u{1f}0-9,]{1,6}",
            Just("e\u{301}\u{302}".to_owned()),
            Just("\u{1f468}\u{200d}\u{1f469}".to_owned()),
            Just("\u{301}".repeat(400)),
        ];
        proptest::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_or_holds_what_acts(text in trouble(), prefix in 0usize..200) {
            for line in lines(&text, "#ops", prefix, usize::MAX) {
                let relayed = format!(":{} PRIVMSG #ops :{line}\r\n", "p".repeat(prefix));
                prop_assert!(relayed.len() <= LINE_BYTES);
                prop_assert!(!line.chars().any(|c| c.is_control() || turns_direction(c)));
                prop_assert!(!line.trim().is_empty());
            }
        }

        #[test]
        fn nothing_but_blanks_is_lost_by_cutting(text in trouble(), budget in 64usize..400) {
            let seen = |text: &str| text.split_whitespace().collect::<String>();
            let cleaned = clean(&text);
            prop_assert_eq!(seen(&split(&cleaned, budget).concat()), seen(&cleaned));
        }

        #[test]
        fn a_cut_stands_between_graphemes(text in "(e\u{301}|\u{1f468}\u{200d}\u{1f469}|[a-c]){0,200}") {
            let whole: Vec<&str> = text.graphemes(true).collect();
            let pieces = split(&text, 64);
            let cut: Vec<&str> = pieces.iter().flat_map(|piece| piece.graphemes(true)).collect();
            prop_assert_eq!(whole, cut);
        }

        #[test]
        fn cleaning_twice_changes_nothing(text in trouble()) {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once);
        }
    }
}
