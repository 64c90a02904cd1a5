//! Tests of who may.

use super::*;
use crate::config::Accounts;
use std::collections::BTreeSet;

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn role(name: &str, commands: &[&str]) -> Role {
    let commands = set(commands);
    Role { name: name.to_owned(), commands, rooms: None, objects: None, longest: None, most_objects: None }
}

fn roles() -> BTreeMap<String, Role> {
    let dba = Role {
        rooms: Some(set(&["#dba", "private"])),
        objects: Some(BTreeMap::from([("host.vars.role".to_owned(), Wanted::Text("db".to_owned()))])),
        longest: Some(Duration::from_secs(8 * 3600)),
        most_objects: Some(2),
        ..role("dba", &["acknowledge", "freeze"])
    };
    let [watch, all] = [role("watch", &["recheck"]), role("all", &["*"])];
    [dba, watch, all].into_iter().map(|role| (role.name.clone(), role)).collect()
}

fn persons() -> BTreeMap<String, Person> {
    let person = |name: &str, irc: Accounts, roles: &[&str]| Person {
        name: name.to_owned(),
        icinga_author: format!("{name}@icinga"),
        irc,
        mail: None,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        code: None,
    };
    let on = |account: &str| Accounts::Everywhere(account.to_owned());
    let by_sink = Accounts::BySink(BTreeMap::from([("oftc".to_owned(), "dora".to_owned())]));
    [
        person("alice", on("Alice"), &["operator"]),
        person("bob", on("bob"), &[]),
        person("dora", by_sink, &["dba", "watch"]),
        person("erin", on("erin"), &["all"]),
    ]
    .into_iter()
    .map(|person| (person.name.clone(), person))
    .collect()
}

fn said(sink: &str, room: Option<&str>, account: Option<&str>) -> Utterance {
    Utterance {
        sink: sink.to_owned(),
        room: room.unwrap_or("nick").to_owned(),
        private: room.is_none(),
        speaker: Speaker { nick: "nick".to_owned(), account: account.map(str::to_owned), local: false },
        text: String::new(),
        at: Timestamp::UNIX_EPOCH,
    }
}

fn who(sink: &str, room: Option<&str>, account: Option<&str>) -> Caller {
    caller(&said(sink, room, account), &persons(), &roles())
}

fn refusal(caller: &Caller, name: &str, right: Right<'_>) -> String {
    caller.may(name, right).expect_err(name)
}

#[test]
fn an_account_makes_a_person_and_a_nick_makes_nobody() {
    let alice = who("irc", Some("#ops"), Some("alice"));
    assert_eq!((alice.person.as_deref(), alice.author.as_deref()), (Some("alice"), Some("alice@icinga")));
    assert!(alice.may("ack", Right::Operator).is_ok_and(|permit| permit.is_unbounded()));
    let impostor = who("irc", Some("#ops"), None);
    assert_eq!(impostor.author, None);
    assert!(refusal(&impostor, "ack", Right::Operator).contains("log in to services"));
    assert!(impostor.may("problems", Right::Reads).is_ok());
}

#[test]
fn an_account_on_one_network_is_nobody_on_another() {
    assert_eq!(who("oftc", Some("#dba"), Some("dora")).person.as_deref(), Some("dora"));
    let other = who("libera", Some("#dba"), Some("dora"));
    assert_eq!(other.person, None);
    assert!(refusal(&other, "ack", Right::Operator).contains("no [person] of watchbell.toml has on libera"));
}

#[test]
fn a_refusal_says_what_is_missing_and_what_there_is() {
    let bob = who("irc", Some("#ops"), Some("bob"));
    assert!(refusal(&bob, "ack", Right::Operator).contains("account bob, person bob, has no role"));
    let alice = who("irc", Some("#ops"), Some("alice"));
    assert_eq!(
        refusal(&alice, "join", Right::Admin),
        "this needs the role `admin`: account alice, person alice, has not admin but operator"
    );
    let dora = who("oftc", Some("#DBA"), Some("dora"));
    assert_eq!(
        refusal(&dora, "downtime", Right::Operator),
        "this needs a role with `downtime` here; you have dba: acknowledge, freeze in #dba, private, where \
         host.vars.role = db, at most 8h, at most 2 objects; watch: recheck"
    );
    assert!(refusal(&who("oftc", Some("#ops"), Some("dora")), "ack", Right::Operator).contains("in #dba"));
}

#[test]
fn a_role_gives_its_commands_in_its_rooms_within_its_bounds() {
    let permit = |room, name, right| who("oftc", room, Some("dora")).may(name, right);
    let ack = permit(Some("#DBA"), "ack", Right::Operator).expect("by its other name");
    permit(None, "ack", Right::Operator).expect("in private");
    permit(None, "freeze", Right::Role("operator")).expect("a command of a rule file");
    permit(None, "thaw", Right::Role("dba")).expect("a command for this very role");
    assert!(permit(Some("#ops"), "thaw", Right::Role("dba")).is_err(), "not there");
    let hours = |hours: u64| Some(Length::For(Duration::from_secs(hours * 3600)));
    let check = |objects, length, outside: Option<&str>| {
        ack.covers(Reach { objects, called: 0, length }, |_| outside.map(str::to_owned))
    };
    assert_eq!(check(2, hours(8), None), Ok(()));
    for (objects, length, outside, words) in [
        (3, hours(8), None, "this touches 3 objects, and dba gives at most 2; you have dba"),
        (1, hours(9), None, "this lasts 9h, and dba gives at most 8h"),
        (1, Some(Length::Open), None, "say for how long; dba gives at most 8h"),
        (1, hours(1), Some("web1 is"), "web1 is none of the objects of dba"),
    ] {
        assert!(check(objects, length, outside).is_err_and(|why| why.contains(words)), "{words}");
    }
    let calling = |called| ack.covers(Reach { objects: 0, called, length: None }, |_| None);
    assert_eq!(calling(2), Ok(()));
    assert!(calling(3).is_err_and(|why| why.contains("this calls 3, and dba gives at most 2")));
    let recheck = permit(Some("#ops"), "recheck", Right::Operator).expect("everywhere");
    assert_eq!(recheck.covers(Reach { objects: 99, called: 0, length: None }, |_| None), Ok(()));
}

#[test]
fn all_commands_are_all_commands() {
    let erin = who("irc", Some("#ops"), Some("erin"));
    for right in [Right::Operator, Right::Admin, Right::Role("dba")] {
        assert!(erin.may("whatever", right).is_ok());
    }
}

#[test]
fn the_terminal_may_do_all() {
    let mut at_home = said("terminal", None, None);
    at_home.speaker.local = true;
    assert!(caller(&at_home, &persons(), &roles()).may("join", Right::Admin).is_ok());
}
