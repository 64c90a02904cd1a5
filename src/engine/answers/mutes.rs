//! Answers about mutes: listing, adding and ending them.

use super::asked::{Answer, Answered, Asked};
use super::find::{Kind, find};
use super::lists::capped;
use crate::command::Request;
use crate::engine::mute::{self, Mute};
use crate::engine::stage::Stage;
use crate::model::Timestamp;
use crate::model::time::short_length;
use crate::model::words::counted;

/// Answers what is asked about mutes; `None` if it is about something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let now = asked.now;
    let author = asked.author();
    let done = match request {
        Request::Mutes => Ok(list(asked.stage(), now)),
        Request::Mute { what, until, reason } => add_mute(asked.stage(), what, *until, reason, &author, now),
        Request::Unmute(what) => {
            let stage = asked.stage();
            mute_id(stage, what).and_then(|id| stage.unmute(id, &author))
        }
        _ => return None,
    };
    Some(done.map(Answer::Text))
}

/// `mutes`: all of them, the one that ends first on top.
fn list(stage: &Stage, now: Timestamp) -> String {
    let mut mutes: Vec<_> = stage.world.mutes().map(|mute| &mute.mute).collect();
    if mutes.is_empty() {
        return "nothing is muted".to_owned();
    }
    mutes.sort_by_key(|mute| mute.until);
    let lines = mutes
        .iter()
        .map(|mute| {
            let left = short_length(mute.until.duration_since(now).as_secs_f64());
            let reason = if mute.reason.is_empty() { String::new() } else { format!(": {}", mute.reason) };
            format!(
                "  m{} {} for {left} more, by {}{reason} ({})",
                mute.id,
                mute.what,
                mute.owner,
                mute.kept_quiet()
            )
        })
        .collect();
    let head = format!("{} muted:", mutes.len());
    std::iter::once(head).chain(capped(lines, "mutes")).collect::<Vec<_>>().join("\n")
}

fn add_mute(
    stage: &mut Stage,
    what: &str,
    until: Timestamp,
    reason: &str,
    owner: &str,
    now: Timestamp,
) -> Result<String, String> {
    let is_pattern = what.contains(['*', '?']);
    let (conditions, covered) = if is_pattern {
        let glob = wildmatch::WildMatch::new(what);
        let by_host = !what.contains('!');
        let names = stage
            .world
            .object_keys()
            .filter(|key| glob.matches(if by_host { key.host() } else { key.name() }));
        (mute::conditions_like(what), format!("{what} ({})", counted(names.count() as u64, "object")))
    } else {
        let key = find(&stage.world, what, Kind::Any)?;
        let words = if key.is_host() { format!("{key} and its services") } else { key.to_string() };
        (mute::conditions_for(&key), words)
    };
    stage.add_mute(Mute {
        id: 0,
        conditions,
        what: covered,
        owner: owner.to_owned(),
        reason: reason.to_owned(),
        since: now,
        until,
        events: 0,
    })
}

/// The mute somebody means: by its number, or by what it covers.
fn mute_id(stage: &Stage, what: &str) -> Result<u64, String> {
    if let Some(id) = what.strip_prefix(['m', 'M']).and_then(|number| number.parse().ok()) {
        return Ok(id);
    }
    let wanted = match find(&stage.world, what, Kind::Any) {
        Ok(key) => mute::conditions_for(&key),
        Err(_) => mute::conditions_like(what),
    };
    let found: Vec<u64> =
        stage.world.mutes().filter(|mute| mute.mute.conditions == wanted).map(|mute| mute.mute.id).collect();
    found.first().copied().ok_or_else(|| format!("no mute covers just `{what}`; `mutes` lists them"))
}
