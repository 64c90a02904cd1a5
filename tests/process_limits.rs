//! Little room for the process, and much that wants in.

use crate::common::alone::Alone;
use std::io::{Read, Write};
use std::net::TcpStream;

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
    crate::common::wait_for("room", std::time::Duration::from_secs(60), || alone.send("after").then_some(()));
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
