//! A drill, whole: what stands at the real sinks, and the report in the channel.

use crate::common::channel::{self, CHANNEL, NICK, said_by};
use crate::common::icinga::Icinga;
use crate::common::ircd::Client;
use crate::common::proxy::Proxy;
use crate::common::smtp::{Smtp, SmtpOptions};
use crate::common::watchbell::Site;
use regex::Regex;
use std::path::Path;

/// A rule that calls people at once, besides the shipped ones; it leaves a trace of its own.
const RULE: &str = r#"rule("call people", #{ on: "StateChange", is_problem: true, state: "DOWN" }, |e| {
    e.set("called for " + e.host.name, "yes");
    e.icinga.comment("people are called");
    e.escalate("dba");
});
"#;

/// Alice may drill, bob's way is by a mail server that takes it, and carl's by an address that it refuses.
const PEOPLE: &str = r##"
[person.alice]
icinga_author = "alice.smith"
irc = "alice"
roles = ["admin"]
[[person.alice.way]]
sink = "chat"

[person.bob]
mail = "bob@example.org"
[[person.bob.way]]
sink = "mail"

[person.carl]
mail = "nobody@example.org"
[[person.carl.way]]
sink = "mail"

[schedule.nights]
[[schedule.nights.layer]]
persons = ["bob"]
rotate = "1w"
handover = "mon 09:00"
from = "2020-01-06"
until = "2020-02-03"

[escalation.dba]
[[escalation.dba.step]]
to = "person:alice"
[[escalation.dba.step]]
after = "15m"
to = ["person:bob", "person:carl"]
[[escalation.dba.step]]
after = "30m"
to = "schedule:nights"
"##;

/// Waits until Watchbell says this to whoever reads: all that it has said until then.
#[track_caller]
fn hear(client: &mut Client, contains: &str) -> Vec<String> {
    let ours = |line: &str| said_by(NICK, line).map(str::to_owned);
    let lines = client.lines_until(|line| ours(line).is_some_and(|text| text.contains(contains)));
    lines.iter().filter_map(|line| ours(line)).collect()
}

/// The lines without how long each took, and without the port of the mail server.
fn blanked(lines: &[String]) -> Vec<String> {
    let times = Regex::new(r"after \d+\.\d s").expect("it is right");
    let port = Regex::new(r"localhost:\d+").expect("it is right");
    let blanked =
        |line: &String| port.replace(&times.replace(line, "after TIME"), "localhost:PORT").into_owned();
    lines.iter().map(blanked).collect()
}

/// A site with these people, whose mails go to this port.
fn site(dir: &Path, icinga: &Icinga, irc: u16, mails: &Smtp, port: u16) -> Site {
    let site = Site::new(dir);
    site.secret("irc.password", "bellpw");
    site.write("rules/45-call.rhai", RULE);
    let mail = format!(
        "[sink.email.mail]\nserver = \"smtp://localhost:{port}\"\nca_file = \"{}\"\nfrom = \"watchbell@example.org\"\n",
        mails.ca_file.display()
    );
    site.configure(&[
        site.icinga(icinga),
        channel::irc(irc, "sasl_password_file = \"irc.password\""),
        mail,
        PEOPLE.to_owned(),
    ]);
    site
}

#[tokio::test]
async fn a_drill_reaches_the_sinks_and_its_report_the_channel() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let icinga = Icinga::start(dir.path(), 1, 1).await;
    let server = channel::inspircd(dir.path());
    let mails = Smtp::start(dir.path(), SmtpOptions::default());
    let site = site(dir.path(), &icinga, server.port, &mails, mails.port);
    let mut alice = Client::connect(server.port, "alice", Some(("alice", "alicepw")));
    alice.join(CHANNEL);
    let mut bob = Client::connect(server.port, "bob", Some(("bob", "bobpw")));
    bob.join(CHANNEL);
    let mut watchbell = site.start();
    hear(&mut alice, "first look at Icinga lab");

    bob.say(CHANNEL, "!drill host0");
    hear(&mut alice, "bob: this needs the role `admin`");
    alice.say(CHANNEL, "!drill host0");
    let shown =
        hear(&mut alice, "alice: this would send a drill of host0 DOWN at once to 4 targets, 3 persons");
    let shown = shown.last().expect("it was heard");
    for words in [
        "alice by chat at once (step 1 of dba)",
        "bob by mail after 15m (step 2 of dba)",
        "carl by mail after 15m (step 2 of dba)",
        "step 3 of dba: nobody is on call in nights",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert_eq!(mails.mails().len(), 0, "nobody is told before the yes");

    alice.say(CHANNEL, "!yes");
    // Channel and private lines come by the same connection, in any order.
    let heard = hear(&mut alice, "in earnest: step 3 of dba: nobody is on call in nights");
    let drills = |line: &&String| line.starts_with("DRILL by alice.smith: nothing is wrong with host0");
    assert_eq!(heard.iter().filter(drills).count(), 2, "in the channel and in private: {heard:#?}");
    let called = "If host0 became DOWN now, a call would come here at once (step 1 of dba).";
    assert!(heard.iter().any(|line| line == called), "{heard:#?}");
    let report = heard.iter().position(|line| line.starts_with("the drill of ")).expect("there is a report");
    assert_eq!(
        blanked(&heard[report..]),
        [
            "the drill of host0 DOWN: 3 of 4 messages accepted",
            "  reached ops (#ops) by chat after TIME",
            "  reached alice (account:alice) by chat after TIME",
            "  reached bob (bob@example.org) by mail after TIME",
            "  not reached: carl (nobody@example.org) by mail: mail server localhost:PORT: said 550 5.1.1 there is nobody of that name",
            "  in earnest: step 3 of dba: nobody is on call in nights",
        ]
    );

    let mail = mails.wait_for_mail("DRILL by");
    assert_eq!(
        mail.header("Subject"),
        "DRILL by alice.smith: nothing is wrong with host0, and nothing is to be done."
    );
    assert_eq!(mail.recipients, ["bob@example.org"]);
    let text = mail.text.as_deref().expect("a plain part");
    assert!(text.contains("a call would come here after 15m (step 2 of dba)."), "{text}");

    // Nothing of it is left: no problem, no escalation, and Icinga was asked for nothing.
    alice.say(CHANNEL, "!problems");
    hear(&mut alice, "no problems");
    let comments = icinga.call(reqwest::Method::GET, "/v1/objects/comments", serde_json::json!({})).await;
    assert_eq!(comments["results"].as_array().map(Vec::len), Some(0));
    alice.say(CHANNEL, "!why host0");
    hear(&mut alice, "a drill of DOWN by alice.smith: told ");
    let heard = bob_has_heard(&mut bob, &mut alice);
    assert!(!heard.iter().any(|line| line.contains("could not be told")), "{heard:#?}");
    assert!(watchbell.terminate().success());
    assert_eq!(mails.mails().len(), 1, "a refused drill calls nobody else");
    let audit = String::from_utf8(site.call(&["audit"]).stdout).expect("it is UTF-8");
    assert!(audit.contains("yes: drill host0\n  done"), "{audit}");
    let why = String::from_utf8(site.call(&["why", "host0"]).stdout).expect("it is UTF-8");
    assert!(why.contains("Drill a drill of DOWN by alice.smith"), "{why}");
}

#[tokio::test]
async fn a_report_comes_once_though_watchbell_is_killed_before_it() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let icinga = Icinga::start(dir.path(), 1, 1).await;
    let server = channel::inspircd(dir.path());
    let mails = Smtp::start(dir.path(), SmtpOptions::default());
    let line = Proxy::to(mails.port);
    line.refuse();
    let site = site(dir.path(), &icinga, server.port, &mails, line.port);
    let mut alice = Client::connect(server.port, "alice", Some(("alice", "alicepw")));
    alice.join(CHANNEL);
    let mut watchbell = site.start();
    hear(&mut alice, "first look at Icinga lab");
    alice.say(CHANNEL, "!drill host0");
    hear(&mut alice, "`!yes` within 60 s does it");
    alice.say(CHANNEL, "!yes");
    hear(&mut alice, "the drill is on its way to 4 targets");
    watchbell.kill();

    line.pass();
    let mut watchbell = site.start();
    let heard = hear(&mut alice, "in earnest: step 3 of dba: nobody is on call in nights");
    let report = heard.iter().position(|line| line.starts_with("the drill of ")).expect("there is a report");
    let heard = blanked(&heard[report..]);
    assert_eq!(heard[0], "the drill of host0 DOWN: 3 of 4 messages accepted");
    assert!(heard.contains(&"  reached bob (bob@example.org) by mail after TIME".to_owned()), "{heard:#?}");
    assert!(
        heard.iter().any(|line| line.starts_with("  not reached: carl (nobody@example.org)")),
        "{heard:#?}"
    );
    assert!(watchbell.terminate().success());

    let mut watchbell = site.start();
    hear(&mut alice, "look at Icinga lab");
    alice.say(CHANNEL, "!ping");
    let heard = hear(&mut alice, "pong");
    assert!(!heard.iter().any(|line| line.contains("the drill of")), "{heard:#?}");
    assert!(watchbell.terminate().success());
}

/// All that was said in the channel until now.
fn bob_has_heard(bob: &mut Client, alice: &mut Client) -> Vec<String> {
    alice.say(CHANNEL, "!ping");
    hear(bob, "pong")
}
