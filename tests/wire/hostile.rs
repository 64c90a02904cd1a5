//! What strangers write into Icinga, all the way to real servers: it is data everywhere.

use crate::common::channel::{self, CHANNEL, NICK, said_by};
use crate::common::icinga::Icinga;
use crate::common::ircd::{Client, Ngircd};
use crate::common::smtp::{Mail, Smtp, SmtpOptions};
use crate::common::wait_for;
use crate::common::watchbell::{Site, Watchbell};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// What is written where somebody hopes that it runs. None of it may be worked out: the
/// product of the numbers is 1235234.
const OUTPUTS: &[&str] = &[
    "x\r\nPRIVMSG #ops :forged\r\nQUIT :bye\nTOPIC #ops :owned\rJOIN #evil\n",
    "x\r\nBcc: everybody@example.org\r\nSubject: forged\r\n\r\nforged body",
    "x\r\n.\r\nMAIL FROM:<a@example.org>\r\n..\r\nQUIT\r\n",
    "\u{3}04,01red\u{2}bold\u{1}VERSION\u{1}\u{1}ACTION waves\u{1}\u{7}\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m",
    "{{1234*1001}} {% for i in range(9) %}x{% endfor %} ${1234*1001} `${1234*1001}` %s%n%x $host.name$",
    "<script>alert(1)</script><img src=x onerror=alert(1)><svg/onload=alert(1)>\"'><a href=\"javascript:alert(1)\">",
    "$(touch owned) `touch owned`; touch owned | touch owned && touch owned #' \" -rf --help\n-n",
    "\u{202e}thgir\u{2066}\u{2069}\u{200b}zero\u{200d}width\u{feff}\u{2028}line\u{2029}paragraph",
];

/// Names that are no plain words.
const NAMES: &[&str] = &[
    "a b\"c'd",
    "../../etc/passwd",
    "%s%n%x",
    "{{1234*1001}}",
    "${1234*1001}",
    "-rf",
    "日本 🔥 e\u{301}",
    "<b onclick=alert(1)>",
    "a\u{202e}b",
    "#ops,0",
    "$(touch owned)",
];

/// A real Icinga, IRC server, mail server and program, with Watchbell between.
struct Place {
    dir: TempDir,
    icinga: Icinga,
    mail: Smtp,
    alice: Client,
    watchbell: Watchbell,
    _server: Ngircd,
}

impl Place {
    async fn open(services: usize) -> Place {
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        let icinga = Icinga::start(dir.path(), 1, services).await;
        let server = Ngircd::start(dir.path());
        let mail = Smtp::start(dir.path(), SmtpOptions::default());
        let site = Site::new(dir.path());
        site.configure(&[
            site.icinga(&icinga),
            channel::irc(server.port, ""),
            format!(
                "[sink.email.mail]\nserver = \"smtp://localhost:{}\"\nca_file = \"{}\"\nfrom = \"bell@example.org\"\n\
                 [target.mail]\nsink = \"mail\"\nto = \"ops@example.org\"\nper_minute = 1000\n",
                mail.port,
                mail.ca_file.display()
            ),
            format!("[sink.exec.program]\ncommand = [\"{}\"]\n[target.program]\nsink = \"program\"\n", program(&dir)),
        ]);
        let all = r#"rule("all", #{ on: "StateChange", hard: true }, |e| { e.notify("mail"); e.notify("program"); });"#;
        site.write("rules/05-all.rhai", all);
        let mut alice = Client::connect(server.port, "alice", None);
        alice.join(CHANNEL);
        let watchbell = site.start();
        alice.expect_line("first look at Icinga lab");
        Place { dir, icinga, mail, alice, watchbell, _server: server }
    }

    async fn fail_hard(&self, object: &str, exit_status: i64, output: &str) {
        for _ in 0..3 {
            self.icinga.check_result(object, exit_status, output).await;
        }
    }

    /// What the program was given, in any order, once it was called so often.
    fn given(&self, calls: usize) -> Vec<Value> {
        wait_for("all calls of the program", PATIENCE, || {
            let files = fs::read_dir(self.dir.path().join("given")).ok()?.flatten();
            let texts: Vec<String> = files.filter_map(|file| fs::read_to_string(file.path()).ok()).collect();
            let parsed: Vec<Value> =
                texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
            (parsed.len() >= calls).then_some(parsed)
        })
    }

    /// All mails, once there are so many.
    fn mails(&self, count: usize) -> Vec<Mail> {
        wait_for("all mails", PATIENCE, || {
            let mails = self.mail.mails();
            (mails.len() >= count).then_some(mails)
        })
    }

    /// Nobody ran anything.
    fn nothing_ran(&self) {
        for folder in [self.dir.path().to_owned(), self.dir.path().join("watchbell")] {
            assert!(!folder.join("owned").exists(), "a shell ran what was text");
        }
    }
}

/// A program that keeps what it is given, each call in a file of its own.
fn program(dir: &TempDir) -> String {
    let (path, given) = (dir.path().join("program"), dir.path().join("given"));
    fs::create_dir(&given).expect("a new folder");
    let text = format!("#!/bin/sh\ncat > \"$(mktemp {}/XXXXXX)\"\n", given.display());
    fs::write(&path, text).expect("it can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    path.display().to_string()
}

/// The tags of a document, addresses of links blanked; those must be of the web.
fn tags(html: &str) -> BTreeSet<String> {
    let inside = |piece: &str| {
        let tag = piece.split_once('>').expect("every tag is closed").0;
        let Some((before, rest)) = tag.split_once("href=\"") else { return tag.to_owned() };
        let (address, after) = rest.split_once('"').expect("every address is closed");
        assert!(address.starts_with("https:"), "a link to {address}");
        format!("{before}href=\"\"{after}")
    };
    html.split('<').skip(1).map(inside).collect()
}

/// What no line of IRC and no text may hold: it acts, or turns what stands behind it.
fn acts(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn check_irc(lines: &[String]) {
    for line in lines.iter().filter(|line| line.starts_with(&format!(":{NICK}"))) {
        let text = said_by(NICK, line).unwrap_or_else(|| panic!("a foreign command ran: {line}"));
        assert!(!text.chars().any(acts), "{text:?}");
        assert!(!text.contains("1235234"), "code in a text ran: {text}");
    }
}

fn check_mail(mail: &Mail, harmless: &Mail) {
    let names = |mail: &Mail| mail.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(mail), names(harmless), "a header came or went");
    assert_eq!(mail.recipients, ["ops@example.org"]);
    let (text, html) = (mail.text.as_deref().expect("a text"), mail.html.as_deref().expect("HTML"));
    let foreign: Vec<String> =
        tags(html).difference(&tags(harmless.html.as_deref().expect("HTML"))).cloned().collect();
    assert!(foreign.is_empty(), "elements from outside: {foreign:?}");
    for part in [text, html, mail.header("Subject")] {
        assert!(!part.chars().any(|character| !"\r\n\t".contains(character) && acts(character)), "{part:?}");
        assert!(!part.contains("1235234"), "code in a text ran: {part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_output_is_data_at_every_sink() {
    let mut place = Place::open(OUTPUTS.len() + 2).await;
    place.fail_hard("host0!svc0", 2, "harmless").await;
    for (number, output) in OUTPUTS.iter().enumerate() {
        place.fail_hard(&format!("host0!svc{}", number + 1), 2, output).await;
    }
    place.fail_hard(&format!("host0!svc{}", OUTPUTS.len() + 1), 2, "the end of all").await;
    let lines = place.alice.lines_until(|line| line.contains("the end of all"));
    check_irc(&lines);
    assert_eq!(
        lines.iter().filter(|line| line.contains("is CRITICAL")).count(),
        OUTPUTS.len() + 2,
        "{lines:#?}"
    );

    let mails = place.mails(OUTPUTS.len() + 2);
    assert_eq!(mails.len(), OUTPUTS.len() + 2, "a letter was cut in two");
    let harmless = mails.iter().find(|mail| mail.raw.contains("svc0")).expect("it was sent");
    mails.iter().for_each(|mail| check_mail(mail, harmless));
    assert_eq!(place.given(OUTPUTS.len() + 2).len(), OUTPUTS.len() + 2);
    place.nothing_ran();
    assert!(place.watchbell.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_literal_at_every_sink() {
    let mut place = Place::open(1).await;
    place.fail_hard("host0", 1, "harmless").await;
    let long = "long ".repeat(50);
    let names: Vec<&str> = NAMES.iter().copied().chain([long.trim_end()]).collect();
    for name in &names {
        let path = format!("/v1/objects/hosts/{}", urlencoded(name));
        let attrs = json!({"notes_url": "javascript:alert(1)", "display_name": format!("{name}\r\nQUIT")});
        place.icinga.call(Method::PUT, &path, json!({"templates": ["lab-host"], "attrs": attrs})).await;
        place.fail_hard(name, 1, "hostile").await;
    }
    let told = place.given(names.len() + 1);
    let objects: BTreeSet<&str> = told.iter().filter_map(|delivery| delivery["object"].as_str()).collect();
    assert!(names.iter().all(|name| objects.contains(name)), "{objects:?}");

    let mails = place.mails(names.len() + 1);
    let harmless = mails.iter().find(|mail| mail.raw.contains("host0")).expect("it was sent");
    mails.iter().for_each(|mail| check_mail(mail, harmless));
    let mut lines = Vec::new();
    while lines.iter().filter(|line: &&String| line.contains("is DOWN")).count() <= names.len() {
        lines.extend(place.alice.lines_until(|line| line.contains("is DOWN")));
    }
    check_irc(&lines);
    for name in names.iter().filter(|name| !name.contains('\u{202e}') && name.len() < 100) {
        assert!(lines.iter().any(|line| line.contains(name)), "{name} in {lines:#?}");
    }
    place.nothing_ran();
}

fn urlencoded(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}
