//! What systemd hears: a real socket stands in its place.

use crate::common::alone::Alone;
use crate::common::watchbell::Watchbell;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

/// The socket that systemd would listen at, and a Watchbell that knows of it.
fn start(folder: &Path, failpoints: &str) -> (UnixDatagram, Watchbell) {
    let path = folder.join("notify");
    let systemd = UnixDatagram::bind(&path).expect("the folder is writable");
    systemd.set_read_timeout(Some(Duration::from_secs(60))).expect("it is no zero");
    let alone = Alone::new(folder, &[]);
    let watchbell = alone.site.start_so(|command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1500000").env("FAILPOINTS", failpoints);
    });
    (systemd, watchbell)
}

fn heard(systemd: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let length = systemd.recv(&mut message).expect("a message");
    String::from_utf8_lossy(&message[..length]).trim_end().to_owned()
}

#[test]
fn systemd_hears_of_the_start_of_life_and_of_the_end() {
    let folder = tempfile::tempdir().expect("there is room");
    let (systemd, mut watchbell) = start(folder.path(), "");
    let mut beginning = [heard(&systemd), heard(&systemd), heard(&systemd)];
    beginning.sort();
    assert_eq!(beginning, ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]);
    watchbell.signal("TERM");
    while heard(&systemd) == "WATCHDOG=1" {}
    assert!(watchbell.wait().success());
    systemd.set_nonblocking(true).expect("it can be");
    assert!(systemd.recv(&mut [0; 256]).is_err(), "nothing comes behind `STOPPING=1`");
}

#[test]
#[cfg(feature = "failpoints")]
fn systemd_hears_no_life_of_an_engine_that_hangs() {
    let folder = tempfile::tempdir().expect("there is room");
    let (systemd, mut watchbell) = start(folder.path(), "batch.judged=pause");
    assert_eq!(heard(&systemd), "READY=1");
    for _ in 0..3 {
        watchbell.log.expect("the engine does not answer");
    }
    systemd.set_nonblocking(true).expect("it can be");
    assert!(systemd.recv(&mut [0; 256]).is_err(), "it heard of life");
    watchbell.kill();
}
