//! Answering commands: from a line of chat to replies, actions and mutes.
//!
//! Owns: the way from a line to its answer; what each command does stands in the file of
//! its topic. Promises: every command that is for us gets an answer, and what was not done
//! is said with the reason. Never: calls Icinga; it adds an action to the outcome.

mod asked;
mod audit;
mod calls;
mod custom;
mod find;
mod help;
mod icinga;
mod lists;
mod mutes;
mod objects;
mod oncall;
mod rules;
mod watches;

use super::Engine;
use super::outcome::Outcome;
use super::ruleset::Ruleset;
use crate::command::{Command, Request, Right, caller, parse};
use crate::model::{Decision, Facts, Timestamp, Utterance, Verdict};
use asked::{Answer, Answered, Asked, reply};

pub use find::find_by_name;
pub(super) use icinga::action_result;

/// Who answers: each takes the requests of its topic and leaves the others.
const TOPICS: &[fn(&mut Asked<'_>, &Request) -> Option<Answered>] = &[
    help::answer,
    objects::answer,
    icinga::answer,
    mutes::answer,
    watches::answer,
    oncall::answer,
    calls::answer,
    rules::answer,
    audit::answer,
    custom::answer,
];

/// Answers a line of chat, if it is a command.
pub(super) fn answer(engine: &mut Engine, utterance: Utterance, now: Timestamp, outcome: &mut Outcome) {
    let settings = engine.stage().settings.clone();
    let Some(line) = command_line(&utterance, &settings.prefix) else { return };
    let caller = caller(&utterance.speaker, &utterance.sink, &settings.persons);
    let answered = parse(line, now, &settings.zone).and_then(|command| {
        let asked = Asked { engine, caller: &caller, utterance: &utterance, now, outcome };
        respond(asked, &command)
    });
    let text = match answered {
        Ok(Answer::Text(text)) | Err(text) => text,
        Ok(Answer::Later) => String::new(),
        Ok(Answer::NotForUs) => return,
    };
    if !text.is_empty() {
        outcome.replies.push(reply(&utterance, &text));
    }
    outcome.decisions.push(Decision {
        at: now,
        event: "Command".to_owned(),
        object: String::new(),
        incident: None,
        summary: format!("{} in {}: {line}", utterance.speaker.nick, utterance.room),
        verdict: Verdict::Told(vec![format!("{}: {text}", utterance.sink)]),
        steps: Vec::new(),
        ruleset: engine.ruleset.hash().to_owned(),
        facts: Facts::default(),
    });
}

/// The command in a line: behind the prefix in a channel; in private the prefix
/// may be left out.
fn command_line<'a>(utterance: &'a Utterance, prefix: &str) -> Option<&'a str> {
    let line = utterance.text.trim();
    match line.strip_prefix(prefix) {
        Some(command) if command.starts_with(char::is_alphanumeric) => Some(command),
        Some(_) => None,
        None if utterance.private && !line.is_empty() => Some(line),
        None => None,
    }
}

/// Has the command answered by whose topic it is, if the caller may use it.
fn respond(mut asked: Asked<'_>, command: &Command) -> Answered {
    let (name, right) = right(command, asked.ruleset());
    asked.caller.may(name, right, asked.room())?;
    let answered = TOPICS.iter().find_map(|topic| topic(&mut asked, &command.request));
    answered.unwrap_or_else(|| {
        Err("nobody answers this; this is a bug in Watchbell, please report it".to_owned())
    })
}

/// The name of a command, and who may use it.
fn right<'a>(command: &'a Command, ruleset: &'a Ruleset) -> (&'a str, Right<'a>) {
    match (command.verb, &command.request) {
        (Some(verb), _) => (verb.name, verb.right),
        (None, Request::Other { name, .. }) => {
            (name, ruleset.commands().get(name).map_or(Right::Reads, |command| command.right()))
        }
        (None, _) => ("", Right::Admin),
    }
}
