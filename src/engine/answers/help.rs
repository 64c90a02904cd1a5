//! Answers about Watchbell itself: its commands, and who the caller is to it.

use super::asked::{Answer, Answered, Asked};
use super::lists::short;
use crate::command::{Caller, Request, Right, VERBS, Verb, verbs};

/// Answers what is asked about commands and callers; `None` if it is about something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let text = match request {
        Request::Help(topic) => help(topic.as_deref(), asked),
        Request::Ping => "pong".to_owned(),
        Request::Whoami => whoami(asked.caller),
        _ => return None,
    };
    Some(Ok(Answer::Text(text)))
}

/// What the caller may use, or one command in full.
fn help(topic: Option<&str>, asked: &Asked<'_>) -> String {
    let prefix = &asked.settings().prefix;
    let commands = asked.ruleset().commands();
    if let Some(topic) = topic {
        let topic = topic.trim_start_matches(prefix.as_str());
        let words: Vec<&str> = topic.split(' ').collect();
        if let Some((verb, _)) = verbs::find_front(&words) {
            return full(verb, prefix);
        }
        let name = words[0];
        if let Some(command) = commands.get(name) {
            let role =
                command.right().role().map_or(String::new(), |role| format!("; needs the role {role}"));
            return format!("{prefix}{name} - {} ({}){role}", command.help, command.at.file);
        }
        return short(&format!("there is no command `{name}`; `{prefix}help` lists them"));
    }
    let may = |name: &str, right: Right<'_>| asked.caller.may(name, right).is_ok();
    let own = VERBS.iter().filter(|verb| may(verb.name, verb.right)).map(|verb| verb.name);
    let custom = commands.iter().filter(|(name, command)| may(name, command.right()));
    let names: Vec<&str> = own.chain(custom.map(|(name, _)| name.as_str())).collect();
    let all_but_admins = VERBS.iter().filter(|verb| verb.right == Right::Operator);
    let lacks_some = all_but_admins.into_iter().any(|verb| !may(verb.name, verb.right));
    let note = if lacks_some { " (more for operators: see whoami)" } else { "" };
    format!("{}{note}; `{prefix}help COMMAND` says more", names.join(", "))
}

fn full(verb: &Verb, prefix: &str) -> String {
    let aliases: Vec<String> = verb.aliases.iter().map(|name| format!("{prefix}{name}")).collect();
    let aliases = if aliases.is_empty() { String::new() } else { format!("; also {}", aliases.join(", ")) };
    let right = verb.right.role().map_or(String::new(), |role| format!("; needs the role {role}"));
    format!("{prefix}{} - {}{aliases}{right}", verb.written(), verb.help)
}

/// `whoami`: who the caller is, and what that allows.
fn whoami(caller: &Caller) -> String {
    let author = caller.author.as_ref().map_or("nobody".to_owned(), |author| format!("`{author}`"));
    let roles = if caller.roles.is_empty() { "none".to_owned() } else { caller.roles_in_words() };
    format!("{}; Icinga hears {author}; roles: {roles}", caller.standing)
}
