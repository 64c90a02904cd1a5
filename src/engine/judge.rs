//! Judging: an event passes the rules, and what they said becomes an outcome.
//!
//! Owns: the order of rules, what a failing rule costs, and the ledger of what was
//! told. Promises: an event that some rule asks for, and each of our own, ends as
//! told, as dropped with a reason, or at the default target; only timers, which rules set
//! for themselves, never get there by silence. Never: lets a failing rule silence an event.

use super::outcome::{By, Notification, Outcome};
use super::script::EventHandle;
use super::stage::{self, Dropped, Run, Stage, Subject, subject};
use super::{Engine, RuleFault, Ruleset, World, gather};
use crate::model::event::Called;
use crate::model::time::later;
use crate::model::words::first_line;
use crate::model::{
    Decision, Detail, Event, EventType, Facts, ObjectKey, Scene, State, Status, Step, Timestamp, Verdict,
};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many events of one failing rule are told past the other rules' verdict in
/// [`FAILURE_SPAN`]; after that the others decide alone, so that a broken rule on
/// a busy type cannot flood a channel.
const FAILURE_BUDGET: u32 = 10;
const FAILURE_SPAN: SignedDuration = SignedDuration::from_mins(10);

/// How much of a text the audit keeps in the summary of an event, in characters.
const SUMMARY: usize = 120;

/// Judges one event and adds what comes of it.
pub(super) fn judge(engine: &mut Engine, event: Event, now: Timestamp, outcome: &mut Outcome) {
    let ruleset = engine.ruleset.clone();
    let event_type = event.event_type();
    // What Watchbell says of itself is heard even where no rule asks for it.
    if !is_news(event_type) && !ruleset.takes(event_type) {
        after_unjudged(engine, &event);
        return;
    }
    let scene = Arc::new(scene(engine.world(), event, now));
    let (steps, failure) = run_rules(engine, &ruleset, &scene);
    let stage = engine.stage.as_mut().expect("no script runs now");
    let mut run = std::mem::take(&mut stage.run);
    stage.run.now = now;
    stage.run.follow_ups = std::mem::take(&mut run.follow_ups);
    outcome.log.append(&mut run.log);
    outcome.actions.append(&mut run.actions);
    let mut notifications = std::mem::take(&mut run.notifications);
    fail_open(
        &mut engine.failures,
        &stage.settings.default_target,
        &scene,
        failure,
        &mut notifications,
        run.dropped.is_some() || run.stopped || run.heard,
    );
    match &scene.event.detail {
        Detail::Escalation(call) if run.dropped.is_none() => {
            let by = By::Policy { policy: call.policy.clone(), step: call.step };
            tell_called(&call.called, &by, &scene, &mut notifications);
        }
        // What a person says to people is no matter of rules.
        Detail::Page(page) => {
            tell_called(&page.called, &By::Person(page.by.clone()), &scene, &mut notifications);
        }
        _ => {}
    }
    if notifications.is_empty() && run.dropped.is_none() && !run.stopped && !run.heard {
        if event_type == EventType::Timer {
            run.dropped = Some(Dropped { reason: "no rule said anything of it".to_owned(), again: None });
        } else {
            notifications.push(to_default(&stage.settings.default_target, &scene, None));
        }
    }
    let verdict = verdict(&notifications, &run);
    note_ledger(stage, &scene, &notifications, &run, now);
    let notifications = gather::gather(&mut stage.world, &stage.settings.zone, &run.plans, notifications);
    if worth_keeping(&scene, &verdict, &steps) {
        if outcome.decisions.is_empty() {
            // Mostly it stays the only one, and a list that grows makes room for four.
            outcome.decisions.reserve_exact(1);
        }
        outcome.decisions.push(decision(&scene, verdict, steps, ruleset.hash()));
    }
    outcome.notifications.extend(notifications);
}

/// Notes in the audit that a check was cut off, and that nobody hears of it.
pub(super) fn leave_out(
    engine: &mut Engine,
    event: Event,
    why: String,
    now: Timestamp,
    outcome: &mut Outcome,
) {
    if !engine.ruleset.takes(event.event_type()) {
        return;
    }
    let scene = scene(engine.world(), event, now);
    outcome.decisions.push(decision(&scene, Verdict::Dropped(why), Vec::new(), engine.ruleset.hash()));
}

/// Whether people shall hear of it even where no rule asks for it. A timer is a matter
/// between rules.
fn is_news(event_type: EventType) -> bool {
    !event_type.is_icinga() && event_type != EventType::Timer
}

/// A recovery that no rule asks for still ends its incident.
fn after_unjudged(engine: &mut Engine, event: &Event) {
    if let (EventType::StateChange, Some(key)) = (event.event_type(), &event.object)
        && engine.world().incident_of(key).is_some_and(|incident| incident.closed.is_some())
    {
        engine.world_mut().part_incident(key);
    }
}

/// An event, and what is known around it.
pub(super) fn scene(world: &World, event: Event, now: Timestamp) -> Scene {
    let Some(key) = &event.object else {
        let status = Arc::<Status>::default();
        return Scene {
            event,
            now,
            host: None,
            service: None,
            host_status: status.clone(),
            status,
            incident: None,
        };
    };
    let status = world.status(key);
    let host_key = key.host_key();
    let (service, host_status) = if key.is_host() {
        (None, status.clone())
    } else {
        (Some(world.object(key)), world.status(&host_key))
    };
    let host = Some(world.object(&host_key));
    let incident = world.incident_of(key).cloned();
    Scene { event, now, host, service, status, host_status, incident }
}

/// Runs the rules that match, in order, until one drops or stops.
fn run_rules(engine: &mut Engine, ruleset: &Ruleset, scene: &Arc<Scene>) -> (Vec<Step>, Option<Failure>) {
    let mut steps = Vec::new();
    let mut failure = None;
    let candidates = ruleset.candidates(scene);
    let rules = candidates.iter().map(|number| (*number, &ruleset.rules()[*number]));
    for (number, rule) in rules.filter(|(_, rule)| rule.matcher.holds(scene)) {
        engine.stage().run.rule = Some(rule.at.clone());
        let handle = EventHandle { scene: scene.clone() };
        let (result, took) = engine.on_stage(|| ruleset.run(rule, handle));
        engine.costs.note(number, took);
        let run = &mut engine.stage().run;
        let mut did = std::mem::take(&mut run.did);
        if let Err(fault) = result {
            did.push(format!("error: {fault}"));
            // A rule that fails silences nothing, not even by what it did before.
            run.dropped = None;
            run.stopped = false;
            failure.get_or_insert(Failure { rule: rule.at.name.clone(), fault });
        }
        steps.push(Step { rule: rule.at.clone(), did });
        if run.dropped.is_some() || run.stopped {
            break;
        }
    }
    (steps, failure)
}

/// The first rule that failed on an event.
struct Failure {
    rule: Arc<str>,
    fault: RuleFault,
}

impl Engine {
    /// Lends the stage to the scripts that `call` runs.
    pub(super) fn on_stage<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let stage = self.stage.take().expect("the stage is away only inside this call");
        let (stage, result) = stage::lend(stage, call);
        self.stage = Some(stage);
        result
    }
}

fn to_default(target: &str, scene: &Arc<Scene>, note: Option<String>) -> Notification {
    let (target, scene) = (target.to_owned(), scene.clone());
    Notification { target, scene, by: By::Default, text: None, template: None, note }
}

/// Who is called is told, whatever else rules say.
fn tell_called(called: &[Called], by: &By, scene: &Arc<Scene>, notifications: &mut Vec<Notification>) {
    for called in called {
        if notifications.iter().any(|notification| notification.target == called.target) {
            continue;
        }
        let (target, scene, by) = (called.target.clone(), scene.clone(), by.clone());
        notifications.push(Notification { target, scene, by, text: None, template: None, note: None });
    }
}

/// A rule that fails has not judged: the event goes to the default target with the
/// error, whatever the other rules say, within a budget.
fn fail_open(
    failures: &mut BTreeMap<Arc<str>, (Timestamp, u32)>,
    default_target: &str,
    scene: &Arc<Scene>,
    failure: Option<Failure>,
    notifications: &mut Vec<Notification>,
    silenced: bool,
) {
    let Some(Failure { rule, fault }) = failure else { return };
    let failed = failures.entry(rule).or_insert((scene.now, 0));
    if scene.now.duration_since(failed.0) > FAILURE_SPAN {
        *failed = (scene.now, 0);
    }
    failed.1 += 1;
    if failed.1 > FAILURE_BUDGET && (silenced || !notifications.is_empty()) {
        return;
    }
    let note = format!("[a rule failed: {fault}]");
    match notifications.iter_mut().find(|notification| notification.target == default_target) {
        Some(notification) => notification.note = Some(note),
        None => notifications.push(to_default(default_target, scene, Some(note))),
    }
}

fn verdict(notifications: &[Notification], run: &Run) -> Verdict {
    if !notifications.is_empty() {
        let unmatched = notifications.iter().all(|notification| notification.by == By::Default);
        if unmatched {
            return Verdict::Unmatched;
        }
        return Verdict::Told(notifications.iter().map(|notification| notification.target.clone()).collect());
    }
    match &run.dropped {
        Some(dropped) => Verdict::Dropped(dropped.reason.clone()),
        None if run.heard => Verdict::Dropped("heard already by whom it is for".to_owned()),
        None if run.stopped => Verdict::Dropped("stopped without a word".to_owned()),
        None => Verdict::Unmatched,
    }
}

/// Notes who was told what, and what is owed to people after this event.
fn note_ledger(stage: &mut Stage, scene: &Scene, told: &[Notification], run: &Run, now: Timestamp) {
    let Some(key) = &scene.event.object else { return };
    match &scene.event.detail {
        Detail::StateChange(report) if report.hard => {
            note_state(stage, scene, key, told, run, now);
        }
        // What people hear of the end of flapping names the state it has left.
        Detail::Flapping(flapping) => {
            note_subject(stage, scene, told, !flapping.is_flapping);
            if !flapping.is_flapping && flapping.hard {
                note_state_told(stage, scene, key, flapping.state, told);
            }
        }
        // So does what they hear of an acknowledgement: they will hear its end.
        Detail::AcknowledgementSet(set) if set.hard && set.state.is_problem() => {
            note_state_told(stage, scene, key, set.state, told);
        }
        // Whoever hears of a problem by these hears its end; a state that is still owed to
        // others stays so.
        Detail::Timer(_) | Detail::Reminder(_) => note_targets(stage, scene, told),
        Detail::Escalation(escalation) => {
            note_targets(stage, scene, told);
            let dropped = run.dropped.as_ref().map(|dropped| (&*dropped.reason, dropped.again));
            stage.note_called(scene, escalation, dropped);
        }
        Detail::DowntimeRemoved(_) => note_subject(stage, scene, told, true),
        Detail::DowntimeAdded(_) | Detail::DowntimeStarted(_) | Detail::DowntimeTriggered(_) => {
            note_subject(stage, scene, told, false);
        }
        _ => {}
    }
}

fn note_subject(stage: &mut Stage, scene: &Scene, told: &[Notification], over: bool) {
    let Subject::Other(subject) = subject(scene) else { return };
    if over {
        stage.world.forget_told_of(&subject);
        return;
    }
    for notification in told {
        stage.world.note_told_of(&subject, &notification.target, scene.now);
    }
}

/// What is told of an object besides its changes may say its state as well.
fn note_state_told(stage: &mut Stage, scene: &Scene, key: &ObjectKey, state: State, told: &[Notification]) {
    note_heard(stage, scene, state, told);
    let Some(incident) = &scene.incident else { return };
    // Where all of them had heard it, those who are still owed it heard nothing now.
    if told.iter().all(|notification| incident.told.get(&notification.target) == Some(&state)) {
        return;
    }
    if state.is_problem() {
        note_settled(stage, key, state);
    } else if !stage.world.is_untold(key, state) {
        stage.world.part_incident(key);
    }
}

/// Notes for each target which state of the problem it heard.
fn note_heard(stage: &mut Stage, scene: &Scene, state: State, told: &[Notification]) {
    let Some(incident) = &scene.incident else { return };
    for notification in told {
        stage.world.note_told(incident.id, &notification.target, state);
    }
}

/// Nobody is owed this problem any more.
fn note_settled(stage: &mut Stage, key: &ObjectKey, state: State) {
    stage.world.change_status(key, |status| {
        status.told = Some(state);
        status.withheld = None;
    });
    stage.world.set_again(key, None);
}

fn note_targets(stage: &mut Stage, scene: &Scene, told: &[Notification]) {
    let open = scene.incident.as_ref().filter(|incident| incident.closed.is_none());
    let (Some(incident), Some(state)) = (open, scene.status.hard_state) else { return };
    for notification in told {
        stage.world.note_told(incident.id, &notification.target, state);
    }
}

fn note_state(
    stage: &mut Stage,
    scene: &Scene,
    key: &ObjectKey,
    told: &[Notification],
    run: &Run,
    now: Timestamp,
) {
    let Some(state) = scene.state() else { return };
    note_heard(stage, scene, state, told);
    let complete = (!told.is_empty() || run.heard) && !is_owed_to_others(told, run);
    let untold = !complete && stage.world.is_untold(key, state);
    if untold {
        let dropped = run.dropped.as_ref();
        let (reason, again) =
            dropped.map_or((String::new(), None), |dropped| (dropped.reason.clone(), dropped.again));
        stage.world.change_status(key, |status| status.withheld = Some(reason));
        stage.world.set_again(key, again.map(|after| later(now, after)));
        return;
    }
    if complete && state.is_problem() && scene.incident.is_some() {
        return note_settled(stage, key, state);
    }
    stage.world.set_again(key, None);
    if !state.is_problem() && scene.incident.is_some() {
        stage.world.part_incident(key);
    } else {
        stage.world.change_status(key, |status| status.withheld = None);
    }
}

/// What a rule dropped after another one told somebody is still owed to everybody else. A
/// rule that tells and drops means nobody else.
fn is_owed_to_others(told: &[Notification], run: &Run) -> bool {
    let by_itself = |notification: &Notification| match (&notification.by, &run.rule) {
        (By::Rule(teller), Some(last)) => teller == last,
        _ => false,
    };
    run.dropped.is_some() && !told.iter().any(by_itself)
}

/// Whether the audit keeps it: all but what was judged a second time with the same
/// end, and what nobody looks for later.
fn worth_keeping(scene: &Scene, verdict: &Verdict, steps: &[Step]) -> bool {
    let before = match &scene.event.detail {
        Detail::Escalation(escalation) if !escalation.held.is_empty() => Some(&escalation.held),
        _ => scene.event.withheld.as_ref(),
    };
    let repeated = matches!(verdict, Verdict::Dropped(reason) if before == Some(reason));
    !repeated && (!steps.is_empty() || *verdict == Verdict::Unmatched)
}

fn decision(scene: &Scene, verdict: Verdict, steps: Vec<Step>, ruleset: &str) -> Decision {
    Decision {
        at: scene.now,
        event: scene.event.event_type().name().to_owned(),
        object: scene.event.object.as_ref().map_or(String::new(), |key| key.name().to_owned()),
        incident: scene.incident.as_ref().map(|incident| incident.id.0),
        summary: summary(scene),
        verdict,
        steps,
        ruleset: ruleset.to_owned(),
        facts: Facts::of(scene),
    }
}

/// The event in a few words.
fn summary(scene: &Scene) -> String {
    let first_line = |text| first_line(text, SUMMARY);
    let mut words = match &scene.event.detail {
        Detail::CheckResult(report) | Detail::StateChange(report) => {
            let kind = if report.hard { "hard" } else { "soft" };
            format!("{} {kind}: {}", report.state, first_line(&report.output))
        }
        Detail::Flapping(flapping) if flapping.is_flapping => "began".to_owned(),
        Detail::Flapping(_) => "ended".to_owned(),
        Detail::AcknowledgementSet(set) => format!("by {}: {}", set.author, first_line(&set.comment)),
        Detail::Notification(notification) => notification.notification_type.clone(),
        Detail::Page(page) => format!("{}: {}", page.by, first_line(&page.text)),
        Detail::Escalation(escalation) => {
            format!("{}, step {} of {}", escalation.policy, escalation.step, escalation.steps)
        }
        Detail::Reminder(reminder) => format!("number {} of the rule `{}`", reminder.number, reminder.rule),
        Detail::Timer(timer) => format!("{} of the rule `{}`", first_line(&timer.name), timer.rule),
        _ => match (scene.event.comment(), scene.event.downtime()) {
            (Some(comment), _) => format!("by {}: {}", comment.author, first_line(&comment.text)),
            (_, Some(downtime)) => format!("by {}: {}", downtime.author, first_line(&downtime.comment)),
            _ => String::new(),
        },
    };
    if scene.event.missed {
        words.push_str(" (missed)");
    }
    if let Some(reason) = &scene.event.withheld {
        words.push_str(&format!(" (judged again; before: {reason})"));
    }
    words.trim().to_owned()
}
