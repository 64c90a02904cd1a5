//! Who is meant by an event of a calendar.

use super::lines::Component;
use crate::config::Person;
use std::collections::{BTreeMap, BTreeSet};

/// The persons that events can mean.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// Names by mail address, in lower case.
    by_mail: BTreeMap<String, String>,
    /// Names by name, in lower case.
    by_name: BTreeMap<String, String>,
}

impl People {
    /// These persons.
    pub fn of(persons: &BTreeMap<String, Person>) -> People {
        let by_name = persons.keys().map(|name| (name.to_lowercase(), name.clone())).collect();
        let by_mail = persons
            .values()
            .filter_map(|person| Some((person.mail.as_ref()?.to_lowercase(), person.name.clone())));
        People { by_mail: by_mail.collect(), by_name }
    }

    /// These, by name and address, for tests.
    #[cfg(test)]
    pub(super) fn known(persons: &[(&str, &str)]) -> People {
        let with_mail = persons.iter().filter(|(_, mail)| !mail.is_empty());
        People {
            by_mail: with_mail.map(|(name, mail)| ((*mail).to_owned(), (*name).to_owned())).collect(),
            by_name: persons.iter().map(|(name, _)| ((*name).to_owned(), (*name).to_owned())).collect(),
        }
    }

    /// Whom an event means, in order: who attends and has not declined, else who is named in its
    /// title, else who organizes it. Nobody if none of them is known.
    pub(super) fn meant(&self, event: &Component) -> Vec<String> {
        let attend = event.all("ATTENDEE").filter(|one| {
            !one.parameter("PARTSTAT").is_some_and(|answer| answer.eq_ignore_ascii_case("DECLINED"))
        });
        let attending: BTreeSet<&String> = attend.filter_map(|one| self.by_address(&one.value)).collect();
        if !attending.is_empty() {
            return attending.into_iter().cloned().collect();
        }
        let title = event.property("SUMMARY").map(|summary| summary.text()).unwrap_or_default();
        let named = self.named(&title);
        if !named.is_empty() {
            return named;
        }
        let organizer = event.property("ORGANIZER").and_then(|one| self.by_address(&one.value));
        organizer.cloned().into_iter().collect()
    }

    fn by_address(&self, value: &str) -> Option<&String> {
        let value = value.trim().to_lowercase();
        self.by_mail.get(value.strip_prefix("mailto:").unwrap_or(&value))
    }

    /// Who is named in a title, as a word of its own.
    fn named(&self, title: &str) -> Vec<String> {
        let is_part = |letter: char| letter.is_alphanumeric() || "-_.@".contains(letter);
        let words = title.split(|letter| !is_part(letter)).map(str::to_lowercase);
        let named: BTreeSet<&String> = words
            .filter_map(|word| {
                let bare = word.trim_matches(['.', '-', '_']);
                self.by_name.get(&word).or_else(|| self.by_mail.get(&word)).or_else(|| self.by_name.get(bare))
            })
            .collect();
        named.into_iter().cloned().collect()
    }
}
