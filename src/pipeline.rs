//! The one road: inputs in, what is to be kept and sent out.
//!
//! Owns: the order of stages and the engine's thread. Promises: each input passes
//! engine and router in the order it came; one set of rules and templates holds
//! for one input from start to end; nothing is handed on before it is durable.
//! Never: decides, and waits for nothing but the store's queue.
//! After a crash, inputs that were not durable are a gap, which catching up heals; who
//! posted one was not told that it is kept.

mod overload;
mod thread;

pub use thread::{Ended, Wires, run, spawn};

use crate::clock;
use crate::config::{Config, ConsoleSettings, SinkKind, SinkSettings, Target};
use crate::engine::outcome::By;
use crate::engine::{Ask, Engine, Notification, Outcome, Question, Settings, World};
use crate::lag::Lag;
use crate::load::Set;
use crate::model::event::Digest;
use crate::model::identity::digest;
use crate::model::{
    Action, Brief, Commanded, DRILL, Decision, Delivery, Input, Message, PostedAnswer, Reply, StateWrite,
    Timestamp,
};
use crate::router;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How often the clock is looked at while something is to come.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What stands for the type of event in the answer to a command.
pub const REPLY: &str = "Reply";

/// Engine and router, joined. Pure.
pub struct Pipeline {
    engine: Engine,
    config: Arc<Config>,
    set: Set,
    /// Whether targets that rules name and nobody configured are made up.
    any_target: bool,
    replies: u64,
    lag: Option<Arc<Lag>>,
}

/// What an input led to, finished.
#[derive(Default)]
pub struct Finished {
    /// Texts for recipients, in order.
    pub deliveries: Vec<Delivery>,
    /// What to ask of Icinga.
    pub actions: Vec<Action>,
    /// The audit.
    pub decisions: Vec<Decision>,
    /// Who asked for what, and what came of it.
    pub commands: Vec<Commanded>,
    /// What people asked that is answered elsewhere.
    pub asks: Vec<Ask>,
    /// What requests at the listening socket are answered.
    pub answers: Vec<PostedAnswer>,
    /// Lines that rules wrote to the log.
    pub log: Vec<String>,
}

impl Finished {
    /// Writes what rules wrote to the log.
    pub fn write_log(&self) {
        for line in &self.log {
            tracing::info!(target: "watchbell::rules", "{}", line);
        }
    }
}

impl Pipeline {
    /// A pipeline with this state and these rules.
    pub fn new(config: impl Into<Arc<Config>>, set: Set, world: World) -> Pipeline {
        let config = config.into();
        let engine = Engine::new(world, Settings::of(&config), set.rules.clone());
        Pipeline { engine, config, set, any_target: false, replies: 0, lag: None }
    }

    /// The same, which measures how long events take.
    pub fn with_lag(self, lag: Arc<Lag>) -> Pipeline {
        Pipeline { lag: Some(lag), ..self }
    }

    /// A pipeline for a replay: no state before, and every target that a rule names
    /// exists, on the console.
    pub fn for_replay(config: impl Into<Arc<Config>>, set: Set) -> Pipeline {
        Pipeline::for_replay_from(World::new(false), config, set)
    }

    /// The same with this state before.
    pub fn for_replay_from(world: World, config: impl Into<Arc<Config>>, set: Set) -> Pipeline {
        let config = config.into();
        let settings = Arc::new(Settings { any_target: true, ..Settings::of(&config) });
        Pipeline::for_trial(world, config, settings, set)
    }

    /// A pipeline for the test of a rule: nothing is kept.
    pub fn for_trial(world: World, config: Arc<Config>, settings: Arc<Settings>, set: Set) -> Pipeline {
        let any_target = settings.any_target;
        let engine = Engine::new(world, settings, set.rules.clone());
        Pipeline { engine, config, set, any_target, replies: 0, lag: None }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The engine, to change what it knows.
    pub fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Puts another set in force.
    pub fn set_rules(&mut self, set: Set) {
        self.engine.set_ruleset(set.rules.clone());
        self.set = set;
    }

    /// Takes one input through engine and router.
    pub fn take(&mut self, input: Input, now: Timestamp) -> Finished {
        let timed = self.lag.clone().filter(|lag| lag.is_timed(&input));
        let outcome = self.engine.step(input, now);
        let finished = self.finish(outcome, now);
        if let Some(lag) = timed {
            lag.judged();
        }
        finished
    }

    /// What the engine wants kept of its state since the last call.
    pub fn take_writes(&mut self) -> Vec<StateWrite> {
        self.engine.world_mut().take_writes()
    }

    fn finish(&mut self, mut outcome: Outcome, now: Timestamp) -> Finished {
        // Who asked is answered before what the answer set off.
        let mut deliveries: Vec<Delivery> =
            outcome.replies.into_iter().map(|reply| self.reply(reply)).collect();
        for notification in &outcome.notifications {
            deliveries.extend(self.render(notification, now));
        }
        note_drilled(self.engine.world_mut(), &mut outcome.asks, &deliveries);
        Finished {
            deliveries,
            actions: outcome.actions,
            decisions: outcome.decisions,
            commands: outcome.commands,
            asks: outcome.asks,
            answers: outcome.answers,
            log: outcome.log,
        }
    }

    fn render(&mut self, notification: &Notification, now: Timestamp) -> Vec<Delivery> {
        if self.any_target && !self.config.targets.contains_key(&notification.target) {
            make_up_target(Arc::make_mut(&mut self.config), &notification.target);
        }
        let by = notification.by.to_string();
        let scene = &notification.scene;
        let template = notification.template.as_deref();
        let (target, templates) = (&notification.target, &self.set.templates);
        let mut deliveries = router::deliveries(scene, target, &by, templates, &self.config, now, template);
        for delivery in &mut deliveries {
            amend(&mut delivery.message, notification);
            if let By::Drill(_) = notification.by {
                DRILL.clone_into(&mut delivery.event);
            }
        }
        deliveries
    }

    /// Starts over with this state, after a panic.
    fn begin_again(&mut self, world: World) {
        self.engine = Engine::new(world, Settings::of(&self.config), self.set.rules.clone());
    }

    fn reply(&mut self, reply: Reply) -> Delivery {
        self.replies += 1;
        Delivery {
            id: 0,
            key: digest(&[
                &reply.sink,
                &reply.room,
                &reply.at.to_string(),
                &self.replies.to_string(),
                &reply.text,
            ]),
            at: reply.at,
            sink: reply.sink,
            target: "reply".to_owned(),
            recipient: reply.room,
            event: REPLY.to_owned(),
            object: String::new(),
            incident: None,
            rule: "command".to_owned(),
            message: Message { text: reply.text, answers: reply.thread, ..Message::default() },
            brief: Brief::default(),
            attempts: 0,
            revived: None,
        }
    }
}

/// Writes what the outbox has folded, with the templates in force.
pub fn digest_words(
    config: Arc<Config>,
    sink: SinkSettings,
    set: watch::Receiver<Set>,
) -> impl Fn(Digest) -> Message + Send + Sync {
    move |digest| {
        let templates = set.borrow().templates.clone();
        router::storm(digest, &templates, &sink, &config.zone, clock::now())
    }
}

/// A rule's own words replace the template's; a note stands behind either.
fn amend(message: &mut Message, notification: &Notification) {
    if let Some(text) = &notification.text {
        message.say(text);
    }
    if let Some(note) = &notification.note {
        message.append(&format!(" {note}"));
    }
}

/// Whoever watches a drill finds its messages by their keys.
fn note_drilled(world: &mut World, asks: &mut [Ask], deliveries: &[Delivery]) {
    for ask in asks {
        let Question::Drill(drill) = &mut ask.question else { continue };
        // One that is asked about again has its own.
        if drill.keys.is_empty() {
            let drilled = deliveries.iter().filter(|delivery| delivery.is_drill());
            drill.keys = drilled.map(|delivery| delivery.key.clone()).collect();
            world.note_drilled(drill.number, &drill.keys);
        }
    }
}

fn make_up_target(config: &mut Config, name: &str) {
    let sink = "console".to_owned();
    let kind = SinkKind::Console(ConsoleSettings { zone: config.zone.clone() });
    config.sinks.entry(sink.clone()).or_insert_with(|| SinkSettings { name: sink.clone(), kind });
    let to = vec![String::new()];
    let target = Target { name: name.to_owned(), sink, to, per_minute: None, fallback: None };
    config.targets.insert(name.to_owned(), target);
}

/// Sends a tick whenever the engine's time has come, until nobody listens.
///
/// The clock is looked at again and again meanwhile: it may have been set.
pub async fn tick(mut wake: watch::Receiver<Option<Timestamp>>, inputs: mpsc::Sender<Input>) {
    loop {
        let at = *wake.borrow_and_update();
        let wait = at.map(|at| Duration::try_from(at.duration_since(clock::now())).unwrap_or_default());
        let changed = match wait {
            Some(Duration::ZERO) => {
                if inputs.send(Input::Tick).await.is_err() {
                    return;
                }
                wake.changed().await
            }
            Some(wait) => tokio::select! {
                changed = wake.changed() => changed,
                () = tokio::time::sleep(wait.min(LOOK_EVERY)) => Ok(()),
            },
            None => wake.changed().await,
        };
        if changed.is_err() {
            return;
        }
    }
}
