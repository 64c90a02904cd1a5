//! Answering commands: from a line of chat to replies, actions and mutes.
//!
//! Owns: what each built-in command does. Promises: every command that is for us
//! gets an answer, and what was not done is said with the reason. Never: calls
//! Icinga; it adds an action to the outcome.

mod find;
mod show;

use super::Case;
use super::mute::{self, Mute};
use super::outcome::{Ask, Outcome, Question};
use super::ruleset::Ruleset;
use super::script::CommandHandle;
use super::{Engine, stage};
use crate::command::{Caller, Request, caller, parse, permit, verbs};
use crate::model::words::counted;
use crate::model::{
    About, Action, ActionKind, ActionResult, Decision, Facts, ObjectKey, Reply, State, Timestamp, Utterance,
    Verdict,
};
use find::{Kind, find, find_past};

pub use find::find_by_name;
use std::sync::{Arc, Mutex, PoisonError};

/// Answers a line of chat, if it is a command.
pub(super) fn answer(engine: &mut Engine, utterance: Utterance, now: Timestamp, outcome: &mut Outcome) {
    let settings = engine.stage().settings.clone();
    let Some(line) = command_line(&utterance, &settings.prefix) else { return };
    let caller = caller(&utterance.speaker, &settings.persons);
    let answered = match parse(line, now, &settings.zone) {
        Ok(request) => respond(engine, request, &caller, &utterance, now, outcome),
        Err(usage) => Some(usage),
    };
    let Some(text) = answered else { return };
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

fn reply(utterance: &Utterance, text: &str) -> Reply {
    let addressed = utterance.private || utterance.speaker.local || text.contains('\n');
    let text = if addressed { text.to_owned() } else { format!("{}: {text}", utterance.speaker.nick) };
    Reply { sink: utterance.sink.clone(), room: utterance.room.clone(), text, at: utterance.at }
}

/// What to answer; `None` if it was no command of ours.
fn respond(
    engine: &mut Engine,
    request: Request,
    caller: &Caller,
    utterance: &Utterance,
    now: Timestamp,
    outcome: &mut Outcome,
) -> Option<String> {
    let ruleset = engine.ruleset.clone();
    let stage = engine.stage_ref();
    let world = &stage.world;
    let shown = |kind: Kind, object: &str| match find(world, object, kind) {
        Ok(key) => show::object(world, &key, now),
        Err(text) => text,
    };
    Some(match request {
        Request::Help(topic) => show::help(topic.as_deref(), caller, &ruleset, &stage.settings.prefix),
        Request::Ping => "pong".to_owned(),
        Request::Whoami => show::whoami(caller),
        Request::Status => {
            outcome.asks.push(Ask { question: Question::Lag, reply: reply(utterance, "") });
            show::status(world, now)
        }
        Request::Host(object) => shown(Kind::Host, &object),
        Request::Service(object) => shown(Kind::Service, &object),
        Request::Problems(part) => show::problems(world, part.as_deref(), now),
        Request::Mutes => show::mutes(stage, now),
        Request::Rules => show::rules(&ruleset, world, &engine.costs),
        Request::Why(_) | Request::WhyNot { .. } | Request::Dead(_) => {
            match question(stage, &ruleset, &request, now) {
                // The answer comes when the audit was read.
                Ok(question) => {
                    outcome.asks.push(Ask { question, reply: reply(utterance, "") });
                    String::new()
                }
                Err(text) => text,
            }
        }
        Request::Other { name, arguments } => return other(engine, &name, arguments, caller, utterance, now),
        changing => match caller.needs(permit::OPERATOR) {
            Err(refusal) => refusal,
            Ok(()) => {
                change(engine, changing, caller, utterance, now, outcome).unwrap_or_else(|refusal| refusal)
            }
        },
    })
}

/// What is asked of the audit. `Err` holds what to answer at once.
fn question(
    stage: &stage::Stage,
    ruleset: &Arc<Ruleset>,
    request: &Request,
    now: Timestamp,
) -> Result<Question, String> {
    let world = &stage.world;
    match request {
        Request::Why(what) => {
            let about = About::parse(what);
            let named =
                matches!(about, About::Object(_)) || world.object_keys().any(|key| key.name() == what);
            if named {
                return Ok(Question::Why(About::Object(find(world, what, Kind::Any)?.name().to_owned())));
            }
            Ok(Question::Why(about))
        }
        Request::WhyNot { object, target } => {
            let key = find_past(world, object)?;
            Ok(Question::WhyNot(Box::new(Case::of(world, &stage.settings, ruleset, &key, target, now)?)))
        }
        Request::Dead(target) => Ok(Question::Dead { target: target.clone() }),
        _ => Err("this command asks nothing".to_owned()),
    }
}

/// A request of an operator that changes something. An empty answer: the answer
/// comes when Icinga's does.
fn change(
    engine: &mut Engine,
    request: Request,
    caller: &Caller,
    utterance: &Utterance,
    now: Timestamp,
    outcome: &mut Outcome,
) -> Result<String, String> {
    let author = caller.author.clone().unwrap_or_else(|| caller.nick.clone());
    let stage = engine.stage();
    let mut ask = |object: ObjectKey, kind: ActionKind| {
        outcome.actions.push(Action {
            id: 0,
            object,
            author: author.clone(),
            kind,
            reply_to: Some((utterance.sink.clone(), utterance.room.clone())),
            asked_by: utterance.speaker.nick.clone(),
        });
        Ok(String::new())
    };
    match request {
        Request::Acknowledge { object, comment, expiry, sticky } => {
            let key = find(&stage.world, &object, Kind::Any)?;
            may_acknowledge(stage, &key)?;
            ask(key, ActionKind::Acknowledge { comment, expiry, sticky, notify: true })
        }
        Request::RemoveAcknowledgement(object) => {
            let key = find(&stage.world, &object, Kind::Any)?;
            if !stage.world.status(&key).acknowledged {
                return Err(format!("{key} is not acknowledged"));
            }
            ask(key, ActionKind::RemoveAcknowledgement)
        }
        Request::Comment { object, text } => {
            ask(find(&stage.world, &object, Kind::Any)?, ActionKind::AddComment { comment: text })
        }
        Request::Recheck(object) => ask(find(&stage.world, &object, Kind::Any)?, ActionKind::RescheduleCheck),
        Request::Mute { what, until, reason } => add_mute(stage, &what, until, &reason, &author, now),
        Request::Unmute(what) => {
            let id = mute_id(stage, &what)?;
            stage.unmute(id, &author)
        }
        Request::Reload { force } => {
            outcome.asks.push(Ask { question: Question::Reload { force }, reply: reply(utterance, "") });
            Ok("reading rules and templates again".to_owned())
        }
        Request::ReplayDead(ids) => {
            // The answer comes when the store has done it.
            outcome.asks.push(Ask { question: Question::ReplayDead { ids }, reply: reply(utterance, "") });
            Ok(String::new())
        }
        Request::Diff(length) => {
            outcome.asks.push(Ask { question: Question::Diff { length }, reply: reply(utterance, "") });
            Ok("comparing the candidate rules with those in force; the answer follows".to_owned())
        }
        _ => Err("this command changes nothing".to_owned()),
    }
}

fn may_acknowledge(stage: &stage::Stage, key: &ObjectKey) -> Result<(), String> {
    let status = stage.world.status(key);
    if !status.state.is_some_and(State::is_problem) {
        let state = status.state.map_or("not checked yet", State::name);
        return Err(format!("{key} is {state}: there is nothing to acknowledge"));
    }
    if status.acknowledged {
        return Err(format!("{key} is acknowledged already; `unack {key}` first to change it"));
    }
    Ok(())
}

fn add_mute(
    stage: &mut stage::Stage,
    what: &str,
    until: Timestamp,
    reason: &str,
    owner: &str,
    now: Timestamp,
) -> Result<String, String> {
    let is_pattern = what.contains(['*', '?']);
    let (conditions, covered) = if is_pattern {
        let glob = wildmatch::WildMatch::new(what);
        let by_host = !what.contains('!');
        let names = stage
            .world
            .object_keys()
            .filter(|key| glob.matches(if by_host { key.host() } else { key.name() }));
        (mute::conditions_like(what), format!("{what} ({})", counted(names.count() as u64, "object")))
    } else {
        let key = find(&stage.world, what, Kind::Any)?;
        let words = if key.is_host() { format!("{key} and its services") } else { key.to_string() };
        (mute::conditions_for(&key), words)
    };
    stage.add_mute(Mute {
        id: 0,
        conditions,
        what: covered,
        owner: owner.to_owned(),
        reason: reason.to_owned(),
        since: now,
        until,
        events: 0,
    })
}

/// The mute somebody means: by its number, or by what it covers.
fn mute_id(stage: &stage::Stage, what: &str) -> Result<u64, String> {
    if let Some(id) = what.strip_prefix(['m', 'M']).and_then(|number| number.parse().ok()) {
        return Ok(id);
    }
    let wanted = match find(&stage.world, what, Kind::Any) {
        Ok(key) => mute::conditions_for(&key),
        Err(_) => mute::conditions_like(what),
    };
    let found: Vec<u64> =
        stage.world.mutes().filter(|mute| mute.mute.conditions == wanted).map(|mute| mute.mute.id).collect();
    found.first().copied().ok_or_else(|| format!("no mute covers just `{what}`; `mutes` lists them"))
}

/// A command that a rule file defines. Names that are nobody's are answered in
/// private, or where a name much like it exists: other bots may use our prefix.
fn other(
    engine: &mut Engine,
    name: &str,
    arguments: Vec<String>,
    caller: &Caller,
    utterance: &Utterance,
    now: Timestamp,
) -> Option<String> {
    let ruleset = engine.ruleset.clone();
    let Some(command) = ruleset.commands().get(name) else {
        let names =
            verbs::VERBS.iter().map(|verb| verb.name.to_owned()).chain(ruleset.commands().keys().cloned());
        return match super::matcher::nearest(name, names) {
            Some(meant) => Some(format!("there is no command `{name}`; did you mean `{meant}`?")),
            None if utterance.private => Some(format!("there is no command `{name}`; `help` lists them")),
            None => None,
        };
    };
    if let Some(role) = &command.role
        && let Err(refusal) = caller.needs(role)
    {
        return Some(refusal);
    }
    let lines = Arc::new(Mutex::new(Vec::new()));
    let handle = CommandHandle {
        by: caller.author.clone().unwrap_or_else(|| caller.nick.clone()),
        nick: caller.nick.clone(),
        room: utterance.room.clone(),
        arguments,
        lines: lines.clone(),
    };
    engine.stage().run.rule = Some(command.at.clone());
    engine.stage().run.now = now;
    let result = engine.on_stage(|| ruleset.run_command(command, handle));
    let mut lines = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
    match result {
        Ok(value) => lines.extend(value),
        Err(fault) => lines.push(format!("the command failed: {fault}")),
    }
    Some(if lines.is_empty() { "done".to_owned() } else { lines.join("\n") })
}

/// Tells who asked how an action went. Where a rule asked, the log hears what was not
/// done.
pub(super) fn action_result(result: ActionResult, now: Timestamp, outcome: &mut Outcome) {
    let object = &result.action.object;
    let Some((sink, room)) = result.action.reply_to.clone() else {
        let not_done = |reason| {
            let action = result.action.kind.name();
            format!("a rule asked Icinga for {action} of {object}: not done: {reason}")
        };
        outcome.log.extend(result.outcome.err().map(not_done));
        return;
    };
    let text = match &result.outcome {
        Ok(_) => format!("{}: {}", result.action.asked_by, done(&result.action.kind, object)),
        Err(reason) => format!("{}: not done: {reason}", result.action.asked_by),
    };
    outcome.replies.push(Reply { sink, room, text, at: now });
}

fn done(kind: &ActionKind, object: &ObjectKey) -> String {
    match kind {
        ActionKind::Acknowledge { .. } => format!("{object} is acknowledged"),
        ActionKind::RemoveAcknowledgement => format!("the acknowledgement of {object} is removed"),
        ActionKind::AddComment { .. } => format!("the comment stands on {object}"),
        ActionKind::ScheduleDowntime { .. } => format!("the downtime of {object} is scheduled"),
        ActionKind::RemoveDowntime { downtime } => format!("the downtime {downtime} is removed"),
        ActionKind::RescheduleCheck => format!("{object} is checked now"),
        ActionKind::SendCustomNotification { .. } => format!("Icinga tells its users of {object}"),
    }
}
