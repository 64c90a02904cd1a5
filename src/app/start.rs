//! The start: every part is built and joined with its neighbours.
//!
//! Promises: what fails here fails before anything is told. Never: ends what it started;
//! see `stop`.

use super::auditor::{Auditor, Report};
use super::begin::{begin_journal, build_sinks, first_set, listen, restore, unheard, warn_of_people};
use super::chores::{self, ClockWatch, Keep};
use super::crew::{Crew, Groups};
use super::deadman::Pings;
use super::nudges::Nudges;
use super::stop::Running;
use super::supervisor::Supervisor;
use super::systemd::Watchdog;
use super::{Links, Peer};
use crate::config::Config;
use crate::distress::Distress;
use crate::inquiry::{Attend, Health, Inquiry};
use crate::lag::Lag;
use crate::model::Input;
use crate::pipeline::{self, Pipeline, Wires};
use crate::reload::Reloader;
use crate::sink::Sink;
use crate::source::calendar::Calendars;
use crate::source::desk::Desk;
use crate::source::post::postbox;
use crate::store::writer::StoreWriter;
use crate::store::{Batch, JournalLimits, Store};
use anyhow::Context;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

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
    warn_of_people(&config, &set);
    let kept = store.clone();
    let restore = move || restore(&*kept);
    let (world, restore) = tokio::task::spawn_blocking(move || (restore(), restore)).await?;
    let world = world?;
    let limits = config.journal.map(|kept| JournalLimits { keep: kept.keep, size: kept.size });
    begin_journal(&store, limits).await?;
    let (inputs, engine_inputs) = mpsc::channel(INPUTS);
    let (postbox, posts) = postbox(&inputs);
    let (utterances, heard) = mpsc::channel(UTTERANCES);
    let (types, wanted_types) = watch::channel(set.rules.types());
    let lag = Arc::new(Lag::default());
    let links = Links {
        types: wanted_types,
        inputs: inputs.clone(),
        utterances: utterances.clone(),
        lag: lag.clone(),
        objects: world.objects().cloned().collect(),
    };
    let peers = peers(&config, &links)?;
    drop(links);

    let listening = listen(&config).await?;
    let unheard = unheard(&store).await?;
    let nudges = Nudges::new(&config, &peers);
    let desk = Desk::default();
    let writer = {
        let (nudges, desk) = (nudges.clone(), desk.clone());
        let committed = move |batch: &Batch| {
            nudges.after(batch);
            desk.hand_out(&batch.answers);
        };
        StoreWriter::start(store.clone(), committed).context("cannot start the writing thread")?
    };
    let sinks = build_sinks(&config, &utterances)?;
    drop(utterances);
    let distress = Distress { trouble: writer.trouble(), config: config.clone(), sinks: sinks.clone() };

    let (supervisor, troubles) = Supervisor::new();
    let (set_sender, sets) = mpsc::channel(4);
    let (reloads, requests) = mpsc::channel(4);
    let (ask, asks) = mpsc::channel(WAITING_QUESTIONS);
    let (wake, wanted_wake) = watch::channel(None);
    let engine = pipeline::spawn(
        Pipeline::new(config.clone(), set.clone(), world).with_lag(lag.clone()),
        Wires {
            inputs: engine_inputs,
            posts,
            sets,
            writer: writer.handle(),
            wake,
            asks: ask,
            restore: Box::new(restore),
        },
    )
    .context("cannot start the engine's thread")?;
    let is_refused = news.as_ref().is_some_and(|news| !news.accepted);
    if let Some(news) = news {
        inputs.send(Input::RulesetChanged(news)).await.context("the engine has ended")?;
    }
    for input in unheard {
        inputs.send(input).await.context("the engine has ended")?;
    }
    // What came due while nothing ran, such as the end of a mute.
    inputs.send(Input::Tick).await.context("the engine has ended")?;

    let (in_force, set_in_force) = watch::channel(set.clone());
    let crew = Crew {
        supervisor,
        config: config.clone(),
        store: store.clone(),
        writer: writer.handle(),
        inputs: inputs.clone(),
        nudges: nudges.clone(),
        in_force: set_in_force,
        groups: Groups::default(),
    };
    crew.send(&sinks);
    let reloader = Reloader {
        config: config.clone(),
        set,
        sets: set_sender,
        inputs: inputs.clone(),
        types,
        in_force,
        requests,
        refused: is_refused,
        force,
        stop: crew.groups.upstream.clone(),
    };
    crew.beside("reloader", reloader, |reloader| Box::pin(reloader.run()));
    crew.beside("distress", distress, |distress| Box::pin(distress.tell()));
    let keep = Keep { past: config.keep, commands: config.keep_commands, journal: limits };
    let (report, reports) = watch::channel(None);
    let inquiry = Inquiry {
        asks,
        reloads,
        store: store.clone(),
        config,
        lag: lag.clone(),
        health: health(reports.clone()),
        attend: attend(sinks.clone()),
        tried: nudges.drills(),
        inputs: inputs.clone(),
    };
    crew.beside("inquiry", inquiry, |inquiry| Box::pin(inquiry.run()));
    let audited_wake = wanted_wake.clone();
    let watchdog = Watchdog::wanted(inputs.clone(), wanted_wake.clone(), writer.trouble());
    if let Some(watchdog) = watchdog {
        crew.beside("watchdog", watchdog, |watchdog| Box::pin(watchdog.run()));
    }
    crew.beside("ticker", (wanted_wake, inputs.clone()), |(wake, inputs)| {
        Box::pin(pipeline::tick(wake.clone(), inputs.clone()))
    });
    crew.beside("chat", (heard, inputs.clone()), |(heard, inputs)| Box::pin(chores::hand_on(heard, inputs)));
    crew.beside("troubles", (troubles, inputs.clone()), |(troubles, inputs)| {
        Box::pin(chores::tell(troubles, inputs))
    });
    let auditor = Auditor {
        inputs: inputs.clone(),
        wake: audited_wake,
        writer: writer.handle(),
        store: store.clone(),
        lag: lag.clone(),
        supervisor: crew.supervisor.clone(),
        report,
    };
    crew.beside("auditor", auditor, |auditor| Box::pin(auditor.run()));
    if let Some(deadman) = &crew.config.deadman {
        let pings = Pings::new(deadman.clone(), reports)?;
        crew.beside("deadman", pings, |pings| Box::pin(pings.run()));
    }
    if let Some(calendars) = Calendars::of(crew.config.schedules.values(), inputs.clone())? {
        crew.beside("calendars", calendars, |calendars| Box::pin(calendars.run()));
    }
    let clock = ClockWatch { supervisor: crew.supervisor.clone(), calm_at: None };
    crew.beside("clock", clock, |clock| Box::pin(clock.run()));
    crew.beside("tidy", store, move |store| Box::pin(chores::tidy(store.clone(), keep)));
    crew.read_mail(&postbox)?;
    crew.listen(listening, postbox, desk)?;
    crew.follow(peers);
    nudges.all();
    crew.groups.sources.close();
    Ok(Running { inputs, groups: crew.groups, engine, writer, sinks })
}

/// Has the sink of a name join or leave a room.
fn attend(sinks: BTreeMap<String, Arc<dyn Sink>>) -> Attend {
    Arc::new(move |sink, room, stays| match sinks.get(sink) {
        Some(sink) => sink.attend(room, stays),
        None => Err(format!("there are no rooms in `{sink}`")),
    })
}

/// What the auditor's last look found, for whoever asks.
fn health(reports: watch::Receiver<Option<Report>>) -> Health {
    Arc::new(move || match &*reports.borrow() {
        Some(report) => report.in_words(Instant::now()),
        None => "Watchbell has just begun and not looked at itself yet".to_owned(),
    })
}
