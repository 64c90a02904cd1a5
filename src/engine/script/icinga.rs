//! Verbs that ask something of Icinga, for the event's host or service: `e.icinga.ack`.
//!
//! What Icinga makes of it comes back as events of its own, and rules judge them like
//! any other. So that a rule cannot answer itself for ever, it may ask only so much.

use super::value::cut;
use super::{Answer, EventHandle, act, duration, error, no_more, take_duration};
use crate::engine::stage::Stage;
use crate::engine::windows;
use crate::model::time::later;
use crate::model::{Action, ActionKind, Scene};
use rhai::{Engine, Map};
use std::time::Duration;

/// Under whose name Icinga hears of it.
const AUTHOR: &str = "watchbell";
/// How much one rule may ask for one object in [`BUDGET_SPAN`].
const BUDGET: usize = 10;
const BUDGET_SPAN: Duration = Duration::from_secs(600);

/// The event, as something to ask Icinga about.
#[derive(Clone)]
struct Icinga(EventHandle);

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Icinga>("Icinga");
    engine.register_get("icinga", |e: &mut EventHandle| Icinga(e.clone()));
    engine.register_fn("ack", |icinga: &mut Icinga, comment: &str| acknowledge(icinga, comment, Map::new()));
    engine.register_fn("ack", acknowledge);
    engine.register_fn("unack", |icinga: &mut Icinga| ask(icinga, ActionKind::RemoveAcknowledgement));
    engine.register_fn("comment", |icinga: &mut Icinga, text: &str| {
        ask(icinga, ActionKind::AddComment { comment: said("comment", text)? })
    });
    engine.register_fn("downtime", |icinga: &mut Icinga, length: &str, comment: &str| {
        downtime(icinga, length, comment, Map::new())
    });
    engine.register_fn("downtime", downtime);
    engine.register_fn("recheck", |icinga: &mut Icinga| ask(icinga, ActionKind::RescheduleCheck));
    engine.register_fn("notify", |icinga: &mut Icinga, text: &str| notify(icinga, text, Map::new()));
    engine.register_fn("notify", notify);
}

fn acknowledge(icinga: &mut Icinga, comment: &str, mut options: Map) -> Answer<()> {
    let now = icinga.0.scene.now;
    let kind = ActionKind::Acknowledge {
        comment: said("ack", comment)?,
        expiry: take_duration(&mut options, "expiry")?.map(|length| later(now, length)),
        sticky: take_flag(&mut options, "ack", "sticky", false)?,
        notify: take_flag(&mut options, "ack", "notify", true)?,
    };
    no_more(&options, "ack", "expiry, sticky, notify")?;
    ask(icinga, kind)
}

fn downtime(icinga: &mut Icinga, length: &str, comment: &str, mut options: Map) -> Answer<()> {
    let start = icinga.0.scene.now;
    let kind = ActionKind::ScheduleDowntime {
        comment: said("downtime", comment)?,
        start,
        end: later(start, duration(length)?),
        flexible_seconds: None,
        all_services: take_flag(&mut options, "downtime", "all_services", false)?,
        children: false,
    };
    no_more(&options, "downtime", "all_services")?;
    ask(icinga, kind)
}

fn notify(icinga: &mut Icinga, text: &str, mut options: Map) -> Answer<()> {
    let kind = ActionKind::SendCustomNotification {
        comment: said("notify", text)?,
        force: take_flag(&mut options, "notify", "force", false)?,
    };
    no_more(&options, "notify", "force")?;
    ask(icinga, kind)
}

/// What is said to Icinga; it takes no empty text.
fn said(verb: &str, text: &str) -> Answer<String> {
    match text.trim() {
        "" => Err(error(format!("icinga.{verb}: the text is empty; Icinga wants to know why"))),
        text => Ok(cut(text).to_owned()),
    }
}

fn take_flag(options: &mut Map, verb: &str, name: &str, otherwise: bool) -> Answer<bool> {
    let flag = options.remove(name).map_or(Ok(otherwise), |flag| flag.as_bool());
    flag.map_err(|_| error(format!("icinga.{verb}: `{name}` takes true or false")))
}

fn ask(icinga: &Icinga, kind: ActionKind) -> Answer<()> {
    act(&icinga.0, |stage, scene| {
        let action = action(scene, kind)?;
        spend(stage, scene, &action)?;
        stage.run.did.push(format!("icinga {}", words(&action.kind)));
        stage.run.actions.push(action);
        Ok(())
    })
}

/// An action always names its object: without a name Icinga takes all objects it has.
fn action(scene: &Scene, kind: ActionKind) -> Result<Action, String> {
    let object = scene.event.object.clone().filter(|object| !object.name().is_empty());
    let object = object.ok_or_else(|| {
        let event = scene.event.event_type();
        format!("icinga: a {event} is about no host or service, so there is nothing to ask of Icinga")
    })?;
    Ok(Action {
        id: 0,
        object,
        author: AUTHOR.to_owned(),
        kind,
        reply_to: None,
        asked_by: String::new(),
        thread: Vec::new(),
        is_one_of_many: false,
    })
}

/// Counts what a rule asks for one object.
fn spend(stage: &mut Stage, scene: &Scene, action: &Action) -> Result<(), String> {
    let rule = stage.run.rule.as_ref().map_or("", |rule| &rule.name);
    let subject = format!("{} {}", action.object.source(), action.object.name());
    let key = windows::key(rule, "icinga", &subject);
    let window = stage.world.window(&key);
    if window.counted(&key, BUDGET_SPAN, scene.now) >= BUDGET {
        return Err(format!(
            "icinga: the rule has asked {BUDGET} things for {} in 10 minutes, so {} is not asked; does it answer itself?",
            action.object,
            action.kind.name()
        ));
    }
    window.count(&key, BUDGET_SPAN, scene.now);
    Ok(())
}

/// An action in a few words, for the audit.
fn words(kind: &ActionKind) -> String {
    match kind {
        ActionKind::Acknowledge { comment, .. }
        | ActionKind::AddComment { comment }
        | ActionKind::ScheduleDowntime { comment, .. }
        | ActionKind::SendCustomNotification { comment, .. } => format!("{}: {comment}", kind.name()),
        _ => kind.name().to_owned(),
    }
}
