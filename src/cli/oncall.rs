//! `watchbell oncall`: who is on call, and the turns of some days; also as a calendar.
//!
//! Promises: nothing is changed; the database is only read, also beside a run.

use super::OncallArguments;
use super::print::{err, out};
use super::schedules::Schedules;
use super::why::harmless;
use crate::command::moment;
use crate::config::Config;
use crate::model::Timestamp;
use crate::model::time::{in_full, later};
use crate::oncall::{Override, Schedule, Turn, ical};
use anyhow::bail;
use jiff::tz::TimeZone;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// What `oncall` ends with if nobody is on call by one of the schedules.
const NOBODY: u8 = 3;
const DAY: u64 = 86_400;

pub(super) fn oncall(path: &Path, options: &OncallArguments) -> anyhow::Result<ExitCode> {
    let config = match super::load(path) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let now = Timestamp::now();
    let at = options.at.as_deref().map(|text| moment(text, now, &config.zone)).transpose()?;
    let schedules = Schedules::read(&config, at.unwrap_or(now))?;
    for fault in schedules.faults() {
        err(&harmless(&format!("warning: {fault}")));
    }
    let asked = asked(&schedules, options.schedule.as_deref())?;
    let length = Duration::from_secs(u64::from(options.days) * DAY);
    if options.ical {
        let [schedule] = asked.as_slice() else { bail!("name one schedule, to have it as a calendar") };
        let turns = whole_turns(schedule, at.unwrap_or(now), length, &schedules.overrides);
        let text = ical::write(schedule.name(), &turns, now);
        // Printing adds the end of the line.
        out(text.strip_suffix('\n').unwrap_or(&text));
        return Ok(ExitCode::SUCCESS);
    }
    let mut nobody = asked.is_empty();
    for schedule in asked {
        nobody |= schedule.on_call(at.unwrap_or(now), &schedules.overrides).is_empty();
        show(&config, schedule, &schedules.overrides, at, now, length);
    }
    Ok(if nobody { ExitCode::from(NOBODY) } else { ExitCode::SUCCESS })
}

/// The schedule of this name, or all of them.
fn asked<'a>(schedules: &'a Schedules, name: Option<&str>) -> anyhow::Result<Vec<&'a Schedule>> {
    match name {
        Some(name) => match schedules.settings.schedule(name) {
            Ok(schedule) => Ok(vec![schedule]),
            Err(words) => bail!(words),
        },
        None if schedules.settings.schedules.is_empty() => {
            bail!("watchbell.toml has no `[schedule.NAME]`, so nobody is on call")
        }
        None => Ok(schedules.settings.schedules.values().collect()),
    }
}

/// How far behind the span the end of its last turn is looked for.
const LAST_TURN: Duration = Duration::from_secs(62 * DAY);

/// The turns that lie in a span, whole: the first as it has begun, so that it is the same event
/// each time it is written, and the last to its end.
fn whole_turns(schedule: &Schedule, from: Timestamp, length: Duration, overrides: &[Override]) -> Vec<Turn> {
    let local = from.to_zoned(schedule.zone().clone());
    let new_year = local.date().first_of_year().yesterday().map(|day| day.first_of_year());
    let since = new_year.ok().and_then(|day| day.to_zoned(schedule.zone().clone()).ok());
    let since = since.map_or(from, |since| since.timestamp());
    let end = later(from, length);
    let turns = schedule.turns(since, later(end, LAST_TURN), overrides);
    turns.into_iter().filter(|turn| turn.to > from && turn.from < end).collect()
}

/// Shows who is on call by a schedule, and its turns.
fn show(
    config: &Config,
    schedule: &Schedule,
    overrides: &[Override],
    at: Option<Timestamp>,
    now: Timestamp,
    length: Duration,
) {
    let (from, zone) = (at.unwrap_or(now), schedule.zone());
    out(&format!("{}, by the clocks of {}", schedule.name(), zone_name(zone)));
    let turns = schedule.turns(from, later(from, length), overrides);
    for (number, turn) in turns.iter().enumerate() {
        let begin = match (number, at) {
            (0, None) => format!("{:<25}", "now"),
            _ => shown(turn.from, zone),
        };
        let end = match number + 1 == turns.len() {
            true => format!("{:<25}", "..."),
            false => shown(turn.to, zone),
        };
        let who = if turn.persons.is_empty() { "nobody".to_owned() } else { turn.persons.join(", ") };
        let why = overriding(schedule, turn, overrides).map_or(String::new(), because);
        out(&harmless(&format!("  {begin} - {end}  {who}{why}")));
    }
    if zone != &config.zone {
        out(&format!("  (times elsewhere in watchbell.toml are those of {})", zone_name(&config.zone)));
    }
}

/// The override that a turn comes from.
fn overriding<'a>(schedule: &Schedule, turn: &Turn, overrides: &'a [Override]) -> Option<&'a Override> {
    let of_turn = overrides.iter().rev().filter(|one| one.schedule == schedule.name());
    let mut covering = of_turn.filter(|one| one.covers(turn.from));
    covering.next().filter(|one| turn.persons == [one.person.as_str()])
}

fn because(one: &Override) -> String {
    let reason = if one.reason.is_empty() { String::new() } else { format!(": {}", one.reason) };
    format!("  (o{} by {}{reason})", one.id, one.owner)
}

fn shown(at: Timestamp, zone: &TimeZone) -> String {
    format!("{:<25}", in_full(at, zone))
}

fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("the system").to_owned()
}
