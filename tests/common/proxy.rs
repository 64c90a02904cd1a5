//! A TCP proxy on loopback: the network between two programs, with its faults at hand.
//!
//! It knows bytes only, so TLS passes through it untouched. It has a thread and a runtime
//! of its own: a test that waits for something does not hold it up.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How much is passed on at once, in bytes.
const PIECE: usize = 16 * 1024;
/// In how many pieces a second's worth of a slow flow is passed on.
const PIECES_A_SECOND: u64 = 20;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Way {
    /// From who connected to who was connected to.
    ToServer,
    /// Back.
    ToClient,
}

/// Both ways, for faults of the whole line.
pub(crate) const BOTH: [Way; 2] = [Way::ToServer, Way::ToClient];

/// How connections end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    /// With a FIN to both sides: all was said.
    Cut,
    /// With a RST to both sides: something broke.
    Reset,
}

/// What one way does with its bytes.
#[derive(Debug, Clone, Default)]
struct Flow {
    /// Nothing is taken, and nothing that was taken is passed on.
    stalled: bool,
    /// How many bytes pass in a second, over each connection; all at once if unset.
    bytes_a_second: Option<u64>,
    /// How long each piece waits before it is passed on.
    delay: Duration,
    /// How many bytes pass until all connections end.
    left: Option<(u64, End)>,
}

/// What the proxy does now; it changes while connections are open.
#[derive(Debug, Clone, Default)]
struct Plan {
    to_server: Flow,
    to_client: Flow,
    /// New connections are reset at once.
    refuses: bool,
    /// How often all connections were ended, and how the last time.
    ended: (u64, Option<End>),
}

impl Plan {
    fn flow(&self, way: Way) -> &Flow {
        match way {
            Way::ToServer => &self.to_server,
            Way::ToClient => &self.to_client,
        }
    }

    fn flow_mut(&mut self, way: Way) -> &mut Flow {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::ToClient => &mut self.to_client,
        }
    }

    fn end_all(&mut self, end: End) {
        self.ended = (self.ended.0 + 1, Some(end));
    }
}

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicU64,
    to_server_bytes: AtomicU64,
    to_client_bytes: AtomicU64,
}

impl Seen {
    fn bytes(&self, way: Way) -> &AtomicU64 {
        match way {
            Way::ToServer => &self.to_server_bytes,
            Way::ToClient => &self.to_client_bytes,
        }
    }
}

/// A running proxy; dropping it resets all connections.
pub(crate) struct Proxy {
    /// Where it listens, on 127.0.0.1.
    pub(crate) port: u16,
    plan: Arc<watch::Sender<Plan>>,
    seen: Arc<Seen>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts one in front of a port of 127.0.0.1, where nobody has to listen yet.
    /// Everything passes at first.
    pub(crate) fn to(server_port: u16) -> Proxy {
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a socket can be made so");
        let port = listener.local_addr().expect("it is bound").port();
        let plan = Arc::new(watch::Sender::new(Plan::default()));
        let seen = Arc::<Seen>::default();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let line = Line {
            server: (Ipv4Addr::LOCALHOST, server_port).into(),
            plan: plan.clone(),
            seen: seen.clone(),
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be built").block_on(async {
                let listener = TcpListener::from_std(listener).expect("it is a listening socket");
                tokio::select! {
                    () = line.accept(listener) => {}
                    _ = stopped => {}
                }
            });
        });
        Proxy { port, plan, seen, stop: Some(stop), thread: Some(thread) }
    }

    /// Everything passes again, over the connections that are still open as over new ones.
    pub(crate) fn pass(&self) {
        self.change(|plan| {
            plan.to_server = Flow::default();
            plan.to_client = Flow::default();
            plan.refuses = false;
        });
    }

    /// Keeps all connections, takes new ones, and passes nothing these ways: half-open.
    pub(crate) fn stall(&self, ways: &[Way]) {
        self.change_flows(ways, |flow| flow.stalled = true);
    }

    /// Lets so many bytes through in a second, over each connection.
    pub(crate) fn trickle(&self, ways: &[Way], bytes_a_second: u64) {
        self.change_flows(ways, |flow| flow.bytes_a_second = Some(bytes_a_second.max(1)));
    }

    /// Has each piece wait for this long.
    pub(crate) fn delay(&self, ways: &[Way], delay: Duration) {
        self.change_flows(ways, |flow| flow.delay = delay);
    }

    /// Ends all connections after so many more bytes this way, over all of them; then
    /// everything passes again.
    pub(crate) fn end_after(&self, way: Way, bytes: u64, end: End) {
        self.change(|plan| plan.flow_mut(way).left = Some((bytes, end)));
    }

    /// Ends all open connections; new ones are taken.
    pub(crate) fn end(&self, end: End) {
        self.change(|plan| plan.end_all(end));
    }

    /// Resets all connections, and each new one at once, until [`Proxy::pass`].
    pub(crate) fn refuse(&self) {
        self.change(|plan| {
            plan.refuses = true;
            plan.end_all(End::Reset);
        });
    }

    /// How many connections were taken so far, refused ones too.
    pub(crate) fn connections(&self) -> u64 {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// How many bytes were passed on this way so far.
    pub(crate) fn passed(&self, way: Way) -> u64 {
        self.seen.bytes(way).load(Ordering::Relaxed)
    }

    fn change_flows(&self, ways: &[Way], change: impl Fn(&mut Flow)) {
        self.change(|plan| ways.iter().for_each(|way| change(plan.flow_mut(*way))));
    }

    fn change(&self, change: impl FnOnce(&mut Plan)) {
        self.plan.send_modify(change);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The way to one server.
#[derive(Clone)]
struct Line {
    server: SocketAddr,
    plan: Arc<watch::Sender<Plan>>,
    seen: Arc<Seen>,
}

impl Line {
    async fn accept(self, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            self.seen.connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(self.clone().serve(client));
        }
    }

    async fn serve(self, mut client: TcpStream) {
        let mut plan = self.plan.subscribe();
        let (refuses, before) = (plan.borrow().refuses, plan.borrow().ended.0);
        let server = if refuses { None } else { TcpStream::connect(self.server).await.ok() };
        let Some(mut server) = server else {
            let _ = client.set_zero_linger();
            return;
        };
        // What was written is on its way at once, so that a byte is a byte.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let end = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let both = async {
                let forth = self.pump(Way::ToServer, from_client, to_server);
                let back = self.pump(Way::ToClient, from_server, to_client);
                tokio::try_join!(forth, back).map_or(End::Reset, |_| End::Cut)
            };
            tokio::select! {
                biased;
                ended = plan.wait_for(|plan| plan.ended.0 > before) => {
                    ended.ok().and_then(|plan| plan.ended.1).unwrap_or(End::Reset)
                }
                end = both => end,
            }
        };
        if end == End::Reset {
            let _ = (client.set_zero_linger(), server.set_zero_linger());
        }
    }

    /// Passes bytes on one way until there are no more. An error is the far side's reset.
    async fn pump(&self, way: Way, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
        let mut plan = self.plan.subscribe();
        let mut piece = vec![0; PIECE];
        loop {
            let flow = self.not_stalled(&mut plan, way).await;
            let rate = flow.bytes_a_second;
            let most = rate.map_or(PIECE, |rate| rate.div_ceil(PIECES_A_SECOND) as usize).min(PIECE);
            let length = tokio::select! {
                length = from.read(&mut piece[..most]) => length?,
                _ = plan.changed() => continue,
            };
            if length == 0 {
                return to.shutdown().await;
            }
            // As it is now: it may have changed while these bytes came.
            let delay = self.not_stalled(&mut plan, way).await.delay;
            tokio::time::sleep(delay).await;
            self.not_stalled(&mut plan, way).await;
            let (length, ends) = self.count(way, length);
            to.write_all(&piece[..length]).await?;
            self.seen.bytes(way).fetch_add(length as u64, Ordering::Relaxed);
            if let Some(end) = ends {
                self.plan.send_modify(|plan| plan.end_all(end));
            }
            if let Some(rate) = rate {
                tokio::time::sleep(Duration::from_secs(1).mul_f64(length as f64 / rate as f64)).await;
            }
        }
    }

    async fn not_stalled(&self, plan: &mut watch::Receiver<Plan>, way: Way) -> Flow {
        let plan = plan.wait_for(|plan| !plan.flow(way).stalled).await;
        plan.expect("the line holds the sender").flow(way).clone()
    }

    /// How many of these bytes still pass, and how all connections end after them.
    fn count(&self, way: Way, length: usize) -> (usize, Option<End>) {
        let mut passes = (length, None);
        self.plan.send_if_modified(|plan| {
            let flow = plan.flow_mut(way);
            let Some((left, end)) = flow.left else { return false };
            if left > length as u64 {
                flow.left = Some((left - length as u64, end));
            } else {
                flow.left = None;
                passes = (left as usize, Some(end));
            }
            false
        });
        passes
    }
}
