//! One side: an engine with one of the two sets, and what it told.

use super::report::{Failure, Tally};
use crate::engine::outcome::By;
use crate::engine::{Engine, Notification, World};
use crate::model::time::later;
use crate::model::{Decision, Input, Timestamp, Verdict};
use std::time::Duration;

/// How long the clock goes on after the last input: for what waits to be told.
const AFTERWARDS: Duration = Duration::from_secs(3600);

/// A notification, with the time it left the engine.
pub(super) type Told = (Timestamp, Notification);

/// An engine that is played with, and what came of it.
pub(super) struct Side {
    engine: Engine,
    now: Timestamp,
    /// What came of it so far.
    pub(super) tally: Tally,
}

impl Side {
    /// An engine that has seen nothing of this trial.
    pub(super) fn new(engine: Engine) -> Side {
        Side { engine, now: Timestamp::MIN, tally: Tally::default() }
    }

    /// All it knows.
    pub(super) fn world(&self) -> &World {
        self.engine.world()
    }

    /// Takes one input in, after all that is due before.
    pub(super) fn take(&mut self, input: Input, at: Timestamp, told: &mut Vec<Told>) {
        self.wait_until(at, told);
        self.step(input, at, told);
    }

    /// The time passes: all that is due before this moment happens.
    pub(super) fn wait_until(&mut self, moment: Timestamp, told: &mut Vec<Told>) {
        while let Some(wake) = self.engine.next_wake().filter(|wake| *wake < moment) {
            self.step(Input::Tick, wake, told);
        }
    }

    /// The time goes on after the last input.
    pub(super) fn go_on(&mut self, told: &mut Vec<Told>) {
        self.wait_until(later(self.now, AFTERWARDS), told);
    }

    fn step(&mut self, input: Input, now: Timestamp, told: &mut Vec<Told>) {
        self.now = now;
        let outcome = self.engine.step(input, now);
        outcome.decisions.iter().for_each(|decision| self.count(decision));
        // A drill is no news, whoever is told that it is one.
        let news = outcome.notifications.into_iter().filter(|news| !matches!(news.by, By::Drill(_)));
        let before = told.len();
        told.extend(news.map(|notification| (now, notification)));
        self.tally.told += (told.len() - before) as u64;
    }

    fn count(&mut self, decision: &Decision) {
        self.tally.dropped += u64::from(matches!(decision.verdict, Verdict::Dropped(_)));
        for step in &decision.steps {
            for error in step.did.iter().filter_map(|did| did.strip_prefix("error: ")) {
                let failure = self.tally.failed.entry(step.rule.name.to_string());
                let first = || Failure { times: 0, first: error.to_owned() };
                failure.or_insert_with(first).times += 1;
            }
        }
    }
}
