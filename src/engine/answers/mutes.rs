//! Answers about mutes: listing, adding, prolonging and ending them.

use super::asked::{Answer, Answered, Asked};
use super::each::WIDE;
use super::find::Kind;
use super::lists::capped;
use super::mirrored;
use super::select::{LAST, is_matcher, named};
use crate::command::permit::Length;
use crate::command::{MuteAsked, Request};
use crate::engine::matcher::{Pattern, conditions_of};
use crate::engine::mute::{self, ActiveMute, Mute};
use crate::engine::stage::Stage;
use crate::engine::world::MuteError;
use crate::engine::{bounds, endings, mirror, standing};
use crate::model::time::short_length;
use crate::model::words::counted;
use crate::model::{ObjectKey, Timestamp};
use crate::span::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Answers what is asked about mutes; `None` if it is about something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let done = match request {
        Request::Mutes => Ok(list(asked.stage_ref(), asked.now)),
        Request::Mute(wanted) => match prolonged(asked, wanted) {
            Some(prolonged) => prolonged,
            None => add_mutes(asked, wanted),
        },
        Request::Unmute(what) => unmute(asked, what),
        _ => return None,
    };
    Some(done.map(Answer::Text))
}

/// `mutes`: all of them, the one that ends first on top.
fn list(stage: &Stage, now: Timestamp) -> String {
    let mut mutes: Vec<&ActiveMute> = stage.world.mutes().collect();
    if mutes.is_empty() {
        return "nothing is muted".to_owned();
    }
    mutes.sort_by_key(|active| active.mute.next().unwrap_or(Timestamp::MAX));
    let lines = mutes.iter().map(|active| line(stage, active, now)).collect();
    let head = format!("{} muted:", mutes.len());
    std::iter::once(head).chain(capped(lines, "mutes")).collect::<Vec<_>>().join("\n")
}

fn line(stage: &Stage, active: &ActiveMute, now: Timestamp) -> String {
    let mute = &active.mute;
    let is_plain = mute.every.is_none() && !mute.until_ok && mute.unused_seconds.is_none();
    let when = match mute.until.filter(|_| is_plain) {
        Some(until) => format!("for {} more", short_length(until.duration_since(now).as_secs_f64())),
        None => mute.when(&stage.settings.zone),
    };
    let rests = if active.is_in_force(now) { "" } else { ", rests now" };
    let reason = if mute.reason.is_empty() { String::new() } else { format!(": {}", mute.reason) };
    let quiet = mute.kept_quiet();
    format!("  m{} {} {when}{rests}, by {}{reason} ({quiet})", mute.id, mute.what, mute.owner)
}

/// What is to be muted.
struct Meant {
    conditions: BTreeMap<String, Pattern>,
    words: String,
    /// Where one object was named.
    object: Option<ObjectKey>,
}

/// `mute m3 2h`: mutes that are there already get another end. `None` where none is meant.
fn prolonged(asked: &mut Asked<'_>, wanted: &MuteAsked) -> Option<Result<String, String>> {
    let [what] = wanted.what.as_slice() else { return None };
    let is_there = |id: &u64| asked.world().mutes().any(|active| active.mute.id == *id);
    let ids: Option<BTreeSet<u64>> = parts(what).map(|part| numbered(part).filter(is_there)).collect();
    Some(prolong(asked, ids.filter(|ids| !ids.is_empty())?, wanted.until))
}

fn prolong(asked: &mut Asked<'_>, ids: BTreeSet<u64>, until: Option<Timestamp>) -> Result<String, String> {
    let Some(until) = until else {
        let ids: Vec<String> = ids.iter().map(|id| format!("m{id}")).collect();
        let (goes, ids) = (if ids.len() > 1 { "go" } else { "goes" }, ids.join(","));
        return Err(format!("say until when {ids} {goes} on, such as `mute {ids} 2h`"));
    };
    let length = Length::between(asked.now, until);
    let all = permit_mutes(asked, &ids, Some(length))?;
    let mutes = asked.world().mutes();
    let in_icinga = mutes.filter(|active| ids.contains(&active.mute.id) && active.mute.mirror.is_some());
    let in_icinga = in_icinga.flat_map(|active| covered(asked, active)).collect();
    mirrored::permit_longer(asked, &in_icinga, length)?;
    confirm_many(asked, "prolong", &ids, &all)?;
    Ok(said(ids.into_iter().filter_map(|id| prolong_one(asked, id, until)).collect()))
}

fn prolong_one(asked: &mut Asked<'_>, id: u64, until: Timestamp) -> Option<String> {
    let zone = asked.settings().zone.clone();
    let before = asked.world().mutes().find(|active| active.mute.id == id)?.mute.clone();
    if before.until == Some(until) {
        return Some(format!("m{id}: {} muted {}, as before", before.what, before.when(&zone)));
    }
    let removals = mirror::removals(asked.world(), &before);
    let mute = asked.engine.world_mut().prolong_mute(id, until)?.clone();
    asked.outcome.actions.extend(removals.into_iter().chain(mirror::wanted(&mute)));
    Some(format!("m{id}: {} muted {}", mute.what, mute.when(&zone)))
}

/// A mute that is asked for, and what it would hide.
struct Planned {
    mute: Mute,
    covered: Vec<ObjectKey>,
    preview: String,
}

/// `mute`: one for all that a matcher or a pattern holds for, or one for each object that is named.
fn add_mutes(asked: &mut Asked<'_>, wanted: &MuteAsked) -> Result<String, String> {
    let meant = meant(asked, &wanted.what)?;
    let is_named = meant.iter().all(|meant| meant.object.is_some());
    let mut planned: Vec<Planned> =
        meant.into_iter().map(|meant| plan(asked, wanted, meant)).collect::<Result<_, _>>()?;
    let covered: Vec<ObjectKey> = planned.iter().flat_map(|planned| planned.covered.clone()).collect();
    asked.permit(&covered, None)?;
    planned.iter().try_for_each(|planned| asked.permit(&[], Some(length(&planned.mute))))?;
    let unmirrored = permit_mirrors(asked, &mut planned, wanted.mirror)?;
    let is_wide = if is_named { planned.len() > WIDE } else { covered.len() > WIDE };
    if is_wide {
        asked.confirm(&in_words(&planned), &covered)?;
    }
    if planned.len() > 1 && asked.world().mutes().count() + planned.len() > bounds::MUTES {
        return Err(MuteError::TooMany.to_string());
    }
    let done = if is_wide { add_shown(asked, planned)? } else { add_named(asked, planned)? };
    Ok(done + &unmirrored.map_or(String::new(), |why| format!("; {why}")))
}

/// Has those stand in Icinga as well that may: all or none, as one command means all alike. Why
/// none does.
fn permit_mirrors(
    asked: &mut Asked<'_>,
    planned: &mut [Planned],
    is_asked: bool,
) -> Result<Option<String>, String> {
    let touched = |planned: &Planned| match (&planned.mute.mirror, planned.mute.until) {
        (None, _) => Vec::new(),
        (Some(_), Some(_)) => planned.covered.clone(),
        (Some(_), None) => planned.mute.acknowledged.clone(),
    };
    let objects = planned.iter().flat_map(touched).collect();
    let downtime = planned.first().filter(|first| first.mute.until.is_some());
    let downtime = downtime.map(|first| length(&first.mute));
    let why_not = mirrored::permit(asked, &objects, downtime, is_asked)?;
    if why_not.is_some() {
        for Planned { mute, .. } in planned {
            mute.mirror = None;
            mute.acknowledged.clear();
        }
    }
    Ok(why_not)
}

/// Adds mutes, each with what it covers.
fn add_named(asked: &mut Asked<'_>, planned: Vec<Planned>) -> Result<String, String> {
    let add =
        |Planned { mute, preview, .. }: Planned| Ok(format!("{}; {preview}", asked.stage().add_mute(mute)?));
    Ok(said(planned.into_iter().map(add).collect::<Result<_, String>>()?))
}

/// Adds mutes that were shown before the `yes`: one line says that it is done.
fn add_shown(asked: &mut Asked<'_>, planned: Vec<Planned>) -> Result<String, String> {
    let names: Vec<String> = planned.iter().map(|planned| planned.mute.what.clone()).collect();
    let when = planned.first().map_or(String::new(), |first| first.mute.when(&asked.settings().zone));
    let add = |planned: Planned| asked.stage().put_mute(planned.mute);
    let ids: Vec<u64> = planned.into_iter().map(add).collect::<Result<_, _>>()?;
    Ok(match (ids.as_slice(), names.as_slice()) {
        ([id], [what]) => format!("m{id}: {what} muted {when}"),
        (ids, names) => {
            let numbers = ids.first().zip(ids.last()).map(|(first, last)| format!("m{first} to m{last}: "));
            let count = counted(ids.len() as u64, "object");
            format!("{}{count} muted {when}: {}", numbers.unwrap_or_default(), named(names))
        }
    })
}

/// What would be done: `mute db*, which covers 12 objects, none with a problem now`.
fn in_words(planned: &[Planned]) -> String {
    if let [Planned { mute, preview, .. }] = planned {
        return format!("mute {}, which {preview}", mute.what);
    }
    let names: Vec<&str> = planned.iter().map(|planned| planned.mute.what.as_str()).collect();
    format!("mute {}: {}", counted(planned.len() as u64, "object"), named(&names))
}

fn plan(asked: &Asked<'_>, wanted: &MuteAsked, meant: Meant) -> Result<Planned, String> {
    let mut mute = Mute::new(meant.conditions, meant.words, &asked.author(), &wanted.reason, asked.now);
    mute.until = wanted.until;
    mute.until_ok = wanted.until_ok;
    mute.unused_seconds = wanted.unused.map(|length| length.as_secs());
    mute.every = wanted.every.as_deref().map(|span| with_zone(span, asked));
    let spoken = asked.utterance;
    let room = if spoken.private { spoken.private_room() } else { spoken.room.clone() };
    mute.made_in = Some((spoken.sink.clone(), room, spoken.speaker.nick.clone()));
    mute.mirror = mirrored::object(&mute, meant.object, wanted.mirror, asked.settings().mirror_mutes)?;

    let mut active = ActiveMute::new(mute).map_err(|error| error.to_string())?;
    let world = asked.world();
    let covered = covered(asked, &active);
    let problems = endings::problems(world, &active, asked.now);
    if active.mute.mirror.is_some() && active.mute.until.is_none() {
        let is_open = |key: &&ObjectKey| !world.status(key).acknowledged;
        active.mute.acknowledged = problems.iter().filter(is_open).cloned().collect();
    }
    if wanted.until_ok && problems.is_empty() {
        let what = &active.mute.what;
        return Err(format!("{what}: nothing of it has a problem now; say for how long, such as 2h"));
    }
    let preview = preview(covered.len(), &problems);
    Ok(Planned { mute: active.mute, covered, preview })
}

/// A line for each mute; not of too many.
fn said(lines: Vec<String>) -> String {
    capped(lines, "mutes").join("\n")
}

/// `covers 12 objects, 2 with a problem now: a, b`.
fn preview(covered: usize, problems: &[ObjectKey]) -> String {
    let covers = format!("covers {}", counted(covered as u64, "object"));
    if problems.is_empty() {
        return format!("{covers}, none with a problem now");
    }
    format!("{covers}, {} with a problem now: {}", problems.len(), named(problems))
}

/// What is to be muted: what a matcher or a pattern holds for, or each of the objects that are
/// named.
fn meant(asked: &mut Asked<'_>, what: &[String]) -> Result<Vec<Meant>, String> {
    let first = what.first().map_or("", String::as_str);
    if is_matcher(asked.world(), first) {
        let conditions = conditions_of(what.iter().map(String::as_str))?;
        let words: Vec<String> =
            conditions.iter().map(|(path, pattern)| format!("{path} = {pattern}")).collect();
        return Ok(vec![Meant { conditions, words: words.join(", "), object: None }]);
    }
    if is_pattern(first) {
        let conditions = mute::conditions_like(first);
        return Ok(vec![Meant { conditions, words: first.to_owned(), object: None }]);
    }
    let selected = asked.select(first, &|_, _| true).map_err(|why| match numbered(first) {
        Some(id) => no_mute(id),
        None => why,
    });
    let objects = selected?.objects;
    let of = |key: ObjectKey| {
        let words = if key.is_host() { format!("{key} and its services") } else { key.to_string() };
        Meant { conditions: mute::conditions_for(&key), words, object: Some(key) }
    };
    Ok(objects.into_iter().map(of).collect())
}

/// Whether a word means all whose name is like it.
fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// The names in a list with commas.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|part| !part.is_empty())
}

/// A span with its zone: without one, that of the configuration.
fn with_zone(span: &str, asked: &Asked<'_>) -> String {
    let has_zone = Span::parse(span).is_ok_and(|span| span.zone().is_some());
    match asked.settings().zone.iana_name().filter(|_| !has_zone) {
        Some(zone) => format!("{span} {zone}"),
        None => span.to_owned(),
    }
}

fn no_mute(id: u64) -> String {
    format!("there is no mute m{id}; `mutes` lists them")
}

fn numbered(what: &str) -> Option<u64> {
    what.strip_prefix(['m', 'M']).and_then(|number| number.parse().ok())
}

/// Whoever may mute something may end the mute of it, whoever made it.
fn unmute(asked: &mut Asked<'_>, what: &str) -> Result<String, String> {
    let author = asked.author();
    let ids: BTreeSet<u64> = match is_matcher(asked.world(), what) || is_pattern(what) {
        true => BTreeSet::from([mute_id(asked, what)?]),
        false => parts(what).map(|part| mute_id(asked, part)).collect::<Result<_, _>>()?,
    };
    if ids.is_empty() {
        return Err(format!("`{what}` names no mute"));
    }
    let covered = permit_mutes(asked, &ids, None)?;
    confirm_many(asked, "end", &ids, &covered)?;
    let ended: Result<_, String> = ids.into_iter().map(|id| asked.stage().unmute(id, &author)).collect();
    Ok(said(ended?))
}

/// Whether the caller may change these mutes, all of which must be there, by what they cover
/// now; that.
fn permit_mutes(
    asked: &mut Asked<'_>,
    ids: &BTreeSet<u64>,
    length: Option<Length>,
) -> Result<Vec<ObjectKey>, String> {
    let mut all = Vec::new();
    for id in ids {
        let found = asked.world().mutes().find(|active| active.mute.id == *id);
        let active = found.ok_or_else(|| no_mute(*id))?;
        let objects = covered(asked, active);
        asked.permit(&objects, length)?;
        all.extend(objects);
    }
    Ok(all)
}

/// What changes more mutes than a few waits for a `yes`.
fn confirm_many(
    asked: &mut Asked<'_>,
    verb: &str,
    ids: &BTreeSet<u64>,
    covered: &[ObjectKey],
) -> Result<(), String> {
    if ids.len() <= WIDE {
        return Ok(());
    }
    let names: Vec<String> = ids.iter().map(|id| format!("m{id}")).collect();
    asked.confirm(&format!("{verb} {}: {}", counted(ids.len() as u64, "mute"), names.join(", ")), covered)
}

/// The objects that a mute covers now.
fn covered(asked: &Asked<'_>, active: &ActiveMute) -> Vec<ObjectKey> {
    let world = asked.world();
    let covers = |key: &&ObjectKey| active.concerns(&standing::scene(world, key, asked.now));
    world.object_keys().filter(covers).cloned().collect()
}

/// How long a mute lasts, for what roles say of that.
fn length(mute: &Mute) -> Length {
    match mute.until.filter(|_| mute.every.is_none()) {
        Some(until) => Length::between(mute.since, until),
        None => Length::Open,
    }
}

/// The mute somebody means: by its number, or by what it covers.
fn mute_id(asked: &mut Asked<'_>, what: &str) -> Result<u64, String> {
    if let Some(id) = numbered(what) {
        return Ok(id);
    }
    let wanted = match asked.find(what, Kind::Any) {
        Ok(key) => mute::conditions_for(&key),
        Err(why) if what == LAST => return Err(why),
        Err(_) if what.contains('=') => conditions_of([what])?,
        Err(_) => mute::conditions_like(what),
    };
    let found = asked.world().mutes().find(|active| active.mute.conditions == wanted);
    found
        .map(|active| active.mute.id)
        .ok_or_else(|| format!("no mute covers just `{what}`; `mutes` lists them"))
}
