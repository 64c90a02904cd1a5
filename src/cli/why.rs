//! `watchbell why` and `watchbell why-not`: what was decided and who was told, or why
//! somebody was not, in plain words.

use super::print::{err, out};
use crate::config::Config;
use crate::engine::{Case, Settings, World, answers};
use crate::explain;
use crate::load::Set;
use crate::model::{About, ObjectKey, Timestamp};
use crate::sink::plain;
use crate::store::sqlite::SqliteReader;
use anyhow::Context;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn why(path: &Path, what: &str, limit: usize) -> anyhow::Result<ExitCode> {
    let config = match super::load(path) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let store = SqliteReader::open(&config.store)?;
    let about = match meant(&store, what)? {
        Ok(about) => about,
        Err(words) => return Ok(refuse(&words)),
    };
    let past = store.past(&about, limit)?;
    if past.decisions.is_empty() && past.deliveries.is_empty() {
        return Ok(refuse(&explain::nothing(&about)));
    }
    out_lines(&explain::story(&past, &config.zone));
    if past.decisions.len() == limit {
        err(&format!("the newest {limit} decisions; --limit shows more"));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn why_not(path: &Path, object: &str, target: &str) -> anyhow::Result<ExitCode> {
    let config = match super::load(path) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let store = SqliteReader::open(&config.store)?;
    let case = match case(&config, &store, object, target)? {
        Ok(case) => case,
        Err(words) => return Ok(refuse(&words)),
    };
    let past = store.past(&About::Object(case.object.name().to_owned()), explain::LOOK_BACK)?;
    out_lines(&explain::absence(&case, &past, &config.zone));
    Ok(ExitCode::SUCCESS)
}

/// What somebody means: a number, or an object by its name or a part of it.
fn meant(store: &SqliteReader, what: &str) -> anyhow::Result<Result<About, String>> {
    let about = About::parse(what);
    if let About::Incident(_) = about {
        return Ok(Ok(about));
    }
    let known = known_objects(store)?;
    let is_name = known.iter().any(|key| key.name() == what);
    if matches!(about, About::Delivery(_)) && !is_name {
        return Ok(Ok(about));
    }
    let found = answers::find_by_name(known.iter(), what);
    Ok(found.map(|key| About::Object(key.name().to_owned())))
}

/// The objects that something is kept of, each once.
fn known_objects(store: &SqliteReader) -> anyhow::Result<Vec<ObjectKey>> {
    let mut names = store.names()?;
    // What only the audit knows comes without its source, and sorts before the same name
    // with one.
    names.sort_by(|a, b| (&b.1, &b.0).cmp(&(&a.1, &a.0)));
    let mut keys: Vec<ObjectKey> = Vec::new();
    for (source, name) in names {
        let is_known = source.is_empty() && keys.last().is_some_and(|last| last.name() == name);
        if !is_known {
            keys.push(ObjectKey::from_name(&Arc::from(source), &name));
        }
    }
    Ok(keys)
}

fn case(
    config: &Config,
    store: &SqliteReader,
    object: &str,
    target: &str,
) -> anyhow::Result<Result<Case, String>> {
    let set = match Set::load(config) {
        Ok(set) => set,
        Err(_) => return Ok(Err("the rules have faults; `watchbell check` tells them".to_owned())),
    };
    let world = World::restore(store.load_state()?)
        .context("the database holds state that this Watchbell cannot use")?;
    let found = match About::parse(object) {
        About::Incident(_) => {
            let past = store.past(&About::parse(object), 1)?;
            past.decisions.first().map_or_else(
                || Err(explain::nothing(&About::parse(object))),
                |decision| Ok(ObjectKey::from_name(&decision.facts.source, &decision.object)),
            )
        }
        _ => answers::find_by_name(known_objects(store)?.iter(), object),
    };
    let now = Timestamp::now();
    Ok(found.and_then(|key| Case::of(&world, &Settings::of(config), &set.rules, &key, target, now)))
}

fn refuse(words: &str) -> ExitCode {
    out(&harmless(words));
    ExitCode::FAILURE
}

pub(super) fn out_lines(lines: &[String]) {
    lines.iter().for_each(|line| out(&harmless(line)));
}

/// What strangers wrote drives no terminal.
pub(super) fn harmless(text: &str) -> String {
    plain::without_turns(&plain::visible(text))
}
