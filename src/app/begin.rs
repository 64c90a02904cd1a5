//! What must be there before anything runs: rules, state, sinks, the listening socket.
//!
//! Promises: what can be known to be wrong before the start is said then. Never: starts
//! a task, but for those that sinks keep to themselves.

use crate::config::Config;
use crate::diagnostic;
use crate::engine::World;
use crate::engine::rights;
use crate::engine::world::Restoring;
use crate::load::Set;
use crate::model::event::RulesetChanged;
use crate::model::{Input, Timestamp, Utterance};
use crate::reload;
use crate::sink::{self, Sink, Wiring};
use crate::source::http::HttpSource;
use crate::store::{JournalLimits, Store};
use anyhow::Context;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The set to begin with. A bad one must not keep the night watch from starting:
/// the shipped set stands in, and everybody hears why. One whose own tests fail is
/// taken all the same: there is no other that would be nearer to what is wanted. The
/// reloader tells of it, so that nothing waits for tests.
pub(super) fn first_set(config: &Arc<Config>) -> anyhow::Result<(Set, Option<RulesetChanged>)> {
    let faults = match Set::load(config) {
        Ok(set) => {
            reload::warn_of(&set, config);
            return Ok((set, None));
        }
        Err(faults) => faults,
    };
    let error = diagnostic::render(&faults, false);
    tracing::error!("rules and templates cannot be used; the shipped ones stand in:\n{error}");
    let set = Set::shipped().map_err(|faults| anyhow::anyhow!(diagnostic::render(&faults, false)))?;
    let refused = RulesetChanged {
        accepted: false,
        hash: set.hash.clone(),
        rules: set.rules.rules().len(),
        error: format!("the shipped rules stand in\n{}", reload::told(&faults)),
        warnings: 0,
    };
    Ok((set, Some(refused)))
}

/// The state on the disk. Blocks.
pub(super) fn restore(store: &dyn Store) -> anyhow::Result<World> {
    let mut restoring = Restoring::new();
    store.each_state(&mut |kind, key, value| restoring.take(kind, key, value))?;
    let world = restoring.finish().context("the database holds state that this Watchbell cannot use")?;
    for (kind, count) in world.unread() {
        tracing::warn!(
            "the database holds {count} of `{kind}` that this Watchbell cannot read; they stay there, unused"
        );
    }
    Ok(world)
}

/// What is kept from now on begins with the state as it is now.
pub(super) async fn begin_journal(
    store: &Arc<dyn Store>,
    limits: Option<JournalLimits>,
) -> anyhow::Result<()> {
    let store = store.clone();
    let begun = tokio::task::spawn_blocking(move || store.begin_journal(limits, Timestamp::now())).await?;
    if let Err(error) = begun {
        tracing::warn!(%error, "what comes in may be of no use to `diff` and `replay --journal`");
    }
    Ok(())
}

pub(super) fn build_sinks(
    config: &Config,
    utterances: &mpsc::Sender<Utterance>,
) -> anyhow::Result<BTreeMap<String, Arc<dyn Sink>>> {
    let build = |settings: &crate::config::SinkSettings| {
        let recipients = config
            .targets
            .values()
            .filter(|target| target.sink == settings.name)
            .flat_map(|target| target.to.iter().cloned())
            .collect();
        let wiring = Wiring { utterances: utterances.clone(), prefix: config.prefix.clone(), recipients };
        Ok((settings.name.clone(), sink::build(settings, wiring)?))
    };
    config.sinks.values().map(build).collect()
}

/// Says what is risky or without effect in what was written of people.
pub(super) fn warn_of_people(config: &Config, set: &Set) {
    for sink in config.code_sinks() {
        tracing::warn!(
            sink,
            "one-time codes count as proof here: who can read and hold up what is said on this network can use a \
             code for a command of their own before its owner does; commands are best said in private"
        );
    }
    for (role, command, _) in rights::unknown_commands(&config.roles, &set.rules) {
        tracing::warn!(
            role,
            command,
            "the role names a command that there is not; `watchbell check` says more"
        );
    }
}

/// Begins to listen, where somebody may send a webhook or a command.
pub(super) async fn listen(config: &Config) -> anyhow::Result<Option<HttpSource>> {
    let Some(incoming) = &config.incoming else { return Ok(None) };
    let bound = HttpSource::bind(incoming).await;
    bound.map(Some).with_context(|| format!("cannot listen at {}", incoming.address))
}

/// What the last run gave up or was answered, and ended before the engine knew of it.
pub(super) async fn unheard(store: &Arc<dyn Store>) -> anyhow::Result<Vec<Input>> {
    let store = store.clone();
    Ok(tokio::task::spawn_blocking(move || store.unheard()).await??)
}
