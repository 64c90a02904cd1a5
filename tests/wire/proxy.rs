//! The proxy itself: what the other tests build on.

use crate::common::proxy::{BOTH, End, Proxy, Way};
use crate::common::wait_for;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// The two ends of a connection through a proxy.
struct Pair {
    proxy: Proxy,
    client: TcpStream,
    server: TcpStream,
    _listener: TcpListener,
}

fn pair() -> Pair {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let proxy = Proxy::to(listener.local_addr().expect("it is bound").port());
    let client = TcpStream::connect(("127.0.0.1", proxy.port)).expect("the proxy listens");
    let (server, _) = listener.accept().expect("the proxy connects");
    for socket in [&client, &server] {
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket has a patience");
    }
    Pair { proxy, client, server, _listener: listener }
}

impl Pair {
    /// Sends this from the server and reads it at the client.
    fn tell(&mut self, text: &[u8]) {
        self.server.write_all(text).expect("the server may write");
        let mut heard = vec![0; text.len()];
        self.client.read_exact(&mut heard).expect("it arrives");
        assert_eq!(heard, text);
    }
}

/// What a read says that finds nothing more.
fn end_of(socket: &mut TcpStream) -> Result<usize, ErrorKind> {
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).map_err(|error| error.kind())
}

#[test]
fn bytes_pass_both_ways_and_are_counted() {
    let mut pair = pair();
    pair.tell(b"hello");
    pair.client.write_all(b"hi").expect("the client may write");
    let mut heard = [0; 2];
    pair.server.read_exact(&mut heard).expect("it arrives");
    assert_eq!(&heard, b"hi");
    wait_for("the count", PATIENCE, || {
        let counts = (pair.proxy.passed(Way::ToClient), pair.proxy.passed(Way::ToServer));
        (counts == (5, 2) && pair.proxy.connections() == 1).then_some(())
    });
}

#[test]
fn a_cut_is_an_end_and_a_reset_is_an_error_at_both_ends() {
    for (end, wanted) in [(End::Cut, Ok(0)), (End::Reset, Err(ErrorKind::ConnectionReset))] {
        let mut pair = pair();
        pair.tell(b"x");
        pair.proxy.end(end);
        assert_eq!(end_of(&mut pair.client), wanted, "{end:?}");
        assert_eq!(end_of(&mut pair.server), wanted, "{end:?}");
    }
}

#[test]
fn an_end_after_some_bytes_comes_there_and_new_connections_pass() {
    let mut pair = pair();
    pair.proxy.end_after(Way::ToClient, 3, End::Cut);
    pair.server.write_all(b"abcdef").expect("the server may write");
    let mut heard = Vec::new();
    pair.client.read_to_end(&mut heard).expect("it ends well");
    assert_eq!(heard, b"abc");
    TcpStream::connect(("127.0.0.1", pair.proxy.port)).expect("the proxy listens");
}

#[test]
fn a_stalled_way_keeps_what_was_said_and_the_other_way_goes_on() {
    let mut pair = pair();
    pair.proxy.stall(&[Way::ToClient]);
    pair.server.write_all(b"kept").expect("the server may write");
    pair.client.write_all(b"passed").expect("the client may write");
    let mut heard = [0; 6];
    pair.server.read_exact(&mut heard).expect("the other way goes on");
    assert_eq!(pair.proxy.passed(Way::ToClient), 0);
    pair.proxy.pass();
    let mut heard = [0; 4];
    pair.client.read_exact(&mut heard).expect("it arrives at last");
    assert_eq!(&heard, b"kept");
}

#[test]
fn slow_and_late_bytes_take_their_time() {
    let mut slow = pair();
    slow.proxy.trickle(&BOTH, 50);
    let begun = Instant::now();
    slow.tell(&[b'x'; 20]);
    assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());

    let mut late = pair();
    late.proxy.delay(&BOTH, Duration::from_millis(300));
    let begun = Instant::now();
    late.tell(b"late");
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[test]
fn one_that_refuses_resets_all_until_it_passes_again() {
    let mut pair = pair();
    pair.proxy.refuse();
    assert_eq!(end_of(&mut pair.client), Err(ErrorKind::ConnectionReset));
    let mut refused = TcpStream::connect(("127.0.0.1", pair.proxy.port)).expect("it listens");
    assert_eq!(end_of(&mut refused), Err(ErrorKind::ConnectionReset));
    pair.proxy.pass();
    assert!(TcpStream::connect(("127.0.0.1", pair.proxy.port)).is_ok());
}

#[test]
fn who_is_not_there_is_a_reset() {
    let nobody = crate::common::closed_port();
    let proxy = Proxy::to(nobody.local_addr().expect("it is bound").port());
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port)).expect("the proxy listens");
    assert_eq!(end_of(&mut client), Err(ErrorKind::ConnectionReset));
}
