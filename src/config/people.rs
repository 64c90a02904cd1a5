//! Persons and roles: who somebody is on each network, and what they may.
//!
//! Promises: an account on one network, and a mail address, belong to one person; the
//! secret for one-time codes is shown nowhere. Never: decides what somebody may; `permit` does.

use super::{Config, SinkKind, SinkSettings};
use secrecy::SecretSlice;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Somebody who may be told, or may command.
#[derive(Debug, Clone)]
pub struct Person {
    /// Our name for them.
    pub name: String,
    /// `icinga_author`: under this name Icinga hears of them; the name where not set.
    pub icinga_author: String,
    /// `irc`: the verified account, on each network.
    pub irc: Accounts,
    /// `mail`: their address.
    pub mail: Option<String>,
    /// `roles`: built-in ones, or those of `[role.<name>]`.
    pub roles: Vec<String>,
    /// `code_file` or `code_env`: the secret of their one-time codes, decoded.
    pub code: Option<SecretSlice<u8>>,
}

/// The accounts of one person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Accounts {
    /// None.
    #[default]
    None,
    /// This one, on all networks.
    Everywhere(String),
    /// By the names of IRC sinks; not empty.
    BySink(BTreeMap<String, String>),
}

impl Accounts {
    /// The account on the network of this sink.
    pub fn on(&self, sink: &str) -> Option<&str> {
        match self {
            Accounts::None => None,
            Accounts::Everywhere(account) => Some(account),
            Accounts::BySink(accounts) => accounts.get(sink).map(String::as_str),
        }
    }
}

/// `[role.<name>]`: what whoever has it may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Its name; none of the built-in ones.
    pub name: String,
    /// `commands`: names or aliases, as written; `*` is all of them.
    pub commands: BTreeSet<String>,
    /// `rooms`: channels, or [`Role::PRIVATE`]; `None` is everywhere.
    pub rooms: Option<BTreeSet<String>>,
    /// `objects`: fields of a matcher, all of which must hold; `None` is all objects.
    pub objects: Option<BTreeMap<String, Wanted>>,
    /// `longest`: how long what they ask for may last.
    pub longest: Option<Duration>,
    /// `most_objects`: how many objects one command may touch.
    pub most_objects: Option<u32>,
}

impl Role {
    /// What stands for all commands.
    pub const ALL: &str = "*";
    /// The room of what is said to Watchbell alone.
    pub const PRIVATE: &str = "private";
}

/// What a field of an object must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// This text; `*` is any run of characters, `?` any one.
    Text(String),
    /// This number.
    Number(f64),
    /// This truth value.
    Flag(bool),
    /// One of these.
    Any(Vec<Wanted>),
}

impl Config {
    /// The sinks where a one-time code proves who somebody is (`codes`), in the order of names.
    pub fn code_sinks(&self) -> impl Iterator<Item = &str> {
        let codes = |sink: &&SinkSettings| matches!(&sink.kind, SinkKind::Irc(irc) if irc.codes);
        self.sinks.values().filter(codes).map(|sink| sink.name.as_str())
    }
}
