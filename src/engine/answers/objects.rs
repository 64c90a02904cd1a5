//! Answers that show states: of one object, of all problems, of the whole.

use super::asked::{Answer, Answered, Asked};
use super::find::Kind;
use super::lists::{ago, capped, first_line, short};
use super::select;
use crate::command::Request;
use crate::engine::outcome::Question;
use crate::engine::world::{Record, World};
use crate::model::words::counted;
use crate::model::{Object, ObjectKey, State, Status, Timestamp};
use std::collections::BTreeSet;

/// Answers what is asked about states; `None` if it is about something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let now = asked.now;
    Some(match request {
        Request::Status => {
            asked.ask(Question::Lag);
            Ok(Answer::Text(status(asked.world(), now)))
        }
        Request::Host(text) => shown(asked, Kind::Host, text),
        Request::Service(text) => shown(asked, Kind::Service, text),
        Request::Problems(words) => problems(asked.world(), words, now).map(Answer::Text),
        _ => return None,
    })
}

fn shown(asked: &mut Asked<'_>, kind: Kind, text: &str) -> Answered {
    let key = asked.find(text, kind)?;
    Ok(Answer::Text(object(asked.world(), &key, asked.now)))
}

/// What is known beside the state, in brackets.
fn marks(status: &Status) -> String {
    let mut marks = Vec::new();
    if status.acknowledged {
        marks.push("acknowledged");
    }
    if status.downtime_depth > 0 {
        marks.push("in downtime");
    }
    if status.flapping {
        marks.push("flapping");
    }
    if !status.reachable {
        marks.push("unreachable");
    }
    if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(", ")) }
}

fn number(record: &Record) -> String {
    match record.marks().incident {
        Some(id) if record.status.hard_state.is_some_and(State::is_problem) => format!("{id} "),
        _ => String::new(),
    }
}

fn state_words(status: &Status, now: Timestamp) -> String {
    let Some(state) = status.state else { return "not checked yet".to_owned() };
    let soft = if status.hard { "" } else { " (soft)" };
    format!("{state}{soft}{}", ago(status.since, now))
}

/// `host` and `service`: one object, and a host's services in trouble.
fn object(world: &World, key: &ObjectKey, now: Timestamp) -> String {
    let object = world.object(key);
    let record = world.record(key).cloned().unwrap_or_default();
    let status = &record.status;
    let mut lines = vec![format!(
        "{}{key} is {}{}{}",
        number(&record),
        state_words(status, now),
        marks(status),
        first_line(&status.output)
    )];
    lines.extend(facts(&object));
    if key.is_host() {
        lines.extend(services_in_trouble(world, key, now));
    }
    lines.join("\n")
}

fn facts(object: &Object) -> Option<String> {
    let mut facts = Vec::new();
    if object.display_name != object.key.service().unwrap_or(object.key.host()) {
        facts.push(object.display_name.clone());
    }
    if !object.address.is_empty() {
        facts.push(format!("address {}", object.address));
    }
    if !object.groups.is_empty() {
        facts.push(format!("groups {}", object.groups.join(", ")));
    }
    facts.extend([&object.notes, &object.notes_url].into_iter().filter(|text| !text.is_empty()).cloned());
    if facts.is_empty() { None } else { Some(format!("  {}", facts.join("; "))) }
}

fn services_in_trouble(world: &World, host: &ObjectKey, now: Timestamp) -> Vec<String> {
    let mut services: Vec<(&ObjectKey, &Record)> = world
        .records()
        .filter(|(key, record)| {
            !key.is_host()
                && key.source() == host.source()
                && key.host() == host.host()
                && record.status.hard_state.is_some_and(State::is_problem)
        })
        .collect();
    services.sort_by_key(|(key, record)| (std::cmp::Reverse(severity(record)), (*key).clone()));
    let lines = services.iter().map(|(key, record)| problem_line(key, record, now)).collect();
    capped(lines, "services in trouble")
}

fn severity(record: &Record) -> u8 {
    record.status.hard_state.map_or(0, State::severity)
}

fn problem_line(key: &ObjectKey, record: &Record, now: Timestamp) -> String {
    let status = &record.status;
    let state = status.hard_state.map_or("", State::name);
    format!(
        "  {}{state} {key}{}{}{}",
        number(record),
        ago(status.since, now),
        marks(status),
        first_line(&status.output)
    )
}

/// What is shown may be old: which Icingas are out of reach.
fn away(world: &World, now: Timestamp) -> String {
    let mut away: Vec<String> = world
        .sources()
        .filter_map(|(name, source)| Some((name, source.away.as_ref()?)))
        .map(|(name, (since, reason))| {
            format!("Icinga {name} has been out of reach{}: {reason}\n", ago(Some(*since), now))
        })
        .collect();
    away.sort();
    away.concat()
}

/// `problems`: what is broken, what nobody handles first, worst first.
fn problems(world: &World, words: &[String], now: Timestamp) -> Result<String, String> {
    let filters = words.iter().map(|word| filter(world, word, now)).collect::<Result<Vec<_>, _>>()?;
    let mut problems: Vec<(&ObjectKey, &Record)> = world
        .records()
        .filter(|(key, record)| {
            record.status.hard_state.is_some_and(State::is_problem)
                && filters.iter().all(|filter| filter.takes(key, record))
        })
        .collect();
    if problems.is_empty() {
        let nothing_known = world.object_keys().next().is_none();
        let words = match words {
            _ if nothing_known => "nothing is known yet: no Icinga has been read".to_owned(),
            [] => "no problems".to_owned(),
            words => short(&format!("no problems that fit `{}`", words.join(" "))),
        };
        return Ok(away(world, now) + &words);
    }
    let unhandled = problems.iter().filter(|(_, record)| !is_handled(&record.status)).count();
    problems.sort_by_key(|(key, record)| {
        (is_handled(&record.status), std::cmp::Reverse(severity(record)), record.status.since, (*key).clone())
    });
    let lines = problems.iter().map(|(key, record)| problem_line(key, record, now)).collect();
    let problems = counted(problems.len() as u64, "problem");
    let head = format!("{}{problems}, {unhandled} not handled:", away(world, now));
    Ok(std::iter::once(head).chain(capped(lines, "problems")).collect::<Vec<_>>().join("\n"))
}

/// What `problems` shows alone.
enum Filter {
    State(State),
    Unhandled,
    Part(String),
    Objects(BTreeSet<ObjectKey>),
}

/// A word behind `problems`: a state, `unhandled`, a matcher, or a part of a name.
fn filter(world: &World, word: &str, now: Timestamp) -> Result<Filter, String> {
    if let Some(state) = State::from_name(&word.to_ascii_uppercase()).filter(|state| state.is_problem()) {
        return Ok(Filter::State(state));
    }
    if word.eq_ignore_ascii_case("unhandled") {
        return Ok(Filter::Unhandled);
    }
    if !select::is_matcher(world, word) {
        return Ok(Filter::Part(word.to_lowercase()));
    }
    // A matcher of hosts shows the problems of their services, too.
    Ok(Filter::Objects(select::matching(world, word, now)?.into_iter().collect()))
}

impl Filter {
    fn takes(&self, key: &ObjectKey, record: &Record) -> bool {
        match self {
            Filter::State(state) => record.status.hard_state == Some(*state),
            Filter::Unhandled => !is_handled(&record.status),
            Filter::Part(part) => key.name().to_lowercase().contains(part),
            Filter::Objects(objects) => objects.contains(key),
        }
    }
}

fn is_handled(status: &Status) -> bool {
    status.acknowledged || status.downtime_depth > 0 || !status.reachable
}

/// `i2status`: counts, and what is not handled.
fn status(world: &World, now: Timestamp) -> String {
    let mut counts = [0_usize; 6];
    let (mut unreachable, mut unhandled, mut pending) = (0, 0, 0);
    for key in world.object_keys() {
        let status = world.status(key);
        let Some(state) = status.state else {
            pending += 1;
            continue;
        };
        counts[State::ALL.iter().position(|known| *known == state).unwrap_or(0)] += 1;
        if state.is_problem() {
            unreachable += usize::from(!status.reachable);
            unhandled += usize::from(status.hard && !is_handled(&status));
        }
    }
    let [ok, up, warning, unknown, critical, down] = counts;
    let away = away(world, now);
    let forgotten = world.forgotten().in_words().map_or(String::new(), |words| format!("\n{words}"));
    format!(
        "{away}hosts: {up} up, {down} down\nservices: {ok} ok, {warning} warning, {critical} critical, {unknown} unknown\n\
         {unhandled} not handled, {unreachable} unreachable, {pending} not checked yet{forgotten}"
    )
}
