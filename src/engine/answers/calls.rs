//! Commands that call people, and that keep people from being called.

use super::asked::{Answer, Answered, Asked};
use super::find::Kind;
use crate::command::Request;
use crate::config::{Policy, Recipient};
use crate::engine::stage::Stage;
use crate::engine::world::{EscalationKey, World};
use crate::model::event::Page;
use crate::model::words::counted;
use crate::model::{Detail, Event, Incident, ObjectKey, Timestamp};
use std::sync::Arc;

/// Calls people, or has nobody called; `None` if something else is asked for.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let done = match request {
        Request::Escalate { object, policy } => escalate(asked, object, policy.as_deref()),
        Request::Take(object) => take(asked, object),
        Request::Release(object) => release(asked, object),
        Request::Page { who, text } => page(asked, who, text),
        _ => return None,
    };
    Some(done.map(Answer::Text))
}

/// The open incident of an object that the caller may have people called about.
fn incident(asked: &mut Asked<'_>, object: &str) -> Result<(ObjectKey, Arc<Incident>), String> {
    let key = asked.find(object, Kind::Any)?;
    asked.permit(std::slice::from_ref(&key), None)?;
    let incident = asked.world().incident_of(&key).filter(|incident| incident.closed.is_none());
    incident.cloned().map(|incident| (key.clone(), incident)).ok_or(format!("{key} has no problem now"))
}

fn running(world: &World, incident: &Incident) -> Vec<EscalationKey> {
    world.escalations_of(incident.id).map(|running| (incident.id, running.policy.clone())).collect()
}

fn escalate(asked: &mut Asked<'_>, object: &str, policy: Option<&str>) -> Result<String, String> {
    let (key, incident) = incident(asked, object)?;
    let (now, author) = (asked.now, asked.author());
    let stage = asked.stage();
    let under_way = running(&stage.world, &incident);
    let name = match (policy, under_way.as_slice()) {
        (Some(policy), _) => policy.to_owned(),
        (None, [(_, policy)]) => policy.clone(),
        (None, _) => only(&stage.settings.policies)?,
    };
    let policy = stage.policy(&name)?;
    let step = call(stage, &policy, &incident, &author, now);
    Ok(format!("{} {key}: calling step {step} of {} of {}", incident.id, policy.steps.len(), policy.name))
}

/// Has the next step of a policy called now, or begins it. Which step that is, from 1.
pub(super) fn call(
    stage: &mut Stage,
    policy: &Policy,
    incident: &Incident,
    author: &str,
    now: Timestamp,
) -> usize {
    let at = (incident.id, policy.name.clone());
    let goes_on = stage.world.change_escalation(&at, |running| {
        running.paused = None;
        running.call_now(policy, now, format!("{author} asked for it"));
        running.step + 1
    });
    goes_on.unwrap_or_else(|| {
        stage.begin_escalation(policy, incident.id, &incident.object, now);
        1
    })
}

/// The name of the only policy.
fn only(policies: &std::collections::BTreeMap<String, Policy>) -> Result<String, String> {
    let names: Vec<&str> = policies.keys().map(String::as_str).collect();
    match names.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => {
            Err("there is no escalation; watchbell.toml says who is called: `[escalation.NAME]`".to_owned())
        }
        several => Err(format!("say which one: {}", several.join(", "))),
    }
}

fn take(asked: &mut Asked<'_>, object: &str) -> Result<String, String> {
    let (key, incident) = incident(asked, object)?;
    let (now, author) = (asked.now, asked.author());
    let stage = asked.stage();
    let under_way = running(&stage.world, &incident);
    if under_way.is_empty() {
        return Err(format!(
            "nobody is being called about {key}; `ack {key}` tells others that you work on it"
        ));
    }
    for at in under_way {
        let Ok(policy) = stage.policy(&at.1) else { continue };
        let other = stage.world.escalation(&at).and_then(|running| running.paused.as_ref());
        if let Some(other) = other.filter(|other| other.by != author) {
            return Err(format!("{key} is with {} already", other.by));
        }
        stage.world.change_escalation(&at, |running| running.pause(&policy, &author, true, now));
    }
    Ok(format!("{} {key} is yours; nobody else is called until you `release` it or it is well", incident.id))
}

fn release(asked: &mut Asked<'_>, object: &str) -> Result<String, String> {
    let (key, incident) = incident(asked, object)?;
    let (now, author) = (asked.now, asked.author());
    let stage = asked.stage();
    let taken = |at: &EscalationKey| {
        let paused = stage.world.escalation(at).and_then(|running| running.paused.as_ref());
        paused.is_some_and(|paused| paused.taken)
    };
    let held: Vec<EscalationKey> = running(&stage.world, &incident).into_iter().filter(taken).collect();
    if held.is_empty() {
        return Err(format!("nobody has taken {key}"));
    }
    for at in held {
        let Ok(policy) = stage.policy(&at.1) else { continue };
        let words = format!("{author} released it");
        stage.world.change_escalation(&at, |running| running.go_on(&policy, now, words));
    }
    Ok(format!("{} {key} is released; the next step is called", incident.id))
}

/// One more acknowledgement of a problem whose escalation asks for several: Icinga itself takes
/// one. `None` where none is asked for.
pub(super) fn acknowledge_too(asked: &mut Asked<'_>, object: &str) -> Option<Answered> {
    let key = asked.find(object, Kind::Any).ok()?;
    let incident =
        asked.world().incident_of(&key).filter(|_| asked.world().status(&key).acknowledged)?.clone();
    let (now, author) = (asked.now, asked.author());
    let wants = |asked: &mut Asked<'_>, at: &EscalationKey| {
        let stage = asked.stage();
        let (policy, running) = (stage.policy(&at.1).ok()?, stage.world.escalation(at)?);
        let is_new = running.acked.len() < policy.acks && !running.acked.contains(&author);
        is_new.then_some((at.clone(), policy))
    };
    let waiting: Vec<(EscalationKey, Policy)> =
        running(asked.world(), &incident).iter().filter_map(|at| wants(asked, at)).collect();
    if waiting.is_empty() {
        return None;
    }
    if let Err(refusal) = asked.permit(std::slice::from_ref(&key), None) {
        return Some(Err(refusal));
    }
    let mut said = Vec::new();
    for (at, policy) in waiting {
        let world = &mut asked.stage().world;
        world.change_escalation(&at, |running| running.pause(&policy, &author, false, now));
        let count = world.escalation(&at).map_or(0, |running| running.acked.len());
        said.push(format!("{count} of {} for {}", policy.acks, policy.name));
    }
    Some(Ok(Answer::Text(format!("{} {key} is acknowledged by you, too: {}", incident.id, said.join(", ")))))
}

fn page(asked: &mut Asked<'_>, who: &str, text: &str) -> Result<String, String> {
    let (now, by) = (asked.now, asked.author());
    let stage = asked.stage();
    let recipient = match Recipient::read(who) {
        Recipient::Target(name) if stage.settings.persons.contains_key(&name) => Recipient::Person(name),
        other => other,
    };
    let called = stage.ways_to(&recipient, now)?;
    asked.permit_beside_objects("a page", called.len(), None)?;
    let targets: Vec<String> = called.iter().map(|called| called.target.clone()).collect();
    let page = Page { by, text: text.to_owned(), called, after: String::new() };
    asked.stage().run.follow_ups.push(Event::ours(now, Detail::Page(page)));
    Ok(format!("calling {}: {}", counted(targets.len() as u64, "target"), targets.join(", ")))
}
