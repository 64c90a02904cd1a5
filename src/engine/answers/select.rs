//! Which objects a command is about: one, a list of them, or all that a matcher holds for.

use super::find::{Kind, find};
use crate::engine::matcher::{Matcher, conditions_of};
use crate::engine::standing;
use crate::engine::world::World;
use crate::model::words::counted;
use crate::model::{ObjectKey, Timestamp};
use std::collections::BTreeSet;

/// Stands for the object that was told or named last.
pub(super) const LAST: &str = "last";
/// How many objects are named where a command is about several.
const NAMED: usize = 5;

/// The objects a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    /// Which, without doubles, in the order of their names where a matcher found them.
    pub(super) objects: Vec<ObjectKey>,
    /// Whether they were found by a matcher, so that nobody has named them.
    pub(super) by_matcher: bool,
}

/// Whether a word is a matcher such as `host.vars.role=db`.
pub(super) fn is_matcher(world: &World, text: &str) -> bool {
    text.contains('=') && !world.object_keys().any(|key| key.name() == text)
}

/// Finds the objects that are meant by a word: a matcher, a list with commas, or what
/// [`find`] takes; `last` is what `last` stands for. Of those a matcher holds for, the ones
/// that `fits` takes. `Err` holds what to answer.
pub(super) fn select(
    world: &World,
    text: &str,
    last: &dyn Fn() -> Result<ObjectKey, String>,
    fits: &dyn Fn(&ObjectKey) -> bool,
    now: Timestamp,
) -> Result<Selection, String> {
    if is_matcher(world, text) {
        let objects: Vec<ObjectKey> = matching(world, text, now)?.into_iter().filter(fits).collect();
        return match objects.is_empty() {
            true => Err(format!("`{text}` fits nothing that this can be done to")),
            false => Ok(Selection { objects, by_matcher: true }),
        };
    }
    let mut seen = BTreeSet::new();
    let mut objects = Vec::new();
    let names: Vec<&str> = text.split(',').filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(format!("`{text}` names no object"));
    }
    for name in names {
        let key = if name == LAST { last()? } else { find(world, name, Kind::Any)? };
        if seen.insert(key.clone()) {
            objects.push(key);
        }
    }
    Ok(Selection { objects, by_matcher: false })
}

/// All objects that conditions as people write them hold for, by name.
pub(super) fn matching(world: &World, text: &str, now: Timestamp) -> Result<Vec<ObjectKey>, String> {
    let conditions = conditions_of([text])?;
    if conditions.contains_key("on") {
        return Err("`on` is of events; name fields of hosts and services".to_owned());
    }
    let matcher = Matcher::compile(&conditions).map_err(|error| error.to_string())?;
    let holds = |key: &&ObjectKey| matcher.holds(&standing::scene(world, key, now));
    let mut found: Vec<ObjectKey> = world.object_keys().filter(holds).cloned().collect();
    found.sort();
    Ok(found)
}

/// Whether an object can be meant by a word: a matcher that speaks of hosts alone means
/// hosts, not their services.
pub(super) fn can_mean(text: &str, key: &ObjectKey) -> bool {
    key.is_host() || !text.split('&').all(|part| part.starts_with("host."))
}

/// `a, b, c and 4 more`.
pub(super) fn named(things: &[impl ToString]) -> String {
    let names: Vec<String> = things.iter().take(NAMED).map(ToString::to_string).collect();
    let more = things.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

/// `7 objects: a, b, c, d, e and 2 more`; of one, its name.
pub(super) fn how_many(objects: &[ObjectKey]) -> String {
    if let [one] = objects {
        return one.to_string();
    }
    format!("{}: {}", counted(objects.len() as u64, "object"), named(objects))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Object;
    use std::sync::Arc;

    fn world() -> World {
        let mut world = World::new(false);
        for (name, role) in [("db1", "db"), ("db2", "db"), ("web", "shop"), ("db1!disk", "")] {
            let mut object = Object::bare(ObjectKey::from_name(&Arc::from("lab"), name));
            object.vars =
                Arc::new(serde_json::json!({"role": role, "rack": 7}).as_object().expect("a map").clone());
            world.put_object(Arc::new(object));
        }
        world
    }

    fn selected(text: &str) -> Result<Vec<String>, String> {
        let last = || Err("nothing was named".to_owned());
        let fits = |key: &ObjectKey| can_mean(text, key);
        let selection = select(&world(), text, &last, &fits, Timestamp::UNIX_EPOCH)?;
        assert_eq!(selection.by_matcher, text.contains('='), "{text}");
        Ok(selection.objects.iter().map(ObjectKey::to_string).collect())
    }

    #[test]
    fn lists_and_matchers_name_several() {
        for (text, wanted) in [
            ("db1", &["db1"][..]),
            ("web,db1,web", &["web", "db1"]),
            ("host.vars.role=db", &["db1", "db2"]),
            ("host.vars.role=d?", &["db1", "db2"]),
            ("host.vars.role=db&host.name=*2", &["db2"]),
            ("host.vars.rack=7", &["db1", "db2", "web"]),
            ("host.name=db1,web", &["db1", "web"]),
            ("host.vars.role!=db&host.name=*", &["web"]),
            ("service.name=disk", &["db1!disk"]),
        ] {
            assert_eq!(selected(text), Ok(wanted.iter().map(|name| (*name).to_owned()).collect()), "{text}");
        }
    }

    #[test]
    fn what_names_nothing_is_answered() {
        for (text, words) in [
            (",", "names no object"),
            ("db1,nothing", "I know no `nothing`"),
            ("last", "nothing was named"),
            ("host.vars.role=mail", "fits nothing"),
            ("host.adress=x", "did you mean `host.address`?"),
            ("host.name=db1&db2", "`db2` is no condition"),
            ("on=Gap", "`on` is of events"),
        ] {
            let answer = selected(text).expect_err(text);
            assert!(answer.contains(words), "{text}: {answer}");
        }
    }
}
