//! Starting, ending, and asking a Watchbell that runs.

use crate::common::channel::{NICK, Room, blanked};
use crate::common::watchbell::Site;

#[tokio::test]
async fn a_running_watchbell_explains_itself_keeps_others_out_and_says_goodbye() {
    let mut room = Room::open(2, 2).await;
    room.fail_hard("host1!svc0", 2, "disk full").await;
    room.icinga.check_result("host1!svc0", 0, "disk has room").await;
    room.expect("disk has room");
    // The answer to this is sent after the line above has been noted as sent.
    room.say("!ping");
    room.expect("pong");

    let why = room.site.call(&["why", "host1!svc0"]);
    assert!(why.status.success());
    insta::assert_snapshot!(blanked(&String::from_utf8_lossy(&why.stdout)));
    let nothing = room.site.call(&["why", "host9"]);
    assert!(!nothing.status.success());
    assert!(String::from_utf8_lossy(&nothing.stdout).contains("I know no `host9`"));
    room.say("!why host1!svc0");
    room.expect("told nobody: soft: Icinga is still trying (10-filter.rhai:");

    let second = room.site.call(&["run"]);
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("watchbell.db") && said.contains("another"), "{said}");
    assert!(room.watchbell.runs(), "the first goes on");

    let status = room.watchbell.terminate();
    assert_eq!(status.code(), Some(0));
    let quit = room.alice.expect_line(" QUIT ");
    assert!(quit.starts_with(&format!(":{NICK}!")) && quit.ends_with(":Watchbell stops"), "{quit}");
    room.watchbell.log.expect("stopping");
}

#[test]
fn neither_the_start_nor_the_end_waits_for_the_tests_of_rules() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let site = Site::new(folder.path());
    let nowhere = "[[icinga]]\nname = \"lab\"\nurls = [\"https://127.0.0.1:9\"]\nuser = \"bot\"\npassword_file = \"icinga.password\"\n";
    site.secret("icinga.password", "pw");
    site.configure(&[nowhere.to_owned(), site.console()]);
    // Each of them is stopped after some seconds, all of them after minutes.
    let slow = |number: u32| format!("test(\"slow {number}\", |t| {{ loop {{ t.wait(\"1s\"); }} }});\n");
    site.write("rules/slow.test.rhai", &(0..60).map(slow).collect::<String>());
    let mut watchbell = site.start();
    // It asks Icinga, in vain, and runs the tests meanwhile.
    watchbell.log.expect("127.0.0.1:9");
    watchbell.wait_for_thread("tests");
    assert_eq!(watchbell.terminate().code(), Some(0));
}
