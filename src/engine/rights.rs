//! Which objects belong to a role.
//!
//! Owns: what belongs to a role, also for whoever looks at it without the world. Promises: what is
//! not known to belong to a role does not. Never: decides what a role gives; `permit` does.

use super::matcher::{Matcher, Pattern, nearest};
use super::ruleset::Ruleset;
use super::standing;
use super::world::World;
use crate::command::permit::{Permit, Reach};
use crate::command::verbs;
use crate::config::{Role, Wanted};
use crate::model::{DeliveryId, ObjectKey, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How many things that a role does not cover are named.
const NAMED: usize = 5;

/// The objects of each role, compiled.
#[derive(Clone, Default)]
pub struct Rights {
    /// By the name of the role; one that cannot be compiled holds for nothing.
    objects: BTreeMap<String, Matcher>,
}

impl Rights {
    /// Compiles what roles say of objects; the configuration has checked the fields.
    pub fn of(roles: &BTreeMap<String, Role>) -> Rights {
        let compiled = |role: &Role| {
            let conditions = role.objects.as_ref()?.iter();
            let conditions = conditions.map(|(field, wanted)| (field.clone(), pattern(wanted))).collect();
            Some((role.name.clone(), Matcher::compile(&conditions).ok()?))
        };
        Rights { objects: roles.values().filter_map(compiled).collect() }
    }

    /// Those of these objects that do not belong to a role, in their order.
    pub fn outside<'a>(
        &self,
        role: &Role,
        objects: impl Iterator<Item = &'a ObjectKey>,
        world: &World,
        now: Timestamp,
    ) -> Vec<ObjectKey> {
        let belongs = |key: &ObjectKey| match self.objects.get(&role.name) {
            Some(matcher) => matcher.holds(&standing::scene(world, key, now)),
            None => role.objects.is_none(),
        };
        objects.filter(|key| !belongs(key)).cloned().collect()
    }
}

/// What a command may touch that only whoever does it can see: deliveries that were given up.
#[derive(Debug, Clone, PartialEq)]
pub struct Within {
    permit: Permit,
    /// The full names of the objects that belong to a role, by its name; of a name that several
    /// Icingas have, each must.
    objects: BTreeMap<String, BTreeSet<String>>,
}

impl Within {
    /// What these roles give now.
    pub fn of(permit: &Permit, rights: &Rights, world: &World, now: Timestamp) -> Within {
        let names = |role: &Role| {
            let outside = rights.outside(role, world.object_keys(), world, now);
            let outside: BTreeSet<&str> = outside.iter().map(ObjectKey::name).collect();
            let all = world.object_keys().map(ObjectKey::name);
            let within = all.filter(|name| !outside.contains(name)).map(str::to_owned).collect();
            (role.name.clone(), within)
        };
        let bounded = permit.roles().filter(|role| role.objects.is_some());
        Within { objects: bounded.map(names).collect(), permit: permit.clone() }
    }

    /// Whether nothing bounds it.
    pub fn is_unbounded(&self) -> bool {
        self.permit.is_unbounded()
    }

    /// Whether all of these deliveries may be touched, each with the full name of its object: empty
    /// where it is about none. `Err` holds what to answer.
    pub fn covers(&self, deliveries: &BTreeMap<DeliveryId, String>) -> Result<(), String> {
        let objects: BTreeSet<&String> = deliveries.values().filter(|object| !object.is_empty()).collect();
        let reach = Reach { objects: objects.len(), called: 0, length: None };
        self.permit.covers(reach, |role| {
            let theirs = self.objects.get(&role.name);
            let is_outside = |object: &String| theirs.is_none_or(|theirs| !theirs.contains(object));
            let outside = deliveries.iter().filter(|(_, object)| is_outside(object));
            let outside: Vec<String> = outside.map(|(id, object)| about(*id, object)).collect();
            (!outside.is_empty()).then(|| in_words(&outside))
        })
    }
}

/// `d12 (web1)`.
fn about(id: DeliveryId, object: &str) -> String {
    if object.is_empty() { format!("d{id} (about no object)") } else { format!("d{id} ({object})") }
}

/// `d12 (web1), d13 (web2) are`.
fn in_words(things: &[String]) -> String {
    let named = things[..things.len().min(NAMED)].join(", ");
    match things.len() {
        1 => format!("{named} is"),
        count if count > NAMED => format!("{named} and {} more are", count - NAMED),
        _ => format!("{named} are"),
    }
}

/// Commands that roles name and nobody has: the role, the name, and what was meant.
pub fn unknown_commands(
    roles: &BTreeMap<String, Role>,
    ruleset: &Ruleset,
) -> Vec<(String, String, Option<String>)> {
    let built_in = || verbs::VERBS.iter().flat_map(|verb| std::iter::once(&verb.name).chain(verb.aliases));
    let is_known = |name: &String| {
        *name == Role::ALL || verbs::find(name).is_some() || ruleset.commands().contains_key(name)
    };
    let meant = |name: &str| {
        let own = built_in().map(|name| (*name).to_owned());
        nearest(name, own.chain(ruleset.commands().keys().cloned()))
    };
    let unknown = |role: &Role| {
        let names: Vec<String> = role.commands.iter().filter(|name| !is_known(name)).cloned().collect();
        let role = role.name.clone();
        names.into_iter().map(move |name| (role.clone(), name))
    };
    let unknown: Vec<(String, String)> = roles.values().flat_map(unknown).collect();
    unknown.into_iter().map(|(role, name)| (role, name.clone(), meant(&name))).collect()
}

fn pattern(wanted: &Wanted) -> Pattern {
    match wanted {
        Wanted::Text(text) if text.contains(['*', '?']) => Pattern::Glob(text.clone()),
        Wanted::Text(text) => Pattern::Equal(text.as_str().into()),
        Wanted::Number(number) => Pattern::Equal((*number).into()),
        Wanted::Flag(flag) => Pattern::Equal((*flag).into()),
        Wanted::Any(any) => Pattern::Any(any.iter().map(pattern).collect()),
    }
}
