//! Completing a command that is half written, from the one table.

use super::verbs::{self, VERBS, Verb};

/// How many words are offered at most.
pub const MOST: usize = 50;

/// Names that complete what stands for them in a form.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// Which of the built-in commands are offered.
    pub may: &'a dyn Fn(&Verb) -> bool,
    /// Commands of rule files.
    pub commands: &'a [&'a str],
    /// Hosts, services and numbers of incidents.
    pub objects: &'a [&'a str],
    /// Targets.
    pub targets: &'a [&'a str],
    /// Persons.
    pub persons: &'a [&'a str],
    /// Roles, built-in ones too.
    pub roles: &'a [&'a str],
    /// Schedules.
    pub schedules: &'a [&'a str],
    /// Escalation policies.
    pub policies: &'a [&'a str],
    /// Numbers of mutes, such as `m3`.
    pub mutes: &'a [&'a str],
    /// Numbers of overrides, such as `o3`.
    pub overrides: &'a [&'a str],
    /// States of hosts and services.
    pub states: &'a [&'a str],
}

/// What stands for an object in a form; several may be written with commas.
const OBJECTS: &[&str] = &["OBJECT", "HOST", "HOST!SERVICE", "PATTERN", "PART", "#N"];
/// What `last` stands for, where an object may stand.
const LAST: &str = "last";

/// The word that is being written, and what it can become.
struct Offer<'a> {
    last: &'a str,
    found: Vec<String>,
}

impl Offer<'_> {
    fn word(&mut self, candidate: &str) {
        let is_new = || !self.found.iter().any(|known| known == candidate);
        if self.found.len() < MOST && candidate.starts_with(self.last) && is_new() {
            self.found.push(candidate.to_owned());
        }
    }

    fn words<'n>(&mut self, candidates: impl IntoIterator<Item = &'n str>) {
        candidates.into_iter().for_each(|candidate| self.word(candidate));
    }

    fn behind(&mut self, prefix: &str, candidates: &[&str]) {
        candidates.iter().for_each(|candidate| self.word(&format!("{prefix}{candidate}")));
    }
}

/// The part of a word that an object's name is looked for by: what stands behind its last comma.
pub fn object_part(word: &str) -> &str {
    word.rsplit_once(',').map_or(word, |(_, part)| part)
}

/// What the last of these words can become, in the order of the table and the names, at most
/// [`MOST`]; the last word may be empty. Pure.
pub fn complete(words: &[&str], names: &Names<'_>) -> Vec<String> {
    let Some((last, before)) = words.split_last() else { return Vec::new() };
    let lower: Vec<String> = before.iter().take(2).map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let mut offer = Offer { last, found: Vec::new() };
    let may = || VERBS.iter().filter(|verb| (names.may)(verb));
    if before.is_empty() {
        offer.words(may().filter_map(|verb| verb.name.split(' ').next()));
        offer.words(names.commands.iter().copied());
        return offer.found;
    }
    // The second word of a name of two, such as `dead replay`.
    let second = may().filter_map(|verb| verb.name.split_once(' '));
    offer.words(second.filter(|(first, _)| lower == [*first]).map(|(_, second)| second));
    let Some((verb, used)) = verbs::find_front(&lower) else { return offer.found };
    for part in parts(verb.form) {
        offer_part(&mut offer, part, before.len() - used, names);
    }
    offer.found
}

/// Offers what may stand for one part of a form, behind so many words.
fn offer_part(offer: &mut Offer<'_>, part: &str, behind: usize, names: &Names<'_>) {
    let is_first = behind == 0;
    match part {
        "COMMAND" if is_first => {
            offer.words(VERBS.iter().filter(|verb| (names.may)(verb)).map(|verb| verb.name));
            offer.words(names.commands.iter().copied());
        }
        "WHO" if is_first => {
            offer.words(names.persons.iter().copied());
            offer.behind("schedule:", names.schedules);
            offer.behind("role:", names.roles);
            offer.words(names.targets.iter().copied());
        }
        "SCHEDULE" if is_first => offer.words(names.schedules.iter().copied()),
        "M3" if is_first => offer.words(names.mutes.iter().copied()),
        "O3" if is_first => offer.words(names.overrides.iter().copied()),
        "PERSON" => offer.words(names.persons.iter().copied()),
        "POLICY" if !is_first => offer.words(names.policies.iter().copied()),
        "STATE" => offer.words(names.states.iter().copied()),
        "TARGET" => offer.words(names.targets.iter().copied()),
        part if OBJECTS.contains(&part) && is_first => {
            let listed = &offer.last[..offer.last.len() - object_part(offer.last).len()];
            let listed = listed.to_owned();
            offer.behind(&listed, names.objects);
            offer.behind(&listed, &[LAST]);
        }
        part if is_written_out(part) => offer.word(part),
        _ => {}
    }
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
    use crate::command::Right;

    const NAMES: Names<'_> = Names {
        may: &|_| true,
        commands: &["deploy"],
        objects: &["db1", "db1!disk", "web", "#1"],
        targets: &["ops", "dba"],
        persons: &["alice", "dora"],
        roles: &["operator"],
        schedules: &["nights"],
        policies: &["dba"],
        mutes: &["m3"],
        overrides: &["o1"],
        states: &["DOWN", "CRITICAL"],
    };

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
    fn only_commands_are_offered_that_one_may_use() {
        let reads = Names { may: &|verb| verb.right == Right::Reads, ..NAMES };
        assert_eq!(complete(&["unm"], &reads), Vec::<String>::new());
        assert_eq!(complete(&["help", "una"], &reads), Vec::<String>::new());
        assert_eq!(complete(&["un"], &reads), ["unwatch"]);
        assert_eq!(complete(&["dead", "r"], &reads), Vec::<String>::new());
    }

    #[test]
    fn what_follows_is_completed_by_the_form() {
        for (line, wanted) in [
            ("ack db", &["db1", "db1!disk"][..]),
            ("ack #", &["#1"]),
            ("ack web,db", &["web,db1", "web,db1!disk"]),
            ("ack la", &["last"]),
            ("ACK db1 st", &["sticky"]),
            ("why-not db1 d", &["dba"]),
            ("route db1 D", &["DOWN"]),
            ("reload f", &["force"]),
            ("unmute m", &["m3"]),
            ("oncall n", &["nights"]),
            ("override n", &["nights"]),
            ("override cancel o", &["o1"]),
            ("override nights d", &["dora"]),
            ("swap nights alice d", &["dora"]),
            ("escalate db1 d", &["dba"]),
            ("page sch", &["schedule:nights"]),
            ("page a", &["alice"]),
            ("nothing d", &[]),
        ] {
            assert_eq!(completed(line), wanted, "{line}");
        }
        assert_eq!(complete(&[], &NAMES), Vec::<String>::new());
    }

    #[test]
    fn so_many_words_are_offered_and_no_more() {
        let many: Vec<String> = (0..MOST * 2).map(|number| format!("db{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(complete(&["ack", "db"], &Names { objects: &many, ..NAMES }).len(), MOST);
    }

    proptest::proptest! {
        #[test]
        fn every_completion_goes_on_with_what_was_written(line in "[a-z]{0,6}( [a-z#,]{0,3}){0,3}") {
            let words: Vec<&str> = line.split(' ').collect();
            for found in complete(&words, &NAMES) {
                assert!(found.starts_with(words.last().expect("there is one")), "{line}: {found}");
            }
        }
    }
}
