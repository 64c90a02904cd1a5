//! Reports of drills that people still wait for.
//!
//! Promises: kept until it is handed out, also over a restart, and handed out once; whoever looks
//! at the messages is asked anew after a restart, and where nothing comes. Never: knows what became
//! of a message.

use super::World;
use super::durable::Entry;
use crate::engine::outcome::{Ask, Drill, Question};
use crate::model::time::{age, later};
use crate::model::{API, Reply, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// After how long without a report it is asked for anew: longer than a drill is watched.
const ASK_AGAIN: Duration = Duration::from_secs(90);

/// A report that is waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AwaitedReport {
    /// The drill.
    pub drill: Drill,
    /// Where the report goes, see [`Ask::reply`].
    pub reply: Reply,
    /// When it is asked for next; `None` before it was asked for in this run.
    #[serde(skip)]
    ask_at: Option<Timestamp>,
}

/// All that are waited for, by the numbers of their drills.
pub(super) type Reports = BTreeMap<i64, AwaitedReport>;

impl World {
    /// Notes the drills among what is asked, and numbers them.
    pub fn await_reports(&mut self, asks: &mut [Ask], now: Timestamp) {
        for ask in asks {
            let Question::Drill(drill) = &mut ask.question else { continue };
            if drill.number != 0 {
                continue;
            }
            // Not that of another drill whose report may still be on its way.
            drill.number = now.as_microsecond().max(self.reports.keys().max().map_or(0, |last| last + 1));
            let awaited = AwaitedReport {
                drill: (**drill).clone(),
                reply: ask.reply.clone(),
                ask_at: Some(later(now, ASK_AGAIN)),
            };
            self.put_report(awaited);
        }
    }

    /// Notes the keys of the messages of a drill.
    pub fn note_drilled(&mut self, number: i64, keys: &[String]) {
        if let Some(awaited) = self.reports.get_mut(&number) {
            awaited.drill.keys = keys.to_vec();
            self.change(|| Entry::Report(number));
        }
    }

    /// Takes out a report that has come; `None` where nobody waits for it any more.
    pub fn take_report(&mut self, number: i64) -> Option<AwaitedReport> {
        let awaited = self.reports.remove(&number)?;
        self.change(|| Entry::Report(number));
        Some(awaited)
    }

    /// The reports that are to be asked for: all after a restart, and those that did not come.
    pub fn ask_for_reports(&mut self, now: Timestamp) -> Vec<Ask> {
        let due = self.reports.values_mut().filter(|awaited| awaited.ask_at.is_none_or(|at| at <= now));
        let ask = |awaited: &mut AwaitedReport| {
            awaited.ask_at = Some(later(now, ASK_AGAIN));
            let waited = age(awaited.drill.at, now);
            let drill = Drill { waited, ..awaited.drill.clone() };
            Ask { question: Question::Drill(Box::new(drill)), reply: awaited.reply.clone() }
        };
        due.map(ask).collect()
    }

    /// When the first of them is to be asked for.
    pub(super) fn next_report(&self) -> Option<Timestamp> {
        self.reports.values().map(|awaited| awaited.ask_at.unwrap_or(awaited.drill.at)).min()
    }

    /// Takes in one that was waited for before a restart. No request of then waits any more.
    pub(super) fn restore_report(&mut self, mut awaited: AwaitedReport) {
        if awaited.reply.sink == API {
            awaited.reply.thread.clear();
        }
        self.reports.insert(awaited.drill.number, awaited);
    }

    pub(super) fn set_back_reports(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        for mut awaited in std::mem::take(&mut self.reports).into_values() {
            awaited.drill.at = back(awaited.drill.at);
            awaited.ask_at = awaited.ask_at.map(&back);
            self.put_report(awaited);
        }
    }

    fn put_report(&mut self, awaited: AwaitedReport) {
        let number = awaited.drill.number;
        self.reports.insert(number, awaited);
        self.change(|| Entry::Report(number));
    }
}
