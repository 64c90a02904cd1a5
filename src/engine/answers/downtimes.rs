//! Commands about downtimes: scheduling, listing and removing them.

use super::asked::{Answer, Answered, Asked};
use super::each::{Plan, WIDE, each, plan};
use super::lists::capped;
use super::select::{can_mean, how_many, is_matcher};
use crate::command::Request;
use crate::command::request::Scheduling;
use crate::engine::reach;
use crate::engine::world::World;
use crate::model::event::Downtime;
use crate::model::time::{in_full, short_length};
use crate::model::words::counted;
use crate::model::{ActionKind, ObjectKey, Timestamp};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// Answers what is asked about downtimes; `None` if it is about something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    Some(match request {
        Request::Downtime(wanted) => schedule(asked, wanted),
        Request::Downtimes(part) => Ok(Answer::Text(list(asked, part.as_deref()))),
        Request::RemoveDowntimes(what) => remove(asked, what),
        _ => return None,
    })
}

/// Has Icinga schedule a downtime for each object of a selection.
fn schedule(asked: &mut Asked<'_>, wanted: &Scheduling) -> Answered {
    let zone = asked.settings().zone.clone();
    let kind = |_: &World, _: &ObjectKey| {
        Ok(ActionKind::ScheduleDowntime {
            comment: wanted.comment.clone(),
            start: wanted.start,
            end: wanted.end,
            flexible_seconds: wanted.flexible.map(|length| length.as_secs()),
            all_services: wanted.services,
            children: wanted.children,
        })
    };
    let all = |_: &World, key: &ObjectKey| can_mean(&wanted.objects, key);
    let services = if wanted.services { " and their services" } else { "" };
    let span = format!(" from {} until {}", in_full(wanted.start, &zone), in_full(wanted.end, &zone));
    let flexible = wanted.flexible.map_or(String::new(), |length| {
        format!(", for {} from the first problem on", short_length(length.as_secs_f64()))
    });
    let danger = besides(asked, wanted, &all)?;
    let how = format!("{services}{span}{flexible}");
    each(asked, &wanted.objects, &Plan { how, danger, ..plan("schedule a downtime of", &all, &kind) })
}

/// What Icinga puts in the downtime besides the objects that are meant, as far as it is known:
/// their services, and what depends on them. That in words, where it is more than their own
/// services; `Err`: the caller may not touch all of it.
fn besides(
    asked: &mut Asked<'_>,
    wanted: &Scheduling,
    fits: &dyn Fn(&World, &ObjectKey) -> bool,
) -> Result<Option<String>, String> {
    if !wanted.services && !wanted.children {
        return Ok(None);
    }
    let meant = asked.select(&wanted.objects, fits)?.objects;
    let world = asked.world();
    let hosts: BTreeSet<ObjectKey> = meant.iter().map(ObjectKey::host_key).collect();
    let is_behind = |key: &&ObjectKey| {
        key.is_host() && !hosts.contains(key) && reach::chain(world, key).any(|host| hosts.contains(&host))
    };
    let behind: BTreeSet<ObjectKey> = match wanted.children {
        true => world.object_keys().filter(is_behind).cloned().collect(),
        false => BTreeSet::new(),
    };
    let is_hit = |host: &ObjectKey| meant.contains(host) || behind.contains(host);
    let is_taken_along = |key: &&ObjectKey| {
        let depends = || world.object(key).parents.iter().any(is_hit);
        let with_its_host = wanted.services && is_hit(&key.host_key());
        !key.is_host() && (with_its_host || (wanted.children && depends()))
    };
    let services: Vec<ObjectKey> = world.object_keys().filter(is_taken_along).cloned().collect();
    let of_service = meant.iter().find(|key| wanted.children && !key.is_host()).cloned();
    let all: Vec<ObjectKey> = meant.into_iter().chain(behind.iter().cloned()).chain(services).collect();
    // Whoever may not touch them may not have them in a downtime either.
    asked.permit(&all, None)?;
    if let Some(service) = of_service {
        // No dependency on a service is read from Icinga.
        asked.permit_beside_objects(&format!("what depends on {service}"), 0, None)?;
    }
    let count = behind.len() as u64;
    Ok((count > 0).then(|| format!("with the {} behind it", counted(count, "host"))))
}

/// `downtimes`: those whose object holds a part, the one that ends first on top.
fn list(asked: &Asked<'_>, part: Option<&str>) -> String {
    let part = part.unwrap_or("").to_lowercase();
    let (now, zone) = (asked.now, &asked.settings().zone);
    let all = asked.world().downtimes().values();
    let mut found: Vec<&(ObjectKey, Downtime)> = all
        .filter(|(key, downtime)| downtime.end_time > now && key.name().to_lowercase().contains(&part))
        .collect();
    if found.is_empty() {
        return if part.is_empty() { "no downtimes" } else { "no such downtimes" }.to_owned();
    }
    found.sort_by(|(a, one), (b, other)| (one.end_time, a).cmp(&(other.end_time, b)));
    let lines = found.iter().map(|(key, downtime)| line(key, downtime, now, zone)).collect();
    let head = format!("{}:", counted(found.len() as u64, "downtime"));
    std::iter::once(head).chain(capped(lines, "downtimes")).collect::<Vec<_>>().join("\n")
}

fn line(key: &ObjectKey, downtime: &Downtime, now: Timestamp, zone: &TimeZone) -> String {
    let (start, end) = (in_full(downtime.start_time, zone), in_full(downtime.end_time, zone));
    let time = match downtime.start_time > now {
        true => format!("from {start} until {end}"),
        false => format!("until {end}"),
    };
    let flexible = match (downtime.fixed, downtime.trigger_time) {
        (true, _) => String::new(),
        (false, Some(_)) => ", begun".to_owned(),
        (false, None) => {
            format!(", for {} from the first problem on", short_length(downtime.duration_seconds))
        }
    };
    format!("  {key} {time}{flexible}, by {}: {}", downtime.author, downtime.comment)
}

/// `undowntime`: one downtime by its full name, or all of a selection that people made. What
/// Icinga removes along with another is not asked for.
fn remove(asked: &mut Asked<'_>, what: &str) -> Answered {
    let by_name = asked.world().downtimes().get(what).map(|(key, downtime)| (key.clone(), downtime.clone()));
    let wanted: Vec<(ObjectKey, Downtime)> = match by_name {
        Some(one) => vec![one],
        None => {
            let in_one = |world: &World, key: &ObjectKey| world.downtimes().values().any(|(of, _)| of == key);
            let objects = asked.select(what, &in_one)?.objects;
            let all = asked.world().downtimes().values();
            all.filter(|(key, _)| objects.contains(key)).cloned().collect()
        }
    };
    if wanted.is_empty() {
        return Err(format!("{what} is in no downtime that is known; `downtimes` lists them"));
    }
    let names: BTreeSet<String> = wanted.iter().map(|(_, downtime)| downtime.name.clone()).collect();
    let own = |(_, downtime): &(ObjectKey, Downtime)| !names.contains(&downtime.parent);
    let mut wanted: Vec<_> = wanted.into_iter().filter(own).collect();
    let before = wanted.len();
    wanted.retain(|(_, downtime)| downtime.config_owner.is_empty());
    if wanted.is_empty() {
        return Err(format!(
            "{} made by Icinga's configuration, which alone can end it",
            if before == 1 { "it was" } else { "they were" }
        ));
    }
    wanted.sort_by(|(a, one), (b, other)| (a, &one.name).cmp(&(b, &other.name)));
    let mut keys: Vec<ObjectKey> = wanted.iter().map(|(key, _)| key.clone()).collect();
    keys.dedup();
    let along = along(asked.world(), names);
    asked.permit(&keys, None)?;
    asked.permit(&along, None)?;
    let count = counted(wanted.len() as u64, "downtime");
    let words = format!("remove {count} of {}", how_many(&keys));
    if wanted.len() > WIDE || is_matcher(asked.world(), what) {
        asked.confirm(&words, &keys)?;
    }
    let many = wanted.len() > 1;
    for (key, downtime) in wanted {
        asked.ask_icinga(key, ActionKind::RemoveDowntime { downtime: downtime.name }, many)?;
    }
    Ok(if many { Answer::Text(format!("Icinga is asked to {words}")) } else { Answer::Later })
}

/// The objects of the downtimes that Icinga removes along with these.
fn along(world: &World, mut names: BTreeSet<String>) -> Vec<ObjectKey> {
    let mut keys = Vec::new();
    loop {
        let is_along =
            |downtime: &Downtime| names.contains(&downtime.parent) && !names.contains(&downtime.name);
        let found = world.downtimes().values().filter(|(_, downtime)| is_along(downtime));
        let found: Vec<(ObjectKey, String)> =
            found.map(|(key, downtime)| (key.clone(), downtime.name.clone())).collect();
        if found.is_empty() {
            keys.sort();
            return keys;
        }
        for (key, name) in found {
            keys.push(key);
            names.insert(name);
        }
    }
}
