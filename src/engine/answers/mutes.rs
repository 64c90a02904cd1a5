//! Answers about mutes: listing, adding, prolonging and ending them.

use super::asked::{Answer, Answered, Asked};
use super::each::WIDE;
use super::find::{Kind, find};
use super::lists::capped;
use crate::command::permit::Length;
use crate::command::{MuteAsked, Request};
use crate::engine::matcher::Pattern;
use crate::engine::mute::{self, ActiveMute, Mute};
use crate::engine::stage::Stage;
use crate::engine::{endings, mirror, standing};
use crate::model::time::short_length;
use crate::model::words::counted;
use crate::model::{ObjectKey, Timestamp};
use crate::span::Span;
use std::collections::BTreeMap;

/// How many problems are named that a mute hides from its start.
const NAMED: usize = 5;

/// Answers what is asked about mutes; `None` if it is about something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let done = match request {
        Request::Mutes => Ok(list(asked.stage_ref(), asked.now)),
        Request::Mute(wanted) => match prolonged(asked, wanted) {
            Some(prolonged) => prolonged,
            None => add_mute(asked, wanted),
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

/// `mute m3 2h`: a mute that is there already gets another end. `None` where none is meant.
fn prolonged(asked: &mut Asked<'_>, wanted: &MuteAsked) -> Option<Result<String, String>> {
    let [what] = wanted.what.as_slice() else { return None };
    let id = numbered(what).filter(|id| asked.world().mutes().any(|active| active.mute.id == *id))?;
    let Some(until) = wanted.until else {
        return Some(Err(format!("say until when m{id} goes on, such as `mute m{id} 2h`")));
    };
    if let Err(refusal) = permit_mute(asked, id, Some(Length::between(asked.now, until))) {
        return Some(Err(refusal));
    }
    let zone = asked.settings().zone.clone();
    let before = asked.world().mutes().find(|active| active.mute.id == id)?.mute.clone();
    if before.until == Some(until) {
        return Some(Ok(format!("m{id}: {} muted {}, as before", before.what, before.when(&zone))));
    }
    let removals = mirror::removals(asked.world(), &before);
    let mute = asked.engine.world_mut().prolong_mute(id, until)?.clone();
    asked.outcome.actions.extend(removals.into_iter().chain(mirror::wanted(&mute)));
    Some(Ok(format!("m{id}: {} muted {}", mute.what, mute.when(&zone))))
}

fn add_mute(asked: &mut Asked<'_>, wanted: &MuteAsked) -> Result<String, String> {
    let meant = meant(asked, &wanted.what)?;
    let is_named = meant.object.is_some();
    let mut mute = Mute::new(meant.conditions, meant.words, &asked.author(), &wanted.reason, asked.now);
    mute.until = wanted.until;
    mute.until_ok = wanted.until_ok;
    mute.unused_seconds = wanted.unused.map(|length| length.as_secs());
    mute.every = wanted.every.as_deref().map(|span| with_zone(span, asked));
    let spoken = asked.utterance;
    mute.made_in = Some((spoken.sink.clone(), spoken.room.clone(), spoken.speaker.nick.clone()));
    mute.mirror = mirrored(&mute, meant.object, wanted.mirror, asked.settings().mirror_mutes)?;

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
    asked.permit(&covered, Some(length(&active.mute)))?;
    if !is_named && covered.len() > WIDE {
        asked.confirm(&format!("mute {}, which {preview}", active.mute.what), &covered)?;
    }
    let said = asked.stage().add_mute(active.mute)?;
    Ok(format!("{said}; {preview}"))
}

/// `covers 12 objects, 2 with a problem now: a, b`.
fn preview(covered: usize, problems: &[ObjectKey]) -> String {
    let covers = format!("covers {}", counted(covered as u64, "object"));
    if problems.is_empty() {
        return format!("{covers}, none with a problem now");
    }
    let named: Vec<String> = problems.iter().take(NAMED).map(ObjectKey::to_string).collect();
    let more = problems.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{covers}, {} with a problem now: {}{more}", problems.len(), named.join(", "))
}

fn meant(asked: &Asked<'_>, what: &[String]) -> Result<Meant, String> {
    let world = asked.world();
    let first = what.first().map_or("", String::as_str);
    let is_name = || world.object_keys().any(|key| key.name() == first);
    if first.contains('=') && !is_name() {
        let conditions = mute::conditions_of(what)?;
        let words: Vec<String> =
            conditions.iter().map(|(path, pattern)| format!("{path} = {pattern}")).collect();
        return Ok(Meant { conditions, words: words.join(", "), object: None });
    }
    if first.contains(['*', '?']) {
        return Ok(Meant { conditions: mute::conditions_like(first), words: first.to_owned(), object: None });
    }
    let key = find(world, first, Kind::Any)?;
    let words = if key.is_host() { format!("{key} and its services") } else { key.to_string() };
    Ok(Meant { conditions: mute::conditions_for(&key), words, object: Some(key) })
}

/// A span with its zone: without one, that of the configuration.
fn with_zone(span: &str, asked: &Asked<'_>) -> String {
    let has_zone = Span::parse(span).is_ok_and(|span| span.zone().is_some());
    match asked.settings().zone.iana_name().filter(|_| !has_zone) {
        Some(zone) => format!("{span} {zone}"),
        None => span.to_owned(),
    }
}

/// The object that is put in downtime or acknowledged in Icinga, too.
fn mirrored(
    mute: &Mute,
    object: Option<ObjectKey>,
    is_asked: bool,
    is_usual: bool,
) -> Result<Option<ObjectKey>, String> {
    if !is_asked && !is_usual {
        return Ok(None);
    }
    let can_be = (mute.until.is_some() || mute.until_ok) && mute.every.is_none();
    match object.filter(|_| can_be) {
        None if is_asked => {
            Err("only a mute of one object that ends at a time or with `until ok` can have a \
                                 downtime or an acknowledgement in Icinga"
                .to_owned())
        }
        object => Ok(object),
    }
}

fn numbered(what: &str) -> Option<u64> {
    what.strip_prefix(['m', 'M']).and_then(|number| number.parse().ok())
}

/// Whoever may mute something may end the mute of it, whoever made it.
fn unmute(asked: &mut Asked<'_>, what: &str) -> Result<String, String> {
    let author = asked.author();
    let id = mute_id(asked.stage(), what)?;
    permit_mute(asked, id, None)?;
    asked.stage().unmute(id, &author)
}

/// Whether the caller may change a mute that is there, by what it covers now.
fn permit_mute(asked: &mut Asked<'_>, id: u64, length: Option<Length>) -> Result<(), String> {
    let found = asked.world().mutes().find(|active| active.mute.id == id);
    let objects = found.map_or_else(Vec::new, |active| covered(asked, active));
    asked.permit(&objects, length)
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
fn mute_id(stage: &Stage, what: &str) -> Result<u64, String> {
    if let Some(id) = numbered(what) {
        return Ok(id);
    }
    let wanted = match find(&stage.world, what, Kind::Any) {
        Ok(key) => mute::conditions_for(&key),
        Err(_) if what.contains('=') => mute::conditions_of(&[what.to_owned()])?,
        Err(_) => mute::conditions_like(what),
    };
    let found: Vec<u64> =
        stage.world.mutes().filter(|mute| mute.mute.conditions == wanted).map(|mute| mute.mute.id).collect();
    found.first().copied().ok_or_else(|| format!("no mute covers just `{what}`; `mutes` lists them"))
}
