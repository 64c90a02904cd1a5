//! Answering commands: from a line of chat to replies, actions and mutes.
//!
//! Owns: the way from a line to its answer; what each command does stands in the file of
//! its topic. Promises: every command that is for us gets an answer, and what was not done
//! is said with the reason. Never: calls Icinga; it adds an action to the outcome.

mod asked;
mod audit;
mod calls;
pub(super) mod complete;
mod custom;
mod downtimes;
mod drill;
mod each;
mod find;
mod forecast;
mod help;
mod icinga;
mod lists;
pub(super) mod mail;
mod mirrored;
mod mutes;
mod objects;
mod oncall;
pub mod posted;
mod proof;
mod rooms;
mod rules;
mod select;
mod watches;

use super::Engine;
use super::outcome::Outcome;
use super::ruleset::Ruleset;
use super::world::talks::Talker;
use crate::command::rate::{CLOSED, Turn};
use crate::command::{Caller, Command, Request, Right, code, parse, verbs};
use crate::model::{CommandEnd, Commanded, Decision, Facts, PostedEnd, Timestamp, Utterance, Verdict};
use asked::{Answer, Answered, Asked, Kept, Said, reply};
use lists::short;

pub(super) use drill::report as drill_report;
pub use find::find_by_name;
pub(super) use icinga::action_result;

/// Who answers: each takes the requests of its topic and leaves the others.
const TOPICS: &[fn(&mut Asked<'_>, &Request) -> Option<Answered>] = &[
    help::answer,
    objects::answer,
    icinga::answer,
    downtimes::answer,
    mutes::answer,
    watches::answer,
    oncall::answer,
    calls::answer,
    rules::answer,
    audit::answer,
    forecast::answer,
    drill::answer,
    rooms::answer,
    custom::answer,
];

/// Answers a line of chat, if it is a command.
pub(super) fn answer(engine: &mut Engine, utterance: Utterance, now: Timestamp, outcome: &mut Outcome) {
    let settings = engine.stage().settings.clone();
    let Some(line) = command_line(&utterance, &settings.prefix) else { return };
    if !utterance.private && !custom::is_ours(engine.ruleset(), line) {
        return;
    }
    let heard = proof::hear(engine, &utterance, line, now);
    answer_line(engine, line, heard, &utterance, now, outcome);
}

/// Answers a command, wherever it came from; what came of it, or `None` where nobody meant us.
fn answer_line(
    engine: &mut Engine,
    line: &str,
    (mut caller, turn): (Caller, Turn),
    utterance: &Utterance,
    now: Timestamp,
    outcome: &mut Outcome,
) -> Option<PostedEnd> {
    let zone = engine.settings().zone.clone();
    // What `yes` and `!!` stood for.
    let mut stands_for = String::new();
    let (actions, mut objects) = (outcome.actions.len(), Vec::new());
    let answered = match turn {
        Turn::Silence => return Some(PostedEnd::TooMany(CLOSED)),
        Turn::TooMuch(seconds) => Err(Nothing::TooMany(seconds)),
        Turn::Answer => {
            match proof::prove(engine, utterance, line, now).unwrap_or(Ok((caller.clone(), line))) {
                Err(why) => Err(Nothing::Denied(why)),
                Ok((proved, line)) => {
                    caller = proved;
                    meant(engine, utterance, line, now).map_err(Nothing::NotDone).and_then(|said| {
                        let Some(said) = said else { return Ok(Answer::NotForUs) };
                        if said.line != line {
                            stands_for = format!(": {}", said.line);
                        }
                        let command = parse(&said.line, said.at, &zone).map_err(Nothing::NotUnderstood)?;
                        let asked = Asked::new(engine, &caller, utterance, &said, now, outcome);
                        respond(asked, &command, &mut objects)
                    })
                }
            }
        }
    };
    if answered.is_err() {
        // What was refused in the middle is not done by half.
        outcome.actions.truncate(actions);
    }
    let (text, end, posted_end) = match answered {
        Ok(Answer::Text(text)) => (text, CommandEnd::Done, PostedEnd::Done),
        Ok(Answer::Later) => (String::new(), CommandEnd::Asked, PostedEnd::Asked),
        Ok(Answer::NotForUs) => return None,
        Err(nothing) => nothing.ends(),
    };
    if !text.is_empty() {
        outcome.replies.push(reply(utterance, &text));
    }
    let line = format!("{}{stands_for}", code::blanked(line));
    let (speaker, ruleset) = (&utterance.speaker, engine.ruleset.hash().to_owned());
    outcome.decisions.push(Decision {
        at: now,
        event: "Command".to_owned(),
        object: String::new(),
        incident: None,
        summary: format!("{} in {}: {line}", speaker.nick, utterance.room),
        verdict: Verdict::Told(vec![format!("{}: {text}", utterance.sink)]),
        steps: Vec::new(),
        ruleset,
        facts: Facts::default(),
    });
    outcome.commands.push(Commanded {
        at: now,
        sink: utterance.sink.clone(),
        room: utterance.room.clone(),
        nick: speaker.nick.clone(),
        account: speaker.account.clone(),
        person: caller.person,
        line,
        end,
        objects,
    });
    Some(posted_end)
}

/// Why nothing was done.
enum Nothing {
    /// A right is missing, and which.
    Denied(String),
    /// It waits for a `yes`, and what would be done.
    Waits(String),
    /// Too many commands came before it; how many seconds none is answered.
    TooMany(u64),
    /// It was refused, and why.
    NotDone(String),
    /// It was not understood, and how it is written.
    NotUnderstood(String),
}

impl Nothing {
    /// What is answered, what the audit keeps, and what a program is told.
    fn ends(self) -> (String, CommandEnd, PostedEnd) {
        let refused = |why: String, end| (why.clone(), CommandEnd::Refused(why), end);
        match self {
            Nothing::Denied(why) => refused(short(&why), PostedEnd::Denied),
            Nothing::Waits(words) => (short(&words), CommandEnd::Asked, PostedEnd::Waits),
            Nothing::TooMany(seconds) => {
                let why = format!("too many commands; wait {seconds} s");
                refused(why, PostedEnd::TooMany(seconds))
            }
            Nothing::NotDone(why) => refused(short(&why), PostedEnd::NotDone),
            Nothing::NotUnderstood(why) => (short(&why), CommandEnd::Unknown, PostedEnd::NotUnderstood),
        }
    }
}

/// The command in a line: behind the prefix in a channel; in private the prefix
/// may be left out.
fn command_line<'a>(utterance: &'a Utterance, prefix: &str) -> Option<&'a str> {
    let line = utterance.text.trim();
    match line.strip_prefix(prefix) {
        Some(command) if command.starts_with(char::is_alphanumeric) => Some(command),
        Some(verbs::SHOUTED) => Some(verbs::SHOUTED),
        Some(_) => None,
        None if utterance.private && !line.is_empty() => Some(line),
        None => None,
    }
}

/// A line of chat as it may be shown: without the one-time code in it.
pub fn shown(utterance: &Utterance, prefix: &str) -> String {
    code::blanked(command_line(utterance, prefix).unwrap_or(utterance.text.trim()))
}

/// What is to be done: the line itself, or what `yes` and `!!` stand for. Whatever is said,
/// nothing waits for a `yes` any longer. `None` where nobody meant us; `Err` holds what to
/// answer.
fn meant(
    engine: &mut Engine,
    utterance: &Utterance,
    line: &str,
    now: Timestamp,
) -> Result<Option<Said>, String> {
    let talker = Talker::of(utterance);
    let world = engine.world_mut();
    let waiting = world.take_waiting(&talker, now);
    let name = line.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    match verbs::find(&name).map(|verb| verb.name) {
        Some(verbs::YES) => match waiting {
            Some(waiting) => {
                Ok(Some(Said { line: waiting.line, at: waiting.at, confirmed: Some(waiting.shown) }))
            }
            None => Err("nothing waits for your `yes`; say the command again".to_owned()),
        },
        Some(verbs::AGAIN) => match world.said_last(&talker) {
            Some(last) => Ok(Some(Said { line: last.to_owned(), at: now, confirmed: None })),
            // Other people shout as well.
            None if name == verbs::SHOUTED => Ok(None),
            None => Err("you have said no command here".to_owned()),
        },
        _ => {
            world.note_said(&talker, line, now);
            Ok(Some(Said { line: line.to_owned(), at: now, confirmed: None }))
        }
    }
}

/// Has the command answered by whose topic it is, if the caller may use it; notes the objects
/// that it is about.
fn respond(mut asked: Asked<'_>, command: &Command, objects: &mut Vec<String>) -> Result<Answer, Nothing> {
    let ruleset = asked.ruleset().clone();
    let (name, right) = right(command, &ruleset);
    asked.permit = asked.caller.may(name, right).map_err(Nothing::Denied)?;
    let answered = TOPICS.iter().find_map(|topic| topic(&mut asked, &command.request));
    *objects = asked.object_names();
    let is_known = command.verb.is_some() || ruleset.commands().contains_key(name);
    let nothing = |why| match asked.kept {
        _ if !is_known => Nothing::NotUnderstood(why),
        Kept::NotDone => Nothing::NotDone(why),
        Kept::Denied => Nothing::Denied(why),
        Kept::Waits => Nothing::Waits(why),
    };
    answered.map_or_else(
        || {
            Err(Nothing::NotDone(
                "nobody answers this; this is a bug in Watchbell, please report it".to_owned(),
            ))
        },
        |answered| answered.map_err(nothing),
    )
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
