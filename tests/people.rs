//! Persons and roles: what is written is understood, and who somebody is depends on the network.

use crate::common::config::{CANARY, Folder};
use secrecy::ExposeSecret;
use watchbell::config::{Accounts, Config, Wanted};

/// Two networks and a console, and the persons and roles behind them.
fn with(people: &str) -> String {
    format!(
        "[sink.irc.libera]\nserver = \"irc.example.org\"\nnick = \"bell\"\n\
         [sink.irc.oftc]\nserver = \"irc.example.net\"\nnick = \"bell\"\n\
         [sink.console.terminal]\n[target.ops]\nsink = \"terminal\"\n[defaults]\ntarget = \"ops\"\n{people}"
    )
}

#[track_caller]
fn good(folder: &Folder, people: &str) -> Config {
    folder.load(&with(people)).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn an_account_is_one_for_all_networks_or_one_for_each() {
    let folder = Folder::new();
    let config = good(
        &folder,
        "[person.alice]\nirc = { libera = \"alice\", oftc = \"al\" }\n[person.bob]\nirc = \"bob\"\n\
         [person.carol]\nirc.oftc = \"alice\"\n",
    );
    let on = |person: &str, sink: &str| config.persons[person].irc.on(sink).map(str::to_owned);
    assert_eq!(on("alice", "libera").as_deref(), Some("alice"));
    assert_eq!(on("alice", "oftc").as_deref(), Some("al"));
    assert_eq!(on("bob", "oftc").as_deref(), Some("bob"));
    assert_eq!((on("carol", "libera"), on("carol", "oftc").as_deref()), (None, Some("alice")));
    assert_eq!(Accounts::None.on("libera"), None);
}

#[test]
fn a_role_says_what_where_on_what_and_how_long() {
    let folder = Folder::new();
    let config = good(
        &folder,
        "[role.dba]\ncommands = [\"Ack\", \"mute\"]\nrooms = [\"#DBA\", \"private\"]\nlongest = \"8h\"\nmost_objects = 20\n\
         [role.dba.objects]\nhost.vars.role = \"db\"\n\"host.groups\" = [\"gold\", \"silver*\"]\n\
         [role.all]\ncommands = \"*\"\n[person.alice]\nroles = [\"dba\", \"operator\"]\n",
    );
    let dba = &config.roles["dba"];
    assert!(dba.commands.iter().eq(["ack", "mute"]));
    assert!(dba.rooms.as_ref().is_some_and(|rooms| rooms.iter().eq(["#dba", "private"])));
    assert_eq!((dba.longest, dba.most_objects), (Some(std::time::Duration::from_secs(8 * 3600)), Some(20)));
    let objects = dba.objects.as_ref().expect("there are some");
    let text = |text: &str| Wanted::Text(text.to_owned());
    assert_eq!(objects["host.vars.role"], text("db"));
    assert_eq!(objects["host.groups"], Wanted::Any(vec![text("gold"), text("silver*")]));
    assert_eq!(config.roles["all"].objects, None);
    assert_eq!(config.persons["alice"].roles, ["dba", "operator"]);
}

#[test]
fn a_secret_of_codes_is_read_as_apps_show_it_and_never_shown() {
    let folder = Folder::new();
    folder.write("alice.code", "gezd gnbv-GY3TQOJQ GEZDGNBVGY3TQOJQ\n", 0o600);
    let config = good(&folder, "[person.alice]\ncode_file = \"alice.code\"\n");
    let secret = config.persons["alice"].code.as_ref().expect("there is one");
    assert_eq!(secret.expose_secret(), b"12345678901234567890");
    let shown = format!("{config:?}");
    assert!(!shown.contains("GEZD") && !shown.contains("49, 50, 51"), "{shown}");
}

/// What is written of people, and what the one fault says.
const FAULTS: &[(&str, &str)] = &[
    ("[person.alice]\nirc = { libra = \"alice\" }", "did you mean `libera`?"),
    ("[person.alice]\nirc = { terminal = \"alice\" }", "which is no network but console"),
    ("[person.alice]\nirc = { libera = 5 }", "`person.alice.irc.libera` must be text"),
    ("[person.alice]\nirc = \"x\"\n[person.bob]\nirc = \"X\"", "is the account of `person.alice` as well"),
    (
        "[person.alice]\nirc = \"x\"\n[person.bob]\nirc = { oftc = \"x\" }",
        "`person.bob.irc.oftc` is the account of `person.alice` as well",
    ),
    (
        "[person.alice]\nirc.oftc = \"x\"\n[person.bob]\nirc.oftc = \"x\"",
        "is the account of `person.alice` as well",
    ),
    ("[person.alice]\nmail = \"alice\"", "`person.alice.mail` is no mail address"),
    (
        "[person.alice]\nmail = \"a@example.org\"\n[person.bob]\nmail = \"A@example.org\"",
        "is the address of `person.alice` as well",
    ),
    ("[person.alice]\nroles = [\"dab\"]\n[role.dba]\ncommands = [\"ack\"]", "did you mean `dba`?"),
    ("[person.alice]\ncode = \"GEZDGNBV\"", "secrets do not stand in this file"),
    ("[person.alice]\ncode_file = \"irc.password\"", "holds no base32"),
    ("[person.alice]\ncode_file = \"short.code\"", "fewer than 16 bytes"),
    (
        "[person.alice]\ntoken_file = \"short.code\"",
        "`person.alice.token_file` holds fewer than 24 characters",
    ),
    ("[person.alice]\ntoken_file = \"open.token\"", "which others can read or write (mode 0644)"),
    ("[person.alice]\ntoken_file = \"nosuch.token\"", "which cannot be read"),
    ("[person.alice]\ntoken = \"hunter2\"", "secrets do not stand in this file"),
    (
        "[person.alice]\ntoken_file = \"alice.token\"\n[person.bob]\ntoken_file = \"alice.token\"",
        "`person.bob.token_file` holds the token of `person.alice` as well",
    ),
    (
        "[webhook.a]\ntoken_file = \"alice.token\"\n[person.alice]\ntoken_file = \"alice.token\"",
        "holds the token of `webhook.a` as well",
    ),
    ("[sink.exec.api]\ncommand = [\"/bin/true\"]", "stands for the listening socket"),
    (
        "[sink.irc.lab]\nserver = \"localhost\"\nnick = \"b\"\ntrust_nicknames = true",
        "where the network has no accounts, write `codes = true`",
    ),
    ("[role.operator]\ncommands = [\"ack\"]", "`role.operator` is built in"),
    ("[role.dba]", "`role.dba.commands` is missing"),
    ("[role.dba]\ncommands = []", "`role.dba.commands` is empty"),
    ("[role.dba]\ncommands = [\"ack\"]\nrooms = [\"dba\"]", "has `dba`, which is no channel"),
    ("[role.dba]\ncommands = [\"ack\"]\nrooms = []", "`role.dba.rooms` is empty"),
    ("[role.dba]\ncommands = [\"ack\"]\nlongest = \"ages\"", "`role.dba.longest` is not understood"),
    ("[role.dba]\ncommands = [\"ack\"]\nmost_objects = 0", "must be between 1 and 1000000"),
    ("[role.dba]\ncommands = [\"ack\"]\nobjects = \"db*\"", "must be a table of fields"),
    ("[role.dba]\ncommands = [\"ack\"]\nobjects = { host.adress = \"x\" }", "did you mean `host.address`?"),
    ("[role.dba]\ncommands = [\"ack\"]\nobjects = { on = \"StateChange\" }", "a role is about objects"),
    ("[role.dba]\ncommands = [\"ack\"]\nobjects = { object = 1979-05-27 }", "with a date"),
];

#[test]
fn each_fault_is_told_with_its_remedy_and_shows_no_secret() {
    let folder = Folder::new();
    folder.write("short.code", "GEZDGNBV\n", 0o600);
    folder.write("open.token", &format!("{CANARY}-of-24-letters-and-more\n"), 0o644);
    for (people, words) in FAULTS {
        let Err(faults) = folder.load(&with(people)) else { panic!("was taken: {people}") };
        let shown = folder.shown(&faults);
        assert!(shown.contains(words), "{people}\n{shown}");
        assert_eq!(faults.diagnostics().len(), 1, "{shown}");
        assert!(!shown.contains(CANARY) && !shown.contains("GEZDGNBV"), "{shown}");
    }
}

#[test]
fn a_token_of_a_person_opens_the_listening_socket_and_is_never_shown() {
    let folder = Folder::new();
    let config = good(&folder, "[person.alice]\ntoken_file = \"alice.token\"\n[person.bob]\n");
    let incoming = config.incoming.as_ref().expect("somebody may post");
    assert_eq!(incoming.persons.keys().collect::<Vec<_>>(), ["alice"]);
    assert!(incoming.tokens.is_empty() && !format!("{config:?}").contains(CANARY));
}

#[test]
fn the_same_account_on_two_networks_may_be_two_people() {
    good(&Folder::new(), "[person.alice]\nirc.libera = \"al\"\n[person.albert]\nirc.oftc = \"al\"\n");
}
