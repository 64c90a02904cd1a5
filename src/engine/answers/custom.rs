//! Commands that rule files define, and names that nobody knows.

use super::asked::{Answer, Answered, Asked};
use crate::command::{Request, verbs};
use crate::engine::matcher::nearest;
use crate::engine::ruleset::{CustomCommand, Ruleset};
use crate::engine::script::CommandHandle;
use std::sync::{Arc, Mutex, PoisonError};

/// Runs a command of a rule file; `None` if it is a built-in one.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let Request::Other { name, arguments } = request else { return None };
    let ruleset = asked.ruleset().clone();
    Some(match ruleset.commands().get(name) {
        Some(command) => Ok(Answer::Text(run(asked, command, arguments.clone()))),
        None => unknown(asked, name),
    })
}

/// Whether a line begins with a command of ours, or with a name much like one: other bots may
/// use our prefix.
pub(super) fn is_ours(ruleset: &Ruleset, line: &str) -> bool {
    let words: Vec<String> = line.split_whitespace().take(2).map(str::to_ascii_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(name) = words.first() else { return false };
    verbs::find_front(&words).is_some()
        || ruleset.commands().contains_key(*name)
        || meant(ruleset, name).is_some()
}

/// The command that somebody may have meant.
fn meant(ruleset: &Ruleset, name: &str) -> Option<String> {
    let own = verbs::VERBS.iter().map(|verb| verb.name.to_owned());
    nearest(name, own.chain(ruleset.commands().keys().cloned()))
}

/// Names that are nobody's are answered in private, or where a name much like it exists:
/// other bots may use our prefix.
fn unknown(asked: &Asked<'_>, name: &str) -> Answered {
    match meant(asked.ruleset(), name) {
        Some(meant) => Err(format!("there is no command `{name}`; did you mean `{meant}`?")),
        None if asked.utterance.private => Err(format!("there is no command `{name}`; `help` lists them")),
        None => Ok(Answer::NotForUs),
    }
}

fn run(asked: &mut Asked<'_>, command: &CustomCommand, arguments: Vec<String>) -> String {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let handle = CommandHandle {
        by: asked.author(),
        nick: asked.caller.nick.clone(),
        room: asked.room().to_owned(),
        arguments,
        lines: lines.clone(),
    };
    let ruleset = asked.ruleset().clone();
    let may_change = asked.caller.author.is_some() && asked.permit.bounds_nothing();
    let run = &mut asked.stage().run;
    run.rule = Some(command.at.clone());
    run.only_reads = !may_change;
    let result = asked.engine.on_stage(|| ruleset.run_command(command, handle));
    asked.stage().run.only_reads = false;
    let mut lines = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
    match result {
        Ok(value) => lines.extend(value),
        Err(fault) => lines.push(format!("the command failed: {fault}")),
    }
    if lines.is_empty() { "done".to_owned() } else { lines.join("\n") }
}
