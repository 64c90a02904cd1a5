//! Commands that rule files define, and names that nobody knows.

use super::asked::{Answer, Answered, Asked};
use crate::command::{Request, verbs};
use crate::engine::matcher::nearest;
use crate::engine::ruleset::CustomCommand;
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

/// Names that are nobody's are answered in private, or where a name much like it exists:
/// other bots may use our prefix.
fn unknown(asked: &Asked<'_>, name: &str) -> Answered {
    let own = verbs::VERBS.iter().map(|verb| verb.name.to_owned());
    let names = own.chain(asked.ruleset().commands().keys().cloned());
    match nearest(name, names) {
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
    let run = &mut asked.stage().run;
    run.rule = Some(command.at.clone());
    let result = asked.engine.on_stage(|| ruleset.run_command(command, handle));
    let mut lines = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
    match result {
        Ok(value) => lines.extend(value),
        Err(fault) => lines.push(format!("the command failed: {fault}")),
    }
    if lines.is_empty() { "done".to_owned() } else { lines.join("\n") }
}
