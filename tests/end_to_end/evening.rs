//! An evening, as people see it: a storm, an acknowledgement, a mute, a call that nobody
//! answers, and the end of it all; with a real Icinga, a real IRC network with services, a mail
//! server, and irssi as the human.
//!
//! What the terminals show is `docs/evening.md`. `UPDATE_DOCS=1` writes it anew; else the page
//! must say what was shown now, but for times, numbers, and which of many equal objects it was.

use super::page::Page;
use crate::common::channel::{self, CHANNEL, NICK, inspircd};
use crate::common::icinga::Icinga;
use crate::common::ircd::Inspircd;
use crate::common::irssi::Irssi;
use crate::common::smtp::{Mail, Smtp, SmtpOptions};
use crate::common::watchbell::{Site, Watchbell};
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Twelve hosts in Osaka whose services need one storage, and a database in Tokyo.
const OBJECTS: &str = r#"
object HostGroup "osaka" { assign where host.vars.site == "osaka" }
object HostGroup "tokyo" { assign where host.vars.site == "tokyo" }
for (i in range(12)) {
  object Host "osaka-web" + (i + 1) use (i) { import "lab-host"; address = "10.81.0." + (i + 1); vars.site = "osaka" }
}
object Host "osaka-files" { import "lab-host"; address = "10.81.0.100"; vars.site = "osaka" }
object Host "tokyo-db" { import "lab-host"; address = "10.3.0.7"; vars.site = "tokyo"; vars.role = "db" }
for (name in [ "disk", "http", "log", "shop" ]) {
  apply Service name { import "lab-service"; assign where match("osaka-web*", host.name) }
}
apply Service "backup" { import "lab-service"; assign where host.vars.site == "osaka" }
apply Service "nfs" { import "lab-service"; assign where host.name == "osaka-files" }
apply Service "postgres" { import "lab-service"; assign where host.name == "tokyo-db" }
"#;

/// How many services break: all of the web servers but their backups, and the storage.
const STORM: usize = 49;

/// The windows of irssi: the channel, and what Watchbell says to her alone.
const ROOM: usize = 2;
const PRIVATE: usize = 3;

const RULE: &str = r#"rule("databases call whoever is on call", #{
    on: "StateChange", state: ["CRITICAL", "DOWN"], "host.vars.role": "db",
}, |e| e.escalate("dba"));
"#;

/// So that nobody waits long for this test.
const STEPS: &str = r#"[[escalation.dba.step]]
to = "schedule:dba"
[[escalation.dba.step]]
after = "5s"
to = "person:bob"
"#;

/// What irssi's clock and Watchbell's words go by.
const ZONE: (&str, &str) = ("JST-9", "Asia/Tokyo");

struct Evening {
    icinga: Icinga,
    smtp: Smtp,
    alice: Irssi,
    page: Page,
    _server: Inspircd,
    _watchbell: Watchbell,
    _dir: TempDir,
}

impl Evening {
    async fn begin() -> Evening {
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        let icinga = Icinga::start_with(dir.path(), OBJECTS).await;
        results(&icinga, "Host", "true", 0, "PING OK - 0.4 ms").await;
        results(&icinga, "Service", "true", 0, "OK").await;
        let server = inspircd(dir.path());
        let smtp = Smtp::start(dir.path(), SmtpOptions::default());
        let site = site(dir.path(), &icinga, &server, &smtp);
        let mut alice = Irssi::start(dir.path(), server.port, "alice", "alicepw", ZONE.0);
        alice.join(CHANNEL);
        let watchbell = site.start();
        alice.expect("first look at Icinga lab");
        let page = Page::new("docs/evening.md");
        Evening { icinga, smtp, alice, page, _server: server, _watchbell: watchbell, _dir: dir }
    }

    /// Alice types this, and it is answered so; what she sees goes to the page.
    #[track_caller]
    fn alice_says(&mut self, line: &str, answers: &[&str]) {
        self.alice.enter(line);
        for answer in answers {
            self.alice.wait_until(answer);
        }
    }

    /// What alice sees since the last time.
    fn show(&mut self) {
        let lines = self.alice.scene();
        self.page.block(&lines);
    }

    /// A mail of Bob's, as far as his mail program shows it.
    fn show_mail(&mut self, mail: &Mail, body: bool) {
        assert_eq!(mail.recipients, ["bob@example.org"]);
        let headers = ["From", "To", "Subject"].map(|name| format!("{name}: {}", mail.header(name)));
        let text = mail.text.as_deref().filter(|_| body).map_or("", str::trim_end);
        let separator = body.then(String::new);
        let lines = headers.into_iter().chain(separator).chain(text.lines().map(str::to_owned));
        self.page.block(&lines.collect::<Vec<_>>());
    }

    /// What alice sees since the last time, and the line below it.
    fn show_with_status(&mut self) {
        let mut lines = self.alice.scene();
        lines.push(self.alice.status());
        self.page.block(&lines);
    }

    /// One result for all services that a filter of Icinga's holds for, at once.
    async fn results(&self, filter: &str, exit_status: i64, output: &str) {
        results(&self.icinga, "Service", filter, exit_status, output).await;
    }

    /// What Icinga says of a service.
    async fn service(&self, name: &str) -> Value {
        let path = format!("/v1/objects/services/{name}");
        self.icinga.call(reqwest::Method::GET, &path, json!({})).await["results"][0]["attrs"].clone()
    }
}

/// One result for all objects of a type that a filter of Icinga's holds for, at once.
async fn results(icinga: &Icinga, kind: &str, filter: &str, exit_status: i64, output: &str) {
    let body = json!({"type": kind, "filter": filter, "exit_status": exit_status, "plugin_output": output});
    icinga.api("/v1/actions/process-check-result", body).await;
}

fn site(dir: &Path, icinga: &Icinga, server: &Inspircd, smtp: &Smtp) -> Site {
    let site = Site::new(dir);
    site.secret("irc.password", "bellpw");
    site.write("rules/55-databases.rhai", RULE);
    // Alice has had the turn since yesterday.
    let yesterday = jiff::Timestamp::now().to_zoned(TimeZone::UTC).date() - 1.day();
    let handover = yesterday.strftime("%a").to_string().to_lowercase();
    let text = format!(
        "[defaults]\ntarget = \"ops\"\nzone = \"{}\"\n\
         {}\
         [sink.irc.chat]\nserver = \"127.0.0.1:{}\"\ntls = false\nnick = \"{NICK}\"\n\
         sasl_password_file = \"irc.password\"\nlines_per_second = 100\nburst = 100\n\
         [sink.email.mail]\nserver = \"smtp://localhost:{}\"\nca_file = \"{}\"\n\
         from = \"Watchbell <watchbell@example.org>\"\n\
         [target.ops]\nsink = \"chat\"\nto = \"{CHANNEL}\"\n\
         [person.alice]\nirc = \"alice\"\nroles = [\"operator\"]\n[[person.alice.way]]\nsink = \"chat\"\n\
         [person.bob]\nmail = \"bob@example.org\"\n[[person.bob.way]]\nsink = \"mail\"\n\
         [schedule.dba]\nzone = \"UTC\"\n[[schedule.dba.layer]]\npersons = [\"alice\", \"bob\"]\n\
         rotate = \"1w\"\nhandover = \"{handover} 00:00\"\nfrom = \"{yesterday}\"\n\
         [escalation.dba]\n{STEPS}",
        ZONE.1,
        site.icinga(icinga),
        server.port,
        smtp.port,
        smtp.ca_file.display()
    );
    site.write("watchbell.toml", &text);
    site
}

/// For how many changes the lines of a window stand: a digest for those that it counts.
fn changes(lines: &[String], state: &str) -> usize {
    let digest = regex::Regex::new(r"> (\d+) changes since").expect("a pattern");
    let alone = regex::Regex::new(&format!(r"> #\d+ osaka-[a-z0-9]+!\w+ is {state}")).expect("a pattern");
    let counted = lines.iter().filter_map(|line| digest.captures(line)?[1].parse::<usize>().ok());
    counted.sum::<usize>() + lines.iter().filter(|line| alone.is_match(line)).count()
}

#[tokio::test]
async fn an_evening_looks_as_its_page_says() {
    let mut evening = Evening::begin().await;
    the_stage(&mut evening.page);
    the_storm(&mut evening).await;
    the_acknowledgement(&mut evening).await;
    the_mute(&mut evening).await;
    the_call(&mut evening).await;
    the_recovery(&mut evening).await;
    the_questions(&mut evening);
    the_end(&mut evening).await;
    evening.page.finish();
}

fn the_stage(page: &mut Page) {
    page.text(
        "# An evening\n\n\
         What people see of Watchbell: a storm, an acknowledgement, a mute, a call that nobody answers, and the end of it all. These are the\n\
         terminals as they were. [A test](../tests/end_to_end/evening.rs) plays the evening with a real Icinga, an IRC network with accounts, a mail\n\
         server, and irssi as Alice's client; it fails when people see anything else than this, but for times and numbers.",
    );
    page.text(
        "Alice is an operator, and on call for databases. Bob is next; he is not in chat, and gets mails. All rules are the shipped ones, and this:",
    );
    page.code("rhai", RULE);
    page.text("In `watchbell.toml` stands who is called. Five seconds are for this page; you would write ten minutes.");
    page.code("toml", STEPS);
}

async fn the_storm(evening: &mut Evening) {
    evening.page.text(
        "## A storm\n\n\
         In Osaka the storage hangs. The file server says so first, then 48 services of the web servers break within a moment. A few lines go\n\
         out as they come; what is too much for a channel becomes a digest (see [storms](RELIABILITY.md#storms-1)).",
    );
    evening.results("service.name == \"nfs\"", 2, "NFS CRITICAL - no answer").await;
    evening.alice.wait_until("osaka-files!nfs is CRITICAL");
    let web = "match(\"osaka-web*\", host.name) && service.name != \"backup\"";
    evening.results(web, 2, "CRITICAL - timed out after 10 seconds").await;
    evening.alice.wait_for_lines("the storm", |lines| changes(lines, "CRITICAL") >= STORM);
    evening.show();

    evening
        .page
        .text("Alice asks what is broken. The worst and the oldest stand on top, and so does the cause.");
    evening.alice_says("!problems", &["49 problems, 49 not handled", "and 41 more problems"]);
    evening.show();
}

async fn the_acknowledgement(evening: &mut Evening) {
    evening.page.text(
        "## An acknowledgement\n\n\
         She takes the cause, by its number, for two hours. Icinga is asked under her name. One line is the answer to her, the other one what\n\
         Icinga tells everybody who listens.",
    );
    let answers =
        ["osaka-files!nfs is acknowledged until", "alice acknowledged #1 osaka-files!nfs (CRITICAL)"];
    evening.alice_says("!ack #1 for 2h looking at the storage", &answers);
    evening.show();
    let service = evening.service("osaka-files!nfs").await;
    assert_eq!(service["acknowledgement"], json!(1));
    let expiry = service["acknowledgement_expiry"].as_f64();
    assert!(expiry.is_some_and(|expiry| expiry > channel::now() + 7000.0), "{expiry:?}");
}

async fn the_mute(evening: &mut Evening) {
    evening.page.text(
        "## A mute\n\n\
         The rest of Osaka is noise until the storage is back. What would be muted is shown, and done when she says so.",
    );
    let preview = "this would mute host.vars.site = osaka, which covers 75 objects, 49 with a problem now";
    evening.alice_says(
        "!mute host.vars.site=osaka 2h the storage hangs",
        &[preview, "`!yes` within 60 s does it"],
    );
    evening.alice_says("!yes", &["m1: host.vars.site = osaka muted until"]);
    evening.show();
}

async fn the_call(evening: &mut Evening) {
    evening.page.text(
        "## A call that nobody answers\n\n\
         A little later the 13 backups of Osaka fail, and the channel says nothing of it. Then a database breaks in Tokyo.",
    );
    evening.results("service.name == \"backup\"", 2, "CRITICAL - no backup since yesterday").await;
    assert_eq!(evening.service("osaka-web3!backup").await["state"], json!(2));
    evening.results("service.name == \"postgres\"", 2, "CRITICAL - no space left on device").await;
    evening.alice.wait_until("tokyo-db!postgres is CRITICAL");
    evening.alice.wait_for_activity(PRIVATE);
    evening.show_with_status();

    evening.page.text(
        "Whoever is on call is called in private. irssi has a window for that, and names it behind `Act:`, where something is new. This stands there:",
    );
    evening.alice.look_at(PRIVATE);
    evening.alice.wait_until("CALL dba 1/2: ");
    evening.show();
    evening.alice.look_at(ROOM);

    evening.page.text(
        "But Alice is deep in the storage, and does not look. Nobody has acknowledged it when the time of the step is over, so Bob gets a mail:",
    );
    let mail = evening.smtp.wait_for_mail("[CALL CRITICAL] tokyo-db!postgres");
    evening.show_mail(&mail, true);
}

async fn the_recovery(evening: &mut Evening) {
    evening
        .page
        .text("## A recovery\n\nBob makes room. Who heard of the problem hears its end: the channel ...");
    evening.results("service.name == \"postgres\"", 0, "POSTGRES OK - 41 % free").await;
    evening.alice.wait_until("tokyo-db!postgres is OK again");
    evening.show();
    evening.page.text("... Alice in private ...");
    evening.alice.look_at(PRIVATE);
    evening.alice.wait_until("tokyo-db!postgres is OK again");
    evening.show();
    evening.alice.look_at(ROOM);
    evening.page.text("... and Bob:");
    let mail = evening.smtp.wait_for_mail("[OK] tokyo-db!postgres");
    evening.show_mail(&mail, false);
}

fn the_questions(evening: &mut Evening) {
    evening.page.text(
        "## Some questions\n\n\
         Now Alice sees what she missed. Who is on call, who was called, and what does nobody hear of for her mute?",
    );
    evening.alice_says("!oncall", &["dba: alice until"]);
    evening.alice_says("!why tokyo-db!postgres", &["who did not hear"]);
    evening.alice_says("!mutes", &["m1 host.vars.site = osaka"]);
    evening.alice_says("!problems backup", &["13 problems, 13 not handled:", "and 5 more problems"]);
    evening.show();
}

async fn the_end(evening: &mut Evening) {
    evening.page.text(
        "## The end\n\n\
         The storage is back. Who heard of a problem before the mute hears its end; the backups broke and healed unheard.",
    );
    evening.results("host.vars.site == \"osaka\"", 0, "OK").await;
    let told = |lines: &[String]| changes(lines, "OK") >= STORM;
    evening.alice.wait_for_lines("49 services that are well again", told);
    evening.show();
    evening.page.text("The mute is needed no longer.");
    evening.alice_says("!unmute m1", &["no longer muted"]);
    evening.alice_says("!problems", &["alice: no problems"]);
    evening.show();
}
