//! What a script may call: the fields and verbs of rules, commands and tests.
//!
//! Owns: the bridge between Rhai and the engine; one file for each kind of verb.
//! Promises: an unknown field or a wrong argument is an error that says what is
//! meant. Never: does I/O; a verb adds to the outcome, the host acts on it later.

mod command;
mod fields;
mod gathering;
mod hours;
mod icinga;
mod knowing;
mod matchers;
mod memory;
mod muting;
mod oncall;
pub mod reference;
mod telling;
mod testing;
mod value;
mod waiting;

pub use command::CommandHandle;
pub(super) use hours::calendar;
pub(super) use matchers::pattern;
pub use testing::TestHandle;

use super::stage::{Stage, on_stage};
use crate::model::Scene;
use crate::model::time::parse_duration;
use rhai::{Dynamic, Engine, EvalAltResult, Map, Position};
use std::sync::Arc;
use std::time::Duration;

type Answer<T> = Result<T, Box<EvalAltResult>>;

/// The event, as a script holds it.
#[derive(Clone)]
pub struct EventHandle {
    /// What is judged.
    pub scene: Arc<Scene>,
}

/// Registers everything a script may call, but `rule`, `command` and `test`.
pub(super) fn register(engine: &mut Engine) {
    matchers::register(engine);
    fields::register(engine);
    telling::register(engine);
    gathering::register(engine);
    memory::register(engine);
    muting::register(engine);
    hours::register(engine);
    knowing::register(engine);
    oncall::register(engine);
    waiting::register(engine);
    icinga::register(engine);
    command::register(engine);
    testing::register(engine);
}

fn error(text: String) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(text.into(), Position::NONE).into()
}

/// What a verb throws that ends the action: no script can catch it, and it is no failure.
#[derive(Clone)]
struct Ended;

fn end() -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::from(Ended), Position::NONE).into()
}

/// Whether a verb has ended the action on purpose.
pub(super) fn is_end(error: &EvalAltResult) -> bool {
    matches!(error.unwrap_inner(), EvalAltResult::ErrorTerminated(token, _) if token.is::<Ended>())
}

fn duration(text: &str) -> Answer<Duration> {
    parse_duration(text).map_err(|wrong| error(wrong.to_string()))
}

/// Takes a length of time out of a verb's options.
fn take_duration(options: &mut Map, name: &str) -> Answer<Option<Duration>> {
    options.remove(name).map(|length| duration(&length.to_string())).transpose()
}

/// What is left of a verb's options is none of them.
fn no_more(options: &Map, verb: &str, known: &str) -> Answer<()> {
    match options.keys().next() {
        Some(unknown) => Err(error(format!("{verb} knows no option `{unknown}`; it knows: {known}"))),
        None => Ok(()),
    }
}

/// Does something with the stage on behalf of an event's verb.
fn act<T>(e: &EventHandle, act: impl FnOnce(&mut Stage, &Arc<Scene>) -> Result<T, String>) -> Answer<T> {
    on_stage(|stage| act(stage, &e.scene)).map_err(error)
}
