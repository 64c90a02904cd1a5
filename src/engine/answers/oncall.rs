//! Answers about who is on call: asking, overriding, and trading turns.
//!
//! Promises: whoever changes something is a member of the schedule or an operator, by a
//! verified account; what was changed is said in absolute times.

use super::asked::{Answer, Answered, Asked};
use super::lists::capped;
use crate::command::permit::Length;
use crate::command::{Request, Right};
use crate::engine::matcher::nearest;
use crate::engine::{Settings, World};
use crate::model::Timestamp;
use crate::model::time::{in_full, later};
use crate::oncall::{Override, Schedule, Turn, trade};
use jiff::tz::TimeZone;
use std::time::Duration;

/// How far is looked ahead for who is next, and for turns to trade.
const AHEAD: Duration = Duration::from_secs(62 * 86_400);

/// How far away a moment may lie that is asked about.
const FARTHEST: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 366);

/// What these commands change, where a role for some objects does not give it.
const TURNS: &str = "who is on call";

/// Answers what is asked about who is on call; `None` if it is about something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let done = match request {
        Request::OnCall { schedule, at } => who(asked, schedule.as_deref(), *at),
        Request::Overrides => Ok(list(asked.world(), asked.settings())),
        Request::Override { schedule, person, from, until, reason } => {
            let from = from.unwrap_or(asked.now);
            add(asked, schedule, person, (from, *until), reason)
        }
        Request::CancelOverride(id) => cancel(asked, *id),
        Request::Swap { schedule, one, other, near } => swap(asked, schedule, one, other, *near),
        _ => return None,
    };
    Some(done.map(Answer::Text))
}

/// `oncall`: a line for each schedule.
fn who(asked: &Asked<'_>, schedule: Option<&str>, at: Option<Timestamp>) -> Result<String, String> {
    let settings = asked.settings();
    if at.is_some_and(|at| at.duration_since(asked.now).abs() > FARTHEST) {
        return Err("who is on call is known for a year".to_owned());
    }
    let schedules: Vec<&Schedule> = match schedule {
        Some(name) => vec![settings.schedule(name)?],
        None if settings.schedules.is_empty() => {
            return Ok("there is no schedule; watchbell.toml has no `[schedule.NAME]`".to_owned());
        }
        None => settings.schedules.values().collect(),
    };
    let line = |schedule: &Schedule| line(schedule, asked.world(), at, asked.now, &settings.zone);
    Ok(schedules.into_iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Who has the turn then, until when, and who is next.
fn line(
    schedule: &Schedule,
    world: &World,
    at: Option<Timestamp>,
    now: Timestamp,
    zone: &TimeZone,
) -> String {
    let from = at.unwrap_or(now);
    let when = at.map_or(String::new(), |at| format!(" at {}", in_full(at, zone)));
    let turns = schedule.turns(from, later(from, AHEAD), world.overrides());
    let Some(turn) = turns.first() else { return format!("{}{when}: nobody knows", schedule.name()) };
    let mut words = format!("{}{when}: {}", schedule.name(), names(turn));
    if let Some(next) = turns.get(1) {
        words += &format!(" until {}, then {}", in_full(turn.to, zone), names(next));
    } else {
        words += " for two months at least";
    }
    let overriding = world.overrides().iter().rev();
    if let Some(one) = overriding.filter(|one| one.schedule == schedule.name()).find(|one| one.covers(from)) {
        words += &format!(" (o{} by {}{})", one.id, one.owner, because(&one.reason));
    }
    words
}

/// `overrides`: all of them, by schedule and time.
fn list(world: &World, settings: &Settings) -> String {
    let mut overrides: Vec<&Override> = world.overrides().iter().collect();
    if overrides.is_empty() {
        return "nobody is on call out of turn".to_owned();
    }
    overrides.sort_by_key(|one| (&one.schedule, one.from, one.id));
    let head = format!("{} out of turn:", overrides.len());
    let lines = overrides.iter().map(|one| format!("  {}", told(one, &settings.zone))).collect();
    std::iter::once(head).chain(capped(lines, "overrides")).collect::<Vec<_>>().join("\n")
}

/// `override`.
fn add(
    asked: &mut Asked<'_>,
    schedule: &str,
    person: &str,
    (from, until): (Timestamp, Timestamp),
    reason: &str,
) -> Result<String, String> {
    may_change(asked, schedule, "override")?;
    let person = known_person(asked.settings(), person)?;
    if until <= from.max(asked.now) {
        let zone = &asked.settings().zone;
        return Err(format!(
            "{} is before {}: nothing was changed",
            in_full(until, zone),
            in_full(from, zone)
        ));
    }
    permit_turn(asked, from.max(asked.now), until)?;
    let one = Override {
        id: 0,
        schedule: schedule.to_owned(),
        person,
        from: whole(from),
        until: whole(until),
        owner: asked.author(),
        reason: reason.to_owned(),
    };
    keep(asked, vec![one])
}

/// Keeps overrides, and says which.
fn keep(asked: &mut Asked<'_>, overrides: Vec<Override>) -> Result<String, String> {
    let zone = asked.settings().zone.clone();
    let numbers = asked.stage().world.add_overrides(overrides)?;
    let kept = asked.world().overrides().iter().filter(|one| numbers.contains(&one.id));
    Ok(kept.map(|one| told(one, &zone)).collect::<Vec<_>>().join("\n"))
}

/// `override cancel`.
fn cancel(asked: &mut Asked<'_>, id: u64) -> Result<String, String> {
    let missing = || format!("there is no override o{id}; `overrides` lists them");
    let schedule =
        asked.world().overrides().iter().find(|one| one.id == id).ok_or_else(missing)?.schedule.clone();
    may_change(asked, &schedule, "override cancel")?;
    asked.permit_beside_objects(TURNS, 0, None)?;
    let zone = asked.settings().zone.clone();
    let one = asked.stage().world.remove_override(id).ok_or_else(missing)?;
    Ok(format!("taken back: {}", told(&one, &zone)))
}

/// `swap`: each of two persons has the turn of the other.
fn swap(
    asked: &mut Asked<'_>,
    schedule: &str,
    one: &str,
    other: &str,
    near: Option<Timestamp>,
) -> Result<String, String> {
    may_change(asked, schedule, "swap")?;
    let (one, other) = (known_person(asked.settings(), one)?, known_person(asked.settings(), other)?);
    if one == other {
        return Err("a turn is traded between two".to_owned());
    }
    let (first, second) = traded(asked, schedule, &one, &other, near)?;
    for turn in [&first, &second] {
        permit_turn(asked, turn.from.max(asked.now), turn.to)?;
    }
    let zone = &asked.settings().zone;
    let reason = |other: Timestamp| format!("traded for {}", in_full(other, zone));
    let overrides = trade(schedule, [&first, &second], &asked.author(), reason);
    keep(asked, overrides.ok_or("only turns of one person are traded")?.into())
}

/// The two turns to trade: the one in which a moment lies, or else the next one of `one`; and
/// the next one after it of the other.
fn traded(
    asked: &Asked<'_>,
    schedule: &str,
    one: &str,
    other: &str,
    near: Option<Timestamp>,
) -> Result<(Turn, Turn), String> {
    let (now, zone) = (whole(asked.now), &asked.settings().zone);
    let known = asked.settings().schedule(schedule)?;
    let end = later(now.max(near.unwrap_or(now)), AHEAD);
    let turns = known.turns_apart(now, end, asked.world().overrides());
    let is_of = |turn: &Turn, person: &str| turn.persons == [person];
    let first = match near {
        Some(near) => {
            let turn = turns.iter().find(|turn| turn.from <= near && near < turn.to);
            let turn = turn.ok_or_else(|| format!("{} is past", in_full(near, zone)))?;
            if !is_of(turn, one) && !is_of(turn, other) {
                let whose = names(turn);
                return Err(format!(
                    "at {} {whose} is on call by {schedule}, neither of the two",
                    in_full(near, zone)
                ));
            }
            turn
        }
        None => turns.iter().find(|turn| is_of(turn, one)).ok_or_else(|| no_turn(one, schedule))?,
    };
    let taker = if is_of(first, one) { other } else { one };
    let second = turns.iter().find(|turn| turn.from >= first.to && is_of(turn, taker));
    let second = second.ok_or_else(|| no_turn(taker, schedule))?;
    Ok((first.clone(), second.clone()))
}

fn no_turn(person: &str, schedule: &str) -> String {
    format!("{person} has no turn by {schedule} within two months to trade")
}

/// Members of a schedule and operators may change who has its turns; whoever may by a role of
/// their own, within its bounds. `name`: of the command; a role that names `override` gives all.
fn may_change(asked: &mut Asked<'_>, schedule: &str, name: &str) -> Result<(), String> {
    let known = asked.settings().schedule(schedule)?;
    let is_member = asked.caller.person.as_deref().is_some_and(|person| known.members().contains(person));
    if is_member {
        return Ok(());
    }
    let may = |name| asked.caller.may(name, Right::Operator);
    match may(name).or_else(|_| may("override")) {
        Ok(permit) => {
            asked.permit = permit;
            Ok(())
        }
        Err(why) => Err(asked.deny(format!("only members of {schedule} and operators may do that; {why}"))),
    }
}

/// Whether the caller may give away a turn of this length.
fn permit_turn(asked: &mut Asked<'_>, from: Timestamp, until: Timestamp) -> Result<(), String> {
    asked.permit_beside_objects(TURNS, 0, Some(Length::between(from, until)))
}

fn known_person(settings: &Settings, name: &str) -> Result<String, String> {
    let known = settings.persons.keys().find(|known| known.eq_ignore_ascii_case(name));
    known.cloned().ok_or_else(|| match nearest(name, settings.persons.keys().cloned()) {
        Some(meant) => format!("there is no person `{name}`; did you mean `{meant}`?"),
        None => format!("there is no person `{name}` in watchbell.toml"),
    })
}

fn told(one: &Override, zone: &TimeZone) -> String {
    let (from, until) = (in_full(one.from, zone), in_full(one.until, zone));
    let Override { id, schedule, person, owner, .. } = one;
    format!("o{id} {schedule}: {person} from {from} until {until}, by {owner}{}", because(&one.reason))
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

fn names(turn: &Turn) -> String {
    if turn.persons.is_empty() { "nobody".to_owned() } else { turn.persons.join(", ") }
}

/// The second in which a moment lies: calendars know no parts of one.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
