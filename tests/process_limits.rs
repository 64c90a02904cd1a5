//! Little room for the process, and much that wants in.

use crate::common::alone::Alone;
use crate::common::fake_icinga::FakeIcinga;
use crate::common::{Process, wait_for};
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use watchbell::model::Timestamp;

/// A user whom nobody else uses, so that only our processes count: the limit is one for
/// all processes of a user, and root has none.
const SOMEBODY: u32 = 61_234;

/// Opens as many connections as its second argument says, and keeps them until its input ends.
/// Those that find no room in the kernel's queue go on knocking.
const CROWD: &str = r#"
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
crowd = []
for _ in range(int(sys.argv[2])):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", int(sys.argv[1])))
    crowd.append(one)
print(len(crowd), flush=True)
sys.stdin.read()
"#;

fn crowd(port: u16, count: usize) -> Process {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", CROWD, &port.to_string(), &count.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = Process::start("a crowd of connections", &mut command);
    let said = process.child().stdout.take().expect("it is piped");
    let mut line = String::new();
    BufReader::new(said).read_line(&mut line).expect("it says how many there are");
    assert_eq!(line.trim(), count.to_string());
    process
}

/// Sets how many processes and threads the user of a process may have.
fn limit_processes(id: u32, count: usize) {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &id.to_string(), &format!("--nproc={count}:")]);
    if rustix::process::getuid().is_root() {
        command.uid(SOMEBODY).gid(SOMEBODY);
    }
    assert!(command.status().is_ok_and(|status| status.success()), "it is ours");
}

/// Gives a folder and all in it to somebody who is not root.
fn give_away(path: &Path) {
    chown(path, Some(SOMEBODY), Some(SOMEBODY)).expect("root may");
    let inside = if path.is_dir() { fs::read_dir(path).expect("it can be listed") } else { return };
    inside.for_each(|entry| give_away(&entry.expect("an entry").path()));
}

/// Connections that say a little and then nothing.
fn slow(alone: &Alone, count: usize) -> Vec<TcpStream> {
    let open = |_| {
        let mut stream = alone.connect().ok()?;
        stream.write_all(b"POST /webhook/test HTTP/1.1\r\nHost: local").ok()?;
        Some(stream)
    };
    (0..count).filter_map(open).collect()
}

#[test]
fn with_64_file_descriptors_it_goes_on_and_does_its_work_when_there_is_room_again() {
    let folder = tempfile::tempdir().expect("there is room");
    let alone = Alone::new(folder.path(), &[]);
    let mut watchbell = alone.site.start_after("ulimit -n 64");
    alone.wait_until_it_listens(&mut watchbell);
    assert!(alone.send("before"));
    alone.wait_for_told("before");
    let crowd = slow(&alone, 100);
    assert!(watchbell.runs());
    drop(crowd);
    // It accepts again after a while.
    wait_for("room", Duration::from_secs(60), || alone.send("after").then_some(()));
    alone.wait_for_told("after");
    assert!(watchbell.terminate().success());
}

#[test]
fn many_slow_connections_keep_it_neither_from_its_work_nor_from_ending() {
    let folder = tempfile::tempdir().expect("there is room");
    let alone = Alone::new(folder.path(), &[]);
    let mut watchbell = alone.site.start_after("ulimit -n 256");
    alone.wait_until_it_listens(&mut watchbell);
    alone.site.write("broken", "");
    assert!(alone.send("what waits to be told"));
    let _crowd = slow(&alone, 200);
    // What it opens for its own work finds room beside them.
    std::fs::remove_file(alone.site.path("broken")).expect("it is there");
    alone.wait_for_told("what waits to be told");
    assert!(watchbell.terminate().success());
}

/// A line of Icinga's: a service is found to be broken.
fn broken_service() -> String {
    let now = Timestamp::now().as_duration().as_secs_f64();
    let was = json!({"attempt": 3, "reachable": true, "state": 0, "state_type": 1});
    let is = json!({"attempt": 3, "reachable": true, "state": 2, "state_type": 1});
    let result = json!({
        "output": "no route", "execution_end": now, "exit_status": 2, "performance_data": [],
        "check_source": "fake", "state": 2, "vars_before": was, "vars_after": is,
    });
    json!({
        "type": "StateChange", "timestamp": now, "host": "host0", "service": "disk", "state": 2,
        "state_type": 1, "downtime_depth": 0, "acknowledgement": false, "check_result": result,
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_connections_leave_room_for_work_and_fill_no_memory() {
    let folder = tempfile::tempdir().expect("there is room");
    let mut icinga = FakeIcinga::start(folder.path(), "r2.14.0").await;
    let alone = Alone::new(folder.path(), &[]);
    let with_icinga = alone.site.read("watchbell.toml") + &alone.site.icinga_of(&icinga.settings(), "botpw");
    alone.site.write("watchbell.toml", &with_icinga);
    let mut watchbell = alone.site.start_after("ulimit -n 256");
    alone.wait_until_it_listens(&mut watchbell);
    let mut stream = icinga.stream().await;
    alone.wait_for_told("first look at Icinga lab");
    alone.site.write("broken", "");
    assert!(alone.send("what waits to be told"));
    let before = watchbell.resident();
    let crowd = crowd(alone.port, 10_000);
    fs::remove_file(alone.site.path("broken")).expect("it is there");
    alone.wait_for_told("what waits to be told");
    // Icinga is read on, over the connection of before.
    stream.line(&broken_service()).await;
    alone.wait_for_told("host0!disk is CRITICAL");
    let more = watchbell.resident().saturating_sub(before);
    assert!(more < 64 << 20, "{more} bytes more than before");
    drop(crowd);
    wait_for("room", Duration::from_secs(60), || alone.send("after").then_some(()));
    alone.wait_for_told("after");
    assert!(watchbell.terminate().success());
}

#[test]
fn without_room_for_threads_it_does_not_start_and_says_what_to_raise() {
    let folder = tempfile::tempdir().expect("there is room");
    let alone = Alone::new(folder.path(), &[]);
    // Enough for the program itself, and for the stacks of a few threads.
    let mut watchbell = alone.site.start_after("ulimit -v 130000");
    watchbell.log.expect("raise `ulimit -u` (systemd: LimitNPROC=, TasksMax=) or `ulimit -v` (LimitAS=)");
    assert_eq!(watchbell.wait().code(), Some(1));
}

#[test]
fn where_no_process_can_be_started_a_program_is_tried_again_later() {
    let folder = tempfile::tempdir().expect("there is room");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let alone = Alone::new(folder.path(), &[]);
    let is_root = rustix::process::getuid().is_root();
    if is_root {
        give_away(&alone.site.path(""));
    }
    let mut watchbell = alone.site.start_so(|command| {
        if is_root {
            command.uid(SOMEBODY).gid(SOMEBODY);
        }
        command.env("RUST_LOG", "watchbell=debug");
    });
    alone.wait_until_it_listens(&mut watchbell);
    assert!(alone.send("before"));
    alone.wait_for_told("before");
    limit_processes(watchbell.id(), 1);
    assert!(alone.send("while there is no room"));
    watchbell.log.expect("could not be started");
    assert!(watchbell.runs());
    assert_eq!(alone.count_told("while there is no room"), 0);
    limit_processes(watchbell.id(), 500);
    alone.wait_for_told("while there is no room");
    assert_eq!(alone.count_told("while there is no room"), 1);
    assert!(watchbell.terminate().success());
}

#[test]
fn clients_that_send_no_whole_head_keep_nobody_out() {
    let folder = tempfile::tempdir().expect("there is room");
    let alone = Alone::new(folder.path(), &[]);
    let mut watchbell = alone.site.start();
    alone.wait_until_it_listens(&mut watchbell);
    // More than are taken at once, and none of them goes by itself.
    let _crowd = slow(&alone, 150);
    assert!(alone.send("from somebody who is quick"));
    alone.wait_for_told("from somebody who is quick");
    assert!(watchbell.terminate().success());
}

#[test]
fn who_is_refused_is_logged_once_with_the_address_and_without_the_token() {
    let folder = tempfile::tempdir().expect("there is room");
    let alone = Alone::new(folder.path(), &[]);
    let mut watchbell = alone.site.start();
    alone.wait_until_it_listens(&mut watchbell);
    for (name, token) in [("test", "wr0ng"), ("nobody", "wr0ng"), ("test", "wr0ng"), ("n0body", "wr0ng")] {
        let mut stream = alone.connect().expect("it listens");
        let head = format!(
            "POST /webhook/{name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it listens");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    assert!(watchbell.terminate().success());
    let lines = watchbell.log.rest();
    let refused: Vec<_> = lines.iter().filter(|line| line.contains("refused: the token")).collect();
    assert!(refused.len() == 2 && refused.iter().all(|line| line.contains("peer=127.0.0.1:")), "{refused:?}");
    assert!(!lines.iter().any(|line| line.contains("wr0ng")), "{lines:?}");
}

#[test]
fn a_body_of_100_mb_is_refused_and_not_kept() {
    let folder = tempfile::tempdir().expect("there is room");
    let alone = Alone::new(folder.path(), &[]);
    // Its own size in a debug build, and less than the body more.
    let mut watchbell = alone.site.start();
    alone.wait_until_it_listens(&mut watchbell);
    let mut stream = alone.connect().expect("it listens");
    let head = "POST /webhook/test HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer s3cret\r\n\
                Content-Length: 100000000\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it listens");
    let part = vec![b'x'; 1 << 20];
    let sent = (0..100).take_while(|_| stream.write_all(&part).is_ok()).count();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 413 ") || sent < 100, "{sent} MiB were taken: {answer}");
    assert!(alone.send("the next"));
    alone.wait_for_told("the next");
    assert!(watchbell.terminate().success());
}
