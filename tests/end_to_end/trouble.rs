//! What is wrong with the way to Icinga is said in words that mend it.

use crate::common::certificates::Authority;
use crate::common::channel::Room;
use crate::common::icinga::Icinga;
use crate::common::watchbell::Site;
use std::path::PathBuf;
use std::time::Duration;
use watchbell::config::IcingaSettings;

/// How long Watchbell stands still: longer than Icinga may be silent, and than Icinga keeps events.
const STILL: Duration = Duration::from_secs(6);

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
