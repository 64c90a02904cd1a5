//! Finding the object somebody means: by number, by name, by a part of it.

use crate::engine::world::World;
use crate::model::{IncidentId, ObjectKey};

/// How many names are offered where several could be meant.
const OFFERED: usize = 5;

/// Which kinds of objects may be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A host.
    Host,
    /// A service.
    Service,
    /// Either; a host where a part fits both.
    Any,
}

impl Kind {
    fn takes(self, key: &ObjectKey) -> bool {
        match self {
            Kind::Host => key.is_host(),
            Kind::Service => !key.is_host(),
            Kind::Any => true,
        }
    }
}

/// Finds the one object that is meant. `Err` holds what to answer.
pub(super) fn find(world: &World, text: &str, kind: Kind) -> Result<ObjectKey, String> {
    if let Some(number) = text.strip_prefix('#') {
        return by_number(world, number, text);
    }
    find_by_name(world.object_keys().filter(|key| kind.takes(key)), text).map_err(|why| {
        let other = world.object_keys().find(|key| key.name() == text && !kind.takes(key));
        other.map_or(why, of_the_other_kind)
    })
}

/// The same for an object whose incident may be over.
pub(super) fn find_past(world: &World, text: &str) -> Result<ObjectKey, String> {
    let number = text.strip_prefix('#').and_then(|number| number.parse().ok()).map(IncidentId);
    match number.and_then(|id| world.incident(id)) {
        Some(incident) => Ok(incident.object.clone()),
        None => find(world, text, Kind::Any),
    }
}

/// Finds the one of these objects that is meant by its name, or by a part of it that only
/// one has; `SOURCE/NAME` where several Icingas have it. `Err` holds what to answer.
pub fn find_by_name<'a>(
    objects: impl Iterator<Item = &'a ObjectKey>,
    text: &str,
) -> Result<ObjectKey, String> {
    let all: Vec<&ObjectKey> = objects.collect();
    let (source, text) = match text.split_once('/') {
        Some((source, rest)) if all.iter().any(|key| **key.source() == *source) => (Some(source), rest),
        _ => (None, text),
    };
    let of_source = |key: &&ObjectKey| source.is_none_or(|source| **key.source() == *source);
    let candidates: Vec<&ObjectKey> = all.into_iter().filter(of_source).collect();
    let lower = text.to_lowercase();
    let exact = candidates.iter().filter(|key| key.name() == text);
    let same = candidates.iter().filter(|key| key.name().to_lowercase() == lower);
    let host_part =
        candidates.iter().filter(|key| key.is_host() && key.name().to_lowercase().contains(&lower));
    let part = candidates.iter().filter(|key| key.name().to_lowercase().contains(&lower));
    let stages: [Vec<&ObjectKey>; 4] = [
        exact.copied().collect(),
        same.copied().collect(),
        host_part.copied().collect(),
        part.copied().collect(),
    ];
    for mut found in stages {
        found.sort();
        match found.as_slice() {
            [] => {}
            [one] => return Ok((*one).clone()),
            several => return Err(ambiguous(text, several)),
        }
    }
    Err(unknown(text, &candidates))
}

fn by_number(world: &World, number: &str, text: &str) -> Result<ObjectKey, String> {
    let id = number
        .parse()
        .map(IncidentId)
        .map_err(|_| format!("`{text}` is not a number of an incident like #12"))?;
    let incident =
        world.incident(id).ok_or_else(|| format!("there is no incident {id}; `problems` lists them"))?;
    match incident.closed {
        None => Ok(incident.object.clone()),
        Some(_) => Err(format!("{id} is over: {} has recovered", incident.object)),
    }
}

fn of_the_other_kind(key: &ObjectKey) -> String {
    let kind = if key.is_host() { "host" } else { "service" };
    format!("{key} is a {kind}; `{kind} {key}` shows it")
}

fn ambiguous(text: &str, found: &[&ObjectKey]) -> String {
    let several_sources = found.windows(2).any(|pair| pair[0].source() != pair[1].source());
    let name =
        |key: &ObjectKey| if several_sources { format!("{}/{key}", key.source()) } else { key.to_string() };
    let offered: Vec<String> = found.iter().take(OFFERED).map(|key| name(key)).collect();
    let more = found.len().saturating_sub(OFFERED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("`{text}` could be {}{more}; write more of the name", offered.join(", "))
}

fn unknown(text: &str, candidates: &[&ObjectKey]) -> String {
    let names = candidates.iter().map(|key| key.name().to_owned());
    match crate::engine::matcher::nearest(text, names) {
        Some(name) => format!("I know no `{text}`; did you mean `{name}`?"),
        None if candidates.is_empty() => "nothing is known yet: no Icinga has been read".to_owned(),
        None => format!("I know no `{text}`; write a part of host or host!service"),
    }
}
