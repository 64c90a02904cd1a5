//! From what is written to what is meant.
//!
//! Owns: the meaning of each section, and what sections say of each other.
//! Promises: finds every fault in one go; a section that is faulty does not keep
//! the others from being checked. Never: opens a connection, starts anything.

mod deadman;
mod escalation;
mod fallbacks;
mod icinga;
mod incoming;
mod mail;
mod mailbox;
mod people;
mod reach;
mod schedules;
mod signing;
mod sinks;
mod targets;
mod webhook;

use super::keys::{self, DEFAULTS, JOURNAL, ROLES, STORE};
use super::raw::{Section, suggestion};
use super::reader::Written;
use super::{Config, Folders, JournalSettings, SinkKind};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The least that `[store] keep` may be, and what to write.
const SHORTEST_KEEP: (Duration, &str) = (Duration::from_secs(3600), "keep at least \"1h\", better \"7d\"");
/// The same for `keep_commands`.
const SHORTEST_KEEP_COMMANDS: (Duration, &str) =
    (Duration::from_secs(86_400), "keep at least \"1d\", better \"365d\"");

/// The folders the document names; a fault is noted for each that is not there.
pub(super) fn folders(root: &Section<'_>) -> Folders {
    Folders { rules: root.folder("rules"), templates: root.folder_if_named("templates") }
}

/// Checks the rest of the document. `None` only where faults were noted.
pub(super) fn config(root: &Section<'_>, path: &Path, folders: Folders) -> Option<Config> {
    let store = root.section("store", &STORE).and_then(|section| {
        let keep = keep_for(&section, "keep", SHORTEST_KEEP);
        let keep_commands = keep_for(&section, "keep_commands", SHORTEST_KEEP_COMMANDS);
        Some((store(&section)?, keep?, keep_commands?))
    });
    let journal = root.section("journal", &JOURNAL).and_then(|section| journal(&section));
    let candidate_rules = root.path_to("candidate_rules").map(|written| written.value);
    let icinga = icinga::icingas(root);
    let webhooks = incoming::webhooks(root);
    let deadman = deadman::deadman(root);
    let (mut sinks, kinds) = sinks::sinks(root);
    let mailboxes = mailbox::mailboxes(root, &sinks, &kinds);
    let (mut targets, target_names) = targets::targets(root, &kinds);
    let defaults = root.section("defaults", &DEFAULTS).and_then(|section| defaults(&section, &target_names));
    let roles = people::roles(root);
    let usual_zone = defaults.as_ref().map_or(jiff::tz::TimeZone::UTC, |(_, zone, ..)| zone.clone());
    let people::People { persons, reach, ways, tokens } = people::people(root, &kinds, &roles, &usual_zone);
    let incoming = incoming::incoming(root, webhooks, tokens);
    let names = persons.keys().map(String::as_str).collect();
    let schedules = schedules::schedules(root, &names, &usual_zone);
    let callable = escalation::Callable {
        targets: &target_names,
        persons: persons.keys().map(|name| (&**name, !reach[name].ways.is_empty())).collect(),
        schedules: schedules.keys().map(String::as_str).collect(),
        roles: ROLES.iter().copied().chain(roles.keys().map(String::as_str)).collect(),
    };
    let policies = escalation::escalations(root, &callable);
    let (default_target, zone, prefix, mirror_mutes) = defaults?;
    targets.extend(ways.into_iter().map(|way| (way.name.clone(), way)));
    for sink in sinks.values_mut() {
        if let SinkKind::Console(console) = &mut sink.kind {
            console.zone = zone.clone();
        }
    }
    let rules = folders.rules?;
    let (store, keep, keep_commands) = store?;
    Some(Config {
        path: Some(path.to_owned()),
        candidate_rules: candidate_rules.unwrap_or_else(|| super::beside(&rules)),
        rules,
        templates: folders.templates?,
        store,
        keep,
        keep_commands,
        journal: journal?,
        icinga,
        incoming,
        deadman,
        sinks,
        mailboxes,
        targets,
        default_target,
        mirror_mutes,
        zone,
        prefix,
        roles,
        persons,
        schedules,
        reach,
        policies,
    })
}

/// Notes a fault for a name that would be hard to say, in chat or in a log.
fn check_name(section: &Section<'_>, name: &Written<String>) {
    let allowed = |character: char| character.is_alphanumeric() || "-_.".contains(character);
    if name.value.is_empty() || name.value.chars().count() > 64 || !name.value.chars().all(allowed) {
        let help = "letters, digits, `-`, `_` and `.`, at most 64 of them";
        section.reader.fault(&name.spot, "is no name that can be written in chat", help);
    }
}

fn store(section: &Section<'_>) -> Option<PathBuf> {
    let Written { value: path, spot } = section.path_to("path")?;
    let folder = path.parent().unwrap_or(Path::new("."));
    if !folder.as_os_str().is_empty() && !folder.is_dir() {
        let message = format!("needs the folder {}, which is not there", folder.display());
        section.reader.fault(&spot, message, format!("run `mkdir -p {}`", folder.display()));
    }
    if path.is_dir() {
        section.reader.fault(&spot, "names a folder", "name a file in it, such as `watchbell.db`");
    }
    Some(path)
}

/// How long the past, or the audit of commands, is kept. With a past much shorter, what was told
/// would be told again.
fn keep_for(section: &Section<'_>, key: &str, (shortest, help): (Duration, &str)) -> Option<Duration> {
    let keep = section.duration(key)?;
    if keep < shortest {
        let spot = section.text(key)?.spot;
        section.reader.fault(&spot, "is too short", help);
    }
    Some(keep)
}

/// How much of the journal is kept; inside, `None` where it is off.
fn journal(section: &Section<'_>) -> Option<Option<JournalSettings>> {
    let keep = section.duration_or_none("keep");
    let size = section.size("size");
    Some(keep?.zip(Some(size?)).map(|(keep, size)| JournalSettings { keep, size }))
}

fn defaults(
    section: &Section<'_>,
    targets: &BTreeSet<String>,
) -> Option<(String, jiff::tz::TimeZone, String, bool)> {
    let target = section.text("target");
    let zone = zone(section);
    let prefix = section.text("prefix");
    let mirror_mutes = section.flag("mirror_mutes");
    if let Some(Written { value: name, spot }) = &target
        && !targets.contains(name)
    {
        let message = format!("names the target `{name}`, which is not configured");
        let help = suggestion(name, targets.iter().map(String::as_str));
        section.reader.fault(
            spot,
            message,
            format!("{help} A target is a section `{}`", keys::TARGET.header),
        );
    }
    if let Some(Written { value: prefix, spot }) = &prefix
        && (prefix.chars().any(char::is_whitespace) || prefix.chars().count() > 5)
    {
        section.reader.fault(
            spot,
            "cannot mark a command",
            "use one to five characters without a space, such as \"!\"",
        );
    }
    Some((target?.value, zone?, prefix?.value, mirror_mutes?))
}

fn zone(section: &Section<'_>) -> Option<jiff::tz::TimeZone> {
    zone_or(section, &jiff::tz::TimeZone::system())
}

/// The zone that a section names, or else this one.
fn zone_or(section: &Section<'_>, otherwise: &jiff::tz::TimeZone) -> Option<jiff::tz::TimeZone> {
    if !section.has("zone") {
        return Some(otherwise.clone());
    }
    let Written { value: name, spot } = section.text("zone")?;
    let unknown = |_| {
        let known: Vec<_> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let help = match crate::diagnostic::did_you_mean(&name, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => "write it as the IANA list has it, such as \"Europe/Berlin\" or \"UTC\"".to_owned(),
        };
        section.reader.fault(&spot, "is no time zone", help);
    };
    jiff::tz::TimeZone::get(&name).map_err(unknown).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::{ROOT, TABLES};
    use crate::config::reader::{Fault, Reader};
    use toml::de::DeTable;

    fn faults_of(text: &str) -> Vec<Fault> {
        let document = DeTable::parse(text).expect(text);
        let reader = Reader::new(PathBuf::new());
        let root = Section::root(&reader, document.get_ref(), &ROOT);
        config(&root, Path::new("watchbell.toml"), folders(&root));
        reader.into_parts().0
    }

    /// A key that nobody reads would be accepted and have no effect. No key is a
    /// date, so whoever reads it complains.
    #[test]
    fn every_key_is_read() {
        for table in TABLES {
            let header = if table.header.starts_with('[') { table.header } else { "" };
            for key in table.keys {
                let text = format!("{header}\n{} = 1979-05-27\n", key.name);
                let path = format!(".{}", key.name);
                let read = |fault: &Fault| {
                    format!(".{}", fault.key).ends_with(&path) && fault.message.contains("not a date")
                };
                assert!(faults_of(&text).iter().any(read), "nobody reads `{}` of {}", key.name, table.header);
            }
        }
    }
}
