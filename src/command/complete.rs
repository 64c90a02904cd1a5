//! Completing a command that is half written, from the one table.

use super::verbs::{self, VERBS};

/// Names that complete what stands for them in a form.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    /// Hosts, services and numbers of incidents.
    pub objects: &'a [&'a str],
    /// Targets.
    pub targets: &'a [&'a str],
    /// Commands of rule files.
    pub commands: &'a [&'a str],
}

/// What stands for an object in a form.
const OBJECTS: &[&str] = &["OBJECT", "HOST", "HOST!SERVICE", "PATTERN"];

/// What the last of these words can become, in the order of the table and the names; the
/// last word may be empty. Pure.
pub fn complete(words: &[&str], names: &Names<'_>) -> Vec<String> {
    let Some((last, before)) = words.split_last() else { return Vec::new() };
    let lower: Vec<String> = before.iter().take(2).map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let mut found: Vec<String> = Vec::new();
    let mut offer = |candidate: &str| {
        if candidate.starts_with(last) && !found.iter().any(|known| known == candidate) {
            found.push(candidate.to_owned());
        }
    };
    if before.is_empty() {
        let own = VERBS.iter().filter_map(|verb| verb.name.split(' ').next());
        own.chain(names.commands.iter().copied()).for_each(&mut offer);
        return found;
    }
    // The second word of a name of two, such as `dead replay`.
    let second = VERBS.iter().filter_map(|verb| verb.name.split_once(' '));
    second.filter(|(first, _)| lower == [*first]).for_each(|(_, second)| offer(second));
    let Some((verb, used)) = verbs::find_front(&lower) else { return found };
    let is_first = before.len() == used;
    for part in parts(verb.form) {
        match part {
            "COMMAND" if is_first => {
                VERBS.iter().map(|verb| verb.name).chain(names.commands.iter().copied()).for_each(&mut offer);
            }
            "TARGET" => names.targets.iter().copied().for_each(&mut offer),
            part if OBJECTS.contains(&part) && is_first => names.objects.iter().copied().for_each(&mut offer),
            part if is_written_out(part) => offer(part),
            _ => {}
        }
    }
    found
}

/// The words of a form, without brackets and bars.
fn parts(form: &str) -> impl Iterator<Item = &str> {
    form.split([' ', '|', '[', ']']).filter(|part| !part.is_empty())
}

/// Whether a part of a form is a word to be written as it stands.
fn is_written_out(part: &str) -> bool {
    part.chars().all(|letter| letter.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'_> =
        Names { objects: &["db1", "db1!disk", "web", "#1"], targets: &["ops", "dba"], commands: &["deploy"] };

    fn completed(line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split(' ').collect();
        complete(&words, &NAMES)
    }

    #[test]
    fn names_of_commands_are_completed_those_of_rule_files_too() {
        assert_eq!(completed("unm"), ["unmute"]);
        assert_eq!(completed("de"), ["dead", "deploy"]);
        assert_eq!(completed("dead r"), ["replay"]);
        assert_eq!(completed("help una"), ["unack"]);
        assert!(completed("").len() > 10);
    }

    #[test]
    fn what_follows_is_completed_by_the_form() {
        assert_eq!(completed("ack db"), ["db1", "db1!disk"]);
        assert_eq!(completed("ack #"), ["#1"]);
        assert_eq!(completed("ACK db1 st"), ["sticky"]);
        assert_eq!(completed("why-not db1 d"), ["dba"]);
        assert_eq!(completed("reload f"), ["force"]);
        assert_eq!(completed("nothing d"), Vec::<String>::new());
        assert_eq!(complete(&[], &NAMES), Vec::<String>::new());
    }

    proptest::proptest! {
        #[test]
        fn every_completion_goes_on_with_what_was_written(line in "[a-z]{0,6}( [a-z#]{0,3}){0,3}") {
            let words: Vec<&str> = line.split(' ').collect();
            for found in complete(&words, &NAMES) {
                assert!(found.starts_with(words.last().expect("there is one")), "{line}: {found}");
            }
        }
    }
}
