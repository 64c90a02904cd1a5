//! The configuration: what is right is understood, what is wrong is told.

use crate::common::config::{CANARY, Folder};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use std::path::{Path, PathBuf};
use std::time::Duration;
use watchbell::config::{
    Config, EmailTls, IcingaSettings, Login, Rotation, ScheduleSource, SinkKind, builtin, load, reference,
};

/// The smallest configuration that says everything it must.
const SMALLEST: &str = "\
[sink.console.terminal]
[target.ops]
sink = \"terminal\"
[defaults]
target = \"ops\"
";

/// Uses every section; each fault of the tests below is one change to it.
const GOOD: &str = r##"
[[icinga]]
name = "prod"
urls = ["https://icinga1:5665", "https://icinga2:5665/"]
user = "watchbell"
password_file = "icinga.password"
ca_file = "icinga-ca.crt"
server_name = "icinga1"
silence = "45s"
canary = "watchbell!canary"

[[icinga]]
name = "lab"
urls = "https://[::1]:5665"
client_cert_file = "icinga-ca.crt"
client_key_file = "client.key"

[sink.irc.libera]
server = "irc.example.org"
nick = "watchbell"
sasl_user = "bell"
sasl_password_file = "irc.password"
lines_per_second = 2
burst = 9

[sink.email.mail]
server = "smtps://mail.example.org"
from = "Watchbell <watchbell@example.org>"
user = "watchbell"
password_file = "mail.password"

[sink.webhook.chat]
url_file = "chat.url"
method = "PUT"
headers = { X-Source = "watchbell", X-Api-Key = { file = "hook.token" } }
bearer_file = "hook.token"
secret_file = "hook.secret"
old_secret_file = "hook.secret.old"
timeout = "1m30s"

[sink.exec.pager]
command = ["/bin/sh", "-c", "true"]

[sink.console.terminal]

[target.ops]
sink = "libera"
to = ["#ops", "alice"]

[target.dba]
sink = "mail"
to = "dba@example.org"

[target.chat]
sink = "chat"

[defaults]
target = "ops"
zone = "Europe/Berlin"
prefix = "@"

[person.alice]
irc = "Alice"
roles = ["operator", "admin"]

[person.bob]
icinga_author = "robert"
irc = "bob"

[schedule.dba]
zone = "America/New_York"

[[schedule.dba.layer]]
persons = ["alice", "bob"]
rotate = "2w"
handover = "mon 09:00"
from = "2026-01-05"

[[schedule.dba.layer]]
persons = "bob"
rotate = "12h"
handover = "8:00"
from = "2026-01-05"
until = "2026-12-31"
during = "Mon-Fri 09:00-17:00"

[schedule.web]
gaps = "meant"
ical_file = "web.ics"

[schedule.net]
ical_url_file = "chat.url"
ical_ca_file = "icinga-ca.crt"
"##;

fn good(folder: &Folder, text: &str) -> Config {
    folder.load(text).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn the_example_is_right() {
    let folder = Folder::new();
    let config = good(&folder, include_str!("../watchbell.example.toml"));
    assert_eq!(config.icinga.len(), 1);
    let kinds: Vec<_> = config.sinks.values().map(|sink| sink.kind.name()).collect();
    assert_eq!(kinds, ["webhook", "irc", "exec", "email", "console"]);
    assert_eq!(config.targets["dba-mail"].to, ["dba@example.org", "dba-night@example.org"]);
    assert_eq!(config.default_target, "ops");
    assert_eq!(config.persons["alice"].roles, ["operator"]);
}

#[test]
fn what_is_left_out_has_its_default() {
    let folder = Folder::new();
    let text =
        format!("{SMALLEST}[sink.irc.libera]\nserver = \"localhost\"\nnick = \"bell\"\n[person.alice]\n");
    let config = good(&folder, &text);
    assert_eq!(config.path, Some(folder.path("watchbell.toml")));
    assert_eq!(config.rules, folder.path("rules"));
    assert_eq!(config.templates, folder.path("templates"));
    assert_eq!(config.store, folder.path("watchbell.db"));
    assert_eq!(config.keep, std::time::Duration::from_secs(7 * 86_400));
    assert!(config.icinga.is_empty());
    assert_eq!(config.prefix, "!");
    assert_eq!(config.targets["ops"].to, [""]);
    assert_eq!(config.persons["alice"].icinga_author, "alice");
    let SinkKind::Irc(irc) = &config.sinks["libera"].kind else { panic!("it is IRC") };
    assert_eq!((irc.port, irc.tls, irc.codes), (6697, true, false));
    assert_eq!((irc.lines_per_second, irc.burst), (0.5, 4));
    assert!(irc.sasl.is_none());
}

#[test]
fn how_long_the_past_is_kept_is_configured_and_not_too_short() {
    let folder = Folder::new();
    let keep = |time: &str| format!("[store]\nkeep = \"{time}\"\n{SMALLEST}");
    assert_eq!(good(&folder, &keep("36h")).keep, std::time::Duration::from_secs(36 * 3600));
    let Err(faults) = folder.load(&keep("10m")) else { panic!("10m was taken") };
    assert!(faults.render(false).contains("is too short"), "{}", faults.render(false));
}

/// The name that is looked for in the certificate behind each URL.
fn names(icinga: &IcingaSettings) -> Vec<Option<&str>> {
    icinga.urls.iter().map(|url| icinga.server_name(url)).collect()
}

#[test]
fn each_url_may_have_a_server_name_of_its_own() {
    let folder = Folder::new();
    let each = r#"server_name = ["icinga2", "icinga1"]"#;
    let config = good(&folder, &GOOD.replace("server_name = \"icinga1\"", each));
    assert_eq!(names(&config.icinga[0]), [Some("icinga2"), Some("icinga1")]);
}

#[test]
fn every_section_is_understood() {
    let folder = Folder::new();
    let config = good(&folder, GOOD);
    let [prod, lab] = &config.icinga[..] else { panic!("there are two") };
    assert_eq!(names(prod), [Some("icinga1"); 2]);
    assert_eq!(names(lab), [None]);
    assert_eq!((prod.silence, prod.canary.as_deref()), (Duration::from_secs(45), Some("watchbell!canary")));
    let Login::Password { user, password } = &prod.login else { panic!("it is a password") };
    assert_eq!((user.as_str(), password.expose_secret()), ("watchbell", CANARY));
    assert!(
        matches!(&lab.login, Login::Certificate { key_file, .. } if *key_file == folder.path("client.key"))
    );
    assert_eq!(lab.silence, Duration::from_secs(30));

    let SinkKind::Irc(irc) = &config.sinks["libera"].kind else { panic!("it is IRC") };
    assert_eq!((irc.host.as_str(), irc.port, irc.lines_per_second), ("irc.example.org", 6697, 2.0));
    assert_eq!(irc.sasl.as_ref().map(|sasl| sasl.user.as_str()), Some("bell"));
    let SinkKind::Email(mail) = &config.sinks["mail"].kind else { panic!("it is mail") };
    assert_eq!((mail.port, mail.tls), (465, EmailTls::Implicit));
    let SinkKind::Webhook(hook) = &config.sinks["chat"].kind else { panic!("it is a webhook") };
    assert_eq!(hook.url.expose_secret(), format!("https://hooks.example.org/{CANARY}"));
    assert_eq!((hook.method.as_str(), hook.timeout), ("PUT", Duration::from_secs(90)));
    assert_eq!(hook.headers["X-Api-Key"], CANARY);
    let keys: Vec<&[u8]> = hook.signing.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(keys, [&[7; 24], format!("the old {CANARY} of before").as_bytes()]);
    let SinkKind::Exec(exec) = &config.sinks["pager"].kind else { panic!("it is a program") };
    assert_eq!(exec.command, ["/bin/sh", "-c", "true"]);

    assert_eq!(config.targets["ops"].to, ["#ops", "alice"]);
    assert_eq!(config.targets["dba"].to, ["dba@example.org"]);
    assert_eq!(config.zone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(config.persons["bob"].icinga_author, "robert");

    let dba = &config.schedules["dba"];
    assert_eq!(dba.zone.iana_name(), Some("America/New_York"));
    let ScheduleSource::Layers(layers) = &dba.source else { panic!("it has layers") };
    let persons: Vec<_> = layers.iter().map(|layer| layer.persons.join(",")).collect();
    assert_eq!(persons, ["alice,bob", "bob"]);
    assert_eq!((layers[0].rotate, layers[1].rotate), (Rotation::Days(14), Rotation::Hours(12)));
    assert_eq!(layers[1].until, Some("2026-12-31".parse().expect("a day")));
    assert!(layers[0].during.is_none() && layers[1].during.is_some());
    assert_eq!(config.schedules["web"].zone.iana_name(), Some("Europe/Berlin"));
    assert!(config.schedules["web"].gaps_are_meant && !dba.gaps_are_meant);
    assert!(
        matches!(&config.schedules["web"].source, ScheduleSource::IcalFile(file) if *file == folder.path("web.ics"))
    );
    let ScheduleSource::IcalUrl { url, ca_file } = &config.schedules["net"].source else {
        panic!("it is an address")
    };
    assert!(url.expose_secret().ends_with(CANARY));
    assert_eq!(*ca_file, Some(folder.path("icinga-ca.crt")));
}

#[test]
fn the_console_shows_times_in_the_zone_of_the_defaults() {
    let config = good(&Folder::new(), GOOD);
    let SinkKind::Console(console) = &config.sinks["terminal"].kind else {
        panic!("a console");
    };
    assert_eq!(console.zone.iana_name(), Some("Europe/Berlin"));
}

#[test]
fn tls_may_be_off_on_this_machine() {
    let folder = Folder::new();
    let text = format!(
        "{SMALLEST}[sink.irc.test]\nserver = \"[::1]\"\ntls = false\nnick = \"bell\"\n\
         [sink.email.test]\nserver = \"smtp://localhost:2525\"\ntls = \"off\"\nfrom = \"a@example.org\"\n"
    );
    let config = good(&folder, &text.replace("email.test", "email.mail"));
    let SinkKind::Irc(irc) = &config.sinks["test"].kind else { panic!("it is IRC") };
    assert_eq!((irc.host.as_str(), irc.port, irc.tls), ("::1", 6667, false));
    let SinkKind::Email(mail) = &config.sinks["mail"].kind else { panic!("it is mail") };
    assert_eq!((mail.port, mail.tls), (2525, EmailTls::Off));
}

#[test]
fn a_secret_may_come_from_the_environment() {
    let folder = Folder::new();
    let config =
        good(&folder, &GOOD.replace("password_file = \"icinga.password\"", "password_env = \"PATH\""));
    let Login::Password { password, .. } = &config.icinga[0].login else { panic!("it is a password") };
    assert_eq!(password.expose_secret(), std::env::var("PATH").expect("there is one"));
}

#[test]
fn a_file_from_another_editor_is_read() {
    let folder = Folder::new();
    let config = good(&folder, &format!("\u{feff}{}", GOOD.replace('\n', "\r\n")));
    assert_eq!(config.targets.len(), 3);
}

#[test]
fn the_builtin_configuration_tells_the_console() {
    let config = builtin(PathBuf::from("r"), PathBuf::from("t"));
    assert_eq!((config.rules.as_path(), config.templates.as_path()), (Path::new("r"), Path::new("t")));
    let target = &config.targets[&config.default_target];
    assert_eq!(target.to, [""]);
    assert_eq!(config.sinks[&target.sink].kind.name(), "console");
    assert_eq!(config.prefix, "!");
}

/// A change to the good configuration, and what the one fault it makes says.
const SINGLE_FAULTS: &[(&str, &str, &str)] = &[
    ("[[icinga]]\nname = \"prod\"", "rules = 5\n[[icinga]]\nname = \"prod\"", "`rules` must be text"),
    (
        "[[icinga]]\nname = \"prod\"",
        "rules = \"ruls\"\n[[icinga]]\nname = \"prod\"",
        "`rules` names the folder",
    ),
    ("[[icinga]]\nname = \"prod\"", "[stores]\n[[icinga]]\nname = \"prod\"", "`stores` is not known"),
    ("[[icinga]]\nname = \"prod\"", "store = 1\n[[icinga]]\nname = \"prod\"", "`store` must be a table"),
    (
        "[[icinga]]\nname = \"prod\"",
        "[store]\npath = \"a/b.db\"\n[[icinga]]\nname = \"prod\"",
        "needs the folder",
    ),
    (
        "[[icinga]]\nname = \"prod\"",
        "[store]\npath = \"rules\"\n[[icinga]]\nname = \"prod\"",
        "names a folder",
    ),
    ("name = \"prod\"", "", "`icinga.1.name` is missing"),
    ("name = \"prod\"", "name = \"lab\"", "`icinga.lab.name` is the name of another Icinga"),
    ("name = \"prod\"", "name = \"p!d\"", "no name that can be written"),
    ("name = \"prod\"", "name = \"\"", "`icinga.1.name` is empty"),
    ("name = \"prod\"", "name = \"a\\nb\"", "control character"),
    ("\"https://icinga1:5665\"", "\"http://icinga1:5665\"", "does not begin with `https://`"),
    ("\"https://icinga1:5665\"", "\"https://icinga1:5665/v1\"", "has more than host and port"),
    ("\"https://icinga1:5665\"", "\"https://a:b@icinga1:5665\"", "holds a login"),
    ("\"https://icinga1:5665\"", "\"https://icinga2:5665\"", "is written twice"),
    ("\"https://icinga1:5665\"", "5665", "`icinga.prod.urls` must be text, not a whole number"),
    ("\"https://[::1]:5665\"", "[]", "`icinga.lab.urls` is empty"),
    ("password_file = \"icinga.password\"", "", "`icinga.prod.password_file` is missing"),
    ("password_file = \"icinga.password\"", "password = \"x\"", "`icinga.prod.password` is a secret"),
    ("password_file = \"icinga.password\"", "password_file = \"nope\"", "which cannot be read"),
    ("password_file = \"icinga.password\"", "password_file = \"rules\"", "it is not a file"),
    ("password_file = \"icinga.password\"", "password_file = \"empty\"", "is empty"),
    ("password_file = \"icinga.password\"", "password_file = \"two-lines\"", "more than one line"),
    (
        "password_file = \"icinga.password\"",
        "password_file = \"open\"",
        "others can read or write (mode 0640)",
    ),
    ("password_file = \"icinga.password\"", "password_env = \"WATCHBELL_NOPE\"", "is not set"),
    (
        "password_file = \"icinga.password\"",
        "password_env = \"PATH\"\npassword_file = \"x\"",
        "`icinga.prod` has both `password_file` and `password_env`",
    ),
    ("user = \"watchbell\"\npassword_file = \"icinga.password\"\nca", "ca", "does not say how to log in"),
    (
        "user = \"watchbell\"\npassword_file = \"icinga",
        "password_file = \"icinga",
        "`icinga.prod.user` is missing",
    ),
    ("client_key_file", "user = \"a\"\nclient_key_file", "has both a password and a certificate"),
    ("client_key_file = \"client.key\"", "", "`icinga.lab.client_key_file` is missing"),
    ("client_key_file = \"client.key\"", "client_key_file = \"icinga.password\"", "cannot read a PEM key"),
    ("client_key_file = \"client.key\"", "client_key_file = \"icinga-ca.crt\"", "others can read"),
    ("ca_file = \"icinga-ca.crt\"", "ca_file = \"nope.crt\"", "cannot read a PEM certificate"),
    ("ca_file = \"icinga-ca.crt\"", "ca_file = \"client.key\"", "there is none in it"),
    ("server_name = \"icinga1\"", "server_name = \"https://icinga1\"", "is no name of a server"),
    (
        "server_name = \"icinga1\"",
        "server_name = [\"icinga1\", \"icinga2\", \"icinga3\"]",
        "`icinga.prod.server_name` has 3 names, and `urls` has 2 addresses",
    ),
    ("server_name = \"icinga1\"", "server_name = []", "has 0 names, and `urls` has 2 addresses"),
    ("server_name = \"icinga1\"", "server_name = [\"icinga1\", \"a b\"]", "is no name of a server"),
    ("silence = \"45s\"", "silence = \"45\"", "`icinga.prod.silence` is not understood"),
    ("!canary\"", "\"", "`icinga.prod.canary` is no full name of a service"),
    ("silence = \"45s\"", "silence = 45", "`icinga.prod.silence` must be text"),
    ("[sink.irc.libera]", "[sink.ircc.libera2]\n[sink.irc.libera]", "`sink.ircc` is not known"),
    (
        "[sink.irc.libera]",
        "[sink.irc]\nserver = \"x\"\n[sink.irc.libera]",
        "`sink.irc.server` must be a table",
    ),
    ("[sink.irc.libera]", "[sink.console.libera]\n[sink.irc.libera]", "has the name of another sink"),
    ("[sink.irc.libera]", "[sink.console.\"a b\"]\n[sink.irc.libera]", "is no name that can be written"),
    (
        "[sink.console.terminal]",
        "[sink.console.terminal]\ncolour = true",
        "`sink.console.terminal.colour` is not known",
    ),
    ("server = \"irc.example.org\"", "server = \"irc.example.org:irc\"", "the port is not a number"),
    (
        "server = \"irc.example.org\"",
        "server = \"irc.example.org\"\ntls = false",
        "is not this machine, and `tls` is off",
    ),
    ("server = \"irc.example.org\"", "server = \"irc.example.org\"\ntls = \"no\"", "must be true or false"),
    ("nick = \"watchbell\"", "nick = \"2bell\"", "is no nick"),
    ("nick = \"watchbell\"", "nikc = \"x\"\nnick = \"watchbell\"", "`sink.irc.libera.nikc` is not known"),
    ("nick = \"watchbell\"", "nick = \"a\"\nnick = \"watchbell\"", "`nick` is written twice"),
    ("sasl_password_file = \"irc.password\"", "", "`sink.irc.libera.sasl_password_file` is missing"),
    ("lines_per_second = 2", "lines_per_second = 0", "must be between 0.01 and 1000"),
    ("lines_per_second = 2", "lines_per_second = nan", "must be between"),
    ("lines_per_second = 2", "lines_per_second = 99999999999999999999", "must be between"),
    ("burst = 9", "burst = 1.5", "must be a whole number, not a number"),
    ("burst = 9", "burst = -1", "must be between 1 and 1000"),
    ("smtps://mail.example.org", "mail.example.org", "begins neither with `smtp://`"),
    ("smtps://mail.example.org", "smtp://a:b@mail.example.org", "is no host and port"),
    ("\"smtps://mail.example.org\"", "\"smtp://mail.example.org\"\ntls = \"off\"", "is not this machine"),
    ("\"smtps://mail.example.org\"", "\"smtps://localhost\"\ntls = \"off\"", "is `smtps://`, and `tls` is"),
    ("\"smtps://mail.example.org\"", "\"smtps://localhost\"\ntls = \"on\"", "may only be"),
    ("Watchbell <watchbell@example.org>", "Watchbell", "`sink.email.mail.from` is no mail address"),
    ("url_file = \"chat.url\"", "", "`sink.webhook.chat` has no address"),
    ("url_file = \"chat.url\"", "url_file = \"chat.url\"\nurl = \"https://a\"", "has more than one address"),
    ("url_file = \"chat.url\"", "url = \"ftp://a\"", "begins neither with `https://`"),
    ("url_file = \"chat.url\"", "url_file = \"hook.token\"", "is no URL"),
    ("method = \"PUT\"", "method = \"post\"", "is no method"),
    ("\"hook.secret\"", "\"mail.password\"", "holds a secret of fewer than 24 bytes"),
    ("\"hook.secret\"", "\"no-base64\"", "holds no base64 behind `whsec_`"),
    ("secret_file = \"hook.secret\"", "", "has `old_secret_file` and no secret to replace it"),
    ("X-Source = \"watchbell\"", "\"X Source\" = \"watchbell\"", "is no name of a header"),
    ("X-Source = \"watchbell\"", "X-Source = \"wätch\"", "a header cannot have"),
    ("X-Source = \"watchbell\"", "X-Source = 5", "`sink.webhook.chat.headers.X-Source` must be text"),
    ("X-Source = \"watchbell\"", "X-Source = {}", "`sink.webhook.chat.headers.X-Source.file` is missing"),
    ("X-Source = \"watchbell\"", "Authorization = \"Basic eA==\"", "headers.Authorization` is a secret"),
    ("command = [\"/bin/sh\", \"-c\", \"true\"]", "command = []", "`sink.exec.pager.command` is empty"),
    (
        "command = [\"/bin/sh\", \"-c\", \"true\"]",
        "command = [\"no-such-program\"]",
        "which is not there or may not be run",
    ),
    ("sink = \"libera\"", "sink = \"libra\"", "`target.ops.sink` names the sink `libra`"),
    ("[target.chat]", "[target.reply]", "has a name that Watchbell keeps for itself"),
    ("[target.chat]", "[target.default]", "has a name that Watchbell keeps for itself"),
    (
        "[target.chat]",
        "[target.term]\nsink = \"terminal\"\nto = \"x\"\n[target.chat]",
        "the console, which has no addresses",
    ),
    ("to = [\"#ops\", \"alice\"]", "", "`target.ops.to` is missing"),
    ("to = [\"#ops\", \"alice\"]", "to = []", "`target.ops.to` is empty"),
    ("to = [\"#ops\", \"alice\"]", "to = \"\"", "`target.ops.to` is empty"),
    ("to = [\"#ops\", \"alice\"]", "to = \"#ops #dba\"", "neither a channel nor a nick"),
    ("to = \"dba@example.org\"", "to = \"dba\"", "has `dba`, which is no mail address"),
    ("target = \"ops\"", "", "`defaults.target` is missing"),
    ("target = \"ops\"", "target = \"opps\"", "names the target `opps`"),
    ("zone = \"Europe/Berlin\"", "zone = \"Europe/Berln\"", "`defaults.zone` is no time zone"),
    ("prefix = \"@\"", "prefix = \"hey you\"", "cannot mark a command"),
    ("roles = [\"operator\", \"admin\"]", "roles = \"operater\"", "has the role `operater`"),
    ("irc = \"bob\"", "irc = \"ALICE\"", "is the account of `person.alice` as well"),
    ("persons = [\"alice\", \"bob\"]", "persons = []", "`schedule.dba.layer.1.persons` is empty"),
    ("persons = [\"alice\", \"bob\"]", "persons = [\"alcie\"]", "names the person `alcie`"),
    ("rotate = \"2w\"", "", "`schedule.dba.layer.1.rotate` is missing"),
    ("rotate = \"2w\"", "rotate = \"2m\"", "is no length of a turn"),
    ("handover = \"mon 09:00\"", "handover = \"mo 09:00\"", "is no time of hand-over"),
    ("from = \"2026-01-05\"", "from = \"5.1.2026\"", "is no day"),
    ("from = \"2026-01-05\"", "from = 2026-01-05", "must be text, not a date"),
    ("until = \"2026-12-31\"", "until = \"2025-12-31\"", "is before 2026-01-05"),
    ("during = \"Mon-Fri 09:00-17:00\"", "during = \"Mo-Fr\"", "cannot be read"),
    ("zone = \"America/New_York\"", "zone = \"America/NewYork\"", "is no time zone"),
    ("ical_file = \"web.ics\"", "", "`schedule.web` has nobody in it"),
    (
        "ical_file = \"web.ics\"",
        "ical_file = \"web.ics\"\nical_url = \"https://a.example.org/\"",
        "takes its turns from more than one place",
    ),
    (
        "ical_file = \"web.ics\"",
        "ical_file = \"web.ics\"\nical_ca_file = \"icinga-ca.crt\"",
        "has `ical_ca_file`, and no calendar on a server",
    ),
    ("ical_file = \"web.ics\"", "ical_url = \"http://a.example.org/\"", "does not begin with `https://`"),
    ("gaps = \"meant\"", "gaps = \"office hours\"", "`schedule.web.gaps` is not understood"),
    ("[schedule.web]", "[schedule.\"a b\"]", "is no name that can be written"),
];

#[test]
fn each_fault_is_told_once_where_it_is() {
    let folder = Folder::new();
    folder.write("empty", "\n", 0o600);
    folder.write("two-lines", "a\nb\n", 0o600);
    folder.write("open", "secret\n", 0o640);
    for (before, after, expected) in SINGLE_FAULTS {
        assert!(GOOD.contains(before), "{before}");
        let changed = GOOD.replacen(before, after, 1);
        let faults = folder.load(&changed).expect_err(after);
        let [fault] = faults.diagnostics() else { panic!("{after}: not one fault, but\n{faults}") };
        assert!(fault.message.contains(expected), "{after}: {}", fault.message);
        assert!(fault.place.is_some(), "{after}: no place");
        assert!(fault.help.as_ref().is_some_and(|help| !help.is_empty()), "{after}: no remedy");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let folder = Folder::new();
    folder.write("open.password", "secret\n", 0o644);
    let faults = folder.load(include_str!("fixtures/faulty.toml")).expect_err("it is full of faults");
    assert!(faults.diagnostics().len() >= 25, "{}", faults.diagnostics().len());
    insta::assert_snapshot!(folder.shown(&faults));
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let folder = Folder::new();
    let text = "[sink.irc.libera]\nnick = \"watchbell\nserver = irc.example.org\nburst = 4\n[target.ops]\nto = #ops\n";
    let faults = folder.load(text).expect_err("it is no TOML");
    insta::assert_snapshot!(folder.shown(&faults));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let folder = Folder::new();
    let faults = load(&folder.path("nope.toml")).expect_err("there is none");
    insta::assert_snapshot!(folder.shown(&faults));
}

/// Wrong ways to write a secret; each puts it where a fault, or a line that a
/// fault shows, might tell it.
const SPILLS: &[&str] = &[
    "[schedule.a]\nical_url = \"http://SECRET\"",
    "[schedule.a]\nical_url = [\"SECRET\"]",
    "[schedule.a]\nical_url_env = \"SECRET\"",
    "[[icinga]]\npassword = \"SECRET\"",
    "[[icinga]]\npasword = \"SECRET\"",
    "[[icinga]]\npassword = [\"SECRET\", 1]",
    "[[icinga]]\npassword = \"\"\"\nSECRET\"\"\"",
    "[[icinga]]\npassword = { is = \"SECRET\" }",
    "[[icinga]]\npassword.is = \"SECRET\"",
    "[[icinga]]\npassword = 'SECRET",
    "[[icinga]]\npassword = SECRET",
    "[[icinga]]\npassword = \"\"\"\nSECRET \\q\n\"\"\"",
    "[[icinga]]\npassword \"SECRET\"",
    "[[icinga]]\npassword_env = \"SECRET\"",
    "[[icinga]]\nuser = \"a\"\npassword_file = \"icinga.password\"\npassword = \"a\"\npassword = \"SECRET\"",
    "[[icinga]]\nurls = [\"https://root:SECRET@icinga\"]",
    "[[icinga]]\nurls = \"http//root:SECRET@icinga\"",
    "icinga = [{ name = \"a\", password = \"SECRET\", burst = 1 }]",
    "icinga = \"SECRET\"",
    "icinga.password = \"SECRET\"",
    "icinga = { password = \"SECRET\" }",
    "sinks.irc.a.password = \"SECRET\"",
    "sink = \"SECRET\"",
    "target = \"SECRET\"",
    "[sink]\nirc = \"SECRET\"",
    "sink.password = \"SECRET\"",
    "[sink.irc]\npassword = \"SECRET\"",
    "[sink.irc.a]\nsasl_password = \"SECRET\"",
    "[sink.irc.a]\nserver = \"bell:SECRET@irc.example.org\"",
    "[sink.email.a]\nserver = \"smtp://bell:SECRET@mail.example.org\"",
    "[sink.email.a]\nserver = \"bell:SECRET@mail.example.org\"",
    "[sink.webhook.a]\nurl = \"https://example.org:x/SECRET\"",
    "[sink.webhook.a]\nurl = [\"https://example.org/SECRET\"]",
    "[sink.webhook.a]\nurl = \"ftp://example.org/SECRET\"\nurl_env = \"PATH\"",
    "[sink.webhook.a]\nurl_file = \"hook.token\"",
    "[sink.webhook.a]\nbearer = \"SECRET\"",
    "[sink.webhook.a]\nsecret = \"SECRET\"",
    "[sink.webhook.a]\nurl = \"https://example.org\"\nsecret_file = \"hook.token\"",
    "[sink.webhook.a]\nheaders = \"Authorization: SECRET\"",
    "[sink.webhook.a]\nheaders = { Authorization = \"Bearer SECRET\" }",
    "[sink.webhook.a]\nheaders = { \"X Key\" = \"SECRET\" }",
    "[sink.webhook.a]\nheaders = { X-Key = [\"SECRET\"] }",
    "[sink.webhook.a.headers]\nX-Key = \"SECRETä\"",
    "[sink.webhook.a.headers]\nX-Key = { file = \"hook.token\", value = \"SECRET\" }",
    "sink.webhook.a = { url = \"https://example.org/SECRET\", headers = { X-Key = \"SECRET\" }, burst = 1 }",
    "store.password = \"SECRET\"",
    "[target.a]\ntoken = \"SECRET\"",
    "SECRET",
];

#[test]
fn no_secret_is_ever_shown() {
    let folder = Folder::new();
    for spill in SPILLS {
        let faults = folder.load(&spill.replace("SECRET", CANARY)).expect_err(spill);
        for shown in [faults.to_string(), faults.render(true), format!("{faults:?}")] {
            assert!(!shown.contains(CANARY), "{spill}\n{shown}");
        }
    }
    for text in [GOOD, include_str!("../watchbell.example.toml")] {
        let shown = format!("{:#?}", good(&folder, text));
        assert!(!shown.contains(CANARY), "{shown}");
    }
}

#[test]
fn the_reference_describes_every_key() {
    let written = reference();
    if written != include_str!("../docs/configuration.md") {
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("configuration.md");
        std::fs::write(&new, written).expect("the folder of tests can be written");
        panic!(
            "docs/configuration.md is not what the keys say; if they are right: cp {} docs/",
            new.display()
        );
    }
}

/// Text that is nearly a configuration: pieces of good ones in any order.
fn scrambled() -> impl Strategy<Value = String> {
    let lines: Vec<&'static str> = GOOD.lines().chain(SPILLS.iter().copied()).collect();
    let values = ["5", "true", "[]", "{}", "\"x\"", "1979-05-27", "\"\\u0000\"", "[[1]]", "nan", "\"#a\"\nb"];
    let line = (prop::sample::select(lines), prop::option::of(prop::sample::select(values.to_vec())));
    let changed = line.prop_map(|(line, value)| match (line.split_once('='), value) {
        (Some((key, _)), Some(value)) => format!("{key}= {value}"),
        _ => line.to_owned(),
    });
    prop::collection::vec(changed, 0..40).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![any::<String>(), scrambled()]) {
        let folder = Folder::new();
        if let Err(faults) = folder.load(&text) {
            prop_assert!(!faults.diagnostics().is_empty());
            faults.render(true);
        }
    }
}
