//! Ways out: one file each, and the registry of them.
//!
//! Owns: how a finished text travels. Promises: one delivery in, one clear answer
//! out, within a deadline. Never: decides who hears what, renders a template,
//! drops a duplicate or tries again by itself; the outbox does that.

mod cause;
pub mod console;
pub mod email;
pub mod exec;
mod identity;
pub mod irc;
pub(crate) mod plain;
pub mod webhook;

use crate::config::{SinkKind, SinkSettings};
use crate::model::{Delivery, Utterance};
use futures_util::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A way out.
pub trait Sink: Send + Sync {
    /// Hands one delivery over and says how that went. Takes at most a minute.
    ///
    /// Not cancel-safe: a cancelled call may or may not have been heard.
    fn send<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>>;

    /// How many deliveries (of different lanes) may be under way at once.
    fn concurrency(&self) -> usize {
        1
    }

    /// How many lines the reader gets to see of it, where lines count; 1 where only
    /// messages do.
    fn cost(&self, _delivery: &Delivery) -> u32 {
        1
    }

    /// Waits until it can send again, after [`SendError::NotReady`]. A sink that
    /// cannot tell never answers, and is asked again after a while.
    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// Is in a room from now on, or no longer, until the next start. `Err` says why not.
    fn attend(&self, _room: &str, _stays: bool) -> Result<(), String> {
        Err("this way out has no rooms".to_owned())
    }

    /// Says goodbye and ends the sink's own tasks. Nothing is sent after it.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What the far side said when it accepted, such as `250 2.0.0 OK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

/// Why a delivery was not accepted; each kind means one thing to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The sink cannot send at all now, such as while it connects: wait, no
    /// attempt is used up.
    #[error("not ready: {0}")]
    NotReady(String),
    /// It failed, and may work later: try again, not before the time told, if any.
    #[error("{reason}")]
    Retry {
        /// Why, in the far side's words.
        reason: String,
        /// What the far side asked for, such as by `Retry-After`.
        after: Option<Duration>,
    },
    /// The far side works, and does not take this for this recipient now, such as a
    /// channel that is closed, or a mailbox that is greylisted: try again, and think
    /// none the worse of the sink.
    #[error("{reason}")]
    PutOff {
        /// Why, in the far side's words.
        reason: String,
        /// How long to wait at least, if that is known.
        after: Option<Duration>,
    },
    /// It will never work: give up and tell somebody.
    #[error("{0}")]
    Rejected(String),
}

/// Why a sink could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("sink `{sink}`: {reason}")]
pub struct BuildError {
    /// Its name in the configuration.
    pub sink: String,
    /// What is wrong, and how to mend it.
    pub reason: String,
}

/// What a sink is given when it is built.
#[derive(Clone)]
pub struct Wiring {
    /// Where a two-way sink hands over what it hears.
    pub utterances: mpsc::Sender<Utterance>,
    /// What marks a command in a room with others: only such lines are handed over.
    pub prefix: String,
    /// All addresses that targets name for this sink, such as channels to join.
    pub recipients: BTreeSet<String>,
}

/// Builds the sink that a section of the configuration describes. One line each.
///
/// Must be called inside a tokio runtime: sinks that keep a connection start
/// their own task, which [`Sink::close`] ends.
pub fn build(settings: &SinkSettings, wiring: Wiring) -> Result<Arc<dyn Sink>, BuildError> {
    Ok(match &settings.kind {
        SinkKind::Console(console) => Arc::new(console::Console::new(console)),
        SinkKind::Irc(irc) => Arc::new(irc::Irc::new(&settings.name, irc, wiring)?),
        SinkKind::Email(email) => Arc::new(email::Email::new(&settings.name, email)?),
        SinkKind::Webhook(webhook) => Arc::new(webhook::Webhook::new(&settings.name, webhook)?),
        SinkKind::Exec(exec) => Arc::new(exec::Exec::new(&settings.name, exec)?),
    })
}
