//! What people hear in IRC of all that can happen to hosts and services.

use crate::common::channel::{Room, now};
use serde_json::{Value, json};

/// Plugin output of somebody who means no good: line ends, control codes, markup.
const HOSTILE: &str =
    "\u{3}04,04red\r\nQUIT :owned\r\n\u{2}<script>alert(1)</script> $(reboot) {{ 7*7 }} \u{202e}evil";

impl Room {
    async fn schedule(&self, object: &str, body: Value) -> String {
        let answer = self.act("schedule-downtime", object, body).await;
        answer["results"][0]["name"].as_str().expect("a downtime has a name").to_owned()
    }
}

#[tokio::test]
async fn people_hear_one_line_for_each_thing_they_should_hear_and_no_other() {
    let mut room = Room::open(10, 2).await;
    room.heard.clear();
    problems_and_acknowledgements(&mut room).await;
    hosts_and_their_services(&mut room).await;
    downtimes(&mut room).await;
    flapping(&mut room).await;
    hostile_output(&mut room).await;
    room.expect_all(&["is UNKNOWN"]);
    // What is due at the same time goes by its weight; when that is, differs.
    room.heard.sort();
    insta::assert_snapshot!(room.heard.join("\n"));
}

// Icinga emits in the order of what it is asked, and may hold each event back for
// five seconds: only what must be heard before the next step is waited for.

async fn problems_and_acknowledgements(room: &mut Room) {
    // Soft states that heal: silence.
    room.icinga.check_result("host1!svc1", 2, "a hiccup").await;
    room.icinga.check_result("host1!svc1", 0, "well").await;
    // Getting worse, easing, repeats, and an end.
    room.fail_hard("host1!svc0", 1, "WARNING - load 7").await;
    room.icinga.check_result("host1!svc0", 2, "CRITICAL - load 17").await;
    room.icinga.check_result("host1!svc0", 2, "CRITICAL - load 18").await;
    room.icinga.check_result("host1!svc0", 1, "WARNING - load 8").await;
    let ack = json!({"author": "alice", "comment": "looking into it", "notify": true});
    room.act("acknowledge-problem", "host1!svc0", ack).await;
    let comment = json!({"author": "bob", "comment": "see ticket #42 <b>now</b>"});
    room.act("add-comment", "host1!svc0", comment).await;
    room.act("remove-acknowledgement", "host1!svc0", json!({"author": "alice"})).await;
    // Acknowledged to the end: its end is heard, the end of the acknowledgement is not.
    let ack = json!({"author": "alice", "comment": "again", "notify": true, "sticky": true});
    room.act("acknowledge-problem", "host1!svc0", ack).await;
    room.icinga.check_result("host1!svc0", 2, "CRITICAL - but in good hands").await;
    room.icinga.check_result("host1!svc0", 0, "OK - load 0.3").await;
    room.expect("is OK again");
}

async fn hosts_and_their_services(room: &mut Room) {
    room.fail_hard("host2", 1, "PING CRITICAL - Packet loss = 100%").await;
    room.fail_hard("host2!svc0", 2, "no route").await;
    room.fail_hard("host2!svc1", 2, "no route").await;
    room.icinga.check_result("host2!svc0", 0, "back").await;
    room.icinga.check_result("host2!svc1", 0, "back").await;
    room.icinga.check_result("host2", 0, "PING OK").await;
    // A child behind its parent.
    room.fail_hard("host0", 1, "gateway down").await;
    room.fail_hard("host7", 1, "child down").await;
    room.icinga.check_result("host0", 0, "gateway up").await;
    room.icinga.check_result("host7", 0, "child up").await;
}

async fn downtimes(room: &mut Room) {
    let (start, two_days) = (now(), 2.0 * 86_400.0);
    let fixed = json!({
        "author": "dbadmin", "comment": "DB Tablespace Maintenance", "fixed": true, "all_services": true,
        "start_time": start, "end_time": start + two_days,
    });
    let fixed = room.schedule("host3", fixed).await;
    room.fail_hard("host3!svc0", 2, "the database is down").await;
    room.icinga.check_result("host3!svc0", 0, "the database is up").await;
    room.icinga.api("/v1/actions/remove-downtime", json!({"downtime": fixed, "author": "dbadmin"})).await;
    // A flexible one begins with the problem, and the problem outlives it.
    room.icinga.check_result("host4", 0, "PING OK").await;
    let flexible = json!({
        "author": "carol", "comment": "new disks", "fixed": false, "duration": 600, "all_services": true,
        "start_time": start, "end_time": start + two_days,
    });
    let flexible = room.schedule("host4", flexible).await;
    room.fail_hard("host4", 1, "disks are out").await;
    room.expect("in effect");
    room.icinga.api("/v1/actions/remove-downtime", json!({"downtime": flexible, "author": "carol"})).await;
    room.icinga.check_result("host4", 0, "disks are in").await;
    room.expect("disks are in");
}

async fn flapping(room: &mut Room) {
    for round in 0.. {
        let state = if round % 2 == 0 { 2 } else { 0 };
        room.icinga.check_result("host6!svc1", state, "up and down").await;
        let answer =
            room.icinga.call(reqwest::Method::GET, "/v1/objects/services/host6!svc1", json!({})).await;
        if answer["results"][0]["attrs"]["flapping"] == json!(true) {
            break;
        }
        assert!(round < 50, "Icinga never calls it flapping");
    }
    for _ in 0..30 {
        room.icinga.check_result("host6!svc1", 0, "calm").await;
    }
    room.expect("calm again");
}

async fn hostile_output(room: &mut Room) {
    room.fail_hard("host8!svc0", 2, HOSTILE).await;
    room.fail_hard("host8!svc1", 3, "UNKNOWN - ünïcödé ☃ 日本語 🔥").await;
    room.fail_hard("host9!svc0", 2, &"x".repeat(5000)).await;
    room.fail_hard("host9!svc1", 2, "the last line").await;
    room.expect("the last line");
}
