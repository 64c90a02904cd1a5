//! What somebody wrote themselves, in the text of an answer. Pure.
//!
//! Promises: nothing that is quoted is taken for their words; one line without control
//! characters, however the text is made. Never: understands what it says.

/// The longest line that counts, in characters; the rest is cut off.
const LONGEST: usize = 1000;
/// How many lines of a text are looked at.
const MOST_LINES: usize = 2000;
/// Over how many lines a mail program may break `On ... wrote:`.
const LONGEST_ATTRIBUTION: usize = 3;

/// The first line that is their own: no quotation, nor what announces one, nor a signature.
pub(super) fn first(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().take(MOST_LINES).collect();
    let end = lines.iter().position(|line| ends_own_words(line)).unwrap_or(lines.len());
    let lines = &lines[..end];
    let announces = announcements(lines);
    let own = lines.iter().zip(announces).find(|(line, announces)| !announces && is_own(line));
    own.map(|(line, _)| one_line(line))
}

/// From here on nothing is theirs: a signature, or the mail they answer as it was.
fn ends_own_words(line: &str) -> bool {
    let trimmed = line.trim();
    // Some mail programs drop the space of `-- ` (RFC 3676, section 4.3).
    line.trim_end_matches('\r') == "-- " || trimmed == "--" || is_separator(trimmed)
}

/// Outlook's line between an answer and what it answers: of underscores, or of words between dashes.
fn is_separator(line: &str) -> bool {
    let underscores = line.len() >= 20 && line.bytes().all(|byte| byte == b'_');
    underscores
        || (line.starts_with("-----") && line.ends_with("-----") && line.contains(char::is_alphabetic))
}

fn is_own(line: &str) -> bool {
    !is_quoted(line) && line.chars().any(|character| !character.is_whitespace() && !character.is_control())
}

fn is_quoted(line: &str) -> bool {
    line.trim_start().starts_with(['>', '|'])
}

/// For each line whether it announces a quotation: it stands before one, with nothing
/// between, ends with a colon, and names an address or a date.
fn announcements(lines: &[&str]) -> Vec<bool> {
    let mut announces = vec![false; lines.len()];
    for index in 0..lines.len() {
        let begins =
            is_quoted(lines[index]) && !index.checked_sub(1).is_some_and(|before| is_quoted(lines[before]));
        if !begins {
            continue;
        }
        let Some(last) = (0..index).rev().find(|&before| !lines[before].trim().is_empty()) else { continue };
        if !lines[last].trim_end().ends_with(':') {
            continue;
        }
        let is_part = |line: &str| !line.trim().is_empty() && !is_quoted(line);
        let reach = (0..=last).rev().take(LONGEST_ATTRIBUTION).take_while(|&line| is_part(lines[line]));
        let reach: Vec<usize> = reach.collect();
        let has_digit = |line: &&usize| lines[**line].contains(|character: char| character.is_ascii_digit());
        let has_address = |line: &&usize| lines[**line].contains('@');
        // A date, for the address may stand on a line of its own; or else an address.
        if let Some(&first) = reach.iter().find(has_digit).or_else(|| reach.iter().find(has_address)) {
            announces[first..=last].fill(true);
        }
    }
    announces
}

fn one_line(line: &str) -> String {
    let visible: String =
        line.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    words.join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_own_line_is_found_wherever_it_stands() {
        for (text, own) in [
            ("ack looking into it\n", "ack looking into it"),
            ("\n\n  ack   looking \t into it\r\n", "ack looking into it"),
            (
                "ack on it\r\n\r\nOn Sat, 28 Nov 2026 at 08:00, Watchbell <bell@example.org> wrote:\r\n> db1 is down\r\n",
                "ack on it",
            ),
            // No empty line between, as some write it.
            ("ack on it\nOn 28 Nov 2026 Watchbell wrote:\n> db1 is down\n", "ack on it"),
            // Below what is quoted.
            ("On 28 Nov 2026 Watchbell wrote:\n> db1 is down\n\nack on it\n-- \nAlice\n", "ack on it"),
            (
                "On Sat, 28 Nov 2026 at 08:00, Watchbell\n<bell@example.org>\nwrote:\n\n> db1 is down\n>\n> really\nack on it\n",
                "ack on it",
            ),
            ("Am 28.11.2026 um 08:00 schrieb Watchbell:\n> db1 is down\nack bin dran\n", "ack bin dran"),
            // Between two quotations.
            ("> db1 is down\nack on it\n> since noon\n", "ack on it"),
            ("looking at this:\n> db1 is down\n", "looking at this:"),
            ("unack\n\n________________________________\nFrom: Watchbell\nack not this\n", "unack"),
            ("ok\n-----Original Message-----\nack not this", "ok"),
        ] {
            assert_eq!(first(text).as_deref(), Some(own), "{text}");
        }
    }

    #[test]
    fn what_is_quoted_or_a_signature_is_not_theirs() {
        for text in [
            "",
            "\n \r\n\t\n",
            "> ack on it\n",
            "  > ack on it\n",
            "| ack on it\n",
            "-- \nack on it\n",
            "--\r\nack on it\r\n",
            "On 28 Nov 2026 Watchbell wrote:\n> ack on it\n",
            "-----Original Message-----\nack on it\n",
            "\u{0}\u{1}\n",
        ] {
            assert_eq!(first(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let line = first(&"a ".repeat(100_000)).expect("it is a line");
        assert_eq!(line.chars().count(), LONGEST);
    }

    proptest! {
        #[test]
        fn it_is_one_short_line_of_what_is_visible(text in any::<String>()) {
            if let Some(line) = first(&text) {
                prop_assert!(!line.is_empty() && line.chars().count() <= LONGEST);
                prop_assert!(!line.contains(char::is_control));
            }
        }
    }
}
