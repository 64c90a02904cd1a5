//! What the capability tests share: real programs, started and ended here.

#![allow(dead_code, reason = "a shared harness; not every capability uses all of it")]

pub(crate) mod alone;
pub(crate) mod bell;
pub(crate) mod certificates;
pub(crate) mod channel;
pub(crate) mod cli;
pub(crate) mod committing;
pub(crate) mod config;
pub(crate) mod deliveries;
pub(crate) mod dovecot;
pub(crate) mod engine;
pub(crate) mod fake_icinga;
pub(crate) mod happenings;
pub(crate) mod http;
pub(crate) mod icinga;
pub(crate) mod icinga_pair;
pub(crate) mod icinga_process;
pub(crate) mod icinga_satellite;
pub(crate) mod icinga_truth;
pub(crate) mod inquiry;
pub(crate) mod ircd;
pub(crate) mod irssi;
pub(crate) mod place;
pub(crate) mod proxy;
pub(crate) mod reader;
pub(crate) mod recipes;
pub(crate) mod reloading;
pub(crate) mod scenes;
pub(crate) mod site;
pub(crate) mod small_disk;
pub(crate) mod smtp;
pub(crate) mod watchbell;

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;

/// A program that ends when this value is dropped, by its process id.
pub(crate) struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts it; panics with the program's name where that fails.
    pub(crate) fn start(name: &str, command: &mut Command) -> Process {
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}; tests/run installs it"));
        Process { name: name.to_owned(), child }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The process itself, for its streams and its end.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Kills it at once (SIGKILL) and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap_or_else(|error| panic!("cannot kill {}: {error}", self.name));
        self.child.wait().unwrap_or_else(|error| panic!("cannot wait for {}: {error}", self.name));
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{} runs and is ours", self.name);
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The ports of servers that are started later: below those that the system gives to
/// connections, where one could be taken meanwhile.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// A loopback port where nobody listens, and that no other test gets as long as this
/// process lives, also none of another process.
pub(crate) fn free_port() -> u16 {
    // Names of sockets outside of the file system go with the process that holds them.
    static HELD: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
    let hold = |port: u16| {
        let name = SocketAddr::from_abstract_name(format!("watchbell-test-port-{port}")).ok()?;
        let held = UnixListener::bind_addr(&name).ok()?;
        TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(held)
    };
    for _ in 0..1000 {
        let port = rand::random_range(PORTS);
        if let Some(held) = hold(port) {
            HELD.lock().unwrap_or_else(PoisonError::into_inner).push(held);
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free on loopback");
}

/// A loopback port where nobody listens, for as long as the socket is held.
pub(crate) fn closed_port() -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("loopback has a free port");
    socket
}

/// Asks until there is an answer; panics with `what` after `limit`. For programs
/// that give no signal when they are ready.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
