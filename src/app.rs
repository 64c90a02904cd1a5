//! The whole program: the only room that knows all others.
//!
//! Owns: every task and thread, and the order in which they end. Promises: nothing
//! is started that is not ended here. Never: decides anything.
//!
//! ```text
//! start: store, writer, sinks, workers, engine, reload, sources
//! stop:  sources, reload, workers, engine, sinks, writer
//! ```

use crate::config::Config;
use crate::inquiry::Inquiry;
use crate::load::Set;
use crate::model::event::RulesetChanged;
use crate::model::{Input, Timestamp, Utterance};
use crate::outbox::{Act, ActionWorker, BackoffPolicy, Worker};
use crate::pipeline::{self, Pipeline, Wires};
use crate::reload::{self, Reloader};
use crate::sink::{self, Sink, Wiring};
use crate::source::Source;
use crate::source::icinga::{IcingaClient, IcingaSource};
use crate::source::webhook::WebhookSource;
use crate::store::writer::{StoreWriter, WriterHandle};
use crate::store::{Batch, JournalLimits, Store};
use crate::{diagnostic, distress, engine::World};
use anyhow::Context;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many inputs may wait for the engine. When they do, sources keep what they
/// read to themselves, as far as they may.
const INPUTS: usize = 4096;
/// How many lines of chat may wait; more are dropped by the sink that heard them.
const UTTERANCES: usize = 256;
/// How many questions of people may wait for an answer from outside of the engine.
const WAITING_QUESTIONS: usize = 16;
const TIDY_EVERY: Duration = Duration::from_secs(3600);
/// How long the last batches may take to reach the disk at the end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long engine and workers may take to end; more than the outbox gives what is
/// under way.
const END_WITHIN: Duration = Duration::from_secs(20);

/// One Icinga, or what stands for it.
pub struct Peer {
    /// Its name in the configuration.
    pub name: String,
    /// Where its events come from.
    pub source: Box<dyn Source>,
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
}

/// The Icingas of a configuration.
pub fn icingas(config: &Config, links: &Links) -> anyhow::Result<Vec<Peer>> {
    let peers = config.icinga.iter().map(|settings| {
        let source = IcingaSource::new(settings, links.types.clone())?;
        let client = IcingaClient::new(settings)?;
        let act: Act = Arc::new(move |action| {
            let client = client.clone();
            Box::pin(async move { client.act(&action).await })
        });
        Ok(Peer { name: settings.name.clone(), source: Box::new(source), act })
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
    let config = Arc::new(config);
    let (set, news) = first_set(&config)?;
    let world = restore(&store).await?;
    let limits = config.journal.map(|kept| JournalLimits { keep: kept.keep, size: kept.size });
    begin_journal(&store, limits).await?;
    let (inputs, engine_inputs) = mpsc::channel(INPUTS);
    let (utterances, heard) = mpsc::channel(UTTERANCES);
    let (types, wanted_types) = watch::channel(set.rules.types());
    let links = Links { types: wanted_types, inputs: inputs.clone(), utterances: utterances.clone() };
    let peers = peers(&config, &links)?;
    drop(links);

    let webhooks = listen(&config).await?;
    let nudges = Nudges::new(&config, &peers);
    let writer = {
        let nudges = nudges.clone();
        StoreWriter::start(store.clone(), move |batch| nudges.after(batch))
            .context("cannot start the writing thread")?
    };
    let sinks = build_sinks(&config, &utterances)?;
    drop(utterances);
    let distress = distress::tell(writer.trouble(), config.clone(), sinks.clone());

    let sending = CancellationToken::new();
    let workers = TaskTracker::new();
    for (name, sink) in &sinks {
        let worker = Worker {
            sink_name: name.clone(),
            sink: sink.clone(),
            store: store.clone(),
            writer: writer.handle(),
            nudge: nudges.sink(name),
            inputs: inputs.clone(),
            policy: BackoffPolicy::of(&config.sinks[name].kind),
            stop: sending.clone(),
        };
        workers.spawn(async move {
            if let Err(error) = worker.run().await {
                tracing::error!(%error, "a sink's worker ended");
            }
        });
    }

    let (set_sender, sets) = mpsc::channel(4);
    let (reloads, requests) = mpsc::channel(4);
    let (ask, asks) = mpsc::channel(WAITING_QUESTIONS);
    let (wake, wanted_wake) = watch::channel(None);
    let engine = pipeline::spawn(
        Pipeline::new(config.clone(), set.clone(), world),
        Wires { inputs: engine_inputs, sets, writer: writer.handle(), wake, asks: ask },
    )
    .context("cannot start the engine's thread")?;
    let is_refused = news.as_ref().is_some_and(|news| !news.accepted);
    if let Some(news) = news {
        inputs.send(Input::RulesetChanged(news)).await.context("the engine has ended")?;
    }

    let upstream = CancellationToken::new();
    let tasks = TaskTracker::new();
    let reloader = Reloader {
        config: config.clone(),
        set,
        sets: set_sender,
        inputs: inputs.clone(),
        types,
        requests,
        refused: is_refused,
        force,
        stop: upstream.clone(),
    };
    tasks.spawn(until(upstream.clone(), reloader.run()));
    let inquiry =
        Inquiry { asks, reloads, store: store.clone(), config: config.clone(), inputs: inputs.clone() };
    tasks.spawn(until(upstream.clone(), inquiry.run()));
    tasks.spawn(until(upstream.clone(), distress));
    tasks.spawn(until(upstream.clone(), pipeline::tick(wanted_wake, inputs.clone())));
    tasks.spawn(until(upstream.clone(), hand_on(heard, inputs.clone())));
    tasks.spawn(until(upstream.clone(), tidy(store.clone(), config.keep, limits)));

    let sources = TaskTracker::new();
    if let Some(webhooks) = webhooks {
        tracing::info!("webhooks are taken at http://{}/webhook/NAME", webhooks.address()?);
        tasks.spawn(take_webhooks(webhooks, inputs.clone(), upstream.clone()));
    }
    for peer in peers {
        let worker = ActionWorker {
            source: peer.name.clone(),
            act: peer.act,
            store: store.clone(),
            writer: writer.handle(),
            nudge: nudges.actions(&peer.name),
            inputs: inputs.clone(),
            stop: sending.clone(),
        };
        workers.spawn(worker.run());
        let running = peer.source.run(inputs.clone(), upstream.clone());
        sources.spawn(async move {
            if let Err(error) = running.await {
                tracing::error!(source = %peer.name, "the source ended: {error}");
            }
        });
    }
    nudges.all();
    sources.close();
    let engine_ended = tokio::select! {
        () = stop.cancelled() => false,
        () = sources.wait() => false,
        () = inputs.closed() => true,
    };

    tracing::info!("stopping");
    upstream.cancel();
    sources.wait().await;
    tasks.close();
    tasks.wait().await;
    let handle = writer.handle();
    let mut ending = std::pin::pin!(async move {
        flush(&handle, inputs).await;
        sending.cancel();
        workers.close();
        workers.wait().await;
        tokio::task::spawn_blocking(move || engine.join()).await
    });
    // Engine and workers wait for the disk; one that cannot be written must not keep
    // the program from ending.
    let in_time = tokio::time::timeout(END_WITHIN, &mut ending).await;
    let mut writer = Some(writer);
    let mut written = Ok(());
    let ended = match in_time {
        Ok(ended) => ended,
        Err(_) => {
            written = stop_writer(writer.take(), Duration::ZERO).await;
            ending.await
        }
    };
    if !matches!(ended, Ok(Ok(Ok(())))) {
        tracing::error!("the engine's thread ended before its time");
    }
    for sink in sinks.values() {
        sink.close().await;
    }
    written.and(stop_writer(writer, PATIENCE).await)?;
    anyhow::ensure!(
        !engine_ended,
        "the engine ended by itself; this is a bug in Watchbell, please report it"
    );
    Ok(())
}

/// The set to begin with. A bad one must not keep the night watch from starting:
/// the shipped set stands in, and everybody hears why. One whose own tests fail is
/// taken all the same: there is no other that would be nearer to what is wanted. The
/// reloader tells of it, so that nothing waits for tests.
fn first_set(config: &Arc<Config>) -> anyhow::Result<(Set, Option<RulesetChanged>)> {
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

async fn restore(store: &Arc<dyn Store>) -> anyhow::Result<World> {
    let store = store.clone();
    let entries = tokio::task::spawn_blocking(move || store.load_state()).await??;
    let world = World::restore(entries).context("the database holds state that this Watchbell cannot use")?;
    for (kind, count) in world.unread() {
        tracing::warn!(
            "the database holds {count} of `{kind}` that this Watchbell cannot read; they stay there, unused"
        );
    }
    Ok(world)
}

fn build_sinks(
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

/// Begins to listen for webhooks, where somebody may send one.
async fn listen(config: &Config) -> anyhow::Result<Option<WebhookSource>> {
    let Some(incoming) = &config.incoming else { return Ok(None) };
    let bound = WebhookSource::bind(incoming).await;
    bound.map(Some).with_context(|| format!("cannot listen for webhooks at {}", incoming.address))
}

async fn take_webhooks(webhooks: WebhookSource, inputs: mpsc::Sender<Input>, stop: CancellationToken) {
    if let Err(error) = webhooks.run(inputs, stop).await {
        tracing::error!(%error, "webhooks are no longer taken");
    }
}

async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    stop.run_until_cancelled(work).await;
}

/// Hands what was heard to the engine.
async fn hand_on(mut heard: mpsc::Receiver<Utterance>, inputs: mpsc::Sender<Input>) {
    while let Some(utterance) = heard.recv().await {
        if inputs.send(Input::Utterance(utterance)).await.is_err() {
            return;
        }
    }
}

/// Forgets what is older than it need be kept.
async fn tidy(store: Arc<dyn Store>, keep: Duration, limits: Option<JournalLimits>) {
    loop {
        let kept = store.clone();
        let tidied = tokio::task::spawn_blocking(move || {
            let now = Timestamp::now();
            kept.forget_before(now - keep)?;
            limits.map_or(Ok(()), |limits| kept.tidy_journal(limits, now))
        });
        if let Ok(Err(error)) = tidied.await {
            tracing::warn!(%error, "cannot forget what is old");
        }
        tokio::time::sleep(TIDY_EVERY).await;
    }
}

/// What is kept from now on begins with the state as it is now.
async fn begin_journal(store: &Arc<dyn Store>, limits: Option<JournalLimits>) -> anyhow::Result<()> {
    let store = store.clone();
    let begun = tokio::task::spawn_blocking(move || store.begin_journal(limits, Timestamp::now())).await?;
    if let Err(error) = begun {
        tracing::warn!(%error, "what comes in may be of no use to `diff` and `replay --journal`");
    }
    Ok(())
}

async fn stop_writer(writer: Option<StoreWriter>, patience: Duration) -> anyhow::Result<()> {
    let Some(writer) = writer else { return Ok(()) };
    tokio::task::spawn_blocking(move || writer.stop(patience)).await?.context("cannot end the writing thread")
}

/// Waits until what the engine has taken in is durable.
async fn flush(writer: &WriterHandle, inputs: mpsc::Sender<Input>) {
    drop(inputs);
    if writer.flush().await.is_err() {
        tracing::error!("the database is no longer written");
    }
}

/// Wakes those who have work after a commit.
#[derive(Clone)]
struct Nudges {
    sinks: Arc<BTreeMap<String, Arc<Notify>>>,
    sources: Arc<BTreeMap<String, Arc<Notify>>>,
}

impl Nudges {
    fn new(config: &Config, peers: &[Peer]) -> Nudges {
        let fresh = |name: &String| (name.clone(), Arc::new(Notify::new()));
        Nudges {
            sinks: Arc::new(config.sinks.keys().map(fresh).collect()),
            sources: Arc::new(peers.iter().map(|peer| fresh(&peer.name)).collect()),
        }
    }

    fn sink(&self, name: &str) -> Arc<Notify> {
        self.sinks[name].clone()
    }

    fn actions(&self, name: &str) -> Arc<Notify> {
        self.sources[name].clone()
    }

    fn after(&self, batch: &Batch) {
        let sinks: BTreeSet<&str> = batch.deliveries.iter().map(|delivery| delivery.sink.as_str()).collect();
        for nudge in sinks.into_iter().filter_map(|sink| self.sinks.get(sink)) {
            nudge.notify_one();
        }
        let sources: BTreeSet<&str> = batch.actions.iter().map(|action| &**action.object.source()).collect();
        for nudge in sources.into_iter().filter_map(|source| self.sources.get(source)) {
            nudge.notify_one();
        }
    }

    fn all(&self) {
        self.sinks.values().chain(self.sources.values()).for_each(|nudge| nudge.notify_one());
    }
}
