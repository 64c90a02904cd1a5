//! What is wrong with the way to Icinga is said in words that mend it; and a Watchbell that stood
//! still goes on where it was.

use crate::common::certificates::Authority;
use crate::common::channel::{NICK, Room, said_by};
use crate::common::icinga::Icinga;
use crate::common::proxy::{Proxy, Way};
use crate::common::watchbell::Site;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use watchbell::config::IcingaSettings;

/// How long Watchbell stands still: longer than Icinga may be silent, and than Icinga keeps events.
const STILL: Duration = Duration::from_secs(6);
/// Longer than the answer to a `PING` may take, and than a line may be without its answer.
const LONGER_THAN_IRC_MAY_TAKE: Duration = Duration::from_secs(35);

#[tokio::test]
async fn a_way_to_icinga_that_fails_is_named_with_its_mend_and_tried_again() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let icinga = Icinga::start(dir.path(), 1, 1).await;
    let site = Site::new(dir.path());
    let right = icinga.settings();
    let other_ca: PathBuf = Authority::new(dir.path(), "other").ca_file;
    let cases = [
        (right.clone(), "wrong", "wrong user or password for the Icinga API user `bot`"),
        (IcingaSettings { ca_file: Some(other_ca), ..right.clone() }, "botpw", "set `ca_file` to a copy of"),
        (IcingaSettings { ca_file: None, ..right.clone() }, "botpw", "set `ca_file` to a copy of"),
        (
            IcingaSettings { server_names: vec!["master9".to_owned()], ..right.clone() },
            "botpw",
            "its certificate is for lab, not for `master9`: set `server_name = \"lab\"`",
        ),
    ];
    for (settings, password, mend) in cases {
        site.configure(&[site.icinga_of(&settings, password), site.console()]);
        let mut watchbell = site.start();
        watchbell.log.expect(mend);
        watchbell.log.expect(mend);
        assert!(watchbell.terminate().success(), "trouble does not end it, SIGTERM does");
        let log = watchbell.log.seen.join("\n");
        assert!(!log.contains("botpw"), "a password is in the log: {log}");
    }
}

#[tokio::test]
async fn a_missing_permission_is_named_and_what_is_left_works() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let icinga = Icinga::start(dir.path(), 1, 1).await;
    let site = Site::new(dir.path());
    site.configure(&[site.icinga_as(&icinga, "partial", "partialpw"), site.console()]);
    let mut watchbell = site.start();
    let said = watchbell.log.expect("add \"");
    assert!(said.contains("the Icinga API user `partial`") && said.contains("\"events/"), "{said}");
    for _ in 0..3 {
        icinga.check_result("host0!svc0", 2, "disk full").await;
    }
    watchbell.out.expect("#1 host0!svc0 is CRITICAL: disk full");

    site.configure(&[site.icinga_as(&icinga, "narrow", "narrowpw"), site.console()]);
    assert!(watchbell.terminate().success());
    let mut watchbell = site.start();
    let said = watchbell.log.expect("add \"");
    assert!(said.contains("the Icinga API user `narrow`"), "{said}");
}

#[tokio::test]
async fn a_watchbell_that_stood_still_hears_all_that_was_said_meanwhile() {
    let mut room = Room::open_with(3, 1, |site| {
        let short = "user = \"bot\"\nsilence = \"1s\"";
        site.write("watchbell.toml", &site.read("watchbell.toml").replace("user = \"bot\"", short));
    })
    .await;
    for host in ["host0", "host1", "host2"] {
        room.watchbell.signal("STOP");
        room.fail_hard(&format!("{host}!svc0"), 2, "disk full").await;
        tokio::time::sleep(STILL).await;
        room.watchbell.signal("CONT");
        let said = room.expect(&format!("{host}!svc0 is CRITICAL"));
        assert!(!said.contains("missed"), "{said}");
    }
    assert!(!room.heard.iter().any(|line| line.contains("out of reach")), "{:?}", room.heard);
}

#[tokio::test]
async fn a_watchbell_that_stood_still_keeps_its_connection_to_irc() {
    let mut line = None;
    let mut room = Room::open_with(1, 2, |site| line = Some(behind_a_line(site))).await;
    let line = line.expect("it was made before the start");
    // What the server answers is on its way while Watchbell stands still.
    line.stall(&[Way::ToClient]);
    room.fail_hard("host0!svc0", 2, "disk full").await;
    room.expect("host0!svc0 is CRITICAL");
    room.watchbell.signal("STOP");
    line.pass();
    tokio::time::sleep(LONGER_THAN_IRC_MAY_TAKE).await;
    room.watchbell.signal("CONT");
    room.fail_hard("host0!svc1", 2, "disk full").await;
    let told = |line: &str, what: &str| said_by(NICK, line).is_some_and(|text| text.contains(what));
    let lines = room.alice.lines_until(|line| told(line, "host0!svc1 is CRITICAL"));
    assert!(!lines.iter().any(|line| line.contains(" QUIT ")), "it hung up: {lines:#?}");
    assert!(!lines.iter().any(|line| told(line, "svc0")), "what was accepted came again: {lines:#?}");
    assert_eq!(line.connections(), 1);
}

/// Puts a line that can fail between Watchbell and the IRC server of its configuration.
fn behind_a_line(site: &Site) -> Proxy {
    let settings = site.read("watchbell.toml");
    let (_, after) = settings.split_once("server = \"127.0.0.1:").expect("it has a server");
    let (port, _) = after.split_once('"').expect("the text ends");
    let line = Proxy::to(port.parse().expect("a port"));
    site.write("watchbell.toml", &settings.replace(&format!(":{port}\""), &format!(":{}\"", line.port)));
    line
}

#[tokio::test]
async fn a_gap_that_began_while_watchbell_stood_still_begins_there_and_not_where_it_went_on() {
    let mut room = Room::open(1, 1).await;
    let stopped = Instant::now();
    room.watchbell.signal("STOP");
    room.icinga.kill();
    tokio::time::sleep(STILL).await;
    room.icinga.restart().await;
    room.fail_hard("host0!svc0", 2, "disk full").await;
    let stood_still = stopped.elapsed().as_secs();
    room.watchbell.signal("CONT");
    room.expect_all(&["was out of reach for ", "host0!svc0 is CRITICAL"]);
    let kept = rusqlite::Connection::open(room.site.path("watchbell.db")).expect("it opens");
    let sql = "SELECT message FROM deliveries WHERE event = 'Gap' ORDER BY id DESC LIMIT 1";
    let said: String = kept.query_row(sql, [], |row| row.get(0)).expect("it was told");
    let length =
        said.split_once("out of reach for ").and_then(|(_, rest)| rest.split_once('s')?.0.parse().ok());
    let length: u64 = length.unwrap_or_else(|| panic!("some seconds: {said}"));
    assert!(length >= stood_still, "it stood still for {stood_still} s: {said}");
    assert!(!room.heard.iter().any(|line| line.contains("still out of reach")), "{:?}", room.heard);
}
