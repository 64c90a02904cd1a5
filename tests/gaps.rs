//! What happens in a real Icinga while nobody reads its stream, and what is told of it then.

use crate::common::engine::{World, key};
use crate::common::icinga::Icinga;
use crate::common::proxy::{End, Proxy};
use crate::common::reader::Reader;
use serde_json::json;
use tempfile::{TempDir, tempdir};
use watchbell::model::{EventType, Input, Timestamp};

/// A real Icinga behind a proxy, its source, and an engine that takes what the source hands over.
struct Gap {
    icinga: Icinga,
    proxy: Proxy,
    reader: Reader,
    world: World,
    _dir: TempDir,
}

impl Gap {
    /// All four hosts are up and have no comment or downtime; `host1` is then prepared so.
    async fn after(prepared: &[(&str, serde_json::Value)]) -> Gap {
        let dir = tempdir().expect("a temporary folder");
        let icinga = Icinga::start(dir.path(), 4, 0).await;
        for host in 0..4 {
            icinga.check_result(&format!("host{host}"), 0, "UP").await;
        }
        for (action, body) in prepared {
            icinga.api(&format!("/v1/actions/{action}"), body.clone()).await;
        }
        let proxy = Proxy::to(icinga.port);
        let reader = Reader::start(&icinga.settings_through(proxy.port));
        let world = World::new(r#"rule("all", #{}, |e| e.notify("dba"));"#);
        let mut gap = Gap { icinga, proxy, reader, world, _dir: dir };
        gap.read_on().await;
        gap.world.told();
        gap.proxy.refuse();
        gap
    }

    async fn down(&self, host: &str) {
        for _ in 0..3 {
            self.icinga.check_result(host, 1, "DOWN").await;
        }
    }

    async fn act(&self, action: &str, body: serde_json::Value) {
        self.icinga.api(&format!("/v1/actions/{action}"), body).await;
    }

    /// Takes what is handed over up to the next snapshot.
    async fn read_on(&mut self) {
        loop {
            let input = self.reader.next("a snapshot", Some).await;
            let is_snapshot = matches!(input, Input::Snapshot(_));
            self.world.now = Timestamp::now();
            self.world.step(input);
            if is_snapshot {
                return;
            }
        }
    }

    /// The way is open again: what is told of the gap.
    async fn told(&mut self) -> Vec<String> {
        self.proxy.pass();
        self.read_on().await;
        let mut told = self.world.told();
        assert_eq!(told.remove(0), "dba: Gap (missed)", "{told:?}");
        told
    }
}

fn acknowledge(host: &str) -> serde_json::Value {
    json!({"host": host, "author": "alice", "comment": "on it"})
}

#[tokio::test]
async fn a_state_that_changes_twice_while_nobody_reads_is_told_as_it_is_then() {
    let mut gap = Gap::after(&[]).await;
    gap.down("host1").await;
    gap.icinga.check_result("host1", 0, "UP again").await;
    gap.down("host2").await;
    gap.icinga.check_result("host2", 0, "UP again").await;
    gap.down("host2").await;
    assert_eq!(gap.told().await, ["dba: StateChange host2 DOWN (missed)"]);
    gap.proxy.end(End::Cut);
    assert!(gap.told().await.is_empty(), "once");
}

#[tokio::test]
async fn a_recovery_while_nobody_reads_is_told_once() {
    let down = json!({"host": "host1", "exit_status": 1, "plugin_output": "DOWN"});
    let result = ("process-check-result", down);
    let mut gap = Gap::after(&[result.clone(), result.clone(), result]).await;
    gap.icinga.check_result("host1", 0, "UP").await;
    assert_eq!(gap.told().await, ["dba: StateChange host1 UP (missed)"]);
    gap.icinga.check_result("host3", 1, "the end").await;
    let later = gap.reader.until(EventType::StateChange, "host3").await;
    let of_host1 = |input: &Input| matches!(input, Input::Event(event) if event.object == Some(key("host1")));
    assert!(!later.iter().any(of_host1), "{later:?}");
}

#[tokio::test]
async fn what_hides_a_problem_and_begins_or_ends_while_nobody_reads_is_known_then() {
    let down = json!({"host": "host1", "exit_status": 1, "plugin_output": "DOWN"});
    let result = ("process-check-result", down);
    let acknowledged = ("acknowledge-problem", acknowledge("host1"));
    let mut gap = Gap::after(&[result.clone(), result.clone(), result, acknowledged]).await;
    gap.act("remove-acknowledgement", json!({"host": "host1", "author": "alice"})).await;
    gap.down("host2").await;
    gap.act("acknowledge-problem", acknowledge("host2")).await;
    let now = Timestamp::now().as_second();
    let window = json!({"host": "host3", "author": "alice", "comment": "work", "start_time": now - 60, "end_time": now + 3600});
    gap.act("schedule-downtime", window).await;
    let told = gap.told().await;
    for wanted in [
        "dba: AcknowledgementCleared host1 DOWN (missed)",
        "dba: StateChange host2 DOWN (missed)",
        "dba: AcknowledgementSet host2 DOWN (missed)",
        "dba: DowntimeTriggered host3 UP (missed)",
    ] {
        assert_eq!(told.iter().filter(|line| *line == wanted).count(), 1, "{wanted}: {told:?}");
    }
    gap.proxy.refuse();
    gap.act("remove-downtime", json!({"host": "host3", "author": "alice"})).await;
    assert_eq!(gap.told().await, ["dba: DowntimeRemoved host3 UP (missed)"]);
}

#[tokio::test]
async fn what_is_deleted_and_made_again_while_nobody_reads_has_not_recovered() {
    let mut gap = Gap::after(&[]).await;
    let attrs = json!({"templates": ["lab-host"], "attrs": {"vars.idx": 9}});
    gap.icinga.call(reqwest::Method::PUT, "/v1/objects/hosts/fresh", attrs.clone()).await;
    gap.down("fresh").await;
    assert_eq!(gap.told().await, ["dba: StateChange fresh DOWN (missed)"]);
    gap.proxy.refuse();
    let path = "/v1/objects/hosts/fresh";
    gap.icinga.call(reqwest::Method::DELETE, &format!("{path}?cascade=1"), json!({})).await;
    assert!(gap.told().await.is_empty(), "it is missing for the first time");
    gap.proxy.refuse();
    gap.icinga.call(reqwest::Method::PUT, path, attrs).await;
    gap.down("fresh").await;
    assert!(gap.told().await.is_empty(), "it is as it was known");
}
