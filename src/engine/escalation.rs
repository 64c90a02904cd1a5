//! Escalations: who is called, one after the other, until somebody acknowledges.
//!
//! Owns: the course of one policy on one incident. Promises: each step of a round is told
//! once, whatever is acknowledged, muted, restarted or wrong with the clock meanwhile; what
//! nobody was told is told later. Never: reads a clock, knows who is on call; both are
//! arguments.

use crate::config::Policy;
use crate::model::event::{Called, Escalation};
use crate::model::time::{later, short_length};
use crate::model::{IncidentId, ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// How soon a call is tried again that a rule kept from people.
const HELD: Duration = Duration::from_secs(60);

/// A policy under way on an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The policy's name.
    pub policy: String,
    /// The incident.
    pub incident: IncidentId,
    /// What is broken.
    pub object: ObjectKey,
    /// When it began; part of its identity, so it never moves.
    pub started: Timestamp,
    /// Which time all steps are gone through, from 1.
    pub round: u32,
    /// The step that comes next, from 0; as many as there are steps, if none is left.
    pub step: usize,
    /// When the next step or round comes; `None` if none is left.
    pub next: Option<Timestamp>,
    /// Why the next step comes.
    pub why: String,
    /// Who is called later by steps that were told.
    pub calls: Vec<Call>,
    /// Whom the newest step was told through, and who of them could not be told.
    pub reached: Vec<Reached>,
    /// Who acknowledged, by the name Icinga knows.
    pub acked: BTreeSet<String>,
    /// While somebody works on it, nobody is called.
    pub paused: Option<Paused>,
    /// Why a rule keeps it from people; empty if none does.
    pub held: String,
}

/// Somebody who is called later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// When.
    pub at: Timestamp,
    /// Whom.
    pub called: Called,
    /// Of which round and step, as people count them.
    pub of: (u32, u32),
    /// Why then, in words.
    pub why: String,
}

/// Somebody who was called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// The target.
    pub target: String,
    /// The person; `None` for a target of many.
    pub person: Option<String>,
    /// Whether the sink has given it up.
    pub failed: bool,
}

/// Somebody works on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paused {
    /// Who, by the name Icinga knows.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// When they are reminded; `None` if they are not.
    pub remind: Option<Timestamp>,
    /// How often they were.
    pub reminded: u32,
    /// When it goes on all the same; `None` if it does not.
    pub until: Option<Timestamp>,
    /// Whether it was taken in chat, and not acknowledged in Icinga.
    pub taken: bool,
}

/// Whom a step calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calls {
    /// Now.
    pub now: Vec<Called>,
    /// Later: how long after the step, and whom.
    pub later: Vec<(Timestamp, Called)>,
    /// Whom it means and does not reach, in words.
    pub nobody: Vec<String>,
}

/// What comes next of an escalation.
#[derive(Debug, Clone, PartialEq)]
pub enum Due {
    /// This is to be told.
    Tell(Escalation),
    /// An acknowledgement has run out: it is to be taken back in Icinga.
    TimedOut {
        /// Who gave it.
        by: String,
    },
    /// Nobody is to be told anything now.
    Nothing,
}

/// What the failure of a call led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It was no call of the newest step.
    Unknown,
    /// Somebody else is called now.
    GoesOn,
    /// Nobody is left to be called.
    Ends,
}

impl Running {
    /// A policy that begins now.
    pub fn begin(policy: &Policy, incident: IncidentId, object: ObjectKey, now: Timestamp) -> Running {
        Running {
            policy: policy.name.clone(),
            incident,
            object,
            started: now,
            round: 1,
            step: 0,
            next: policy.steps.first().map(|step| later(now, step.after)),
            why: String::new(),
            calls: Vec::new(),
            reached: Vec::new(),
            acked: BTreeSet::new(),
            paused: None,
            held: String::new(),
        }
    }

    /// When something comes of it by itself; `None` if nothing does.
    pub fn due(&self) -> Option<Timestamp> {
        if let Some(paused) = &self.paused {
            return paused.remind.into_iter().chain(paused.until).min();
        }
        self.next.into_iter().chain(self.calls.iter().map(|call| call.at)).min()
    }

    /// What comes of it now. `calls` finds whom a step calls, by its place in the policy;
    /// `reminded` whom to remind who acknowledged.
    ///
    /// What is to be told stays due until [`Running::told`] or [`Running::hold`] follows.
    pub fn take_due(
        &mut self,
        policy: &Policy,
        now: Timestamp,
        calls: impl FnOnce(usize) -> Calls,
        reminded: impl FnOnce(&str) -> Vec<Called>,
    ) -> Due {
        if let Some(paused) = &mut self.paused {
            if paused.until.is_some_and(|until| until <= now) {
                let by = paused.by.clone();
                self.go_on(policy, now, format!("{by} acknowledged it, and it is still broken"));
                return Due::TimedOut { by };
            }
            if paused.remind.is_some_and(|at| at <= now) {
                let called = reminded(&paused.by);
                let since = short_length(now.duration_since(paused.since).as_secs_f64());
                let why = format!("{} acknowledged it {since} ago", paused.by);
                let reminder = paused.reminded + 1;
                return Due::Tell(Escalation { called, reminder, ..self.event(policy, self.place(), why) });
            }
            return Due::Nothing;
        }
        // What was to come first comes first, also where a rule held both up.
        let first_call = self.calls.iter().map(|call| call.at).min();
        if self.next.is_some_and(|next| next <= now && first_call.is_none_or(|call| next < call)) {
            return self.take_step(policy, now, calls);
        }
        let Some(of) = self.calls.iter().filter(|call| call.at <= now).map(|call| call.of).min() else {
            return Due::Nothing;
        };
        let due = self.calls.iter().filter(|call| call.at <= now && call.of == of);
        let called = due.clone().map(|call| call.called.clone()).collect();
        let why = due.map(|call| call.why.clone()).next().unwrap_or_default();
        Due::Tell(Escalation { called, ..self.event(policy, of, why) })
    }

    fn take_step(&mut self, policy: &Policy, now: Timestamp, calls: impl FnOnce(usize) -> Calls) -> Due {
        if self.step >= policy.steps.len() {
            if self.round > policy.repeat || policy.steps.is_empty() {
                self.next = None;
                return Due::Nothing;
            }
            self.round += 1;
            self.step = 0;
            self.next = Some(later(now, policy.steps[0].after));
            self.why = format!("nobody has acknowledged it, round {}", self.round);
            return Due::Nothing;
        }
        let found = calls(self.step);
        let of = self.place();
        if found.now.is_empty() && found.nobody.is_empty() {
            self.stepped(policy, &[], found.later, of, now);
            return Due::Nothing;
        }
        let event = self.event(policy, of, self.why.clone());
        Due::Tell(Escalation { called: found.now, nobody: found.nobody.join("; "), ..event })
    }

    /// The round and the step that comes next, as people count them.
    fn place(&self) -> (u32, u32) {
        (self.round, self.step as u32 + 1)
    }

    fn event(&self, policy: &Policy, (round, step): (u32, u32), why: String) -> Escalation {
        Escalation {
            policy: self.policy.clone(),
            started: self.started,
            round,
            step,
            steps: policy.steps.len() as u32,
            called: Vec::new(),
            why,
            nobody: String::new(),
            reminder: 0,
            held: self.held.clone(),
        }
    }

    /// People were told this. `later`: whom its step calls later.
    pub fn told(
        &mut self,
        policy: &Policy,
        told: &Escalation,
        later_calls: Vec<(Timestamp, Called)>,
        now: Timestamp,
    ) {
        self.held.clear();
        if told.reminder > 0 {
            if let (Some(paused), Some(every)) = (&mut self.paused, policy.ack_remind) {
                paused.reminded = told.reminder;
                paused.remind = Some(later(now, every));
            }
            return;
        }
        let of = (told.round, told.step);
        if of == self.place() && self.next.is_some() {
            return self.stepped(policy, &told.called, later_calls, of, now);
        }
        self.calls.retain(|call| call.of != of || !told.called.contains(&call.called));
        if of == self.newest() {
            self.note_reached(&told.called);
        }
    }

    /// A step is behind us.
    fn stepped(
        &mut self,
        policy: &Policy,
        called: &[Called],
        later_calls: Vec<(Timestamp, Called)>,
        of: (u32, u32),
        now: Timestamp,
    ) {
        self.reached.clear();
        self.note_reached(called);
        let why = |at: Timestamp| {
            let after = short_length(at.duration_since(now).as_secs_f64());
            format!("nobody has acknowledged it for {after}")
        };
        let calls = later_calls.into_iter().map(|(at, called)| Call { at, called, of, why: why(at) });
        self.calls.extend(calls);
        self.step += 1;
        let wait = match policy.steps.get(self.step) {
            Some(step) => Some(step.after),
            None if self.round <= policy.repeat => Some(policy.repeat_after),
            None => None,
        };
        self.next = wait.map(|wait| later(now, wait));
        self.why = wait.map_or(String::new(), |wait| {
            format!("nobody has acknowledged it for {}", short_length(wait.as_secs_f64()))
        });
    }

    fn note_reached(&mut self, called: &[Called]) {
        self.reached.extend(called.iter().map(|called| Reached {
            target: called.target.clone(),
            person: called.person.clone(),
            failed: false,
        }));
    }

    /// The newest step that was told, as people count.
    fn newest(&self) -> (u32, u32) {
        (self.round, self.step as u32)
    }

    /// A rule kept it from people: it comes again, after a minute unless the rule says when.
    pub fn hold(&mut self, held: &Escalation, reason: &str, again: Option<Duration>, now: Timestamp) {
        let at = later(now, again.unwrap_or(HELD));
        reason.clone_into(&mut self.held);
        if held.reminder > 0 {
            self.paused.iter_mut().for_each(|paused| paused.remind = Some(at));
            return;
        }
        let of = (held.round, held.step);
        if of == self.place() && self.next.is_some() {
            self.next = Some(at);
            return;
        }
        let kept = |call: &&mut Call| call.of == of && held.called.contains(&call.called);
        self.calls.iter_mut().filter(kept).for_each(|call| call.at = at);
    }

    /// A target of the newest step could not be told: the person's next way is tried now, or
    /// else, if that was the last of all, the next step comes.
    pub fn failed(&mut self, target: &str, now: Timestamp) -> Failed {
        let of = self.newest();
        let Some(reached) =
            self.reached.iter_mut().find(|reached| reached.target == target && !reached.failed)
        else {
            return Failed::Unknown;
        };
        reached.failed = true;
        let person = reached.person.clone();
        let next = self
            .calls
            .iter_mut()
            .filter(|call| call.of == of && call.called.person.is_some() && call.called.person == person)
            .min_by_key(|call| (call.at, call.called.way));
        if let Some(call) = next {
            call.at = call.at.min(now);
            call.why = format!("{target} could not be told");
            return Failed::GoesOn;
        }
        let others = self.calls.iter().any(|call| call.of == of);
        if others || self.reached.iter().any(|reached| !reached.failed) {
            return Failed::GoesOn;
        }
        let Some(next) = &mut self.next else { return Failed::Ends };
        *next = (*next).min(now);
        "nobody could be reached".clone_into(&mut self.why);
        Failed::GoesOn
    }

    /// Somebody acknowledged it, or took it in chat. Whether nobody is called any more.
    pub fn pause(&mut self, policy: &Policy, by: &str, taken: bool, now: Timestamp) -> bool {
        if !taken {
            self.acked.insert(by.to_owned());
            if self.acked.len() < policy.acks {
                return false;
            }
        }
        if self.paused.is_none() {
            let after = |length: Option<Duration>| length.filter(|_| !taken).map(|length| later(now, length));
            self.paused = Some(Paused {
                by: by.to_owned(),
                since: now,
                remind: after(policy.ack_remind),
                reminded: 0,
                until: after(policy.ack_timeout),
                taken,
            });
        }
        true
    }

    /// Nobody works on it any more: it goes on at once.
    pub fn go_on(&mut self, policy: &Policy, now: Timestamp, why: String) {
        self.acked.clear();
        if self.paused.take().is_none() {
            return;
        }
        self.call_now(policy, now, why);
    }

    /// The next step comes now; after the last one, the first again.
    pub fn call_now(&mut self, policy: &Policy, now: Timestamp, why: String) {
        if self.step >= policy.steps.len() {
            self.round += 1;
            self.step = 0;
        }
        self.calls.clear();
        self.next = Some(now);
        self.why = why;
    }

    /// Moves all that is due.
    pub fn set_back(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        self.next = self.next.map(&back);
        self.calls.iter_mut().for_each(|call| call.at = back(call.at));
        if let Some(paused) = &mut self.paused {
            paused.since = back(paused.since);
            paused.remind = paused.remind.map(&back);
            paused.until = paused.until.map(&back);
        }
    }
}
