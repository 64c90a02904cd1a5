//! `watchbell dead`: what was given up, and having it sent after all.

use super::print::{err, out};
use super::why::{harmless, out_lines};
use super::{DeadAction, DeadArguments, DeadChoice, Format};
use crate::config::Config;
use crate::engine::no_target;
use crate::explain;
use crate::model::{About, DeliveryId, Timestamp};
use crate::store::sqlite::SqliteLetters;
use crate::store::{DeadFilter, PastDelivery, Revival};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn dead(path: &Path, options: &DeadArguments) -> anyhow::Result<ExitCode> {
    let config = match super::load(path) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let letters = SqliteLetters::open(&config.store)?;
    match &options.action {
        None => list(&config, &letters, options),
        Some(DeadAction::Show { number }) => show(&config, &letters, number),
        Some(DeadAction::Replay { all: true, choice, .. }) => {
            let ids = letters.numbers(&filter(choice))?;
            if ids.is_empty() { Ok(none_found(&config, choice)) } else { replay(&config, &letters, &ids) }
        }
        Some(DeadAction::Replay { numbers, .. }) => match all_numbers(numbers) {
            Ok(ids) => replay(&config, &letters, &ids),
            Err(words) => Ok(refuse(&words)),
        },
    }
}

fn list(config: &Config, letters: &SqliteLetters, options: &DeadArguments) -> anyhow::Result<ExitCode> {
    let found = letters.dead(&filter(&options.choice), options.limit)?;
    if found.in_all == 0 {
        return Ok(none_found(config, &options.choice));
    }
    for past in &found.letters {
        match options.format {
            Format::Text => out_lines(&explain::letter(past, &config.zone)),
            Format::Json => out(&json_line(past)),
        }
    }
    let shown = found.letters.len() as u64;
    if shown < found.in_all {
        err(&format!("the newest {shown} of {}; --limit shows more", found.in_all));
    }
    Ok(ExitCode::SUCCESS)
}

fn show(config: &Config, letters: &SqliteLetters, number: &str) -> anyhow::Result<ExitCode> {
    let About::Delivery(id) = About::parse(number) else {
        return Ok(refuse(&explain::no_number(number)));
    };
    let Some(found) = letters.one(id)? else {
        return Ok(refuse(&explain::nothing(&About::Delivery(id))));
    };
    if found.status != "dead" {
        let became = explain::became(&found.status);
        return Ok(refuse(&format!("d{id} is not dead: {became}; `watchbell why d{id}` tells more")));
    }
    out_lines(&explain::whole_letter(&found, &config.zone));
    Ok(ExitCode::SUCCESS)
}

fn replay(config: &Config, letters: &SqliteLetters, ids: &[DeliveryId]) -> anyhow::Result<ExitCode> {
    let revival = Revival {
        now: Timestamp::now(),
        zone: config.zone.clone(),
        sinks: config.sinks.keys().cloned().collect(),
    };
    let ends = letters.revive(ids, &revival)?;
    out_lines(&explain::revived(&ends));
    Ok(if ends.iter().all(|(_, end)| end.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn all_numbers(numbers: &[String]) -> Result<Vec<DeliveryId>, String> {
    let number = |text: &String| match About::parse(text) {
        About::Delivery(id) => Ok(id),
        _ => Err(explain::no_number(text)),
    };
    numbers.iter().map(number).collect()
}

fn filter(choice: &DeadChoice) -> DeadFilter {
    let since = choice.since.map(|since| Timestamp::now() - since);
    DeadFilter { target: choice.target.clone(), since }
}

/// Nothing is meant. A target that nobody knows is a fault: what is not shown is taken for
/// what does not exist.
fn none_found(config: &Config, choice: &DeadChoice) -> ExitCode {
    match choice.target.as_ref().filter(|target| !config.targets.contains_key(*target)) {
        Some(target) => refuse(&no_target(target, config.targets.keys())),
        None => {
            err(explain::NO_LETTERS);
            ExitCode::SUCCESS
        }
    }
}

fn refuse(words: &str) -> ExitCode {
    err(&format!("error: {}", harmless(words)));
    ExitCode::FAILURE
}

/// One dead letter as one line of JSON; the keys are part of the command's interface, and
/// those of `replay` mean the same here.
fn json_line(past: &PastDelivery) -> String {
    let delivery = &past.delivery;
    serde_json::json!({
        "number": delivery.id,
        "given_up": explain::given_up(past).to_string(),
        "tries": delivery.attempts,
        "reason": past.note,
        "at": delivery.at.to_string(),
        "target": delivery.target,
        "sink": delivery.sink,
        "to": delivery.recipient,
        "event": delivery.event,
        "object": delivery.object,
        "incident": delivery.incident,
        "rule": delivery.rule,
        "text": delivery.message.text,
    })
    .to_string()
}
