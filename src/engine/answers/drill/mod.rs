//! `drill`: all who would hear of a state are told that it is a drill, and who was reached is
//! said.
//!
//! Promises: nobody is told before a `yes` to the very targets that were shown, and each target
//! is told once; what is played is played on a copy of the world. Never: opens an incident, begins
//! an escalation, asks anything of Icinga.

mod course;
mod part;
mod report;
mod words;

pub(in crate::engine) use report::report;

use super::asked::{Answer, Answered, Asked};
use super::find::Kind;
use crate::command::Request;
use crate::engine::judge;
use crate::engine::outcome::{By, Drill, Notification, Question};
use crate::engine::world::talks::Shown;
use crate::model::event::Trouble;
use crate::model::{API, DRILL, Decision, Detail, Event, Facts, RuleRef, Step, Verdict};
use course::{Course, play};
use part::Part;
use std::sync::Arc;
use std::time::Duration;

/// Plays a state, and has all told who would hear of it; `None` if something else is asked for.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let Request::Drill { object, state, policy } = request else { return None };
    Some(drill(asked, object, state.as_deref(), policy.as_deref()).map(Answer::Text))
}

fn drill(
    asked: &mut Asked<'_>,
    object: &str,
    state: Option<&str>,
    policy: Option<&str>,
) -> Result<String, String> {
    let key = asked.find(object, Kind::Any)?;
    asked.permit(std::slice::from_ref(&key), None)?;
    let part = part::read(asked, key, state, policy)?;
    let course = play(asked.engine, &part);
    if course.told.is_empty() {
        return Err(words::nobody(&part, &course));
    }
    let targets = course.told.iter().map(|would| would.target.clone()).collect();
    let shown = Shown { objects: [part.key.clone()].into(), targets };
    let preview = words::preview(&part, &course, asked.settings());
    asked.confirm_all(&preview, shown)?;
    tell(asked, &part, &course);
    let is_posted = asked.utterance.sink == API;
    Ok(words::begun(&course, is_posted.then(|| asked.settings().default_target.as_str())))
}

/// Tells each target once, keeps in the audit that it was a drill, and has it watched whom that
/// reaches.
fn tell(asked: &mut Asked<'_>, part: &Part, course: &Course) {
    for would in &course.told {
        let text = words::text(part, would);
        let trouble = Trouble { what: format!("a drill of {}", part.key), text: text.clone(), over: true };
        let event = Event::ours(part.now, Detail::Trouble(trouble));
        let scene = Arc::new(judge::scene(asked.world(), event, part.now));
        asked.outcome.notifications.push(Notification {
            target: would.target.clone(),
            scene,
            by: By::Drill(part.author.clone()),
            text: Some(text),
            template: None,
            note: None,
        });
    }
    let decision = decision(part, course, asked.ruleset().hash());
    asked.outcome.decisions.push(decision);
    let person = |would: &course::Would| Some((would.target.clone(), would.person.clone()?));
    asked.ask(Question::Drill(Box::new(Drill {
        number: 0,
        at: part.now,
        waited: Duration::ZERO,
        by: part.author.clone(),
        what: words::played(part),
        keys: Vec::new(),
        persons: course.told.iter().filter_map(person).collect(),
        notes: words::notes(course),
    })));
}

fn decision(part: &Part, course: &Course, ruleset: &str) -> Decision {
    let rule = RuleRef { file: Arc::from("command"), line: 0, name: Arc::from("drill") };
    Decision {
        at: part.now,
        event: DRILL.to_owned(),
        object: part.key.name().to_owned(),
        incident: None,
        summary: format!("a drill of {} by {}", part.state, part.author),
        verdict: Verdict::Told(course.told.iter().map(|would| would.target.clone()).collect()),
        steps: vec![Step { rule, did: course.told.iter().map(words::would).collect() }],
        ruleset: ruleset.to_owned(),
        facts: Facts::default(),
    }
}
