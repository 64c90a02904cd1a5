//! Which objects belong to a role.
//!
//! Promises: what is not known to belong to a role does not. Never: decides what a role gives;
//! `permit` does.

use super::matcher::{Matcher, Pattern, nearest};
use super::ruleset::Ruleset;
use super::standing;
use super::world::World;
use crate::command::verbs;
use crate::config::{Role, Wanted};
use crate::model::{ObjectKey, Timestamp};
use std::collections::BTreeMap;

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
