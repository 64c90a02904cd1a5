//! Verbs that wait: what is judged again, or judged at all, at a later time.

use super::{Answer, EventHandle, act, duration, end, error, no_more, take_duration};
use crate::engine::reach;
use crate::engine::stage::{Dropped, Stage};
use crate::engine::timers::{Pending, TimerKey};
use crate::model::time::{age, later};
use crate::model::{Action, ActionKind, Detail, Hold, ObjectKey, Reminding, Scene, State};
use rhai::{Dynamic, Engine, Map};
use std::time::Duration;

/// By how much a hold is prolonged while the host of a service may be going down, and
/// how often at most.
const PROLONGED_BY: Duration = Duration::from_secs(30);
const MOST_PROLONGED: u8 = 5;

/// How reminders grow, unless the script says.
const FACTOR_UNLESS_SAID: f64 = 2.0;
const LONGEST_UNLESS_SAID: Duration = Duration::from_secs(8 * 3600);

/// How much longer than the one before an interval may be.
const MOST_FACTOR: f64 = 100.0;

/// Why a state waits that may be from before a host in front of it came back.
const SETTLING: &str = "what is in front of it is just back";

/// How often such a state is looked at meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("after", |e: &mut EventHandle, time: &str, name: &str| {
        after(e, time, name, Dynamic::UNIT)
    });
    engine.register_fn("after", after);
    engine.register_fn("hold", |e: &mut EventHandle, time: &str| {
        let length = duration(time)?;
        let again = act(e, |stage, scene| Ok(hold(stage, scene, length)))?;
        wait(e, again, format!("held {}: does it heal?", time.trim()))
    });
    engine.register_fn("settle", |e: &mut EventHandle, time: &str| {
        let length = duration(time)?;
        let again = act(e, |stage, scene| Ok(settle(stage, scene, length)))?;
        wait(e, again, SETTLING.to_owned())
    });
    engine.register_fn("remind", |e: &mut EventHandle, time: &str| remind(e, time, Map::new()));
    engine.register_fn("remind", remind);
    engine.register_fn("cancel", |e: &mut EventHandle, name: &str| {
        act(e, |stage, scene| {
            let is_there = stage.world.cancel_timer(&timer_key(stage, scene, name));
            if is_there {
                stage.run.did.push(format!("cancel {name}"));
            }
            Ok(is_there)
        })
    });
}

/// Ends the action and the judging if there is something to wait for: an event is
/// judged again after this time.
fn wait(e: &mut EventHandle, again: Option<Duration>, reason: String) -> Answer<()> {
    let Some(again) = again else { return Ok(()) };
    act(e, |stage, _| {
        stage.run.did.push(reason.clone());
        stage.run.dropped = Some(Dropped { reason, again: Some(again) });
        Ok(())
    })?;
    Err(end())
}

/// Whether a verb may have the event wait: a hard problem that people have not heard of,
/// not even by a rule before. What somebody was told is not owed any more, and would
/// never be judged again.
fn may_wait(stage: &Stage, scene: &Scene) -> bool {
    let (Some(object), Detail::StateChange(report)) = (&scene.event.object, &scene.event.detail) else {
        return false;
    };
    let is_owed = report.hard && report.state.is_problem() && stage.world.is_untold(object, report.state);
    is_owed && stage.run.notifications.is_empty() && !stage.run.heard
}

/// How long to hold the event back yet.
fn hold(stage: &mut Stage, scene: &Scene, length: Duration) -> Option<Duration> {
    let incident = scene.incident.as_ref().filter(|_| may_wait(stage, scene))?;
    let rule = stage.rule_name().to_owned();
    let hold = match stage.world.incident(incident.id)?.holds.get(&rule) {
        None => {
            if !incident.object.is_host() {
                ask_check(stage, incident.object.host_key());
            }
            Hold { until: later(scene.now, length), prolonged: 0 }
        }
        Some(hold) if scene.now < hold.until => return Some(age(scene.now, hold.until)),
        Some(hold) if hold.prolonged < MOST_PROLONGED && may_go_down(scene) => {
            Hold { until: later(scene.now, PROLONGED_BY), prolonged: hold.prolonged + 1 }
        }
        Some(_) => return None,
    };
    stage.world.hold(incident.id, &rule, hold);
    Some(age(scene.now, hold.until))
}

/// How long to wait yet for those in front of the object to be up for good, or for a check
/// of the object itself.
fn settle(stage: &mut Stage, scene: &Scene, length: Duration) -> Option<Duration> {
    let object = scene.event.object.as_ref().filter(|_| may_wait(stage, scene))?;
    let returned = reach::last_return(&stage.world, object)?;
    let left = length.checked_sub(age(returned, scene.now)).filter(|left| !left.is_zero())?;
    if scene.status.execution_end.is_some_and(|end| end > returned) {
        return None;
    }
    if scene.status.withheld.as_deref() != Some(SETTLING) {
        ask_check(stage, object.clone());
    }
    Some(left.min(LOOK_AGAIN))
}

/// Whether the host of a service has failed a check, and Icinga is still trying.
fn may_go_down(scene: &Scene) -> bool {
    let host = &scene.host_status;
    scene.service.is_some() && !host.hard && host.state.is_some_and(State::is_problem)
}

/// Has Icinga check the object now.
fn ask_check(stage: &mut Stage, object: ObjectKey) {
    if !stage.world.may_ask_check(&object, stage.run.now) {
        return;
    }
    stage.run.did.push(format!("check {object}"));
    stage.run.actions.push(Action {
        id: 0,
        object,
        author: "watchbell".to_owned(),
        kind: ActionKind::RescheduleCheck,
        reply_to: None,
        asked_by: String::new(),
        thread: Vec::new(),
        is_one_of_many: false,
    });
}

fn after(e: &mut EventHandle, time: &str, name: &str, data: Dynamic) -> Answer<()> {
    let length = duration(time)?;
    let data: serde_json::Value = rhai::serde::from_dynamic(&data)
        .map_err(|wrong| error(format!("after: a timer cannot carry this: {wrong}")))?;
    act(e, |stage, scene| {
        let key = timer_key(stage, scene, name);
        let due = later(scene.now, length);
        stage.world.set_timer(Pending { key, data, set_at: scene.now, due })?;
        stage.run.did.push(format!("after {time}: {name}"));
        Ok(())
    })
}

fn remind(e: &mut EventHandle, time: &str, mut options: Map) -> Answer<()> {
    let first = duration(time)?;
    let longest = take_duration(&mut options, "longest")?.unwrap_or(first.max(LONGEST_UNLESS_SAID));
    let factor = options.remove("factor").map_or(Some(FACTOR_UNLESS_SAID), number);
    no_more(&options, "remind", "factor, longest")?;
    let Some(factor) = factor.filter(|factor| (1.0..=MOST_FACTOR).contains(factor)) else {
        return Err(error(format!("remind: `factor` takes a number from 1 to {MOST_FACTOR}")));
    };
    if longest < first {
        return Err(error("remind: `longest` is shorter than the first interval".to_owned()));
    }
    act(e, |stage, scene| {
        let Some(incident) = &scene.incident else { return Ok(()) };
        let rule = stage.rule_name().to_owned();
        let next = later(scene.now, first);
        let reminding = Reminding { rule, number: 0, next, interval: first, factor, longest };
        if stage.world.remind(incident.id, reminding) {
            stage.run.did.push(format!("remind after {}", time.trim()));
        }
        Ok(())
    })
}

fn number(value: Dynamic) -> Option<f64> {
    value.as_float().or_else(|_| value.as_int().map(|whole| whole as f64)).ok()
}

fn timer_key(stage: &Stage, scene: &Scene, name: &str) -> TimerKey {
    TimerKey {
        object: scene.event.object.clone(),
        source: scene.event.source.clone(),
        rule: stage.rule_name().to_owned(),
        name: name.to_owned(),
    }
}
