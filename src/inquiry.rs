//! Questions that people ask in chat and that the engine cannot answer from its state:
//! passed on to whoever can.
//!
//! Owns: who answers what. Promises: questions are answered in the order they came,
//! and never keep the engine waiting. Never: asks Icinga,
//! changes what the engine knows.

mod comparison;
mod drills;

use crate::config::Config;
use crate::engine::rights::Within;
use crate::engine::{Ask, Question, no_target};
use crate::explain;
use crate::lag::Lag;
use crate::model::{About, CommandEnd, Commanded, DeliveryId, Input, Reply, Timestamp};
use crate::reload;
use crate::store::{DeadFilter, Revival, Store, StoreError};
use comparison::Comparison;
use drills::{Drills, Eye};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

/// How many decisions are looked at for an answer of a few lines.
const LOOK_BACK: usize = 4;

/// How many dead letters are listed in chat.
const LETTERS_IN_CHAT: usize = 5;

/// Says how Watchbell itself is.
pub type Health = Arc<dyn Fn() -> String + Send + Sync>;

/// Has a sink be in a room, or no longer: the sink, the room, whether to be there.
pub type Attend = Arc<dyn Fn(&str, &str, bool) -> Result<(), String> + Send + Sync>;

/// Answers what people ask.
pub struct Inquiry {
    /// What is asked.
    pub asks: mpsc::Receiver<Ask>,
    /// Who reads rules and templates again.
    pub reloads: mpsc::Sender<reload::Request>,
    /// Where the audit is kept.
    pub store: Arc<dyn Store>,
    /// The configuration.
    pub config: Arc<Config>,
    /// How late events are.
    pub lag: Arc<Lag>,
    /// How Watchbell itself is, in lines for people.
    pub health: Health,
    /// Has rooms joined and left.
    pub attend: Attend,
    /// Told when a message of a drill was tried.
    pub tried: Arc<Notify>,
    /// Where answers go.
    pub inputs: mpsc::Sender<Input>,
}

impl Inquiry {
    /// Answers until nobody asks any more.
    pub async fn run(&mut self) {
        let mut comparison = Comparison::new(self.config.clone(), self.inputs.clone());
        let mut drills = Drills::new(Eye {
            store: self.store.clone(),
            tried: self.tried.clone(),
            prefix: self.config.prefix.clone(),
            inputs: self.inputs.clone(),
        });
        while let Some(ask) = self.asks.recv().await {
            let goes_on = match ask.question {
                Question::Reload { force } => self.reloads.send(reload::Request { force }).await.is_ok(),
                Question::Diff { length } => {
                    comparison.start(length, ask.reply).await;
                    true
                }
                Question::Drill(drill) => {
                    drills.watch(*drill, ask.reply).await;
                    true
                }
                Question::Lag => {
                    let words = format!("{}\n{}", self.lag.in_words(), (self.health)());
                    self.say(words, ask.reply).await
                }
                Question::Attend { sink, room, stays } => {
                    let done = (self.attend)(&sink, &room, stays);
                    let words = if stays { "joining" } else { "leaving" };
                    let words =
                        done.map_or_else(|why| why, |()| format!("{words} {room}, until the next start"));
                    self.say(words, ask.reply).await
                }
                question => self.answer(question, ask.reply).await,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Answers from the store. Whether somebody is there to hear it.
    async fn answer(&self, question: Question, reply: Reply) -> bool {
        let (store, config) = (self.store.clone(), self.config.clone());
        let answered =
            tokio::task::spawn_blocking(move || from_store(store.as_ref(), &config, &question)).await;
        let text = match answered {
            Ok(Ok(Said::Answer(text))) => text,
            Ok(Ok(Said::Denied(command, why))) => {
                let denied = Input::Denied { reply: addressed(why, reply), command };
                return self.inputs.send(denied).await.is_ok();
            }
            Ok(Err(error)) => format!("the database cannot be used: {error}"),
            Err(_) => "the answer failed; this is a bug in Watchbell, please report it".to_owned(),
        };
        self.say(text, reply).await
    }

    /// Whether somebody is there to hear it.
    async fn say(&self, text: String, reply: Reply) -> bool {
        self.inputs.send(Input::Answer(addressed(text, reply))).await.is_ok()
    }
}

/// An answer: a line of its own is addressed as the engine's own answers are.
fn addressed(text: String, reply: Reply) -> Reply {
    let text = if text.contains('\n') { text } else { format!("{}{text}", reply.text) };
    Reply { text, ..reply }
}

/// What the store has to say.
enum Said {
    /// The answer.
    Answer(String),
    /// The command that is refused, and which right is missing.
    Denied(Box<Commanded>, String),
}

/// The answer of the store, in a few lines.
fn from_store(store: &dyn Store, config: &Config, question: &Question) -> Result<Said, StoreError> {
    if let Question::ReplayDead { ids, within, command } = question {
        return replay(store, config, ids, (within, command));
    }
    let answer = match question {
        Question::Attend { .. }
        | Question::Reload { .. }
        | Question::Diff { .. }
        | Question::Drill(_)
        | Question::ReplayDead { .. }
        | Question::Lag => String::new(),
        Question::Why(about) => {
            let past = store.past(about, LOOK_BACK)?;
            explain::brief_story(about, &past, &config.zone, &config.prefix)
        }
        Question::History { about, count } => {
            explain::history(about, &store.past(about, *count)?, &config.zone)
        }
        Question::WhyNot(case) => {
            let about = About::Object(case.object.name().to_owned());
            let past = store.past(&about, explain::LOOK_BACK)?;
            explain::brief_absence(case, &past, &config.zone)
        }
        Question::Dead { target } => dead(store, config, target.clone())?,
    };
    Ok(Said::Answer(answer))
}

/// Sends deliveries again, all of which who asked may send.
fn replay(
    store: &dyn Store,
    config: &Config,
    ids: &[DeliveryId],
    (within, command): (&Within, &Commanded),
) -> Result<Said, StoreError> {
    if !within.is_unbounded() {
        let mut objects = BTreeMap::new();
        for id in ids {
            let past = store.past(&About::Delivery(*id), 1)?;
            let found = past.deliveries.into_iter().find(|past| past.delivery.id == *id);
            objects.extend(found.map(|past| (*id, past.delivery.object)));
        }
        if let Err(why) = within.covers(&objects) {
            let named: BTreeSet<String> = objects.into_values().filter(|object| !object.is_empty()).collect();
            let (end, objects) = (CommandEnd::Refused(why.clone()), named.into_iter().collect());
            return Ok(Said::Denied(Box::new(Commanded { end, objects, ..command.clone() }), why));
        }
    }
    let sinks = config.sinks.keys().cloned().collect();
    let revival = Revival { now: Timestamp::now(), zone: config.zone.clone(), sinks };
    Ok(Said::Answer(explain::revived(&store.revive(ids, &revival)?).join("\n")))
}

fn dead(store: &dyn Store, config: &Config, target: Option<String>) -> Result<String, StoreError> {
    let filter = DeadFilter { target, since: None };
    let found = store.dead(&filter, LETTERS_IN_CHAT)?;
    let unknown = filter.target.as_ref().filter(|target| !config.targets.contains_key(*target));
    match unknown {
        Some(target) if found.in_all == 0 => Ok(no_target(target, config.targets.keys())),
        _ => Ok(explain::brief_letters(&found, Timestamp::now(), &config.prefix)),
    }
}
