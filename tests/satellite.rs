//! A satellite that was cut off from its master, found much, and has it replayed: two real
//! Icingas, and Watchbell reads the master.
//!
//! The times of the checks are submitted with their results, so that hours need not pass.

use crate::common::engine::{World, key};
use crate::common::icinga_satellite::{IcingaSatellite, found};
use crate::common::proxy::{End, Proxy, Way};
use crate::common::reader::Reader;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use watchbell::model::{Detail, Input, State, Timestamp};

/// The two Icingas, the source that reads the master, and an engine that takes what it hands over.
struct Cut {
    cluster: IcingaSatellite,
    reader: Reader,
    world: World,
    /// When the test began, whole seconds.
    begun: Timestamp,
    _dir: TempDir,
}

impl Cut {
    /// All is well since five hours ago, and then the satellite is cut off.
    async fn off(hosts: usize) -> Cut {
        let dir = tempdir().expect("a temporary folder");
        let cluster = IcingaSatellite::start(dir.path(), hosts).await;
        let begun = Timestamp::from_second(Timestamp::now().as_second()).expect("it is of our days");
        let at_first = begun - Duration::from_secs(5 * 3600);
        for host in 0..hosts {
            for object in [format!("host{host}"), format!("host{host}!svc")] {
                found(&cluster.master, &object, 0, at_first, at_first).await;
            }
        }
        let reader = Reader::start(&cluster.master.settings());
        let world = World::new(r#"rule("all", #{ on: ["StateChange", "Gap"] }, |e| e.notify("dba"));"#);
        let mut cut = Cut { cluster, reader, world, begun, _dir: dir };
        cut.read_until(|input| matches!(input, Input::Snapshot(_))).await;
        cut.world.told();
        cut.cluster.cut().await;
        cut
    }

    /// So many minutes before the test began.
    fn ago(&self, minutes: u64) -> Timestamp {
        self.begun - Duration::from_secs(60 * minutes)
    }

    /// The satellite's check ended so many minutes ago, and took a second.
    async fn satellite(&self, object: &str, exit_status: i64, minutes: u64) {
        let ended = self.ago(minutes);
        found(&self.cluster.satellite, object, exit_status, ended - Duration::from_secs(1), ended).await;
    }

    /// The same of a check that somebody had at the master.
    async fn master(&self, object: &str, exit_status: i64, minutes: u64) {
        let ended = self.ago(minutes);
        found(&self.cluster.master, object, exit_status, ended - Duration::from_secs(1), ended).await;
    }

    /// Takes what is handed over, until this comes.
    async fn read_until(&mut self, is_last: impl Fn(&Input) -> bool) {
        loop {
            let input = self.reader.next("the last input", Some).await;
            let last = is_last(&input);
            self.world.now = Timestamp::now();
            self.world.step(input);
            if last {
                return;
            }
        }
    }

    /// The satellite's last result is that `host0` is down; it is connected again so: what is
    /// told up to that.
    async fn replayed(&mut self, reconnect: impl FnOnce(&Proxy)) -> Vec<String> {
        self.satellite("host0", 1, 0).await;
        reconnect(&self.cluster.line);
        self.read_until(|input| is_change_of(input, "host0")).await;
        let mut told = self.world.told();
        assert_eq!(told.pop().as_deref(), Some("dba: StateChange host0 DOWN"), "what is new is not late");
        told
    }

    /// What is known is what the master says, and reading all of it again tells nothing.
    async fn agrees(&mut self, states: &[(&str, State)]) {
        for (object, state) in states {
            let status = self.world.engine.world().status(&key(object));
            assert_eq!((status.state, status.hard_state), (Some(*state), Some(*state)), "{object}");
            let code = match state {
                State::Up | State::Ok => 0,
                State::Down | State::Warning => 1,
                State::Critical => 2,
                _ => 3,
            };
            assert_eq!(self.cluster.state(object).await, code, "{object}");
        }
        self.reader = Reader::start(&self.cluster.master.settings());
        self.read_until(|input| matches!(input, Input::Snapshot(_))).await;
        self.world.expect(&["dba: Gap (missed)"]);
    }
}

fn is_change_of(input: &Input, object: &str) -> bool {
    matches!(input, Input::Event(event)
        if event.object == Some(key(object)) && matches!(event.detail, Detail::StateChange(_)))
}

#[tokio::test]
async fn what_a_satellite_replays_is_told_once_as_missed_in_order_and_icinga_has_the_last_word() {
    let mut cut = Cut::off(5).await;
    cut.satellite("host1", 1, 180).await;
    cut.satellite("host1!svc", 2, 179).await;
    cut.satellite("host2", 1, 150).await;
    cut.satellite("host3!svc", 2, 150).await;
    cut.satellite("host1", 0, 120).await;
    cut.satellite("host1!svc", 1, 60).await;
    cut.satellite("host2!svc", 2, 5).await;
    // Newer than what the satellite has of it, and older than what it has of it.
    cut.master("host2", 0, 20).await;
    cut.master("host3!svc", 2, 200).await;
    cut.master("host4", 1, 30).await;
    cut.satellite("host4", 0, 11).await;
    cut.read_until(|input| is_change_of(input, "host4")).await;
    assert_eq!(
        cut.world.told(),
        ["dba: StateChange host3!svc CRITICAL (missed)", "dba: StateChange host4 DOWN (missed)"]
    );

    let told = cut.replayed(Proxy::pass).await;
    assert_eq!(
        told,
        [
            "dba: StateChange host1 DOWN (missed)",
            "dba: StateChange host1!svc CRITICAL (missed)",
            "dba: StateChange host1 UP (missed)",
            "dba: StateChange host1!svc WARNING (missed)",
            "dba: StateChange host2!svc CRITICAL",
            "dba: StateChange host4 UP (missed)",
        ]
    );
    let since = |object: &str| cut.world.engine.world().status(&key(object)).since;
    assert_eq!(since("host1"), Some(cut.ago(120)), "when the check found it, not when it was told");
    assert_eq!(since("host1!svc"), Some(cut.ago(60)));
    let incident = cut.world.engine.world().incident_of(&key("host1!svc")).expect("a problem");
    assert_eq!(incident.opened, cut.ago(179));
    let states = [
        ("host1", State::Up),
        ("host1!svc", State::Warning),
        ("host2", State::Up),
        ("host2!svc", State::Critical),
        ("host3!svc", State::Critical),
        ("host4", State::Up),
    ];
    cut.agrees(&states).await;
}

#[tokio::test]
async fn what_is_replayed_twice_because_the_line_broke_meanwhile_is_told_once() {
    const TURNS: u64 = 60;
    let mut cut = Cut::off(2).await;
    for turn in 0..TURNS {
        cut.satellite("host1", i64::from(turn % 2 == 0), 200 - turn).await;
    }
    let mut before = 0;
    let told = cut
        .replayed(|line| {
            before = line.connections();
            line.pass();
            // Some 80,000 bytes are to be replayed.
            line.end_after(Way::ToServer, 40_000, End::Reset);
        })
        .await;
    assert!(cut.cluster.line.connections() - before > 1, "the line broke in the middle");
    let expected: Vec<String> = (0..TURNS)
        .map(|turn| format!("dba: StateChange host1 {} (missed)", if turn % 2 == 0 { "DOWN" } else { "UP" }))
        .collect();
    assert_eq!(told, expected);
    cut.agrees(&[("host1", State::Up)]).await;
}
