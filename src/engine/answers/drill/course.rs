//! The course of a drill: what would come of a state, from its first message to its last.
//!
//! Promises: it is played on a copy of the world, whose clock goes on from one thing that is due
//! to the next, up to a bound that is kept with the course. Never: changes the world.

use super::part::Part;
use crate::engine::answers::calls;
use crate::engine::outcome::{By, Notification, Outcome};
use crate::engine::{Engine, Settings, judge, standing};
use crate::model::time::{age, later};
use crate::model::words::first_line;
use crate::model::{Decision, Detail, Event, EventType, Input, ObjectKey, Verdict};
use std::sync::Arc;
use std::time::Duration;

/// How far ahead is played.
const AHEAD: Duration = Duration::from_secs(24 * 3600);
/// The engine judges nothing else meanwhile: so often is the copy woken at most.
const MOST_WAKES: usize = 500;
/// How much of a reason is kept, in characters.
const REASON: usize = 160;

/// What would come.
#[derive(Default)]
pub(super) struct Course {
    /// Who would be told, each once, in the order of their first message.
    pub(super) told: Vec<Would>,
    /// What a rule would keep from people: after how long for the first time, and why.
    pub(super) kept: Vec<(Duration, String)>,
    /// Whom steps mean and do not reach, in words.
    pub(super) nobody: Vec<String>,
    /// How far it was played, where that is not to its end.
    pub(super) bound: Option<Duration>,
    /// How many people watch the object: they hear of it in private.
    pub(super) watching: usize,
}

/// Who would be told.
pub(super) struct Would {
    /// The target.
    pub(super) target: String,
    /// The person whose way it is; `None` for a target of many.
    pub(super) person: Option<String>,
    /// After how long for the first time.
    pub(super) after: Duration,
    /// Of what kind of event that is.
    pub(super) of: EventType,
    /// By which rule or step.
    pub(super) by: By,
    /// How many messages more would follow, and after how long the last of them.
    pub(super) more: (u64, Duration),
}

/// Plays a part on a copy of the engine's world.
pub(super) fn play(engine: &Engine, part: &Part) -> Course {
    let now = part.now;
    let event = event(engine, part);
    let scene = judge::scene(engine.world(), event.clone(), now);
    let world = engine.world().for_drill(&part.key, |mute| mute.concerns(&scene));
    let settings = engine.stage_ref().settings.clone();
    let mut trial = Engine::new(world, settings.clone(), engine.ruleset().clone());
    // What is over is of no matter here, and looking for it takes time.
    trial.tidied = later(now, AHEAD);
    let watching = engine.world().watches_of(&part.key).len();
    let mut playing =
        Playing { key: &part.key, settings: &settings, course: Course { watching, ..Course::default() } };
    if !part.stands {
        playing.take(trial.step(Input::Event(event), now), Duration::ZERO);
    }
    playing.call(&mut trial, part);
    let (mut at, mut wakes) = (now, 0);
    while let Some(wake) = trial.next_wake().map(|wake| wake.max(at)) {
        if wake > later(now, AHEAD) || wakes == MOST_WAKES {
            playing.course.bound = Some(if wakes == MOST_WAKES { age(now, at) } else { AHEAD });
            break;
        }
        (at, wakes) = (wake, wakes + 1);
        playing.take(trial.step(Input::Tick, wake), age(now, wake));
    }
    playing.course
}

/// The event that the object comes into the state now, whatever it was before.
fn event(engine: &Engine, part: &Part) -> Event {
    let mut event = standing::event(engine.world(), &part.key, part.state, part.now);
    if let Detail::StateChange(report) = &mut event.detail {
        report.hard = true;
        report.execution_end = Some(part.now);
    }
    event
}

/// A course that is being played.
struct Playing<'a> {
    key: &'a ObjectKey,
    settings: &'a Arc<Settings>,
    course: Course,
}

impl Playing<'_> {
    /// Has the escalation called, if there is one.
    fn call(&mut self, trial: &mut Engine, part: &Part) {
        let Some(policy) = &part.policy else { return };
        let open = trial.world().incident_of(self.key).filter(|incident| incident.closed.is_none());
        let Some(incident) = open.cloned() else { return };
        calls::call(trial.stage(), policy, &incident, &part.author, part.now);
        let running = trial.world().escalation(&(incident.id, policy.name.clone()));
        if running.is_some_and(|running| running.paused.is_some()) {
            let why = format!("{} calls nobody: it is acknowledged", policy.name);
            self.course.kept.push((Duration::ZERO, why));
        }
    }

    fn take(&mut self, outcome: Outcome, after: Duration) {
        for notification in &outcome.notifications {
            if self.is_ours(&notification.scene.event) {
                self.note_nobody(&notification.scene.event);
                self.tell(notification, after);
            }
        }
        for decision in outcome.decisions.iter().filter(|decision| decision.object == self.key.name()) {
            self.note_kept(decision, after);
        }
    }

    /// Whether it follows from what is played: what is due on the copy is about the object, or
    /// was set off by it.
    fn is_ours(&self, event: &Event) -> bool {
        match &event.object {
            Some(object) => object == self.key,
            None => matches!(event.event_type(), EventType::Digest | EventType::Timer),
        }
    }

    fn tell(&mut self, notification: &Notification, after: Duration) {
        let Notification { target, scene, by, .. } = notification;
        if let Some(would) = self.course.told.iter_mut().find(|would| would.target == *target) {
            would.more = (would.more.0 + 1, after);
            return;
        }
        self.course.told.push(Would {
            target: target.clone(),
            person: self.settings.way_at(target).map(|(person, _)| person.to_owned()),
            after,
            of: scene.event.event_type(),
            by: by.clone(),
            more: (0, after),
        });
    }

    fn note_nobody(&mut self, event: &Event) {
        let Detail::Escalation(call) = &event.detail else { return };
        if call.nobody.is_empty() {
            return;
        }
        let words = format!("step {} of {}: {}", call.step, call.policy, call.nobody);
        if !self.course.nobody.contains(&words) {
            self.course.nobody.push(words);
        }
    }

    fn note_kept(&mut self, decision: &Decision, after: Duration) {
        let Verdict::Dropped(reason) = &decision.verdict else { return };
        let reason = format!("{}{}", first_line(reason, REASON), dropped_by(decision));
        if self.course.kept.iter().all(|(_, known)| *known != reason) {
            self.course.kept.push((after, reason));
        }
    }
}

/// The rule that dropped it.
fn dropped_by(decision: &Decision) -> String {
    let drops = |did: &String| did.starts_with("drop: ");
    let step = decision.steps.iter().rev().find(|step| step.did.iter().any(drops));
    step.map_or(String::new(), |step| format!(" ({})", step.rule))
}
