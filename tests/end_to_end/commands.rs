//! Commands from IRC: who may, what Icinga hears, and what people see of it.

use crate::common::channel::{self, CHANNEL, NICK, Room, said_by};
use crate::common::icinga::Icinga;
use crate::common::ircd::{Client, Ngircd};
use crate::common::watchbell::Site;
use serde_json::{Value, json};

impl Room {
    pub(super) async fn attributes(&self, kind: &str, name: &str) -> Value {
        let path = format!("/v1/objects/{kind}/{name}");
        let answer = self.icinga.call(reqwest::Method::GET, &path, json!({})).await;
        answer["results"][0]["attrs"].clone()
    }

    /// Which objects of a host are in a downtime.
    pub(super) async fn downtimes(&self, host: &str) -> Vec<String> {
        let answer = self.icinga.call(reqwest::Method::GET, "/v1/objects/downtimes", json!({})).await;
        let object = |found: &Value| {
            let attrs = &found["attrs"];
            let name = |field: &str| attrs[field].as_str().unwrap_or_default().to_owned();
            let (host, service) = (name("host_name"), name("service_name"));
            if service.is_empty() { host } else { format!("{host}!{service}") }
        };
        let found = answer["results"].as_array().expect("a list").iter().map(object);
        let mut found: Vec<String> = found.filter(|object| object.split('!').next() == Some(host)).collect();
        found.sort();
        found
    }

    pub(super) async fn comments(&self) -> Vec<(String, String)> {
        let answer = self.icinga.call(reqwest::Method::GET, "/v1/objects/comments", json!({})).await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let comment = |found: &Value| (text(&found["attrs"]["author"]), text(&found["attrs"]["text"]));
        let mut comments: Vec<_> =
            answer["results"].as_array().expect("a list").iter().map(comment).collect();
        comments.sort();
        comments
    }

    /// Says a command, and waits for the line of the answer that holds this.
    #[track_caller]
    pub(super) fn ask(&mut self, command: &str, contains: &str) -> String {
        self.say(command);
        self.expect(contains)
    }

    /// Everything heard since the last call, in order.
    fn heard_since(&mut self) -> Vec<String> {
        std::mem::take(&mut self.heard)
    }
}

#[tokio::test]
async fn a_verified_operator_commands_icinga_and_the_channel_sees_it() {
    let mut room = Room::open(3, 2).await;
    room.fail_hard("host1!svc0", 2, "disk full").await;
    room.expect("disk full");
    room.heard_since();

    room.ask("!problems", "disk full");
    assert_eq!(
        room.heard_since(),
        ["1 problem, 1 not handled:", "  #1 CRITICAL host1!svc0 for LENGTH: disk full"]
    );

    room.say("!ack #1 looking");
    room.expect("alice: host1!svc0 is acknowledged");
    room.expect_both("alice.smith acknowledged #1 host1!svc0 (CRITICAL): looking");
    assert_eq!(room.attributes("services", "host1!svc0").await["acknowledgement"], json!(1));
    assert_eq!(room.comments().await, [("alice.smith".to_owned(), "looking".to_owned())]);
    room.ask(
        "!ack #1 again",
        "alice: host1!svc0 is acknowledged already by alice.smith: looking; `ack host1!svc0",
    );

    room.ask("!unack #1", "alice: the acknowledgement of host1!svc0 is removed");
    room.expect_both("#1 host1!svc0 is no longer acknowledged and still CRITICAL");
    assert_eq!(room.attributes("services", "host1!svc0").await["acknowledgement"], json!(0));

    room.ask("!comment host1!svc0 see ticket 42", "alice: the comment stands on host1!svc0");
    room.expect_both("alice.smith on #1 host1!svc0: see ticket 42");
    assert_eq!(room.comments().await, [("alice.smith".to_owned(), "see ticket 42".to_owned())]);

    let before = room.attributes("services", "host1!svc0").await["next_check"].clone();
    room.ask("!recheck host1!svc0", "alice: host1!svc0 is checked now");
    assert_ne!(room.attributes("services", "host1!svc0").await["next_check"], before);
}

#[tokio::test]
async fn acknowledgements_are_extended_and_downtimes_come_and_go_in_icinga() {
    let mut room = Room::open(8, 2).await;
    room.fail_hard("host1!svc0", 2, "disk full").await;
    room.fail_hard("host2!svc0", 2, "disk full, too").await;
    room.expect_all(&["disk full", "disk full, too"]);

    room.ask("!ack #1,#2 looking", "Icinga is asked to acknowledge 2 objects: host1!svc0, host2!svc0");
    room.expect_all(&["acknowledged #1 host1!svc0", "acknowledged #2 host2!svc0"]);
    room.ask("!ack last", "say in a few words");
    room.ask("!ack #1 for 2h", "alice: the acknowledgement of host1!svc0 is extended until");
    room.expect_holding("(until");
    let expiry = room.attributes("services", "host1!svc0").await["acknowledgement_expiry"].as_f64();
    assert!(expiry.is_some_and(|expiry| expiry > channel::now() + 7000.0), "{expiry:?}");
    let comments: Vec<String> = room.comments().await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(comments, ["looking", "looking"], "the one before is gone with its acknowledgement");
    let cleared = room.heard.iter().find(|heard| heard.contains("no longer acknowledged"));
    assert_eq!(cleared, None, "it is extended, in one line");

    room.ask("!downtime host0 for 2h services children new firmware", "with the 1 host behind it; `!yes`");
    room.ask("!yes", "alice: host0 and its services are in downtime from");
    // By the host behind it, the last of them, all are known.
    room.expect_holding("has scheduled downtime for host7");
    assert_eq!(room.downtimes("host0").await, ["host0", "host0!svc0", "host0!svc1"]);
    assert!(room.downtimes("host7").await.contains(&"host7".to_owned()));
    room.ask("!downtimes host0", "3 downtimes:");
    room.expect("  host0!svc1 until");
    room.ask("!undowntime host0", "alice: the downtime host0!");
    assert_eq!(room.downtimes("host0").await, [""; 0], "Icinga takes those of the services along");

    room.ask("!notify host1!svc0 call me", "alice: Icinga tells its users of host1!svc0");
    room.ask("!history host1!svc0 2", "AcknowledgementSet");
}

#[tokio::test]
async fn an_acknowledgement_that_icinga_takes_away_and_does_not_set_anew_is_told_as_gone() {
    let mut room = Room::open_with(1, 1, |site| {
        site.write(
            "watchbell.toml",
            &site.read("watchbell.toml").replace("user = \"bot\"", "user = \"remover\""),
        );
        site.secret("icinga.password", "removerpw");
    })
    .await;
    room.fail_hard("host0!svc0", 2, "disk full").await;
    room.expect("disk full");
    room.act("acknowledge-problem", "host0!svc0", json!({"author": "bob", "comment": "looking"})).await;
    room.expect("bob acknowledged #1 host0!svc0");
    room.say("!ack #1 for 2h");
    room.expect_all(&["alice: not done: ", "#1 host0!svc0 is no longer acknowledged and still CRITICAL"]);
}

impl Room {
    /// The same as [`Room::expect_both`] for a line that holds this.
    pub(super) fn expect_holding(&mut self, text: &str) {
        if !self.heard.iter().any(|heard| heard.contains(text)) {
            self.expect(text);
        }
    }

    /// What Icinga reports of a command, which may come before or after the answer.
    fn expect_both(&mut self, line: &str) {
        if !self.heard.iter().any(|heard| heard == line) {
            self.expect(line);
        }
        let times = self.heard.iter().filter(|heard| *heard == line).count();
        assert_eq!(times, 1, "told once: {line}");
    }
}

#[tokio::test]
async fn questions_are_answered_with_what_icinga_last_said() {
    let mut room = Room::open(12, 2).await;
    room.fail_hard("host1!svc0", 2, "disk full").await;
    room.icinga.check_result("host1", 0, "PING OK").await;
    room.fail_hard("host2", 1, "PING CRITICAL").await;
    room.expect_all(&["PING CRITICAL", "disk full"]);
    room.heard_since();
    for (command, last) in [
        ("!host host2", "wiki"),
        ("!service host1 svc0", "#1 host1!svc0 is CRITICAL"),
        ("!i2status", "Watchbell itself needs"),
        ("!whoami", "alice: account alice, person alice"),
        ("!host hsot2", "did you mean"),
        ("!host host1", "#1 CRITICAL host1!svc0"),
        ("!ack host1!svc looking", "write more of the name"),
        ("!ack host1!svc1 looking", "nothing to acknowledge"),
        ("!ack host2", "say in a few words"),
        ("!acks host2 me", "did you mean"),
        ("!mutes", "nothing is muted"),
        ("!help ack", "operator"),
    ] {
        room.heard.push(format!("> {command}"));
        room.ask(command, last);
    }
    // How late events are, and what is just under way, is different each time.
    room.heard.retain(|line| !line.contains("Watchbell ") && !line.starts_with("still to be sent"));
    insta::assert_snapshot!(room.heard.join("\n"));
}

#[tokio::test]
async fn a_stranger_with_the_name_of_an_operator_is_refused_with_the_reason() {
    let mut room = Room::open(1, 1).await;
    room.fail_hard("host0!svc0", 2, "disk full").await;
    room.expect("disk full");
    room.alice.raw("NICK alice_away");
    room.alice.expect_line("NICK");
    let mut impostor = Client::connect(room.server.port, "alice", None);
    impostor.join(CHANNEL);
    impostor.say(CHANNEL, "!ack #1 trust me");
    room.expect("alice: this needs the role `operator`: the network does not vouch for your nick");
    let mut bob = Client::connect(room.server.port, "bob", Some(("bob", "bobpw")));
    bob.join(CHANNEL);
    bob.say(CHANNEL, "!ack #1 trust me");
    room.expect("bob: this needs the role `operator`: account bob, which no [person] of watchbell.toml has");
    // Alice under another nick is still alice, and what she does comes next.
    room.ask("!comment #1 it was not me", "alice_away: the comment stands");
    assert_eq!(room.attributes("services", "host0!svc0").await["acknowledgement"], json!(0));
    assert_eq!(room.comments().await, [("alice.smith".to_owned(), "it was not me".to_owned())]);
}

#[tokio::test]
async fn who_watches_hears_of_it_under_another_nick_and_who_took_the_old_one_does_not() {
    let mut room = Room::open(1, 1).await;
    room.say("!watch host0!svc0");
    room.expect("alice: you hear of each change of host0!svc0 in private");
    room.alice.raw("NICK alice_away");
    room.alice.expect_line("NICK");
    let mut other = Client::connect(room.server.port, "alice", None);
    other.join(CHANNEL);
    room.fail_hard("host0!svc0", 2, "disk full").await;
    let told = "PRIVMSG alice_away :host0!svc0 is CRITICAL: disk full";
    room.alice.lines_until(|line| line.contains(told));
    other.say(NICK, "ping");
    let heard = other.lines_until(|line| line.contains("PRIVMSG alice :pong"));
    let told: Vec<&String> = heard.iter().filter(|line| line.contains("PRIVMSG alice ")).collect();
    assert_eq!(told.len(), 1, "{heard:#?}");
}

#[tokio::test]
async fn a_muted_host_is_silent_and_what_stands_after_it_is_told() {
    let mut room = Room::open(3, 1).await;
    room.ask("!mute host2 1h flaky", "host2 and its services muted until");
    room.fail_hard("host2", 1, "flaked").await;
    room.fail_hard("host2!svc0", 2, "flaked as well").await;
    room.fail_hard("host1!svc0", 2, "a marker").await;
    room.expect("a marker");
    room.ask("!mutes", "m1 host2");
    room.ask("!unmute m1", "(kept back: muted by alice.smith: flaky): flaked");
    room.icinga.check_result("host1!svc0", 0, "the end").await;
    room.expect("the end");
    insta::assert_snapshot!(room.heard_since().join("\n"));
}

#[tokio::test]
async fn without_accounts_people_may_ask_and_command_by_one_time_codes_alone() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let icinga = Icinga::start(dir.path(), 1, 1).await;
    let server = Ngircd::start(dir.path());
    let site = Site::new(dir.path());
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join(CHANNEL);
    let hear = |alice: &mut Client, contains: &str| {
        alice.lines_until(|line| said_by(NICK, line).is_some_and(|text| text.contains(contains)));
    };
    let person = channel::alice_with_codes(&site);
    site.configure(&[site.icinga(&icinga), channel::irc(server.port, "codes = true"), person]);
    let _watchbell = site.start();
    hear(&mut alice, "first look");
    for _ in 0..3 {
        icinga.check_result("host0!svc0", 2, "disk full").await;
    }
    hear(&mut alice, "disk full");
    alice.say(CHANNEL, "!problems");
    hear(&mut alice, "#1 CRITICAL host0!svc0");
    alice.say(CHANNEL, "!ack #1 looking");
    hear(&mut alice, "alice: this needs the role `operator`: the network does not vouch for your nick");
    alice.say(NICK, &format!("code alice {} ack #1 looking", channel::code()));
    hear(&mut alice, "alice.smith acknowledged #1 host0!svc0 (CRITICAL): looking");
}

#[tokio::test]
async fn a_mute_may_stand_in_icinga_as_a_downtime_and_the_one_ends_with_the_other() {
    let mut room = Room::open(2, 1).await;
    room.ask("!mute host1 mirror 2h flaky", "host1 and its services muted until");
    room.downtimes_become(|found| found.contains(&"host1: Watchbell m1: flaky".to_owned())).await;
    room.ask("!unmute host1", "no longer muted");
    room.downtimes_become(|found| found.is_empty()).await;
    room.ask("!ping", "pong");
    assert!(!room.heard.iter().any(|line| line.contains("downtime")), "{:?}", room.heard);

    room.ask("!mute host1 mirror 1h flaky", "host1 and its services muted until");
    room.downtimes_become(|found| found.contains(&"host1: Watchbell m2: flaky".to_owned())).await;
    room.ask("!ping", "pong");
    let all = json!({ "type": "Downtime", "filter": "downtime.service_name == \"\"" });
    room.icinga.call(reqwest::Method::POST, "/v1/actions/remove-downtime", all).await;
    room.expect_holding(
        "the mute of host1 and its services by alice.smith has ended, for somebody took it back in Icinga",
    );
}

impl Room {
    /// Waits until Icinga's downtimes, as `object: comment`, are so.
    pub(super) async fn downtimes_become(&self, are_so: impl Fn(&[String]) -> bool) {
        let begun = std::time::Instant::now();
        loop {
            let answer = self.icinga.call(reqwest::Method::GET, "/v1/objects/downtimes", json!({})).await;
            let downtime = |found: &Value| {
                let attribute = |name: &str| found["attrs"][name].as_str().unwrap_or_default().to_owned();
                format!("{}: {}", attribute("host_name"), attribute("comment"))
            };
            let found: Vec<String> =
                answer["results"].as_array().expect("a list").iter().map(downtime).collect();
            if are_so(&found) {
                return;
            }
            assert!(begun.elapsed().as_secs() < 60, "{found:?}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn an_admin_has_it_join_a_room_and_leave_it_again() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let icinga = Icinga::start(dir.path(), 1, 1).await;
    let server = channel::inspircd(dir.path());
    let site = Site::new(dir.path());
    site.secret("irc.password", "bellpw");
    let admin = channel::alice().replace("operator", "admin");
    let irc = channel::irc(server.port, "sasl_password_file = \"irc.password\"");
    site.configure(&[site.icinga(&icinga), irc, admin]);
    let mut alice = Client::connect(server.port, "alice", Some(("alice", "alicepw")));
    alice.join(CHANNEL);
    alice.join("#dev");
    let hear = |alice: &mut Client, contains: &str| {
        alice.lines_until(|line| said_by(NICK, line).is_some_and(|text| text.contains(contains)));
    };
    let _watchbell = site.start();
    hear(&mut alice, "first look");
    alice.say(CHANNEL, "!join #dev");
    let joins = |line: &str, verb: &str| line.contains(&format!(" {verb} ")) && line.contains("#dev");
    alice.lines_until(|line| line.contains(&format!(":{NICK}!")) && joins(line, "JOIN"));
    alice.say("#dev", "!ping");
    hear(&mut alice, "alice: pong");
    alice.say(CHANNEL, "!test ops");
    hear(&mut alice, "TEST: alice.smith asks whether this arrives at ops");
    alice.say("#dev", "!part #dev");
    alice.lines_until(|line| line.contains(&format!(":{NICK}!")) && joins(line, "PART"));
    alice.say(CHANNEL, "!part #ops");
    hear(&mut alice, "take it out of watchbell.toml");
}
