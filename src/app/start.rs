//! The start: every part is built and joined with its neighbours.
//!
//! Promises: what fails here fails before anything is told. Never: ends what it started;
//! see `stop`.

use super::begin::{begin_journal, build_sinks, first_set, listen, restore};
use super::chores::{hand_on, tidy};
use super::nudges::Nudges;
use super::stop::Running;
use super::{Links, Peer};
use crate::config::Config;
use crate::inquiry::Inquiry;
use crate::model::Input;
use crate::outbox::{ActionWorker, BackoffPolicy, Worker};
use crate::pipeline::{self, Pipeline, Wires};
use crate::reload::Reloader;
use crate::source::webhook::WebhookSource;
use crate::store::writer::StoreWriter;
use crate::store::{JournalLimits, Store};
use anyhow::Context;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many inputs may wait for the engine. When they do, sources keep what they
/// read to themselves, as far as they may.
const INPUTS: usize = 4096;
/// How many lines of chat may wait; more are dropped by the sink that heard them.
const UTTERANCES: usize = 256;
/// How many questions of people may wait for an answer from outside of the engine.
const WAITING_QUESTIONS: usize = 16;

/// Starts all.
pub(super) async fn start(
    config: Arc<Config>,
    store: Arc<dyn Store>,
    peers: impl FnOnce(&Config, &Links) -> anyhow::Result<Vec<Peer>>,
    force: bool,
) -> anyhow::Result<Running> {
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
    tasks.spawn(until(upstream.clone(), pipeline::tick(wanted_wake, inputs.clone())));
    tasks.spawn(until(upstream.clone(), hand_on(heard, inputs.clone())));
    tasks.spawn(until(upstream.clone(), tidy(store.clone(), limits)));

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
    Ok(Running { inputs, sources, tasks, workers, upstream, sending, engine, writer, sinks })
}

async fn take_webhooks(webhooks: WebhookSource, inputs: mpsc::Sender<Input>, stop: CancellationToken) {
    if let Err(error) = webhooks.run(inputs, stop).await {
        tracing::error!(%error, "webhooks are no longer taken");
    }
}

async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    stop.run_until_cancelled(work).await;
}
