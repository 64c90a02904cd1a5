//! Who may: the one place where rights are checked.
//!
//! Owns: who somebody is, and what their roles give them. Promises: whoever nobody vouches for
//! reads and does nothing else; one role alone must give all of what is asked; a refusal says which
//! right is missing and what the caller has. Never: knows an object; whether it belongs to a role
//! is told by whoever asks.

use super::right::{ADMIN, OPERATOR, Right};
use super::verbs;
use crate::config::{Person, Role, Wanted};
use crate::model::mail::comparable;
use crate::model::time::short_length;
use crate::model::{Speaker, Timestamp, Utterance};
use std::collections::BTreeMap;
use std::time::Duration;

/// Who asks, as far as they are known, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// The name in the room; proves nothing.
    pub nick: String,
    /// Who they are in the configuration; `None` for a stranger.
    pub person: Option<String>,
    /// The name Icinga hears, if they are a known person.
    pub author: Option<String>,
    /// The roles they have; empty for a stranger.
    pub roles: Vec<String>,
    /// What the network said of them, for `whoami` and refusals.
    pub standing: String,
    /// What those of their roles give that are not built in.
    held: Vec<Role>,
    /// Where they speak: a channel in lower case, or [`Role::PRIVATE`].
    room: String,
}

/// Finds out who speaks. Only a verified account, or the operator of this very
/// process, is anybody; a nick is nobody. An account on one network is nobody on
/// another, unless it is the person's there, too.
pub fn caller(
    utterance: &Utterance,
    persons: &BTreeMap<String, Person>,
    roles: &BTreeMap<String, Role>,
) -> Caller {
    let Utterance { speaker, sink, .. } = utterance;
    if speaker.local {
        let nick = speaker.nick.clone();
        return Caller {
            author: Some(nick.clone()),
            roles: vec![ADMIN.to_owned()],
            ..stranger(utterance, "you sit at this terminal".to_owned())
        };
    }
    let Some(account) = &speaker.account else {
        let why = "the network does not vouch for your nick; log in to services";
        return stranger(utterance, why.to_owned());
    };
    let owns = |person: &&Person| person.irc.on(sink).is_some_and(|irc| irc.eq_ignore_ascii_case(account));
    match persons.values().find(owns) {
        Some(person) => known(utterance, person, roles, &format!("account {account}")),
        None => stranger(
            utterance,
            format!("account {account}, which no [person] of watchbell.toml has on {sink}"),
        ),
    }
}

/// Somebody who proved to be this person by something else than their account.
pub fn known(utterance: &Utterance, person: &Person, roles: &BTreeMap<String, Role>, proof: &str) -> Caller {
    Caller {
        person: Some(person.name.clone()),
        author: Some(person.icinga_author.clone()),
        roles: person.roles.clone(),
        held: person.roles.iter().filter_map(|name| roles.get(name)).cloned().collect(),
        ..stranger(utterance, format!("{proof}, person {}", person.name))
    }
}

/// Whose mail address this is; `None` where it is nobody's.
pub fn by_mail<'a>(address: &str, persons: &'a BTreeMap<String, Person>) -> Option<&'a Person> {
    let is_theirs = |mail: &String| comparable(mail) == comparable(address);
    persons.values().find(|person| person.mail.as_ref().is_some_and(is_theirs))
}

/// Somebody whom nobody vouches for, and why.
pub fn stranger(utterance: &Utterance, standing: String) -> Caller {
    let Speaker { nick, .. } = &utterance.speaker;
    Caller {
        nick: nick.clone(),
        person: None,
        author: None,
        roles: Vec::new(),
        standing,
        held: Vec::new(),
        room: if utterance.private { Role::PRIVATE.to_owned() } else { utterance.room.to_lowercase() },
    }
}

/// A command that the caller may use here; what it touches is still to be checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Permit {
    /// By which roles; `None` where nothing bounds it.
    by: Option<Vec<Role>>,
    /// What the caller has, for refusals.
    has: String,
}

impl Length {
    /// From one moment to another.
    pub fn between(from: Timestamp, until: Timestamp) -> Length {
        Length::For(until.duration_since(from).try_into().unwrap_or_default())
    }
}

impl Caller {
    /// What everybody may.
    pub fn reads(&self) -> Permit {
        Permit { by: None, has: String::new() }
    }

    /// Whether they may use this command here. `Err` holds what to answer.
    pub fn may(&self, name: &str, right: Right<'_>) -> Result<Permit, String> {
        let unbounded = self.reads();
        let Some(wanted) = right.role() else { return Ok(unbounded) };
        if self.author.is_none() {
            return Err(format!("this needs the role `{wanted}`: {}", self.standing));
        }
        let has = |role: &str| self.roles.iter().any(|held| held == role);
        let is_built_in = wanted == OPERATOR || wanted == ADMIN;
        if has(ADMIN) || (is_built_in && has(wanted)) {
            return Ok(unbounded);
        }
        let gives = |role: &&Role| (role.name == wanted || names(role, name)) && self.is_here(role);
        let by: Vec<Role> = self.held.iter().filter(gives).cloned().collect();
        if by.is_empty() {
            return Err(self.lacks(name, wanted));
        }
        Ok(Permit { by: Some(by), has: self.has() })
    }

    fn lacks(&self, name: &str, wanted: &str) -> String {
        if !self.held.is_empty() {
            return format!("this needs a role with `{name}` here; {}", self.has());
        }
        let has = match self.roles.is_empty() {
            true => "no role".to_owned(),
            false => format!("not {wanted} but {}", self.roles_in_words()),
        };
        format!("this needs the role `{wanted}`: {}, has {has}", self.standing)
    }

    fn is_here(&self, role: &Role) -> bool {
        role.rooms.as_ref().is_none_or(|rooms| rooms.contains(&self.room))
    }

    /// What they have, in words.
    fn has(&self) -> String {
        format!("you have {}", self.roles_in_words())
    }

    /// Their roles, and what each gives that is not built in.
    pub fn roles_in_words(&self) -> String {
        let words = |name: &String| match self.held.iter().find(|role| role.name == *name) {
            Some(role) => format!("{name}: {}", in_words(role)),
            None => name.clone(),
        };
        let roles: Vec<String> = self.roles.iter().map(words).collect();
        let separator = if self.held.is_empty() { ", " } else { "; " };
        roles.join(separator)
    }
}

/// Whether a role names a command, by whichever of its names.
fn names(role: &Role, name: &str) -> bool {
    let is_named = |name: &str| role.commands.contains(name);
    let aliases = verbs::find(name).map_or(&[][..], |verb| verb.aliases);
    is_named(Role::ALL) || is_named(name) || aliases.iter().any(|alias| is_named(alias))
}

/// `ack, mute in #dba, at most 8h`.
fn in_words(role: &Role) -> String {
    let list = |texts: &mut dyn Iterator<Item = &String>| texts.cloned().collect::<Vec<_>>().join(", ");
    let mut words = match role.commands.contains(Role::ALL) {
        true => "all commands".to_owned(),
        false => list(&mut role.commands.iter()),
    };
    if let Some(rooms) = &role.rooms {
        words += &format!(" in {}", list(&mut rooms.iter()));
    }
    if let Some(objects) = &role.objects {
        let fields: Vec<String> =
            objects.iter().map(|(field, wanted)| format!("{field} = {}", wanted_in_words(wanted))).collect();
        words += &format!(", where {}", fields.join(" and "));
    }
    if let Some(longest) = role.longest {
        words += &format!(", at most {}", short_length(longest.as_secs_f64()));
    }
    if let Some(most) = role.most_objects {
        words += &format!(", at most {most} objects");
    }
    words
}

fn wanted_in_words(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Text(text) => text.clone(),
        Wanted::Number(number) => number.to_string(),
        Wanted::Flag(flag) => flag.to_string(),
        Wanted::Any(any) => any.iter().map(wanted_in_words).collect::<Vec<_>>().join(" or "),
    }
}

/// What a command is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// How many objects it touches, those of it that were touched before included.
    pub objects: usize,
    /// How many are called by it, besides whoever hears of objects.
    pub called: usize,
    /// How long what it does lasts; `None` for what has no length.
    pub length: Option<Length>,
}

/// How long something lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So long.
    For(Duration),
    /// Until somebody ends it.
    Open,
}

impl Permit {
    /// Whether nothing bounds it, so that [`Permit::covers`] is always true.
    pub fn is_unbounded(&self) -> bool {
        self.by.is_none()
    }

    /// The roles that bound it; none where nothing does.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.by.iter().flatten()
    }

    /// Whether it gives the command for all objects and any length.
    pub fn bounds_nothing(&self) -> bool {
        let is_free =
            |role: &Role| (role.objects.is_none(), role.longest, role.most_objects) == (true, None, None);
        self.by.as_ref().is_none_or(|by| by.iter().any(is_free))
    }

    /// Whether one of the roles gives all of this. `outside` says of what does not belong to a
    /// role, if there is any, what it is, as in `web1 is`. `Err` holds what to answer.
    pub fn covers(&self, reach: Reach, outside: impl Fn(&Role) -> Option<String>) -> Result<(), String> {
        let Some(by) = &self.by else { return Ok(()) };
        let mut why = String::new();
        for role in by {
            match lacks(role, reach, &outside) {
                None => return Ok(()),
                Some(lack) => why = lack,
            }
        }
        Err(format!("{why}; {}", self.has))
    }
}

/// What of this a role does not give.
fn lacks(role: &Role, reach: Reach, outside: impl Fn(&Role) -> Option<String>) -> Option<String> {
    let name = &role.name;
    if let Some(most) = role.most_objects
        && reach.objects > most as usize
    {
        return Some(format!("this touches {} objects, and {name} gives at most {most}", reach.objects));
    }
    if let Some(most) = role.most_objects
        && reach.called > most as usize
    {
        return Some(format!("this calls {}, and {name} gives at most {most}", reach.called));
    }
    if let (Some(longest), Some(length)) = (role.longest, reach.length) {
        let most = short_length(longest.as_secs_f64());
        match length {
            Length::Open => return Some(format!("say for how long; {name} gives at most {most}")),
            Length::For(length) if length > longest => {
                let length = short_length(length.as_secs_f64());
                return Some(format!("this lasts {length}, and {name} gives at most {most}"));
            }
            Length::For(_) => {}
        }
    }
    role.objects.as_ref()?;
    outside(role).map(|objects| format!("{objects} none of the objects of {name}"))
}

#[cfg(test)]
mod tests;
