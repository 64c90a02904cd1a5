//! Answers about what would happen: who would be told of a state, and whether a target hears
//! anything at all.
//!
//! Promises: `route` changes nothing; it is tried on a copy of the world.

use super::asked::{Answer, Answered, Asked};
use super::find::Kind;
use crate::command::Request;
use crate::engine::outcome::{By, Notification, Outcome};
use crate::engine::{Engine, judge, standing};
use crate::model::event::Trouble;
use crate::model::time::{age, later, short_length};
use crate::model::words::first_line;
use crate::model::{Decision, Detail, Event, Input, ObjectKey, RuleRef, State, Verdict};
use std::sync::Arc;
use std::time::Duration;

/// How far ahead `route` looks.
const AHEAD: Duration = Duration::from_secs(3600);
/// A rule that wants to be woken for ever must not hold the engine up.
const MOST_WAKES: usize = 200;
/// How much of what follows is said.
const FOLLOWING: usize = 4;
/// How much of a reason is said, in characters.
const REASON: usize = 160;

/// Answers what is asked about what would happen; `None` if it is about something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    Some(match request {
        Request::Route { object, state } => route(asked, object, state).map(Answer::Text),
        Request::Test(target) => test(asked, target).map(Answer::Text),
        _ => return None,
    })
}

/// Who would be told if an object came into a state now, and what would follow.
fn route(asked: &mut Asked<'_>, object: &str, state: &str) -> Result<String, String> {
    let key = asked.find(object, Kind::Any)?;
    let state = state_of(&key, state)?;
    let (now, settings, ruleset) = (asked.now, asked.stage().settings.clone(), asked.ruleset().clone());
    let default = settings.default_target.clone();
    let mut trial = Engine::new(asked.world().for_trial(), settings, ruleset);
    let event = standing::event(trial.world(), &key, state, now);
    let mut lines = vec![format!(
        "if {key} became {state} now, {}",
        at_once(trial.step(Input::Event(event), now), &key, &default)
    )];
    let mut wakes = 0;
    while let Some(wake) = trial.next_wake().filter(|wake| *wake <= later(now, AHEAD) && wakes < MOST_WAKES) {
        wakes += 1;
        let outcome = trial.step(Input::Tick, wake);
        let ours = outcome.decisions.iter().filter(|decision| is_of(decision, &key));
        let after = short_length(age(now, wake).as_secs_f64());
        lines.extend(ours.map(|decision| format!("  {after} later: {}", in_words(decision, &default))));
    }
    lines.truncate(1 + FOLLOWING);
    Ok(lines.join("\n"))
}

fn at_once(outcome: Outcome, key: &ObjectKey, default: &str) -> String {
    let ours = outcome.decisions.iter().filter(|decision| is_of(decision, key));
    let said: Vec<String> = ours.map(|decision| in_words(decision, default)).collect();
    if said.is_empty() {
        "nobody would be told: no rule asks for it, or it is known".to_owned()
    } else {
        said.join("; ")
    }
}

/// Whether a decision is about an object, or about none and so perhaps about it.
fn is_of(decision: &Decision, key: &ObjectKey) -> bool {
    decision.object == key.name()
}

fn in_words(decision: &Decision, default: &str) -> String {
    let rules = |ends: &str| {
        let said = decision.steps.iter().filter(|step| step.did.iter().any(|did| did.starts_with(ends)));
        let rules: Vec<String> = said.map(|step| step.rule.to_string()).collect();
        if rules.is_empty() { String::new() } else { format!(" ({})", rules.join(", ")) }
    };
    match &decision.verdict {
        Verdict::Told(targets) => format!("{} would be told{}", targets.join(" and "), rules("notify ")),
        Verdict::Dropped(reason) => {
            format!("nobody would be told: {}{}", first_line(reason, REASON), rules("drop: "))
        }
        Verdict::Unmatched => format!("{default} would be told: no rule decides"),
    }
}

/// The state of this name that an object may have. `Err` says which there are.
pub(super) fn state_of(key: &ObjectKey, text: &str) -> Result<State, String> {
    let found = states_of(key).find(|state| state.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let kind = if key.is_host() { "host" } else { "service" };
        format!("`{text}` is no state of a {kind}; it has: {}", state_names(key))
    })
}

fn states_of(key: &ObjectKey) -> impl Iterator<Item = State> + use<> {
    let is_host = key.is_host();
    let of_host = |state: &State| matches!(state, State::Up | State::Down);
    State::ALL.into_iter().filter(move |state| of_host(state) == is_host)
}

/// The names of all states that an object may have.
pub(super) fn state_names(key: &ObjectKey) -> String {
    states_of(key).map(State::name).collect::<Vec<_>>().join(", ")
}

/// Has a target told a message that says that it is a test.
fn test(asked: &mut Asked<'_>, target: &str) -> Result<String, String> {
    let target = asked.stage().target(target)?;
    asked.permit_beside_objects("a test of a target", 0, None)?;
    let (author, now) = (asked.author(), asked.now);
    let text = format!("TEST: {author} asks whether this arrives at {target}; nothing is wrong");
    let trouble = Trouble { what: format!("a test of {target}"), text: text.clone(), over: true };
    let event = Event::ours(now, Detail::Trouble(trouble));
    let rule = RuleRef { file: Arc::from("command"), line: 0, name: Arc::from("test") };
    let scene = Arc::new(judge::scene(asked.world(), event, now));
    asked.outcome.notifications.push(Notification {
        target: target.clone(),
        scene,
        by: By::Rule(rule),
        text: Some(text),
        template: None,
        note: None,
    });
    let place = asked.settings().places.get(&target);
    let place = place.map_or(String::new(), |(sink, to)| format!(" ({sink}: {})", to.join(", ")));
    Ok(format!("a test message is on its way to {target}{place}; `dead` says if it is given up"))
}
