//! The whole program: the only room that knows all others.
//!
//! Owns: every task and thread, and the order in which they end. Promises: nothing
//! is started that is not ended here. Never: decides anything.
//!
//! ```text
//! start: store, writer, sinks, workers, engine, reload, sources
//! stop:  sources, reload, workers, engine, sinks, writer
//! ```

pub mod auditor;
mod begin;
mod chores;
mod crew;
mod deadman;
mod nudges;
mod start;
mod stop;
mod supervisor;
mod systemd;

use crate::config::Config;
use crate::lag::Lag;
use crate::model::{Input, Object, Utterance};
use crate::outbox::Act;
use crate::source::icinga::{IcingaClient, IcingaSource};
use crate::source::{Source, SourceError};
use crate::store::Store;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Makes a source: at the start, and again after a panic in it.
pub type MakeSource = Box<dyn Fn() -> Result<Box<dyn Source>, SourceError> + Send>;

/// One Icinga, or what stands for it.
pub struct Peer {
    /// Its name in the configuration.
    pub name: String,
    /// Where its events come from.
    pub source: MakeSource,
    /// How to ask it something.
    pub act: Act,
}

/// What the peers need to know of the rest.
pub struct Links {
    /// The event types that rules ask for, now and later.
    pub types: watch::Receiver<BTreeSet<crate::model::EventType>>,
    /// Where inputs go.
    pub inputs: mpsc::Sender<Input>,
    /// Where two-way sinks put what they hear.
    pub utterances: mpsc::Sender<Utterance>,
    /// Where it is noted how late events are.
    pub lag: Arc<Lag>,
    /// The objects of all Icingas that are known from the run before.
    pub objects: Vec<Arc<Object>>,
}

/// The Icingas of a configuration.
pub fn icingas(config: &Config, links: &Links) -> anyhow::Result<Vec<Peer>> {
    let peers = config.icinga.iter().map(|settings| {
        let (again, types, lag) = (settings.clone(), links.types.clone(), links.lag.clone());
        // What can never work is said at the start.
        IcingaSource::new(&again, types.clone())?;
        let of_it = links.objects.iter().filter(|object| **object.key.source() == *settings.name);
        // Only for the first one: later they would be old.
        let known: Cell<Vec<Arc<Object>>> = Cell::new(of_it.cloned().collect());
        let make = move || {
            let source = IcingaSource::new(&again, types.clone())?.with_lag(lag.clone());
            Ok(Box::new(source.with_known(known.take())) as Box<dyn Source>)
        };
        let client = IcingaClient::new(settings)?;
        let act: Act = Arc::new(move |action| {
            let client = client.clone();
            Box::pin(async move { client.act(&action).await })
        });
        Ok(Peer { name: settings.name.clone(), source: Box::new(make), act })
    });
    peers.collect()
}

/// Runs everything until `stop` is cancelled, or until every source has come to
/// its end.
///
/// `peers` makes the Icingas, once their links exist. `force`: whether each reload is
/// taken even if the tests of its rules fail.
pub async fn run(
    config: Config,
    store: Arc<dyn Store>,
    peers: impl FnOnce(&Config, &Links) -> anyhow::Result<Vec<Peer>>,
    force: bool,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let running = start::start(Arc::new(config), store, peers, force).await?;
    systemd::ready();
    let why = stop::reason(&running.inputs, &running.groups.sources, &stop).await;
    systemd::stopping();
    running.stop(why).await
}
