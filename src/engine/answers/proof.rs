//! Who speaks: by their account, or by a one-time code in front of their command.
//!
//! Promises: whoever proves nothing is nobody; what a code led to is kept with the note that the
//! code was used. Never: shows a code.

use crate::command::code::{self, Coded};
use crate::command::permit::{self, Caller};
use crate::command::rate::{Asker, Turn};
use crate::config::Person;
use crate::engine::{Engine, Settings};
use crate::model::{Timestamp, Utterance};
use secrecy::ExposeSecret;

/// Who speaks by their account, and whether that is too often.
pub(super) fn hear(engine: &mut Engine, utterance: &Utterance, line: &str, now: Timestamp) -> (Caller, Turn) {
    let settings = engine.stage().settings.clone();
    let caller = permit::caller(utterance, &settings.persons, &settings.roles);
    if utterance.speaker.local || !settings.bounds_commands {
        return (caller, Turn::Answer);
    }
    let asker = match &caller.person {
        Some(person) => Asker::Person(person.clone()),
        None => claimed(&settings, utterance, line).unwrap_or_else(|| {
            Asker::Stranger(utterance.sink.clone(), utterance.speaker.nick.to_lowercase())
        }),
    };
    let turn = engine.rates.turn(asker, now);
    (caller, turn)
}

/// Somebody who proved to be this person, and whether they ask too often.
pub(super) fn hear_from(
    engine: &mut Engine,
    utterance: &Utterance,
    person: &Person,
    proof: &str,
    now: Timestamp,
) -> (Caller, Turn) {
    let settings = engine.stage().settings.clone();
    let caller = permit::known(utterance, person, &settings.roles, proof);
    if !settings.bounds_commands {
        return (caller, Turn::Answer);
    }
    let turn = engine.rates.turn(Asker::Person(person.name.clone()), now);
    (caller, turn)
}

/// Whose code stands in front of the command. Strangers who flood must not keep out those who
/// can prove who they are.
fn claimed(settings: &Settings, utterance: &Utterance, line: &str) -> Option<Asker> {
    let coded = code::split(line)?.ok().filter(|_| settings.code_sinks.contains(&utterance.sink))?;
    let person = named(settings, coded.person).filter(|person| person.code.is_some())?;
    Some(Asker::Claimed(person.name.clone()))
}

fn named<'a>(settings: &'a Settings, name: &str) -> Option<&'a Person> {
    settings.persons.values().find(|person| person.name.eq_ignore_ascii_case(name))
}

/// Takes a code in front of the command, if there is one: who speaks then, and the command
/// behind it. `Err` holds what to answer.
pub(super) fn prove<'a>(
    engine: &mut Engine,
    utterance: &Utterance,
    line: &'a str,
    now: Timestamp,
) -> Option<Result<(Caller, &'a str), String>> {
    let coded = code::split(line)?;
    Some(coded.and_then(|coded| Ok((take(engine, utterance, coded, now)?, coded.command))))
}

fn take(
    engine: &mut Engine,
    utterance: &Utterance,
    coded: Coded<'_>,
    now: Timestamp,
) -> Result<Caller, String> {
    let settings = engine.stage().settings.clone();
    if !settings.code_sinks.contains(&utterance.sink) {
        let sink = &utterance.sink;
        return Err(format!("one-time codes do not count here; `codes = true` of the sink {sink} lets them"));
    }
    let known = named(&settings, coded.person);
    let Some((person, secret)) = known.and_then(|person| Some((person, person.code.as_ref()?))) else {
        // Nobody learns here who has codes.
        return Err(code::CodeError::Wrong.to_string());
    };
    let world = engine.world_mut();
    let taken = world.take_code(&person.name, secret.expose_secret(), coded.code, now);
    taken.map_err(|error| error.to_string())?;
    Ok(permit::known(utterance, person, &settings.roles, "by a one-time code"))
}
