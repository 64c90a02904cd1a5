//! Watchbell looks at itself, and somebody outside hears that all is well.

use crate::common::alone::Alone;
use std::io::{Read, Write};
use std::net::TcpListener;

/// Answers one request with 204; its first line.
fn one_request(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut part).expect("a request");
        assert!(read > 0, "it ended early");
        request.extend_from_slice(&part[..read]);
    }
    let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    stream.write_all(answer).expect("it listens");
    String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_service_outside_hears_that_all_is_well_and_nobody_sees_its_address() {
    let folder = tempfile::tempdir().expect("there is room");
    let service = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = service.local_addr().expect("a bound socket has an address");
    let section = format!("[deadman]\nurl = \"http://{address}/s3cret-token\"\nevery = \"1s\"\n");
    let alone = Alone::new(folder.path(), &[&section]);
    let mut watchbell = alone.site.start();
    alone.wait_until_it_listens(&mut watchbell);
    for _ in 0..2 {
        assert_eq!(one_request(&service), "GET /s3cret-token HTTP/1.1");
    }
    drop(service);
    watchbell.log.expect("did not hear that all is well");
    assert!(watchbell.terminate().success());
    let audit = watchbell.log.seen.iter().any(|line| line.contains("judged in"));
    assert!(audit, "{:?}", watchbell.log.seen);
    assert!(!watchbell.log.seen.iter().any(|line| line.contains("s3cret-token")), "{:?}", watchbell.log.seen);
}
