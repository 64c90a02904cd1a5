//! `watchbell audit`: who asked Watchbell for what, and what came of it.

use super::AuditArguments;
use super::print::{err, out};
use super::why::{harmless, out_lines};
use crate::model::{API, CommandEnd, Commanded, Timestamp};
use crate::store::CommandFilter;
use crate::store::sqlite::SqliteCommands;
use jiff::tz::TimeZone;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn audit(path: &Path, options: &AuditArguments) -> anyhow::Result<ExitCode> {
    let config = match super::load(path) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let filter = CommandFilter {
        since: Some(Timestamp::now() - options.since),
        person: options.person.clone(),
        object: options.object.clone(),
    };
    let found = SqliteCommands::open(&config.store)?.list(&filter)?;
    if found.is_empty() {
        err("there is no such command in this time; --since looks further back");
    }
    for command in &found {
        if options.json {
            out(&json_line(command));
        } else {
            out_lines(&lines(command, &config.zone));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Who wrote what where and when, and below it what came of it.
fn lines(command: &Commanded, zone: &TimeZone) -> [String; 2] {
    let at = command.at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S");
    let Commanded { sink, room, line, objects, .. } = command;
    let place = if sink == API { format!("by {API}") } else { format!("in {room} on {sink}") };
    let about = if objects.is_empty() { String::new() } else { format!(": {}", objects.join(", ")) };
    let end = match &command.end {
        CommandEnd::Refused(reason) => format!("refused{about} ({reason})"),
        end => format!("{}{about}", end.name()),
    };
    [format!("{at} {} {place}: {line}", who(command)), format!("  {}", end.replace('\n', " "))]
}

/// The person; their nick where it is another name. A nick alone is nobody.
fn who(command: &Commanded) -> String {
    let nick = &command.nick;
    match (&command.person, &command.account) {
        (Some(person), _) if person == nick => person.clone(),
        (Some(person), _) => format!("{person} (nick {nick})"),
        (None, Some(account)) => format!("nobody known (nick {nick}, account {account})"),
        (None, None) => format!("nobody known (nick {nick})"),
    }
}

/// One command as one line of JSON; the keys are part of the command's interface.
fn json_line(command: &Commanded) -> String {
    let reason = match &command.end {
        CommandEnd::Refused(reason) => Some(harmless(reason)),
        _ => None,
    };
    serde_json::json!({
        "at": command.at.to_string(),
        "sink": command.sink,
        "room": command.room,
        "nick": command.nick,
        "account": command.account,
        "person": command.person,
        "line": command.line,
        "verdict": command.end.name(),
        "reason": reason,
        "objects": command.objects,
    })
    .to_string()
}
