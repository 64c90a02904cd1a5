//! Who may: the one place where rights are checked.

use crate::config::Person;
use crate::model::Speaker;
use std::collections::BTreeMap;

/// Who asks, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name in the room; proves nothing.
    pub nick: String,
    /// Which person of the configuration they are.
    pub person: Option<String>,
    /// The name Icinga hears, if they are a known person.
    pub author: Option<String>,
    /// The roles they have; empty for a stranger.
    pub roles: Vec<String>,
    /// What the network said of them, for `whoami` and refusals.
    pub standing: String,
}

/// The role that may change things.
pub const OPERATOR: &str = "operator";
/// The role that may do all.
pub const ADMIN: &str = "admin";
/// All roles.
pub const ROLES: &[&str] = &[OPERATOR, ADMIN];

/// Who may use a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right<'a> {
    /// Anybody: it shows what is known.
    Reads,
    /// Verified operators: it changes something.
    Operator,
    /// Verified admins alone.
    Admin,
    /// Whoever has this role, which a rule file names.
    Role(&'a str),
}

impl<'a> Right<'a> {
    /// The role that is needed; `None` where anybody may.
    pub fn role(self) -> Option<&'a str> {
        match self {
            Right::Reads => None,
            Right::Operator => Some(OPERATOR),
            Right::Admin => Some(ADMIN),
            Right::Role(role) => Some(role),
        }
    }
}

/// Finds out who speaks. Only a verified account, or the operator of this very
/// process, is anybody; a nick is nobody.
/// What is an account on one network is nobody on another, unless it is the person's there, too.
pub fn caller(speaker: &Speaker, sink: &str, persons: &BTreeMap<String, Person>) -> Caller {
    let stranger = |standing: String| Caller {
        nick: speaker.nick.clone(),
        person: None,
        author: None,
        roles: Vec::new(),
        standing,
    };
    if speaker.local {
        return Caller {
            nick: speaker.nick.clone(),
            person: None,
            author: Some(speaker.nick.clone()),
            roles: vec![ADMIN.to_owned()],
            standing: "you sit at this terminal".to_owned(),
        };
    }
    let Some(account) = &speaker.account else {
        return stranger("the network does not vouch for your nick; log in to services".to_owned());
    };
    let person = persons
        .values()
        .find(|person| person.irc.on(sink).is_some_and(|irc| irc.eq_ignore_ascii_case(account)));
    match person {
        Some(person) => Caller {
            nick: speaker.nick.clone(),
            person: Some(person.name.clone()),
            author: Some(person.icinga_author.clone()),
            roles: person.roles.clone(),
            standing: format!("account {account}, person {}", person.name),
        },
        None => stranger(format!("account {account}, which no [person] of watchbell.toml has on {sink}")),
    }
}

impl Caller {
    /// Whether they may use this command in this room. `Err` holds what to answer.
    pub fn may(&self, _name: &str, right: Right<'_>, _room: &str) -> Result<(), String> {
        right.role().map_or(Ok(()), |role| self.needs(role))
    }

    fn needs(&self, role: &str) -> Result<(), String> {
        if self.roles.iter().any(|held| held == role || held == ADMIN) {
            return Ok(());
        }
        Err(format!("this needs the role `{role}`: {}", self.why_not(role)))
    }

    fn why_not(&self, role: &str) -> String {
        if self.author.is_none() {
            return self.standing.clone();
        }
        format!(
            "{}, has {}",
            self.standing,
            if self.roles.is_empty() {
                "no role".to_owned()
            } else {
                format!("not {role} but {}", self.roles.join(", "))
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Accounts;

    fn persons() -> BTreeMap<String, Person> {
        let person = |name: &str, irc: &str, roles: &[&str]| Person {
            name: name.to_owned(),
            icinga_author: format!("{name}@icinga"),
            irc: Accounts::Everywhere(irc.to_owned()),
            mail: None,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            code: None,
        };
        BTreeMap::from([
            ("alice".to_owned(), person("alice", "Alice", &["operator"])),
            ("bob".to_owned(), person("bob", "bob", &[])),
        ])
    }

    fn speaker(nick: &str, account: Option<&str>, local: bool) -> Speaker {
        Speaker { nick: nick.to_owned(), account: account.map(str::to_owned), local }
    }

    #[test]
    fn an_account_makes_a_person_and_a_nick_makes_nobody() {
        let alice = caller(&speaker("al", Some("alice"), false), "irc", &persons());
        assert_eq!(alice.author.as_deref(), Some("alice@icinga"));
        assert_eq!(alice.needs(OPERATOR), Ok(()));
        let impostor = caller(&speaker("alice", None, false), "irc", &persons());
        assert_eq!(impostor.author, None);
        assert!(impostor.needs(OPERATOR).is_err_and(|why| why.contains("log in to services")));
    }

    #[test]
    fn a_refusal_says_what_is_missing() {
        let bob = caller(&speaker("bob", Some("bob"), false), "irc", &persons());
        assert!(bob.needs(OPERATOR).is_err_and(|why| why.contains("no role")));
        let alice = caller(&speaker("alice", Some("alice"), false), "irc", &persons());
        assert!(alice.needs(ADMIN).is_err_and(|why| why.contains("not admin but operator")));
        let carol = caller(&speaker("carol", Some("carol"), false), "irc", &persons());
        assert!(carol.needs(OPERATOR).is_err_and(|why| why.contains("no [person]")));
    }

    #[test]
    fn the_terminal_may_do_all() {
        assert_eq!(caller(&speaker("me", None, true), "irc", &persons()).needs(ADMIN), Ok(()));
    }
}
