//! A room in which Icinga, Watchbell and people meet: what people hear, as a list.

use super::icinga::Icinga;
use super::ircd::{Client, Inspircd};
use super::watchbell::{Site, Watchbell};
use regex::Regex;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;
use totp_rs::{Builder, Secret};
use watchbell::model::Timestamp;

/// Where Watchbell tells.
pub(crate) const CHANNEL: &str = "#ops";
/// Under which nick.
pub(crate) const NICK: &str = "watchbell";

/// Icinga, InspIRCd with services, a Watchbell that is logged in there, and alice,
/// an operator, in its channel.
pub(crate) struct Room {
    pub(crate) icinga: Icinga,
    pub(crate) site: Site,
    pub(crate) server: Inspircd,
    pub(crate) watchbell: Watchbell,
    pub(crate) alice: Client,
    /// What Watchbell has said in the channel, times blanked.
    pub(crate) heard: Vec<String>,
    _dir: TempDir,
}

impl Room {
    /// Starts everything; returns when Watchbell has had its first look at Icinga.
    pub(crate) async fn open(hosts: usize, services: usize) -> Room {
        Room::open_with(hosts, services, |_| {}).await
    }

    /// As [`Room::open`]; `prepare` changes the rules and templates before the start.
    pub(crate) async fn open_with(hosts: usize, services: usize, prepare: impl FnOnce(&Site)) -> Room {
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        let icinga = Icinga::start(dir.path(), hosts, services).await;
        let server = inspircd(dir.path());
        let site = Site::new(dir.path());
        site.secret("irc.password", "bellpw");
        site.configure(&[
            site.icinga(&icinga),
            irc(server.port, "sasl_password_file = \"irc.password\""),
            alice(),
        ]);
        prepare(&site);
        let mut client = Client::connect(server.port, "alice", Some(("alice", "alicepw")));
        client.join(CHANNEL);
        let watchbell = site.start();
        let mut room = Room { icinga, site, server, watchbell, alice: client, heard: Vec::new(), _dir: dir };
        room.expect("first look at Icinga lab");
        room
    }

    /// Waits until Watchbell says this in the channel; keeps all that it says before.
    #[track_caller]
    pub(crate) fn expect(&mut self, contains: &str) -> String {
        let ours = |line: &str| said_by(NICK, line).map(str::to_owned);
        let lines = self.alice.lines_until(|line| ours(line).is_some_and(|text| text.contains(contains)));
        self.heard.extend(lines.iter().filter_map(|line| ours(line)).map(|text| blanked(&text)));
        self.heard.last().expect("it ends with what was waited for").clone()
    }

    /// Waits until Watchbell has said all of this, in any order: of what is due at the same
    /// time the worst goes first.
    #[track_caller]
    pub(crate) fn expect_all(&mut self, texts: &[&str]) {
        for text in texts {
            if !self.heard.iter().any(|heard| heard.contains(text)) {
                self.expect(text);
            }
        }
    }

    /// Has Icinga do something to one host or service.
    pub(crate) async fn act(&self, action: &str, object: &str, mut body: Value) -> Value {
        let kind = if object.contains('!') { "service" } else { "host" };
        body[kind] = json!(object);
        self.icinga.api(&format!("/v1/actions/{action}"), body).await
    }

    /// Starts Watchbell again, after its end.
    pub(crate) fn restart_watchbell(&mut self) {
        self.watchbell = self.site.start();
    }

    /// Says a command in the channel.
    pub(crate) fn say(&mut self, command: &str) {
        self.alice.say(CHANNEL, command);
    }

    /// Makes a state hard: three results of the same kind.
    pub(crate) async fn fail_hard(&self, object: &str, exit_status: i64, output: &str) {
        for _ in 0..3 {
            self.icinga.check_result(object, exit_status, output).await;
        }
    }
}

/// Now, as Icinga's API takes times.
pub(crate) fn now() -> f64 {
    Timestamp::now().as_duration().as_secs_f64()
}

/// An InspIRCd with the accounts of Watchbell, alice and bob.
pub(crate) fn inspircd(dir: &Path) -> Inspircd {
    let server = Inspircd::start_with_services(dir);
    for (account, password) in [(NICK, "bellpw"), ("alice", "alicepw"), ("bob", "bobpw")] {
        server.register(account, password);
    }
    server
}

/// The sections of an IRC sink and of the target `ops` in its channel.
pub(crate) fn irc(port: u16, more: &str) -> String {
    format!(
        "[sink.irc.chat]\nserver = \"127.0.0.1:{port}\"\ntls = false\nnick = \"{NICK}\"\n\
         lines_per_second = 100\nburst = 100\n{more}\n[target.ops]\nsink = \"chat\"\nto = \"{CHANNEL}\"\nper_minute = 10000\n"
    )
}

/// The section of alice, who may command, and is another name to Icinga.
pub(crate) fn alice() -> String {
    "[person.alice]\nicinga_author = \"alice.smith\"\nirc = \"alice\"\nroles = [\"operator\"]\n".to_owned()
}

/// The secret of alice's one-time codes.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// The section of alice, who has no account but one-time codes; their secret is written.
pub(crate) fn alice_with_codes(site: &Site) -> String {
    site.secret("alice.code", SECRET);
    alice().replace("irc = \"alice\"\n", "code_file = \"alice.code\"\n")
}

/// Her code that counts now.
pub(crate) fn code() -> String {
    let secret = Secret::try_from_base32(SECRET).expect("it is base32");
    let now = Timestamp::now().as_second().cast_unsigned();
    Builder::new().with_secret(secret).build_noncompliant().generate(now).to_string()
}

/// What this nick says to a channel or person in this line, if it does.
pub(crate) fn said_by<'a>(nick: &str, line: &'a str) -> Option<&'a str> {
    // A line may begin with tags, which hold no space.
    let line = if line.starts_with('@') { line.split_once(' ')?.1 } else { line };
    let (speaker, rest) = line.strip_prefix(':')?.split_once(' ')?;
    let (name, _) = speaker.split_once('!')?;
    let (_, said) = rest.strip_prefix("PRIVMSG ")?.split_once(' ')?;
    (name == nick).then(|| said.strip_prefix(':').unwrap_or(said))
}

/// A text with clock times and short lengths blanked, for they differ in each run.
pub(crate) fn blanked(text: &str) -> String {
    let blanks = [
        (r"(\b[A-Z][a-z]{2} )?\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "DATE"),
        (r"\b(until|between|and) \d\d:\d\d\b", "$1 TIME"),
        (r"\b(\d+[mhd] )?\d+[smhd] ago", "LENGTH ago"),
        (r"\b(after|for) \d+[smh]( \d+[smh])?\b", "$1 LENGTH"),
    ];
    blanks.iter().fold(text.to_owned(), |text, (pattern, blank)| {
        Regex::new(pattern).expect("the pattern is right").replace_all(&text, *blank).into_owned()
    })
}
