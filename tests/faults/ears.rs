//! What the sinks tell, heard where people would hear it: in the channel, in the mail
//! server, in the HTTP service.

use crate::common::channel::now;
use crate::digest;
use crate::judge::{Moment, Sink, Told};
use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Kills Watchbell when a sink has heard something, before it can answer.
pub(crate) struct Trap {
    pub(crate) sink: Sink,
    /// How many tellings pass before.
    pub(crate) passes: usize,
    /// Of Watchbell.
    pub(crate) process: u32,
}

/// One line, letter or request, whatever it says.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) sink: Sink,
    pub(crate) text: String,
    /// How many changes of services: many for a digest, none for its further lines, nor for
    /// news of Watchbell itself.
    pub(crate) stands_for: usize,
    pub(crate) at: Moment,
}

/// All that was told, in the order it was heard.
pub(crate) struct Ears {
    told: Mutex<Vec<Told>>,
    heard: Mutex<Vec<Heard>>,
    trap: Mutex<Option<Trap>>,
    number: Regex,
    sentence: Regex,
    subject: Regex,
}

impl Ears {
    /// They have heard nothing.
    pub(crate) fn new() -> Arc<Ears> {
        let pattern = |text: &str| Regex::new(text).expect("a regular expression");
        Arc::new(Ears {
            told: Mutex::default(),
            heard: Mutex::default(),
            trap: Mutex::default(),
            number: pattern(r"\bn=(\d+)"),
            sentence: pattern(r"(host\d+!svc\d+) is (?:now )?(OK|WARNING|CRITICAL)"),
            subject: pattern(r"\[(OK|WARNING|CRITICAL)\] (host\d+!svc\d+)"),
        })
    }

    /// A sink tells this.
    pub(crate) fn hear(&self, sink: Sink, text: &str) {
        // What was given up is quoted to people: that is no telling of it.
        if text.contains("could not tell") {
            return;
        }
        let told = self.understood(sink, text);
        let stands_for = digest::services(text).unwrap_or(usize::from(told.is_some()));
        locked(&self.heard).push(Heard { sink, text: text.to_owned(), stands_for, at: now() });
        let Some(told) = told else { return };
        locked(&self.told).push(told);
        self.spring(sink);
    }

    /// All that was said so far, understood or not.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        locked(&self.heard).clone()
    }

    fn understood(&self, sink: Sink, text: &str) -> Option<Told> {
        let (object, state) = match self.sentence.captures(text) {
            Some(found) => (found[1].to_owned(), found[2].to_owned()),
            None => {
                let found = self.subject.captures(text)?;
                (found[2].to_owned(), found[1].to_owned())
            }
        };
        let state = ["OK", "WARNING", "CRITICAL"].iter().position(|name| *name == state)?;
        let number = self.number.captures(text).map(|found| found[1].parse().expect("digits"));
        Some(Told { sink, object, state: state as u8, number, at: now() })
    }

    /// How much was told so far.
    pub(crate) fn count(&self) -> usize {
        locked(&self.told).len()
    }

    /// What was told after so much.
    pub(crate) fn since(&self, count: usize) -> Vec<Told> {
        locked(&self.told)[count..].to_vec()
    }

    /// Sets a trap; it springs once.
    pub(crate) fn set_trap(&self, trap: Trap) {
        *locked(&self.trap) = Some(trap);
    }

    fn spring(&self, sink: Sink) {
        let mut trap = locked(&self.trap);
        let Some(set) = trap.as_mut().filter(|trap| trap.sink == sink) else { return };
        if set.passes > 0 {
            set.passes -= 1;
            return;
        }
        kill(set.process, Signal::KILL);
        *trap = None;
    }
}

/// Sends a signal to a process that we started and have not waited for.
pub(crate) fn kill(process: u32, signal: Signal) {
    let id = Pid::from_raw(process.cast_signed()).expect("a process has a number");
    kill_process(id, signal).expect("it is ours, and not waited for");
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
