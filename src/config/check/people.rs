//! `[person.<name>]` and `[role.<name>]`: who may command, and what.

use super::check_name;
use super::reach::{Known, reach};
use super::targets::is_channel;
use crate::config::keys::{PERSON, ROLE, ROLES};
use crate::config::raw::{Section, suggestion};
use crate::config::reader::Written;
use crate::config::{Accounts, Person, Reach, Role, Target, Wanted};
use crate::diagnostic::did_you_mean;
use crate::model::scene::Path;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::collections::{BTreeMap, BTreeSet};

/// The least bytes of a secret for one-time codes (RFC 4226, section 4, R6).
const SHORTEST_CODE_BYTES: usize = 16;

/// What persons already have, each with the name of its person.
#[derive(Default)]
struct Taken {
    /// By sink and account; the sink is `None` for an account on all networks.
    accounts: Vec<(Option<String>, String, String)>,
    mails: BTreeMap<String, String>,
}

/// Everybody who is right, and how they are reached.
#[derive(Default)]
pub(super) struct People {
    /// By name.
    pub(super) persons: BTreeMap<String, Person>,
    /// How each is reached, by name.
    pub(super) reach: BTreeMap<String, Reach>,
    /// The targets that stand for their ways.
    pub(super) ways: Vec<Target>,
    /// The tokens they post commands with, as written, each with the name of its person.
    pub(super) tokens: Vec<(String, Written<SecretString>)>,
}

/// All persons that are right. Networks are those sinks that are IRC. `zone`: that of
/// `[defaults]`.
pub(super) fn people(
    root: &Section<'_>,
    sinks: &BTreeMap<String, &'static str>,
    roles: &BTreeMap<String, Role>,
    zone: &TimeZone,
) -> People {
    let mut taken = Taken::default();
    let mut people = People::default();
    for (name, section) in root.named("person", &PERSON) {
        check_name(root, &name);
        let icinga_author =
            section.text("icinga_author").map_or_else(|| name.value.clone(), |author| author.value);
        let person = Person {
            name: name.value.clone(),
            icinga_author,
            irc: accounts(&section, &name.value, sinks, &mut taken),
            mail: mail(&section, &name.value, &mut taken),
            roles: roles_of(&section, roles),
            code: code(&section),
        };
        let known = Known { name: &person.name, irc: &person.irc, mail: person.mail.as_deref() };
        let (reach, ways) = reach(&section, &known, sinks, zone);
        people.reach.insert(name.value.clone(), reach);
        people.ways.extend(ways);
        people.tokens.extend(token(&section).map(|token| (name.value.clone(), token)));
        people.persons.insert(name.value, person);
    }
    people
}

fn accounts(
    section: &Section<'_>,
    person: &str,
    sinks: &BTreeMap<String, &'static str>,
    taken: &mut Taken,
) -> Accounts {
    if !section.is_table("irc") {
        let Some(account) = section.text("irc") else { return Accounts::None };
        take_account(section, person, None, &account, taken);
        return Accounts::Everywhere(account.value);
    }
    let written = section.texts_by_name("irc");
    if written.is_empty() {
        return Accounts::None;
    }
    for (sink, account) in &written {
        match sinks.get(&sink.value) {
            Some(&"irc") => {}
            Some(kind) => {
                let message = format!("names the sink `{}`, which is no network but {kind}", sink.value);
                section.reader.fault(&sink.spot, message, "accounts are those of `[sink.irc.NAME]`");
            }
            None => {
                let networks =
                    sinks.iter().filter(|(_, kind)| **kind == "irc").map(|(name, _)| name.as_str());
                let message = format!("names the sink `{}`, which is not configured", sink.value);
                section.reader.fault(&sink.spot, message, suggestion(&sink.value, networks));
            }
        }
        take_account(section, person, Some(&sink.value), account, taken);
    }
    Accounts::BySink(written.into_iter().map(|(sink, account)| (sink.value, account.value)).collect())
}

/// Notes a fault where another person has this account on the same network.
fn take_account(
    section: &Section<'_>,
    person: &str,
    sink: Option<&str>,
    account: &Written<String>,
    taken: &mut Taken,
) {
    let folded = account.value.to_lowercase();
    let meets = |other: &Option<String>| sink.is_none() || other.is_none() || other.as_deref() == sink;
    let other = taken
        .accounts
        .iter()
        .find(|(other, account, owner)| meets(other) && *account == folded && owner != person);
    if let Some((_, _, owner)) = other {
        let message = format!("is the account of `person.{owner}` as well");
        section.reader.fault(
            &account.spot,
            message,
            "an account belongs to one person; correct one of the two",
        );
    }
    taken.accounts.push((sink.map(str::to_owned), folded, person.to_owned()));
}

fn mail(section: &Section<'_>, person: &str, taken: &mut Taken) -> Option<String> {
    let Written { value: address, spot } = section.text("mail")?;
    if let Err(cause) = address.parse::<lettre::Address>() {
        let message = format!("is no mail address: {cause}");
        section.reader.fault(&spot, message, "write it like \"alice@example.org\", without a name");
    } else if let Some(owner) = taken.mails.insert(address.to_lowercase(), person.to_owned()) {
        let message = format!("is the address of `person.{owner}` as well");
        section.reader.fault(&spot, message, "an address belongs to one person; correct one of the two");
    }
    Some(address)
}

fn roles_of(section: &Section<'_>, roles: &BTreeMap<String, Role>) -> Vec<String> {
    let written = section.texts("roles").map_or_else(Vec::new, |roles| roles.value);
    let known = || ROLES.iter().copied().chain(roles.keys().map(String::as_str));
    for role in &written {
        if !known().any(|known| known == role.value) {
            let message = format!("has the role `{}`, which does not exist", role.value);
            let help = suggestion(&role.value, known());
            section.reader.fault(&role.spot, message, help);
        }
    }
    written.into_iter().map(|role| role.value).collect()
}

/// What they post commands with.
fn token(section: &Section<'_>) -> Option<Written<SecretString>> {
    let is_there = section.has("token_file") || section.has("token_env");
    is_there.then(|| section.secret("token_file", "token_env")).flatten()
}

/// The secret of one-time codes, decoded; apps show it in groups and in any case.
fn code(section: &Section<'_>) -> Option<SecretSlice<u8>> {
    if !section.has("code_file") && !section.has("code_env") {
        return None;
    }
    let Written { value: secret, spot } = section.secret("code_file", "code_env")?;
    let help = "make one with: openssl rand 20 | base32";
    let text: String =
        secret.expose_secret().chars().filter(|character| !" -=".contains(*character)).collect();
    let Ok(secret) = totp_rs::Secret::try_from_base32(text.to_ascii_uppercase()) else {
        section.reader.fault(&spot, "holds no base32", help);
        return None;
    };
    if secret.as_bytes().len() < SHORTEST_CODE_BYTES {
        let message =
            format!("holds a secret of fewer than {SHORTEST_CODE_BYTES} bytes, which can be guessed");
        section.reader.fault(&spot, message, help);
        return None;
    }
    Some(SecretSlice::from(secret.as_bytes().to_vec()))
}

/// All roles that are right. Whether there are such commands is known to whoever knows the commands.
pub(super) fn roles(root: &Section<'_>) -> BTreeMap<String, Role> {
    let mut roles = BTreeMap::new();
    for (name, section) in root.named("role", &ROLE) {
        check_name(root, &name);
        if ROLES.contains(&name.value.as_str()) {
            section.reader.fault(&name.spot, "is built in and cannot be changed", "give it another name");
        }
        let commands = section.texts("commands");
        if let Some(Written { value, spot }) = &commands
            && value.is_empty()
        {
            section.reader.fault(spot, "is empty", "name a command, or \"*\" for all of them");
        }
        let role = Role {
            name: name.value.clone(),
            commands: commands.map_or_else(BTreeSet::new, |commands| folded(commands.value)),
            rooms: rooms(&section),
            objects: objects(&section),
            longest: section.duration("longest"),
            most_objects: section.integer("most_objects", 1..=1_000_000),
        };
        roles.insert(name.value, role);
    }
    roles
}

fn folded(texts: Vec<Written<String>>) -> BTreeSet<String> {
    texts.into_iter().map(|text| text.value.to_lowercase()).collect()
}

fn rooms(section: &Section<'_>) -> Option<BTreeSet<String>> {
    let Written { value: rooms, spot } = section.texts("rooms")?;
    if rooms.is_empty() {
        section.reader.fault(&spot, "is empty", "name a channel, or leave it out for all rooms");
    }
    for room in rooms.iter().filter(|room| room.value != Role::PRIVATE && !is_channel(&room.value)) {
        let message = format!("has `{}`, which is no channel", room.value);
        section.reader.fault(&room.spot, message, "write a channel like \"#dba\", or \"private\"");
    }
    Some(folded(rooms))
}

fn objects(section: &Section<'_>) -> Option<BTreeMap<String, Wanted>> {
    let fields = section.fields("objects")?;
    for (path, _) in &fields {
        let message = match path.value.as_str() {
            "on" => "is about events, and a role is about objects".to_owned(),
            field if Path::parse(field).is_none() => format!("has no field `{field}`"),
            _ => continue,
        };
        let names: Vec<String> = Path::names().collect();
        let help = match did_you_mean(&path.value, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "fields are those of rules, such as \"host.vars.role\" or \"host.groups\"".to_owned(),
        };
        section.reader.fault(&path.spot, message, help);
    }
    Some(fields.into_iter().map(|(path, wanted)| (path.value, wanted)).collect())
}
