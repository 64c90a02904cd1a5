//! A fake of Icinga's API, for what a real Icinga cannot be made to do.
//!
//! Written from the published contract: HTTPS, `/v1/status/IcingaApplication`,
//! `/v1/objects/*` with one host, and `/v1/events`, whose body has no length and
//! ends with the connection (chunked since Icinga 2.16).

use secrecy::SecretString;
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use watchbell::config::{IcingaSettings, Login};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the fake does and has seen; changed while it runs.
#[derive(Debug, Default)]
pub(crate) struct Behaviour {
    /// Whether `/v1/status` is never answered.
    pub(crate) silent: AtomicBool,
    /// Whether `/v1/objects` is answered with an error.
    pub(crate) broken_objects: AtomicBool,
    /// Whether the connection ends in the middle of the list of hosts.
    pub(crate) cuts_objects: AtomicBool,
    /// How many hosts there are.
    pub(crate) hosts: AtomicU64,
    /// `state` of its host, hard: 0 is UP.
    pub(crate) host_state: AtomicU64,
    /// `program_start`.
    pub(crate) program_start: AtomicU64,
    /// How often `/v1/status` was asked.
    pub(crate) status_asked: AtomicU64,
    /// The bodies of all requests.
    pub(crate) asked: Mutex<Vec<String>>,
    /// Whether actions are answered, as done.
    pub(crate) answers_actions: AtomicBool,
    /// How often an action was asked for.
    pub(crate) actions_asked: AtomicU64,
}

/// A running fake.
pub(crate) struct FakeIcinga {
    pub(crate) behaviour: Arc<Behaviour>,
    address: SocketAddr,
    ca_file: PathBuf,
    streams: mpsc::UnboundedReceiver<FakeStream>,
}

/// One event stream that a client has opened. Dropping it cuts the connection.
pub(crate) struct FakeStream {
    /// The body of the subscription.
    pub(crate) subscription: serde_json::Value,
    socket: TlsStream<TcpStream>,
}

impl FakeIcinga {
    /// Starts one of this version; its certificate goes into `dir`.
    pub(crate) async fn start(dir: &Path, version: &'static str) -> FakeIcinga {
        watchbell::tls::install_provider();
        let pair = rcgen::generate_simple_self_signed(["fake".to_owned()]).expect("a certificate");
        let ca_file = dir.join("fake-ca.crt");
        std::fs::write(&ca_file, pair.cert.pem()).expect("it can be written");
        let key = rustls::pki_types::PrivateKeyDer::try_from(pair.signing_key.serialize_der());
        let tls = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![pair.cert.der().clone()], key.expect("a key"))
            .expect("they belong together");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let behaviour = Arc::new(Behaviour {
            hosts: AtomicU64::new(1),
            program_start: AtomicU64::new(1),
            ..Behaviour::default()
        });
        let (sender, streams) = mpsc::unbounded_channel();
        let served = behaviour.clone();
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(tls));
            while let Ok((socket, _)) = listener.accept().await {
                let connection = Connection { behaviour: served.clone(), version, streams: sender.clone() };
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(socket) = acceptor.accept(socket).await {
                        connection.serve(socket).await;
                    }
                });
            }
        });
        FakeIcinga { behaviour, address, ca_file, streams }
    }

    /// Settings for it.
    pub(crate) fn settings(&self) -> IcingaSettings {
        IcingaSettings {
            name: "lab".to_owned(),
            urls: vec![format!("https://{}", self.address).parse().expect("a URL")],
            login: Login::Password { user: "bot".to_owned(), password: SecretString::from("botpw") },
            ca_file: Some(self.ca_file.clone()),
            server_names: vec!["fake".to_owned()],
            silence: Duration::from_secs(30),
            canary: None,
        }
    }

    /// The next event stream that a client opens.
    pub(crate) async fn stream(&mut self) -> FakeStream {
        let opened = tokio::time::timeout(PATIENCE, self.streams.recv()).await;
        opened.expect("a client subscribes").expect("the fake runs")
    }
}

impl FakeStream {
    /// Sends these bytes. An error means that the client has hung up.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(bytes).await?;
        self.socket.flush().await
    }

    /// Sends a line with its end.
    pub(crate) async fn line(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes()).await.expect("the client listens");
    }

    /// Waits until the client hangs up.
    pub(crate) async fn hung_up(&mut self) {
        let mut byte = [0];
        let read = tokio::time::timeout(PATIENCE, self.socket.read(&mut byte)).await;
        assert!(!matches!(read.expect("the client hangs up"), Ok(1..)), "the client said something");
    }
}

struct Connection {
    behaviour: Arc<Behaviour>,
    version: &'static str,
    streams: mpsc::UnboundedSender<FakeStream>,
}

impl Connection {
    /// Answers requests until the client is gone, or has opened a stream.
    async fn serve(self, mut socket: TlsStream<TcpStream>) {
        while let Some((path, body)) = request(&mut socket).await {
            let text = String::from_utf8_lossy(&body).into_owned();
            self.behaviour.asked.lock().expect("no panic").push(text);
            let answer = match path.as_str() {
                "/v1/events" => return self.open_stream(socket, &body).await,
                "/v1/status/IcingaApplication" => self.status().await,
                "/v1/objects/hosts" => self.hosts(),
                path if path.starts_with("/v1/actions/") => {
                    self.behaviour.actions_asked.fetch_add(1, Ordering::Relaxed);
                    if !self.behaviour.answers_actions.load(Ordering::Relaxed) {
                        return;
                    }
                    answer(200, r#"{"results":[{"code":200.0,"status":"done"}]}"#)
                }
                _ => answer(200, r#"{"results":[]}"#),
            };
            if path == "/v1/objects/hosts" && self.behaviour.cuts_objects.load(Ordering::Relaxed) {
                let _ = socket.write_all(&answer.as_bytes()[..answer.len() / 2]).await;
                let _ = socket.shutdown().await;
                return;
            }
            if socket.write_all(answer.as_bytes()).await.is_err() || socket.flush().await.is_err() {
                return;
            }
        }
    }

    async fn open_stream(self, mut socket: TlsStream<TcpStream>, body: &[u8]) {
        let is_chunked = self.version >= "r2.16";
        let framing = if is_chunked { "Transfer-Encoding: chunked" } else { "Connection: close" };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{framing}\r\n\r\n");
        if socket.write_all(head.as_bytes()).await.is_ok() && socket.flush().await.is_ok() {
            let subscription = serde_json::from_slice(body).expect("a subscription is JSON");
            let _ = self.streams.send(FakeStream { subscription, socket });
        }
    }

    async fn status(&self) -> String {
        self.behaviour.status_asked.fetch_add(1, Ordering::Relaxed);
        if self.behaviour.silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let app = json!({
            "version": self.version,
            "node_name": "fake",
            "program_start": self.behaviour.program_start.load(Ordering::Relaxed),
            "enable_flapping": true,
        });
        let status = json!({"results": [{"status": {"icingaapplication": {"app": app}}}]});
        answer(200, &status.to_string())
    }

    fn hosts(&self) -> String {
        if self.behaviour.broken_objects.load(Ordering::Relaxed) {
            return answer(500, r#"{"error":500,"status":"Unhandled exception"}"#);
        }
        let state = self.behaviour.host_state.load(Ordering::Relaxed);
        let attrs = json!({"state": state, "state_type": 1, "last_hard_state": state, "last_check": 1});
        let rows: Vec<serde_json::Value> = (0..self.behaviour.hosts.load(Ordering::Relaxed))
            .map(|number| json!({"name": format!("host{number}"), "type": "Host", "attrs": attrs}))
            .collect();
        answer(200, &json!({"results": rows}).to_string())
    }
}

fn answer(code: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {code} Fake\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one request: path and body; `None` when the client is gone.
async fn request(socket: &mut TlsStream<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
    let path = head.split(' ').nth(1)?.split('?').next()?.to_owned();
    let path = path.replace("icingaapplication", "IcingaApplication");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
    socket.read_exact(&mut body).await.ok()?;
    Some((path, body))
}
