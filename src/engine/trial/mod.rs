//! A trial: the small world that one test of a rule file plays in.
//!
//! Owns: the clock that the test moves by hand, an Icinga that does what is asked of
//! it, and what people heard and the test has not yet expected. Promises: time passes
//! by the test's verbs alone, and what is due on the way happens at its moment.
//! Never: reads a clock, renders or decodes; the [`Road`] it is given does.

mod expect;
mod happen;
mod icinga;
mod objects;

use super::Engine;
use crate::model::Verdict;
use crate::model::time::later;
use crate::model::{
    Action, ActionResult, Decision, Delivery, Event, IncidentId, Input, ObjectKey, RuleRef, Timestamp,
};
pub(super) use happen::{Found, Window};
use icinga::Icinga;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// When a trial begins unless its test says another time: a Monday.
const BEGINNING: &str = "2026-06-01T12:00:00Z";
/// How long each thing takes that happens.
const A_MOMENT: Duration = Duration::from_secs(1);

/// The way from an input to finished words. Whoever joins engine and router gives it.
pub trait Road: Send {
    /// Takes one input to its end.
    fn take(&mut self, input: Input, now: Timestamp) -> Taken;
    /// The engine on this road.
    fn engine(&self) -> &Engine;
    /// The same, to change what it knows.
    fn engine_mut(&mut self) -> &mut Engine;
    /// Reads one line of Icinga's event stream. The error says what is wrong with it.
    fn decode(&self, line: &str) -> Result<Event, String>;
    /// Whether the test has run for longer than it may.
    fn is_late(&self) -> bool;
}

/// What came of one input.
#[derive(Debug, Default)]
pub struct Taken {
    /// What people are told, once for each target.
    pub heard: Vec<Delivery>,
    /// Answers to commands.
    pub replies: Vec<String>,
    /// What is asked of Icinga.
    pub actions: Vec<Action>,
    /// What was decided, and why.
    pub decisions: Vec<Decision>,
}

/// The world of one test.
pub struct Trial {
    road: Box<dyn Road>,
    source: Arc<str>,
    now: Timestamp,
    /// Whether anything has happened, so that the clock only goes forwards.
    begun: bool,
    icinga: Icinga,
    /// What people heard, and no expectation took yet.
    heard: Vec<Delivery>,
    replies: Vec<String>,
    actions: Vec<Action>,
    /// Why events were dropped, likewise.
    dropped: Vec<String>,
    touched: BTreeSet<RuleRef>,
    /// How often the test had people reminded of an incident.
    reminded: BTreeMap<IncidentId, u64>,
}

impl Trial {
    /// An empty world on this road; `source` is the name of its one Icinga.
    pub fn new(road: Box<dyn Road>, source: &Arc<str>) -> Trial {
        let mut trial = Trial {
            road,
            source: source.clone(),
            now: BEGINNING.parse().expect("the beginning is a moment"),
            begun: false,
            icinga: Icinga::default(),
            heard: Vec::new(),
            replies: Vec::new(),
            actions: Vec::new(),
            dropped: Vec::new(),
            touched: BTreeSet::new(),
            reminded: BTreeMap::new(),
        };
        // Its Icinga was read before: what happens is news.
        trial.road.engine_mut().world_mut().change_source(source, |source| source.known = true);
        trial
    }

    /// The rules whose matchers held for something in this trial.
    pub fn touched(&self) -> &BTreeSet<RuleRef> {
        &self.touched
    }

    fn key(&self, name: &str) -> ObjectKey {
        ObjectKey::from_name(&self.source, name)
    }

    // Time.

    /// Time passes; what is due on the way happens at its moment.
    pub(super) fn wait(&mut self, length: Duration) -> Result<(), String> {
        self.pass_until(later(self.now, length))
    }

    fn pass_until(&mut self, end: Timestamp) -> Result<(), String> {
        loop {
            let (ours, theirs) = (self.road.engine().next_wake(), self.icinga.next());
            let Some(due) = ours.into_iter().chain(theirs).min().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            match self.icinga.due(due) {
                Some(event) => self.take(Input::Event(Event { timestamp: self.now, ..event }))?,
                None => self.take(Input::Tick)?,
            }
        }
        self.now = self.now.max(end);
        Ok(())
    }

    /// Sets the clock: anywhere at the beginning, forwards once something has happened.
    pub(super) fn set_clock(&mut self, moment: Timestamp) -> Result<(), String> {
        if !self.begun {
            self.now = moment;
            return Ok(());
        }
        if moment < self.now {
            return Err(format!("the clock goes forwards only: it is {} already", self.moment(self.now)));
        }
        self.pass_until(moment)
    }

    /// The zone that times are written in.
    pub(super) fn zone(&self) -> jiff::tz::TimeZone {
        self.road.engine().settings().zone.clone()
    }

    fn moment(&self, moment: Timestamp) -> String {
        moment.to_zoned(self.zone()).strftime("%F %T %Q").to_string()
    }

    // What happens.

    /// A moment later, this happens.
    fn happens(&mut self, input: impl FnOnce(&Trial) -> Input) -> Result<(), String> {
        self.wait(A_MOMENT)?;
        let input = input(self);
        self.take(input)
    }

    /// Takes one input, and what Icinga does as it is asked.
    fn take(&mut self, input: Input) -> Result<(), String> {
        self.begun = true;
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            if self.road.is_late() {
                return Err("the test takes too long; look for a loop without an end".to_owned());
            }
            let taken = self.road.take(input, self.now);
            for action in &taken.actions {
                let events = self.icinga.asked(action, self.road.engine().world(), self.now);
                inputs.extend(events.into_iter().map(Input::Event));
                let result = ActionResult { action: action.clone(), outcome: Ok("done".to_owned()) };
                inputs.push_back(Input::ActionResult(result));
            }
            self.note(taken)?;
        }
        Ok(())
    }

    /// A rule that failed ends the test: its event was told, but not as meant.
    fn note(&mut self, taken: Taken) -> Result<(), String> {
        self.heard.extend(taken.heard);
        self.replies.extend(taken.replies);
        self.actions.extend(taken.actions);
        let mut failed = None;
        for decision in taken.decisions {
            if let Verdict::Dropped(reason) = decision.verdict {
                self.dropped.push(reason);
            }
            for step in decision.steps {
                let error = step.did.iter().find_map(|did| did.strip_prefix("error: "));
                failed =
                    failed.or(error.map(|error| format!("the rule `{}` failed: {error}", step.rule.name)));
                self.touched.insert(step.rule);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}
