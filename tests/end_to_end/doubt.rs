//! Commands where it is in doubt what Icinga did, or who was first.

use crate::common::channel::{CHANNEL, Room};
use crate::common::ircd::Client;
use crate::common::proxy::{End, Proxy, Way};
use regex::Regex;
use serde_json::json;
use std::time::{Duration, Instant};

/// How long Icinga may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long what Icinga says is on the way: the line breaks before its answer comes.
const ON_THE_WAY: Duration = Duration::from_secs(4);

/// A room in which Watchbell reaches Icinga through a line that can break.
async fn room() -> (Room, Proxy) {
    let mut line = None;
    let room = Room::open_with(3, 2, |site| {
        let text = site.read("watchbell.toml");
        let port = Regex::new(r"(urls = \[.https://[^:]+:)(\d+)").expect("the pattern is right");
        let icinga = port.captures(&text).expect("it has a URL")[2].parse().expect("a port");
        let proxy = Proxy::to(icinga);
        let text = port.replace(&text, format!("${{1}}{}", proxy.port));
        site.write("watchbell.toml", &text);
        line = Some(proxy);
    })
    .await;
    (room, line.expect("it was prepared"))
}

impl Room {
    /// Waits until Icinga has an acknowledgement of a service.
    async fn is_acknowledged(&self, service: &str) {
        let begun = Instant::now();
        while self.attributes("services", service).await["acknowledgement"] == json!(0) {
            assert!(begun.elapsed() < PATIENCE, "nobody acknowledges {service}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn a_downtime_whose_answer_is_lost_is_made_once_and_who_asked_hears_of_the_doubt() {
    let (mut room, line) = room().await;
    line.delay(&[Way::ToClient], ON_THE_WAY);
    room.say("!downtime host1 for 1h new disk");
    room.downtimes_become(|found| found.contains(&"host1: new disk".to_owned())).await;
    line.end(End::Reset);
    line.pass();
    room.expect("look before you ask again");
    room.expect_holding("has scheduled downtime for host1");
    assert_eq!(room.downtimes("host1").await, ["host1"]);
}

#[tokio::test]
async fn an_acknowledgement_whose_answer_is_lost_is_made_once_and_counts_as_done() {
    let (mut room, line) = room().await;
    room.fail_hard("host1!svc0", 2, "disk full").await;
    room.expect("disk full");
    line.delay(&[Way::ToClient], ON_THE_WAY);
    room.say("!ack #1 looking");
    room.is_acknowledged("host1!svc0").await;
    line.end(End::Reset);
    line.pass();
    room.expect_all(&["alice: host1!svc0 is acknowledged", "alice.smith acknowledged #1"]);
    room.ask("!ping", "pong");
    let told = room.heard.iter().filter(|line| line.contains("alice.smith acknowledged")).count();
    assert_eq!((told, room.comments().await.len()), (1, 1));
}

#[tokio::test]
async fn of_two_operators_who_acknowledge_together_one_does_and_both_are_told() {
    let mut room = Room::open_with(2, 1, |site| {
        let more = "[person.bob]\nicinga_author = \"bob.jones\"\nirc = \"bob\"\nroles = [\"operator\"]\n";
        let text = site.read("watchbell.toml");
        site.write("watchbell.toml", &format!("{text}\n{more}"));
    })
    .await;
    let mut bob = Client::connect(room.server.port, "bob", Some(("bob", "bobpw")));
    bob.join(CHANNEL);
    room.fail_hard("host1!svc0", 2, "disk full").await;
    room.expect("disk full");
    for (command, done, told) in [
        ("!ack #1 mine", "is acknowledged", "acknowledged #1 host1!svc0 (CRITICAL): mine"),
        ("!unack #1", "is removed", "#1 host1!svc0 is no longer acknowledged and still CRITICAL"),
    ] {
        room.heard.clear();
        room.say(command);
        bob.say(CHANNEL, command);
        room.expect_all(&["alice: ", "bob: ", told]);
        room.ask("!ping", "alice: pong");
        let count = |text: &str| room.heard.iter().filter(|line| line.contains(text)).count();
        let answers = |name: &str| {
            let ours = room.heard.iter().filter(|line| line.starts_with(name) && !line.ends_with("pong"));
            ours.cloned().collect::<Vec<_>>()
        };
        let (alice, bob) = (answers("alice: "), answers("bob: "));
        assert_eq!((alice.len(), bob.len(), count(told)), (1, 1, 1), "{command}: {:?}", room.heard);
        let is_done = |said: &[String]| said[0].contains(done) && !said[0].contains("already");
        assert!(is_done(&alice) || is_done(&bob), "{command}: {alice:?} {bob:?}");
    }
    assert_eq!(room.comments().await.len(), 0);
}
