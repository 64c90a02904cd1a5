//! `watchbell route`: who would be told of a state, by the rules and what is known now.
//!
//! Promises: nothing is sent or kept; the database is only read. Exit code 3 if nobody
//! would be told.

use super::RouteArguments;
use super::print::{err, out, styled_errors};
use super::why::out_lines;
use crate::command::moment;
use crate::config::{self, Config};
use crate::diagnostic;
use crate::engine::{World, is_reachable};
use crate::explain;
use crate::model::time::{later, short_length};
use crate::model::words::counted;
use crate::model::{
    Decision, Delivery, Detail, Event, EventType, Input, Object, ObjectKey, State, StateReport, Timestamp,
};
use crate::pipeline::{Finished, Pipeline};
use crate::store::sqlite::SqliteReader;
use anyhow::{Context, bail, ensure};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// What `route` ends with if nobody would be told.
const NOBODY: u8 = 3;
/// The name of the Icinga where nothing names one.
const SOURCE: &str = "icinga";
/// A rule that wants to be woken for ever must not keep the command from ending.
const MOST_WAKES: usize = 10_000;

pub(super) fn route(path: Option<&Path>, options: &RouteArguments) -> anyhow::Result<ExitCode> {
    super::log("warn");
    let config = match configuration(path, options) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let set = match super::replay::load_set(&config) {
        Ok(set) => set,
        Err(faults) => {
            err(diagnostic::render(&faults, styled_errors()).trim_end());
            return Ok(ExitCode::FAILURE);
        }
    };
    let now = Timestamp::now();
    let at = options.at.as_deref().map_or(Ok(now), |text| moment(text, now, &config.zone))?;
    let world = world(&config)?;
    let key = object(&world, &config, &options.object)?;
    let state = state(&key, &options.state)?;
    note_what_is_known(&world, &key);
    refuse_the_past(&world, &key, at, &config)?;
    let objects = with_vars(&world, &key, &options.vars)?;
    let event = event(&world, &key, state, options, at);
    let asked_for = set.rules.takes(EventType::StateChange);
    let pipeline = match config.path {
        Some(_) => Pipeline::new(config, set, world),
        None => Pipeline::for_replay(config, set),
    };
    let mut trial = Trial { pipeline, object: key, told: false, others: 0 };
    trial.show("until then, if nothing else happens:", |trial| trial.wait_until(at));
    trial.told = false;
    out(&format!("if {} becomes {state}{}:", trial.object, if options.soft { " (soft)" } else { "" }));
    if !asked_for {
        out("  no rule asks for StateChange");
    }
    trial.show("", |trial| {
        trial.pipeline.take(Input::Objects(objects), at);
        vec![trial.pipeline.take(Input::Event(event), at)]
    });
    let length = short_length(options.lasting.as_secs_f64());
    let follows = trial.show(&format!("and then, within {length}, if nothing else happens:"), |trial| {
        trial.wait_until(later(at, options.lasting))
    });
    if !follows {
        out(&format!("nothing follows within {length} if nothing else happens"));
    }
    trial.note_others();
    Ok(if trial.told { ExitCode::SUCCESS } else { ExitCode::from(NOBODY) })
}

/// The configuration named or found; without any, the built-in one.
fn configuration(path: Option<&Path>, options: &RouteArguments) -> Result<Config, ExitCode> {
    let found = path.or(Some(Path::new(super::CONFIG)).filter(|path| path.exists()));
    let mut config = match found {
        Some(path) => super::load(path)?,
        None => {
            err("there is no watchbell.toml here: the shipped rules, and any target is told on the console");
            config::builtin("".into(), "".into())
        }
    };
    if let Some(rules) = &options.rules {
        config.rules.clone_from(rules);
    }
    Ok(config)
}

/// What the database knows; nothing without one.
fn world(config: &Config) -> anyhow::Result<World> {
    if !config.store.exists() {
        return Ok(World::new(false));
    }
    let entries = SqliteReader::open(&config.store)?.load_state()?;
    World::restore(entries).context("the database holds state that this Watchbell cannot use")
}

/// The object of just this name, `SOURCE/NAME` where several Icingas have it; one of which
/// nothing is known, otherwise.
fn object(world: &World, config: &Config, name: &str) -> anyhow::Result<ObjectKey> {
    let is_meant =
        |key: &&ObjectKey| key.name() == name || format!("{}/{}", key.source(), key.name()) == name;
    let found: Vec<&ObjectKey> = world.object_keys().filter(is_meant).collect();
    match found.as_slice() {
        [] => {
            let source = config.icinga.first().map_or(SOURCE, |icinga| &icinga.name);
            Ok(ObjectKey::from_name(&Arc::from(source), name))
        }
        [one] => Ok((*one).clone()),
        several => {
            let sources: Vec<&str> = several.iter().map(|key| &**key.source()).collect();
            bail!(
                "several Icingas have {name}: write {}/{name} or another of {}",
                sources[0],
                sources.join(", ")
            )
        }
    }
}

fn state(key: &ObjectKey, text: &str) -> anyhow::Result<State> {
    let states: &[&str] =
        if key.is_host() { &["UP", "DOWN"] } else { &["OK", "WARNING", "CRITICAL", "UNKNOWN"] };
    let name = text.to_ascii_uppercase();
    let known = states.contains(&name.as_str());
    let kind = if key.is_host() { "host" } else { "service" };
    let state = State::from_name(&name).filter(|_| known);
    state.with_context(|| format!("`{text}` is no state of a {kind}; it has: {}", states.join(", ")))
}

fn note_what_is_known(world: &World, key: &ObjectKey) {
    if !world.object_keys().any(|known| known == key) {
        err(&format!("nothing is known of {key}: no variables, no groups, no state; --var adds variables"));
    }
}

/// What is known is from now; a check that ended before the last one known is not judged.
fn refuse_the_past(world: &World, key: &ObjectKey, at: Timestamp, config: &Config) -> anyhow::Result<()> {
    let last = world.status(key).execution_end;
    ensure!(
        last.is_none_or(|last| last <= at),
        "the last check known of {key} ended at {}; choose a later --at: a state from before would be stale",
        last.map_or(String::new(), |last| explain::moment(last, &config.zone))
    );
    Ok(())
}

/// The object and its host with the variables of the command line.
fn with_vars(world: &World, key: &ObjectKey, vars: &[String]) -> anyhow::Result<Vec<Object>> {
    let mut host = Object::clone(&world.object(&key.host_key()));
    let mut service = Object::clone(&world.object(key));
    for var in vars {
        let (path, value) = var.split_once('=').with_context(|| form(var))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        match (path.strip_prefix("host.vars."), path.strip_prefix("service.vars.")) {
            (Some(path), _) => set(Arc::make_mut(&mut host.vars), path, value),
            (_, Some(path)) if !key.is_host() => set(Arc::make_mut(&mut service.vars), path, value),
            _ => bail!(form(var)),
        }
    }
    if vars.is_empty() {
        return Ok(Vec::new());
    }
    Ok(if key.is_host() { vec![host] } else { vec![host, service] })
}

fn form(var: &str) -> String {
    format!(
        "`{var}` is no variable; write --var host.vars.NAME=VALUE or, for a service, service.vars.NAME=VALUE"
    )
}

/// Sets a variable; what stands in the way of a path is replaced.
fn set(vars: &mut serde_json::Map<String, serde_json::Value>, path: &str, value: serde_json::Value) {
    let Some((first, rest)) = path.split_once('.') else {
        vars.insert(path.to_owned(), value);
        return;
    };
    let inner = vars.entry(first).or_insert_with(|| serde_json::json!({}));
    if !inner.is_object() {
        *inner = serde_json::json!({});
    }
    if let Some(inner) = inner.as_object_mut() {
        set(inner, rest, value);
    }
}

fn event(world: &World, key: &ObjectKey, state: State, options: &RouteArguments, at: Timestamp) -> Event {
    let status = world.status(key);
    let report = StateReport {
        state,
        hard: !options.soft,
        attempt: status.attempt.max(1),
        previous: status.state.map(|before| (before, status.hard)),
        reachable: is_reachable(world, key),
        output: options.output.clone().unwrap_or_else(|| format!("{state} - what the check says")),
        performance_data: Vec::new(),
        exit_status: 0,
        check_source: String::new(),
        execution_end: Some(at),
        downtime_depth: None,
        acknowledgement: None,
        restated: None,
    };
    Event {
        source: key.source().clone(),
        timestamp: at,
        object: Some(key.clone()),
        missed: false,
        withheld: None,
        detail: Detail::StateChange(report),
    }
}

/// One try: the pipeline that is moved ahead, and what was seen of it.
struct Trial {
    pipeline: Pipeline,
    object: ObjectKey,
    /// Whether anybody would be told of the object.
    told: bool,
    /// Messages about other hosts.
    others: usize,
}

impl Trial {
    /// Lets time pass.
    fn wait_until(&mut self, end: Timestamp) -> Vec<Finished> {
        let mut finished = Vec::new();
        while let Some(wake) = self.pipeline.engine().next_wake().filter(|wake| *wake <= end) {
            if finished.len() == MOST_WAKES {
                err("the rules want to be woken without an end; what follows is left out");
                break;
            }
            finished.push(self.pipeline.take(Input::Tick, wake));
        }
        finished
    }

    /// Does something and shows what comes of it for the host and its services, behind a
    /// heading. Whether anything does.
    fn show(&mut self, heading: &str, act: impl FnOnce(&mut Trial) -> Vec<Finished>) -> bool {
        let mut decisions: Vec<Decision> = Vec::new();
        let mut deliveries: Vec<Delivery> = Vec::new();
        for finished in act(self) {
            decisions
                .extend(finished.decisions.into_iter().filter(|decision| self.concerns(&decision.object)));
            let (ours, others): (Vec<_>, Vec<_>) =
                finished.deliveries.into_iter().partition(|delivery| self.concerns(&delivery.object));
            deliveries.extend(ours);
            self.others += others.len();
        }
        self.told |= deliveries.iter().any(|delivery| self.is_told_by(delivery));
        let lines = explain::forecast(&decisions, &deliveries, &self.pipeline.config().zone);
        if !lines.is_empty() && !heading.is_empty() {
            out(heading);
        }
        out_lines(&lines);
        !lines.is_empty()
    }

    /// Whether what is said of an object belongs to the matter: it is of the same host. What
    /// is about several objects, or about Watchbell itself, names none.
    fn concerns(&self, object: &str) -> bool {
        object.is_empty() || object.split('!').next() == Some(self.object.host())
    }

    /// Whether people hear of the object by this. A message that names none may hold it
    /// among others, but for the one that a mute is over.
    fn is_told_by(&self, delivery: &Delivery) -> bool {
        let among_others = delivery.object.is_empty() && delivery.event != EventType::MuteEnding.name();
        among_others || delivery.object == self.object.name()
    }

    fn note_others(&self) {
        if self.others > 0 {
            out(&format!("meanwhile {} about other hosts", counted(self.others as u64, "message")));
        }
    }
}
