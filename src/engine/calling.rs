//! Calling people: whom a step of an escalation means now, and what comes of it.
//!
//! Owns: the way from names in a policy to targets. Promises: a step that reaches nobody is
//! told to the policy's fallback; a person is called once by a step, by one way after the
//! other. Never: does I/O, reads a clock.

use super::escalation::{Calls, Due, Failed, Running};
use super::stage::Stage;
use super::world::EscalationKey;
use super::{Engine, Settings};
use crate::config::{Policy, Quiet, Recipient};
use crate::model::event::{Called, Escalation, Page};
use crate::model::time::later;
use crate::model::{
    Action, ActionKind, Delivery, Detail, Event, IncidentId, ObjectKey, Scene, State, Timestamp,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many steps without a word may follow on each other in one go.
const SILENT_STEPS: usize = 1000;

impl Stage {
    /// The policy of this name; the error says which there are. In a replay, where there is no
    /// such policy, one that tells a target of its name.
    pub fn policy(&self, name: &str) -> Result<Policy, String> {
        let policies = &self.settings.policies;
        let made_up = self.settings.any_target.then(|| Policy::of_one_target(name));
        policies.get(name).cloned().or(made_up).ok_or_else(|| {
            let meant = super::matcher::nearest(name, policies.keys().cloned());
            let meant = meant.map_or(String::new(), |name| format!("did you mean `{name}`? "));
            let known: Vec<&str> = policies.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            format!("there is no escalation `{name}`; {meant}watchbell.toml has: {known}")
        })
    }

    /// Begins a policy for the event's incident, unless it is under way.
    pub fn escalate(&mut self, scene: &Scene, policy: &str) -> Result<(), String> {
        let policy = self.policy(policy)?;
        let Some(incident) = scene.incident.as_ref().filter(|incident| incident.closed.is_none()) else {
            self.run.did.push(format!("escalate {}: there is no open incident", policy.name));
            return Ok(());
        };
        let did = match self.begin_escalation(&policy, incident.id, &incident.object, scene.now) {
            true => format!("escalate {}", policy.name),
            false => format!("escalate {}: under way", policy.name),
        };
        self.run.did.push(did);
        Ok(())
    }

    /// Begins a policy; whether it was not under way.
    pub(super) fn begin_escalation(
        &mut self,
        policy: &Policy,
        id: IncidentId,
        object: &ObjectKey,
        now: Timestamp,
    ) -> bool {
        let mut running = Running::begin(policy, id, object.clone(), now);
        if self.world.status(object).acknowledged {
            running.pause(policy, "somebody", false, now);
        }
        self.world.begin_escalation(running)
    }

    /// Whom a step calls.
    fn calls(&self, policy: &Policy, step: usize, object: &ObjectKey, now: Timestamp) -> Calls {
        let mut calls = Calls::default();
        let mut persons = BTreeSet::new();
        for recipient in policy.steps.get(step).map_or(&[][..], |step| &step.to) {
            let found = match recipient {
                Recipient::Target(target) => {
                    let target = self.target(target).unwrap_or_else(|_| target.clone());
                    calls.now.push(Called { target, person: None, way: 0 });
                    continue;
                }
                Recipient::Person(name) => vec![name.clone()],
                Recipient::Schedule(name) => self.on_call(name, now),
                Recipient::Role(role) => self.with_role(role),
            };
            if found.is_empty() {
                calls.nobody.push(match recipient {
                    Recipient::Schedule(name) => format!("nobody is on call in {name}"),
                    other => format!("{other} is nobody"),
                });
            }
            for person in found.into_iter().filter(|person| persons.insert(person.clone())) {
                self.add_ways(&mut calls, &person, object, now);
            }
        }
        let mut seen = BTreeSet::new();
        calls.now.retain(|called| seen.insert(called.target.clone()));
        if calls.now.is_empty() && calls.later.is_empty() {
            if calls.nobody.is_empty() {
                calls.nobody.push("the step calls nobody".to_owned());
            }
            let target = self.target(&policy.fallback);
            let target = target.unwrap_or_else(|_| self.settings.default_target.clone());
            calls.now.push(Called { target, person: None, way: 0 });
        }
        calls
    }

    fn add_ways(&self, calls: &mut Calls, person: &str, object: &ObjectKey, now: Timestamp) {
        let reach = self.settings.reach.get(person);
        let Some(reach) = reach.filter(|reach| !reach.ways.is_empty()) else {
            calls.nobody.push(format!("{person} has no way to be reached"));
            return;
        };
        let state = self.world.status(object).hard_state;
        let begins = match &reach.quiet {
            Some(quiet) if !is_grave(state, quiet.floor) => quiet_until(quiet, now).unwrap_or(now),
            _ => now,
        };
        let author = self.settings.persons.get(person).map(|person| &person.icinga_author);
        let asked = author.and_then(|author| self.world.quiet_until(author, now));
        let begins =
            asked.filter(|_| !is_grave(state, State::Critical)).map_or(begins, |until| begins.max(until));
        for (way, by) in reach.ways.iter().enumerate() {
            let called = Called { target: by.target.clone(), person: Some(person.to_owned()), way };
            let at = later(begins, by.after);
            if at <= now {
                calls.now.push(called);
            } else {
                calls.later.push((at, called));
            }
        }
    }

    /// Whom somebody calls by this name, each by their first way. `Err` says why nobody.
    pub(super) fn ways_to(&self, recipient: &Recipient, now: Timestamp) -> Result<Vec<Called>, String> {
        let persons = match recipient {
            Recipient::Schedule(name) if self.settings.schedule(name).is_err() => {
                return Err(self.settings.schedule(name).err().unwrap_or_default());
            }
            Recipient::Role(role) if !self.settings.has_role(role) => {
                return Err(format!("there is no role `{role}`"));
            }
            Recipient::Target(name) => {
                let target = self.target(name)?;
                return Ok(vec![Called { target, person: None, way: 0 }]);
            }
            Recipient::Person(name) if !self.settings.persons.contains_key(name) => {
                return Err(format!("there is no person `{name}`"));
            }
            Recipient::Person(name) => vec![name.clone()],
            Recipient::Schedule(name) => self.on_call(name, now),
            Recipient::Role(role) => self.with_role(role),
        };
        let called: Vec<Called> = persons.iter().filter_map(|person| self.way_of(person, 0)).collect();
        if called.is_empty() {
            return Err(match recipient {
                Recipient::Person(name) => {
                    format!("{name} has no way to be reached; see `[[person.{name}.way]]`")
                }
                Recipient::Schedule(name) => format!("nobody is on call in {name}"),
                other => format!("{other} is nobody who could be reached"),
            });
        }
        Ok(called)
    }

    fn way_of(&self, person: &str, way: usize) -> Option<Called> {
        let by = self.settings.reach.get(person)?.ways.get(way)?;
        Some(Called { target: by.target.clone(), person: Some(person.to_owned()), way })
    }

    /// The way that comes behind this one of the same person.
    fn way_after(&self, target: &str) -> Option<Called> {
        let (person, at) = self.settings.way_at(target)?;
        self.way_of(person, at + 1)
    }

    fn on_call(&self, schedule: &str, now: Timestamp) -> Vec<String> {
        let schedule = self.settings.schedule(schedule);
        schedule.map_or_else(|_| Vec::new(), |schedule| schedule.on_call(now, self.world.overrides()))
    }

    fn with_role(&self, role: &str) -> Vec<String> {
        let persons = self.settings.persons.values();
        let having = persons.filter(|person| person.roles.iter().any(|held| held == role));
        having.map(|person| person.name.clone()).collect()
    }

    /// The first way to whom Icinga knows by this name.
    fn first_way(&self, author: &str) -> Option<Called> {
        let person = self.settings.persons.values().find(|person| person.icinga_author == author)?;
        self.way_of(&person.name, 0)
    }

    /// People were told of a step, or a rule kept it from them (`dropped`: why, and when it
    /// comes again).
    pub(super) fn note_called(
        &mut self,
        scene: &Scene,
        escalation: &Escalation,
        dropped: Option<(&str, Option<std::time::Duration>)>,
    ) {
        let (Some(incident), Some(object)) = (&scene.incident, &scene.event.object) else { return };
        let key = (incident.id, escalation.policy.clone());
        let Ok(policy) = self.policy(&escalation.policy) else {
            return self.world.end_escalation(&key);
        };
        let now = scene.now;
        if let Some((reason, again)) = dropped {
            self.world.change_escalation(&key, |running| running.hold(escalation, reason, again, now));
            return;
        }
        let calls = self.calls(&policy, escalation.step as usize - 1, object, now).later;
        self.world.change_escalation(&key, |running| running.told(&policy, escalation, calls, now));
    }
}

impl Engine {
    /// The event of the escalation that is due first, if its time has come.
    pub(super) fn next_call(&mut self, now: Timestamp) -> Option<Event> {
        for _ in 0..SILENT_STEPS {
            let key = self.world().due_escalation(now)?;
            let object = self.world().escalation(&key)?.object.clone();
            if let Some(escalation) = self.take_call(&key, &object, now) {
                let source = object.source().clone();
                let detail = Detail::Escalation(escalation);
                return Some(Event { source, object: Some(object), ..Event::ours(now, detail) });
            }
        }
        None
    }

    fn take_call(&mut self, key: &EscalationKey, object: &ObjectKey, now: Timestamp) -> Option<Escalation> {
        let stage = self.stage();
        let Ok(policy) = stage.policy(&key.1) else {
            return Some(gone(stage, stage.world.escalation(key)?));
        };
        let mut running = stage.world.escalation(key)?.clone();
        let due = running.take_due(
            &policy,
            now,
            |step| stage.calls(&policy, step, object, now),
            |author| {
                let fallback = stage.target(&policy.fallback).ok();
                let of_many = |target| Called { target, person: None, way: 0 };
                stage.first_way(author).or(fallback.map(of_many)).into_iter().collect()
            },
        );
        stage.world.change_escalation(key, |kept| *kept = running);
        match due {
            Due::Tell(escalation) => Some(escalation),
            Due::Nothing => None,
            Due::TimedOut { by } => {
                self.stage().run.actions.push(unacknowledge(object, &by));
                None
            }
        }
    }

    /// A page that could not be told goes by the person's next way, in the words that it had.
    pub(super) fn page_failed(&self, delivery: &Delivery, now: Timestamp) -> Option<Event> {
        let called = vec![self.stage_ref().way_after(&delivery.target)?];
        let page = Page {
            by: delivery.rule.clone(),
            text: delivery.message.text.clone(),
            called,
            after: delivery.target.clone(),
        };
        Some(Event::ours(now, Detail::Page(page)))
    }

    /// A message that called somebody was given up. Whether somebody else is called now.
    pub(super) fn call_failed(&mut self, incident: Option<u64>, target: &str, now: Timestamp) -> bool {
        let Some(id) = incident.map(IncidentId) else { return false };
        let keys: Vec<EscalationKey> =
            self.world().escalations_of(id).map(|running| (id, running.policy.clone())).collect();
        let goes_on = keys.iter().map(|key| {
            let failed = self.world_mut().change_escalation(key, |running| running.failed(target, now));
            failed == Some(Failed::GoesOn)
        });
        goes_on.fold(false, |any, one| any | one)
    }

    /// A sink is down: whom it was to call is called by other ways.
    pub(super) fn sink_is_down(&mut self, sink: &str, now: Timestamp) {
        let ways = self.settings().reach.values().flat_map(|reach| &reach.ways);
        let targets: Vec<String> =
            ways.filter(|way| way.sink == sink).map(|way| way.target.clone()).collect();
        let ids: BTreeSet<u64> = self.world().escalations().map(|running| running.incident.0).collect();
        for id in ids {
            targets.iter().for_each(|target| {
                self.call_failed(Some(id), target, now);
            });
        }
    }

    /// What an acknowledgement or its end means for the escalations of its object.
    pub(super) fn note_acknowledged(&mut self, event: &Event, now: Timestamp) {
        let Some(object) = &event.object else { return };
        let policies = self.settings_shared();
        match &event.detail {
            Detail::AcknowledgementSet(set) => {
                let by = if set.author.is_empty() { "somebody" } else { &set.author };
                self.world_mut().change_escalations_of(object, |running| {
                    if let Some(policy) = policies.policies.get(&running.policy) {
                        running.pause(policy, by, false, now);
                    }
                });
            }
            Detail::AcknowledgementCleared(_) => self.world_mut().change_escalations_of(object, |running| {
                if let Some(policy) = policies.policies.get(&running.policy)
                    && running.paused.as_ref().is_some_and(|paused| !paused.taken)
                {
                    running.go_on(policy, now, "nobody works on it any more".to_owned());
                }
            }),
            _ => {}
        }
    }

    fn settings_shared(&self) -> Arc<Settings> {
        self.stage_ref().settings.clone()
    }
}

impl Settings {
    /// Whose way this target is, and which of theirs, from 0; `None` if it is nobody's.
    pub(super) fn way_at(&self, target: &str) -> Option<(&str, usize)> {
        self.reach.iter().find_map(|(person, reach)| {
            let at = reach.ways.iter().position(|way| way.target == target)?;
            Some((person.as_str(), at))
        })
    }
}

/// The policy of an escalation under way is not configured any more.
fn gone(stage: &Stage, running: &Running) -> Escalation {
    Escalation {
        policy: running.policy.clone(),
        started: running.started,
        round: running.round,
        step: running.step as u32 + 1,
        steps: 0,
        called: vec![Called { target: stage.settings.default_target.clone(), person: None, way: 0 }],
        why: String::new(),
        nobody: format!("watchbell.toml has no escalation `{}` any more", running.policy),
        reminder: 0,
        held: running.held.clone(),
    }
}

fn unacknowledge(object: &ObjectKey, by: &str) -> Action {
    Action {
        id: 0,
        object: object.clone(),
        author: by.to_owned(),
        kind: ActionKind::RemoveAcknowledgement,
        reply_to: None,
        asked_by: String::new(),
        thread: Vec::new(),
        is_one_of_many: false,
    }
}

/// Whether a state is at least as grave as this one.
fn is_grave(state: Option<State>, floor: State) -> bool {
    state.is_none_or(|state| state.severity() >= floor.severity())
}

/// When the quiet hours end that this moment lies in; `None` outside of them. Where the clock
/// is changed, an hour that does not exist is the next that does.
fn quiet_until(quiet: &Quiet, now: Timestamp) -> Option<Timestamp> {
    let local = now.to_zoned(quiet.zone.clone());
    let (date, time) = (local.date(), local.time());
    let over_night = quiet.to <= quiet.from;
    let ends = match (over_night, time >= quiet.from, time < quiet.to) {
        (false, true, true) | (true, false, true) => date,
        (true, true, _) => date.tomorrow().ok()?,
        _ => return None,
    };
    let end = ends.to_datetime(quiet.to).to_zoned(quiet.zone.clone()).ok()?.timestamp();
    (end > now).then_some(end)
}
