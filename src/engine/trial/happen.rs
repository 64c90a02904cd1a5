//! What happens in a trial: the events and lines of chat that its test makes up.

use super::icinga::{Plan, acknowledgement, event, state_of};
use super::{Trial, icinga};
use crate::engine::matcher::nearest;
use crate::engine::reach;
use crate::model::event::{Acknowledgement, Flapping, Reminder, StateReport, Webhook};
use crate::model::time::later;
use crate::model::{
    Attempt, AttemptResult, Brief, Broken, Delivery, Detail, Event, Input, Message, ObjectKey, Snapshot,
    SnapshotObject, Speaker, State, Timestamp, Utterance,
};
use std::sync::Arc;
use std::time::Duration;

/// How long an Icinga is away before that is told.
const TOLD_AFTER: Duration = Duration::from_secs(60);
/// Icinga's usual thresholds of flap detection, in per cent.
const CALM_BELOW: f64 = 25.0;
const FLAPPING_ABOVE: f64 = 30.0;

/// What a check found, besides the state; what is not said is as it mostly is.
#[derive(Debug, Default)]
pub(in crate::engine) struct Found {
    pub(in crate::engine) output: Option<String>,
    pub(in crate::engine) attempt: Option<u32>,
    /// Whether no parent is down; worked out from the parents where it is not said.
    pub(in crate::engine) reachable: Option<bool>,
    pub(in crate::engine) exit_status: Option<i64>,
    pub(in crate::engine) performance_data: Vec<String>,
}

/// A downtime as a test wants it.
#[derive(Debug, Default)]
pub(in crate::engine) struct Window {
    pub(in crate::engine) length: Duration,
    /// After what time it begins; at once where it is not said.
    pub(in crate::engine) after: Option<Duration>,
    pub(in crate::engine) author: Option<String>,
    pub(in crate::engine) comment: Option<String>,
}

impl Trial {
    /// A check finds a state, hard or soft.
    pub(in crate::engine) fn state(
        &mut self,
        name: &str,
        state: &str,
        hard: bool,
        found: Found,
    ) -> Result<(), String> {
        let key = self.key(name);
        let state = state_named(&key, state)?;
        self.happens(|trial| {
            let report = trial.report(&key, state, hard, found);
            Input::Event(event(&key, trial.now, Detail::StateChange(report)))
        })
    }

    fn report(&self, key: &ObjectKey, state: State, hard: bool, found: Found) -> StateReport {
        let world = self.road.engine().world();
        let before = world.status(key);
        StateReport {
            state,
            hard,
            attempt: found.attempt.unwrap_or(1),
            previous: before.state.map(|state| (state, before.hard)),
            reachable: found.reachable.unwrap_or_else(|| reach::is_reachable(world, key)),
            output: found.output.unwrap_or_else(|| format!("{state} - made up by a test")),
            performance_data: found.performance_data,
            exit_status: found.exit_status.unwrap_or(i64::from(state.is_problem()) * 2),
            check_source: "test".to_owned(),
            execution_end: Some(self.now),
            downtime_depth: None,
            acknowledgement: None,
            restated: None,
        }
    }

    /// Icinga's own flap detection changes its mind.
    pub(in crate::engine) fn flapping(&mut self, name: &str, is_flapping: bool) -> Result<(), String> {
        let key = self.key(name);
        self.happens(|trial| {
            let world = trial.road.engine().world();
            let flapping = Flapping {
                is_flapping,
                state: state_of(world, &key),
                hard: world.status(&key).hard,
                current: if is_flapping { FLAPPING_ABOVE + 5.0 } else { CALM_BELOW - 5.0 },
                threshold_low: CALM_BELOW,
                threshold_high: FLAPPING_ABOVE,
            };
            Input::Event(event(&key, trial.now, Detail::Flapping(flapping)))
        })
    }

    /// Somebody acknowledges a problem in Icinga, perhaps for a time.
    pub(in crate::engine) fn ack(
        &mut self,
        name: &str,
        author: &str,
        comment: &str,
        length: Option<Duration>,
        sticky: bool,
    ) -> Result<(), String> {
        let key = self.key(name);
        self.in_icinga(|icinga, world, now| {
            let expiry = length.map(|length| later(now, length));
            let set = acknowledgement(world, &key, author, comment);
            icinga.acknowledge(&key, Acknowledgement { expiry, sticky, ..set }, now)
        })
    }

    /// An acknowledgement is taken away in Icinga.
    pub(in crate::engine) fn unack(&mut self, name: &str) -> Result<(), String> {
        let key = self.key(name);
        self.in_icinga(|icinga, world, now| vec![icinga.end_acknowledgement(world, &key, now)])
    }

    /// Somebody comments on an object in Icinga.
    pub(in crate::engine) fn comment(&mut self, name: &str, author: &str, text: &str) -> Result<(), String> {
        let key = self.key(name);
        self.in_icinga(|icinga, _, now| vec![icinga.commented(&key, author, text, now)])
    }

    /// A fixed downtime is scheduled in Icinga; it ends by itself.
    pub(in crate::engine) fn downtime(&mut self, name: &str, window: Window) -> Result<(), String> {
        let key = self.key(name);
        self.in_icinga(|icinga, _, now| {
            let start = window.after.map_or(now, |after| later(now, after));
            let plan = Plan {
                author: window.author.unwrap_or_else(|| "somebody".to_owned()),
                comment: window.comment.unwrap_or_else(|| "maintenance".to_owned()),
                start,
                end: later(start, window.length),
                flexible: None,
            };
            icinga.schedule(&key, plan, now)
        })
    }

    /// All downtimes of an object are cancelled in Icinga.
    pub(in crate::engine) fn end_downtime(&mut self, name: &str) -> Result<(), String> {
        let key = self.key(name);
        if !self.road.engine().world().downtimes().values().any(|(object, _)| *object == key) {
            return Err(format!("{name} has no downtime that could end"));
        }
        self.in_icinga(|icinga, world, now| icinga.cancel_downtimes(world, &key, None, now))
    }

    /// A moment later, Icinga says what comes of this.
    fn in_icinga(
        &mut self,
        change: impl FnOnce(&mut icinga::Icinga, &crate::engine::World, Timestamp) -> Vec<Event>,
    ) -> Result<(), String> {
        self.wait(super::A_MOMENT)?;
        let events = change(&mut self.icinga, self.road.engine().world(), self.now);
        events.into_iter().try_for_each(|event| self.take(Input::Event(event)))
    }

    /// A recorded line of Icinga's event stream; the clock follows its time if that is
    /// later.
    pub(in crate::engine) fn recorded(&mut self, line: &str) -> Result<(), String> {
        let event = self.road.decode(line)?;
        if !self.begun || event.timestamp > self.now {
            self.set_clock(event.timestamp)?;
        }
        self.take(Input::Event(event))
    }

    /// Icinga is out of reach for a time. When it is back, all is as it was, but for
    /// the objects named with their states.
    pub(in crate::engine) fn gap(
        &mut self,
        length: Duration,
        found: Vec<(String, String)>,
    ) -> Result<(), String> {
        let changed = found.into_iter().map(|(name, state)| {
            let key = self.key(&name);
            let state = state_named(&key, &state)?;
            Ok((key, state))
        });
        let changed = changed.collect::<Result<Vec<(ObjectKey, State)>, String>>()?;
        self.wait(super::A_MOMENT)?;
        let broken = Broken { reason: "the connection was lost".to_owned(), at: self.now };
        let back = later(self.now, length);
        if length > TOLD_AFTER {
            self.wait(TOLD_AFTER)?;
            self.take(Input::OutOfReach { source: self.source.clone(), broken: broken.clone() })?;
        }
        self.pass_until(back)?;
        let snapshot = self.snapshot(broken, &changed);
        self.take(Input::Snapshot(Arc::new(snapshot)))
    }

    fn snapshot(&self, broken: Broken, changed: &[(ObjectKey, State)]) -> Snapshot {
        let world = self.road.engine().world();
        let new =
            changed.iter().map(|(key, _)| key).filter(|key| !world.object_keys().any(|known| known == *key));
        let objects = world.object_keys().chain(new).map(|key| {
            let status = world.status(key);
            let found = changed.iter().find(|(other, _)| other == key).map(|(_, state)| *state);
            SnapshotObject {
                object: world.object(key),
                state: found.or(status.state),
                hard: found.is_some() || status.hard,
                last_hard_state: status.hard_state,
                attempt: status.attempt,
                since: if found.is_some() { Some(broken.at) } else { status.since },
                output: status.output.to_string(),
                execution_end: Some(self.now),
                reachable: reach::is_reachable(world, key),
                acknowledged: status.acknowledged,
                exit_status: 0,
                sticky: false,
                acknowledgement_expiry: None,
                flapping: status.flapping,
                downtime_depth: status.downtime_depth,
            }
        });
        Snapshot {
            source: self.source.clone(),
            at: self.now,
            objects: objects.collect(),
            broken: Some(broken),
            beside: None,
            started: None,
            settled: true,
            comments: None,
            downtimes: None,
        }
    }

    /// Somebody sends JSON to a webhook of this name.
    pub(in crate::engine) fn webhook(&mut self, name: &str, body: serde_json::Value) -> Result<(), String> {
        let webhook = Webhook { name: name.to_owned(), body, id: None };
        self.happens(|trial| Input::Event(Event::ours(trial.now, Detail::Webhook(webhook))))
    }

    /// The open incident of an object is to be told again, as if a rule had wanted it.
    pub(in crate::engine) fn reminder(&mut self, name: &str) -> Result<(), String> {
        let key = self.key(name);
        let open = self.road.engine().world().incident_of(&key).filter(|incident| incident.closed.is_none());
        let Some(incident) = open.map(|incident| incident.id) else {
            return Err(format!("{name} has no open incident that anybody could be reminded of"));
        };
        let number = self.reminded.get(&incident).map_or(1, |number| number + 1);
        self.reminded.insert(incident, number);
        self.happens(|trial| {
            let reachable = reach::is_reachable(trial.road.engine().world(), &key);
            let reminder = Reminder { number, rule: "a test".to_owned(), reachable };
            Input::Event(event(&key, trial.now, Detail::Reminder(reminder)))
        })
    }

    /// A message for a target is given up.
    pub(in crate::engine) fn undelivered(&mut self, target: &str, reason: &str) -> Result<(), String> {
        let target = self.road.engine().target(target)?;
        self.happens(|trial| {
            let delivery = Delivery {
                id: 0,
                key: String::new(),
                at: trial.now,
                sink: "test".to_owned(),
                target,
                recipient: String::new(),
                event: String::new(),
                object: String::new(),
                incident: None,
                rule: String::new(),
                message: Message { text: "a message of a test".to_owned(), ..Message::default() },
                brief: Brief::default(),
                attempts: 1,
                revived: None,
            };
            Input::GivenUp(Attempt {
                delivery,
                at: trial.now,
                result: AttemptResult::Dead(reason.to_owned()),
            })
        })
    }

    /// Somebody whose account is verified writes a line, in the channel or in private.
    pub(in crate::engine) fn say(&mut self, name: &str, text: &str, private: bool) -> Result<(), String> {
        let (sink, account) = self.account_of(name)?;
        let prefix = self.road.engine().settings().prefix.clone();
        // Tests that come with rules hold under any prefix.
        let text = match text.strip_prefix('!') {
            Some(command) => format!("{prefix}{command}"),
            None => text.to_owned(),
        };
        self.happens(|trial| {
            Input::Utterance(Utterance {
                sink,
                room: if private { name.to_owned() } else { "#test".to_owned() },
                private,
                speaker: Speaker { nick: name.to_owned(), account: Some(account), local: false },
                text,
                at: trial.now,
            })
        })
    }
}

/// The state of this name, if the object can be in it.
fn state_named(key: &ObjectKey, name: &str) -> Result<State, String> {
    let of_host = |state: &State| matches!(state, State::Up | State::Down);
    let states = State::ALL.into_iter().filter(|state| of_host(state) == key.is_host());
    let names: Vec<&str> = states.clone().map(State::name).collect();
    states.into_iter().find(|state| state.name() == name).ok_or_else(|| {
        let kind = if key.is_host() { "host" } else { "service" };
        let meant = nearest(name, names.iter().map(|name| (*name).to_owned())).map_or_else(
            || format!("it is {}", names.join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        format!("{key}: `{name}` is no state of a {kind}; {meant}")
    })
}
