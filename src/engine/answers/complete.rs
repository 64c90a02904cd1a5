//! What a command that is half written can become: from the table of commands, and from the
//! names that are known now.
//!
//! Promises: only commands are offered that whoever asks may use; changes nothing.

use super::posted;
use crate::command::complete::{MOST, Names, complete, object_part};
use crate::command::right::ROLES;
use crate::command::{Right, permit};
use crate::engine::Engine;
use crate::engine::outcome::Outcome;
use crate::engine::world::World;
use crate::model::{Completing, State};

/// Answers with one word on each line.
pub(in crate::engine) fn answer(engine: &mut Engine, asked: &Completing, outcome: &mut Outcome) {
    let settings = engine.stage().settings.clone();
    // So only where the journal is played under another configuration.
    let Some(person) = settings.persons.get(&asked.person) else { return };
    let utterance = posted::utterance(&asked.person, asked.line.clone(), engine.stage().run.now);
    let caller = permit::known(&utterance, person, &settings.roles, "by a token");
    let may = |name: &str, right: Right<'_>| caller.may(name, right).is_ok();
    let (world, ruleset) = (engine.world(), engine.ruleset());
    let line = asked.line.trim_start();
    let line = line.strip_prefix(&settings.prefix).unwrap_or(line);
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if line.is_empty() || line.ends_with(char::is_whitespace) {
        words.push("");
    }
    let objects = objects(world, words.last().copied().unwrap_or_default());
    let mutes: Vec<String> = world.mutes().map(|active| format!("m{}", active.mute.id)).collect();
    let overrides: Vec<String> = world.overrides().iter().map(|one| format!("o{}", one.id)).collect();
    let commands = ruleset.commands().iter().filter(|(name, command)| may(name, command.right()));
    let roles = ROLES.iter().copied().chain(settings.roles.keys().map(String::as_str));
    let names = Names {
        may: &|verb| may(verb.name, verb.right),
        commands: &commands.map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        objects: &borrowed(&objects),
        targets: &borrowed(&settings.targets),
        persons: &borrowed(settings.persons.keys()),
        roles: &roles.collect::<Vec<_>>(),
        schedules: &borrowed(settings.schedules.keys()),
        policies: &borrowed(settings.policies.keys()),
        mutes: &borrowed(&mutes),
        overrides: &borrowed(&overrides),
        states: &State::ALL.map(State::name),
    };
    let text = complete(&words, &names).join("\n");
    outcome.answers.extend(posted::later(std::slice::from_ref(&asked.request), text));
}

fn borrowed<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    names.into_iter().map(String::as_str).collect()
}

/// Open problems by their numbers, the newest first, then hosts and services by name, that begin as this word does;
/// those that a command can name.
fn objects(world: &World, word: &str) -> Vec<String> {
    let part = object_part(word);
    let open = world.incidents().filter(|incident| incident.closed.is_none());
    let mut numbers: Vec<String> =
        open.map(|incident| incident.id.to_string()).filter(|number| number.starts_with(part)).collect();
    numbers.reverse();
    let can_be_named = |name: &&str| name.starts_with(part) && !name.contains(char::is_whitespace);
    let mut names: Vec<&str> = world.object_keys().map(|key| key.name()).filter(can_be_named).collect();
    // Of half a million names the first few are wanted.
    if names.len() > MOST {
        names.select_nth_unstable(MOST);
        names.truncate(MOST);
    }
    names.sort_unstable();
    names.dedup();
    numbers.truncate(MOST);
    numbers.into_iter().chain(names.into_iter().map(str::to_owned)).collect()
}
