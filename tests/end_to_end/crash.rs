//! `kill -9` in the middle: nothing a person should hear is lost or made up twice.

use crate::common::channel::{self, CHANNEL, NICK, Room, said_by};
use crate::common::icinga::Icinga;
use crate::common::ircd::{Client, Ngircd};
use crate::common::wait_for;
use crate::common::watchbell::Site;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn what_happens_while_watchbell_is_dead_is_told_after_its_restart() {
    let mut room = Room::open(4, 2).await;
    room.fail_hard("host0!svc0", 2, "told before").await;
    room.fail_hard("host0!svc1", 1, "told before, ends meanwhile").await;
    room.fail_hard("host1!svc0", 2, "told before, is acknowledged meanwhile").await;
    room.expect_all(&["is acknowledged meanwhile", "ends meanwhile"]);
    // What was heard and not yet kept as accepted would be told again.
    for told in ["host0!svc0", "host0!svc1", "host1!svc0"] {
        wait_for("what was told to be kept", Duration::from_secs(90), || {
            let why = room.site.call(&["why", told]);
            String::from_utf8_lossy(&why.stdout).contains(": accepted ").then_some(())
        });
    }
    room.watchbell.kill();

    room.fail_hard("host2", 1, "went down meanwhile").await;
    room.fail_hard("host2!svc0", 2, "its service says so too").await;
    room.icinga.check_result("host0!svc1", 0, "ended meanwhile").await;
    room.act("acknowledge-problem", "host1!svc0", json!({"author": "bob", "comment": "mine"})).await;
    room.act("add-comment", "host1!svc0", json!({"author": "bob", "comment": "a disk"})).await;
    let start = channel::now();
    let downtime = json!({
        "author": "carol", "comment": "new disks", "start_time": start, "end_time": start + 7200.0,
        "all_services": true,
    });
    room.act("schedule-downtime", "host3", downtime).await;
    room.heard.clear();
    room.restart_watchbell();

    room.expect("new disks");
    room.icinga.check_result("host0!svc0", 0, "the end of what was told before").await;
    room.icinga.check_result("host2", 0, "the end of what was missed").await;
    room.expect_all(&["the end of what was told before", "the end of what was missed"]);
    // What is due at the same time goes by its weight; when that is, differs.
    room.heard.sort();
    insta::assert_snapshot!(room.heard.join("\n"));
}

#[tokio::test]
async fn killed_at_any_moment_it_tells_each_problem_and_each_end() {
    let mut room = Room::open(1, 5).await;
    let services: Vec<String> = (0..5).map(|number| format!("host0!svc{number}")).collect();
    for service in &services {
        room.fail_hard(service, 2, "broken").await;
        // Whatever it is doing now: reading, deciding, writing, sending.
        room.watchbell.kill();
        room.restart_watchbell();
    }
    room.wait_until_told(&services, "is CRITICAL");
    for service in &services {
        room.icinga.check_result(service, 0, "mended").await;
        room.watchbell.kill();
        room.restart_watchbell();
    }
    room.wait_until_told(&services, "is OK again");
    // What was just being sent at a death comes twice: one line for each.
    let (told, deaths) = (2 * services.len(), 2 * services.len());
    let each =
        services.iter().flat_map(|service| ["is CRITICAL", "is OK again"].map(|words| (service, words)));
    let times: usize = each.map(|(service, words)| room.times_told(service, words)).sum();
    assert!((told..=told + deaths).contains(&times), "{times}:\n{}", room.heard.join("\n"));
}

/// What is told of a first look at an Icinga with one problem.
const ONE_PROBLEM: &str = "1 problem now";

#[tokio::test]
async fn a_kill_around_the_first_look_hides_no_problem_that_was_there_before() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let icinga = Icinga::start_hard(dir.path(), 1, 2).await;
    icinga.check_result("host0!svc0", 2, "broken before").await;
    for point in ["batch.judged", "commit.inside", "commit.done"] {
        for passage in 0..3 {
            let folder = tempfile::tempdir().expect("there is room for temporary files");
            let site = Site::new(folder.path());
            site.configure(&[site.icinga(&icinga), site.console()]);
            let dies = format!("{point}={passage}*off->return");
            let mut watchbell = site.start_so(|command| {
                command.env("FAILPOINTS", dies);
            });
            let mut lines = std::iter::from_fn(|| watchbell.out.next());
            if lines.any(|line| line.contains(ONE_PROBLEM)) {
                watchbell.kill();
                continue;
            }
            let mut watchbell = site.start();
            watchbell.out.expect(ONE_PROBLEM);
            watchbell.kill();
        }
    }
}

impl Room {
    fn times_told(&self, service: &str, words: &str) -> usize {
        let start = format!("{service} {words}");
        self.heard.iter().filter(|line| line.contains(&start)).count()
    }

    fn wait_until_told(&mut self, services: &[String], words: &str) {
        while services.iter().any(|service| self.times_told(service, words) == 0) {
            self.expect(words);
        }
    }
}

#[tokio::test]
async fn what_was_decided_while_the_irc_server_was_dead_is_told_after_the_restart_of_both() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let icinga = Icinga::start(dir.path(), 3, 1).await;
    let mut server = Ngircd::start(dir.path());
    let site = Site::new(dir.path());
    site.configure(&[site.icinga(&icinga), channel::irc(server.port, "")]);
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join(CHANNEL);
    let mut watchbell = site.start();
    alice.expect_line("first look at Icinga lab");

    server.kill();
    for service in ["host0!svc0", "host1!svc0", "host2!svc0"] {
        for _ in 0..3 {
            icinga.check_result(service, 2, "decided while nobody could hear").await;
        }
        wait_for("the decision to be durable", Duration::from_secs(90), || {
            let why = site.call(&["why", service]);
            String::from_utf8_lossy(&why.stdout).contains("told ops").then_some(())
        });
    }
    watchbell.kill();
    server.restart();
    let mut alice = Client::connect(server.port, "alice", None);
    alice.join(CHANNEL);
    let _watchbell = site.start();
    // The first look, in flight when the server died, may be told again; and where the machine is
    // slow, the sink was away for so long that it is told.
    let of_services = |text: &str| !text.starts_with("first look") && !text.starts_with("sink chat ");
    let mut lines = Vec::new();
    while lines.len() < 3 {
        let came = alice.lines_until(|line| said_by(NICK, line).is_some());
        let told = came.iter().filter_map(|line| said_by(NICK, line)).map(str::to_owned);
        lines.extend(told.filter(|line| of_services(line)));
    }
    let expected = |number: usize| {
        format!("#{} host{}!svc0 is CRITICAL: decided while nobody could hear", number + 1, number)
    };
    assert_eq!(lines, [expected(0), expected(1), expected(2)]);
    icinga.check_result("host0!svc0", 0, "and nothing came between").await;
    let last = alice.lines_until(|line| said_by(NICK, line).is_some_and(of_services));
    assert!(last.last().is_some_and(|line| line.contains("host0!svc0 is OK again")), "{last:?}");
}
