//! What a big catch-up costs: an Icinga with so many objects is read, compared with nothing and
//! then with itself, and kept each time with its row of the journal; then the program begins
//! again with that database, as another process, and reads once more. On Linux. The server is a
//! fake of Icinga in a process of its own.
//!
//! `OBJECTS=500000 cargo bench --bench catch_up` prints seconds, and the memory of this process
//! behind each step and at most during it. The floor is 30 s and 512 MB.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use secrecy::SecretString;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use watchbell::config::{IcingaSettings, Login};
use watchbell::engine::world::Restoring;
use watchbell::engine::{Engine, Settings, World};
use watchbell::load::Set;
use watchbell::model::{Input, Snapshot, Timestamp};
use watchbell::source::Source;
use watchbell::source::icinga::IcingaSource;
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, JournalLimits, Store};

const SERVICES_OF_A_HOST: usize = 20;

// The fake.

async fn serve(dir: PathBuf, objects: usize) {
    let pair = rcgen::generate_simple_self_signed(["fake".to_owned()]).expect("a certificate");
    std::fs::write(dir.join("ca.crt"), pair.cert.pem()).expect("the folder can be written");
    let key = rustls::pki_types::PrivateKeyDer::try_from(pair.signing_key.serialize_der());
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![pair.cert.der().clone()], key.expect("a key"))
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    println!("{}", listener.local_addr().expect("it is bound"));
    while let Ok((socket, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Ok(socket) = acceptor.accept(socket).await {
                let _ = answer_all(socket, objects).await;
            }
        });
    }
}

async fn answer_all(mut socket: TlsStream<TcpStream>, objects: usize) -> std::io::Result<()> {
    let hosts = objects / (SERVICES_OF_A_HOST + 1);
    loop {
        let (path, named) = request(&mut socket).await?;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        match path.as_str() {
            "/v1/events" => {
                socket.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await?;
                socket.flush().await?;
                return std::future::pending().await;
            }
            _ if !named.is_empty() => {
                rows(&mut socket, head, named.len(), |number| named[number].clone()).await?;
            }
            "/v1/objects/hosts" => {
                rows(&mut socket, head, hosts, |number| format!("host-{number:06}.example.org")).await?
            }
            "/v1/objects/services" => {
                let name = |number: usize| {
                    let (host, service) = (number / SERVICES_OF_A_HOST, number % SERVICES_OF_A_HOST);
                    format!("host-{host:06}.example.org!service {service}")
                };
                rows(&mut socket, head, objects - hosts, name).await?;
            }
            "/v1/status/icingaapplication" => {
                let status = r#"{"results":[{"status":{"icingaapplication":{"app":{"version":"r2.13.6-1","node_name":"fake","program_start":1.0,"enable_flapping":true}}}}]}"#;
                whole(&mut socket, head, status).await?;
            }
            _ => whole(&mut socket, head, r#"{"results":[]}"#).await?,
        }
    }
}

/// Reads a request; gives its path in lower case, and which objects it asks for by name.
async fn request(socket: &mut TlsStream<TcpStream>) -> std::io::Result<(String, Vec<String>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap_or(0))];
    socket.read_exact(&mut body).await?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let query: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let named = ["hosts", "services"].iter().filter_map(|kind| query[kind].as_array()).flatten();
    let named = named.filter_map(|name| name.as_str().map(str::to_owned)).collect();
    Ok((path.split('?').next().unwrap_or_default().to_owned(), named))
}

async fn whole(socket: &mut TlsStream<TcpStream>, head: &str, body: &str) -> std::io::Result<()> {
    socket.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    socket.flush().await
}

/// Sends so many rows in pieces (chunked), each as Icinga writes it.
async fn rows(
    socket: &mut TlsStream<TcpStream>,
    head: &str,
    count: usize,
    name: impl Fn(usize) -> String,
) -> std::io::Result<()> {
    socket.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await?;
    let mut piece = String::from("{\"results\":[");
    for number in 0..count {
        let name = name(number);
        let (short, comma) =
            (name.rsplit('!').next().unwrap_or(&name), if number + 1 < count { "," } else { "]}" });
        let state = if number % 1000 == 0 { 1 } else { 0 };
        let _ = write!(
            piece,
            r#"{{"attrs":{{"acknowledgement":0.0,"acknowledgement_expiry":0.0,"action_url":"","check_attempt":1.0,"display_name":"{short}","downtime_depth":0.0,"enable_flapping":false,"flapping":false,"groups":["linux","team-{}"],"last_check":1795334646.5,"last_hard_state":{state}.0,"last_hard_state_change":1795000000.25,"last_reachable":true,"notes":"","notes_url":"","state":{state}.0,"state_type":1.0,"vars":{{"team":"team-{}","tier":"gold"}}}},"joins":{{}},"meta":{{}},"name":"{name}","type":"Object"}}{comma}"#,
            number % 7,
            number % 7
        );
        if piece.len() > 60_000 || number + 1 == count {
            socket.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await?;
            piece.clear();
        }
    }
    socket.write_all(b"0\r\n\r\n").await?;
    socket.flush().await
}

// The measure.

/// A figure of `/proc/self/status`, in MB.
fn memory(key: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kilobytes.unwrap_or(0) / 1000
}

/// The peak counts anew from here on.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn step(what: &str, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    println!("{what}: {seconds:.1} s, {} MB, at most {} MB", memory("VmRSS:"), memory("VmHWM:"));
    forget_peak();
}

fn engine(world: World) -> Engine {
    let set = Set::shipped().expect("the shipped rules and templates are sound");
    let settings = Settings {
        targets: BTreeSet::from(["operations".to_owned()]),
        default_target: "operations".to_owned(),
        mirror_mutes: false,
        zone: jiff::tz::TimeZone::UTC,
        ..Settings::of(&watchbell::config::builtin("".into(), "".into()))
    };
    Engine::new(world, settings, set.rules.clone())
}

/// Where things are: the address of the fake and its folder.
struct Place {
    address: String,
    dir: PathBuf,
}

impl Place {
    async fn snapshot(&self, known: &World) -> Arc<Snapshot> {
        let settings = IcingaSettings {
            name: "icinga".to_owned(),
            urls: vec![format!("https://{}", self.address).parse().expect("a URL")],
            login: Login::Password { user: "bench".to_owned(), password: SecretString::from("bench") },
            ca_file: Some(self.dir.join("ca.crt")),
            server_names: vec!["fake".to_owned()],
            silence: Duration::from_secs(300),
            canary: None,
        };
        let types = watch::Sender::new(BTreeSet::new());
        let source = IcingaSource::new(&settings, types.subscribe()).expect("the settings are good");
        let source = source.with_known(known.objects().cloned());
        let (sender, mut inputs) = mpsc::channel(4);
        let stop = CancellationToken::new();
        let running = tokio::spawn(Box::new(source).run(sender, stop.clone()));
        let input = inputs.recv().await;
        stop.cancel();
        let _ = running.await;
        let Some(Input::Snapshot(snapshot)) = input else { panic!("no snapshot: {input:?}") };
        snapshot
    }

    /// All of one look, as the program goes about it: the journal keeps the snapshot in the
    /// transaction of what came of it.
    async fn look(&self, what: &str, engine: &mut Engine, store: &SqliteStore) {
        let all = Instant::now();
        let begun = Instant::now();
        let snapshot = self.snapshot(engine.world()).await;
        let count = snapshot.objects.len();
        step(&format!("{what}: {count} objects read"), begun);
        let (begun, now) = (Instant::now(), Timestamp::now());
        engine.step(Input::Snapshot(snapshot.clone()), now);
        step(&format!("{what}: compared"), begun);
        let begun = Instant::now();
        let state = engine.world_mut().take_writes();
        let rows = state.len();
        let journal = vec![(now, Input::Snapshot(snapshot))];
        let batch = Batch { state, journal, ..Batch::default() };
        store.commit(&batch).expect("the disk has room");
        step(&format!("{what}: kept, {rows} rows and the journal's"), begun);
        drop(batch);
        step(&format!("{what}: all"), all);
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.dir.join("bench.db")).expect("a database")
    }

    async fn run(&self) {
        let (mut engine, store) = (engine(World::new(true)), self.store());
        step("before", Instant::now());
        self.look("first look", &mut engine, &store).await;
        self.look("second look", &mut engine, &store).await;
        let begun = Instant::now();
        let limits = JournalLimits { keep: Duration::from_secs(86_400), size: 1 << 30 };
        store.begin_journal(Some(limits), Timestamp::now()).expect("the disk has room");
        step("the journal's copy of the state", begun);
    }

    /// The program begins again.
    async fn begin(&self) {
        let (begun, store) = (Instant::now(), self.store());
        let mut restoring = Restoring::new();
        store.each_state(&mut |kind, key, value| restoring.take(kind, key, value)).expect("it can be read");
        let mut engine = engine(restoring.finish().expect("it is sound"));
        step("begun again: the state is read", begun);
        self.look("begun again", &mut engine, &store).await;
    }
}

/// This program again, as something else.
fn again(role: &str, dir: &Path) -> Command {
    let mut program = Command::new(std::env::current_exe().expect("this program"));
    program.env("CATCH_UP_ROLE", role).env("CATCH_UP_DIR", dir);
    program
}

fn main() {
    let objects = std::env::var("OBJECTS").ok().and_then(|wanted| wanted.parse().ok()).unwrap_or(500_000);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    watchbell::tls::install_provider();
    let dir = std::env::var("CATCH_UP_DIR").map(PathBuf::from).unwrap_or_default();
    match std::env::var("CATCH_UP_ROLE").as_deref() {
        Ok("fake") => return runtime.block_on(serve(dir, objects)),
        Ok(address) => return runtime.block_on(Place { address: address.to_owned(), dir }.begin()),
        Err(_) => {}
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut server = again("fake", dir.path()).stdout(Stdio::piped()).spawn().expect("this program again");
    let mut address = String::new();
    let output = server.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut address).expect("it says where it listens");
    let place = Place { address: address.trim().to_owned(), dir: dir.path().to_owned() };
    runtime.block_on(place.run());
    again(&place.address, dir.path()).status().expect("this program again");
    let _ = server.kill();
    let _ = server.wait();
}
