//! What stands at the other end of each sink: a gate before a real ngircd with somebody
//! who listens, a real mail server, an HTTP service.

use crate::common::ircd::{Inspircd, Ngircd};
use crate::common::{Process, free_port, wait_for};
use crate::ears::Ears;
use crate::judge::Sink;
use axum::extract::State;
use axum::http::StatusCode;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(90);
/// Where Watchbell tells, and under which nick; that of the one who listens.
pub(crate) const CHANNEL: &str = "#ops";
const NICK: &str = "watchbell";
pub(crate) const LISTENER: &str = "oracle";

/// A real IRC server.
pub(crate) enum Ircd {
    /// Without accounts: what was said is proved by the answer to a `PING`.
    Ngircd(Ngircd),
    /// With Atheme: what was said comes back (`echo-message`, `labeled-response`).
    Inspircd(Inspircd),
}

impl Ircd {
    fn port(&self) -> u16 {
        match self {
            Ircd::Ngircd(server) => server.port,
            Ircd::Inspircd(server) => server.port,
        }
    }

    fn kill(&mut self) {
        match self {
            Ircd::Ngircd(server) => server.kill(),
            Ircd::Inspircd(server) => server.kill(),
        }
    }

    fn restart(&mut self) {
        match self {
            Ircd::Ngircd(server) => server.restart(),
            Ircd::Inspircd(server) => server.restart(),
        }
    }
}

/// An IRC server, and somebody in its channel who writes down what Watchbell says.
pub(crate) struct Chat {
    ircd: Ircd,
    /// Where Watchbell connects to: closed until there is somebody who listens.
    pub(crate) gate: Gate,
    is_in: Arc<AtomicBool>,
    mouth: Arc<Mutex<Option<TcpStream>>>,
}

impl Chat {
    pub(crate) async fn start(ircd: Ircd, ears: Arc<Ears>) -> Chat {
        let (port, is_in, mouth) = (ircd.port(), Arc::default(), Arc::default());
        let chat = Chat {
            gate: Gate::start(port).await,
            is_in: Arc::clone(&is_in),
            mouth: Arc::clone(&mouth),
            ircd,
        };
        std::thread::spawn(move || {
            // As long as the other owner is there.
            while Arc::strong_count(&is_in) > 1 {
                let _ = listen(port, &ears, &is_in, &mouth);
                is_in.store(false, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        chat.open();
        chat
    }

    /// Lets Watchbell in, once somebody listens.
    pub(crate) fn open(&self) {
        wait_for("somebody who listens in the channel", PATIENCE, || {
            self.is_in.load(Ordering::SeqCst).then_some(())
        });
        self.gate.set_open(true);
    }

    /// Kills the server.
    pub(crate) fn kill(&mut self) {
        self.gate.set_open(false);
        self.ircd.kill();
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) {
        self.ircd.restart();
        self.open();
    }

    /// Says something to Watchbell in the channel.
    pub(crate) fn say(&self, text: &str) {
        self.tell(CHANNEL, text);
    }

    /// Says something to somebody.
    pub(crate) fn tell(&self, target: &str, text: &str) {
        let mut mouth = self.mouth.lock().unwrap_or_else(PoisonError::into_inner);
        let mouth = mouth.as_mut().expect("somebody is in the channel");
        write!(mouth, "PRIVMSG {target} :{text}\r\n").expect("the server takes it");
    }
}

/// Listens until the connection ends.
fn listen(
    port: u16,
    ears: &Ears,
    is_in: &AtomicBool,
    mouth: &Mutex<Option<TcpStream>>,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "NICK {LISTENER}\r\nUSER {LISTENER} 0 * :{LISTENER}\r\n")?;
    *mouth.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream.try_clone()?);
    for line in BufReader::new(stream.try_clone()?).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
        if let Some(token) = line.strip_prefix("PING ") {
            write!(stream, "PONG {token}\r\n")?;
        } else if line.contains(" 001 ") {
            write!(stream, "JOIN {CHANNEL}\r\n")?;
        } else if line.contains(" 366 ") {
            is_in.store(true, Ordering::SeqCst);
        } else if line.starts_with(&format!(":{NICK}")) && line.contains(" PRIVMSG ") {
            ears.hear(Sink::Chat, &line);
        }
    }
    Ok(())
}

/// A way to a port that can be closed.
pub(crate) struct Gate {
    /// Where it stands.
    pub(crate) port: u16,
    is_open: tokio::sync::watch::Sender<bool>,
}

impl Gate {
    async fn start(to: u16) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let (is_open, mut open) = tokio::sync::watch::channel(false);
        tokio::spawn(async move {
            let mut passing = JoinSet::new();
            loop {
                tokio::select! {
                    Ok((mut here, _)) = listener.accept() => if *open.borrow() {
                        passing.spawn(async move {
                            let mut there = tokio::net::TcpStream::connect(("127.0.0.1", to)).await?;
                            tokio::io::copy_bidirectional(&mut here, &mut there).await
                        });
                    },
                    changed = open.changed() => match changed {
                        Ok(()) if !*open.borrow() => passing.shutdown().await,
                        Ok(()) => {}
                        Err(_) => return,
                    }
                }
            }
        });
        Gate { port, is_open }
    }

    /// Opens it, or closes it and cuts what passes.
    pub(crate) fn set_open(&self, open: bool) {
        self.is_open.send_replace(open);
    }
}

/// A real mail server.
pub(crate) struct Mail {
    pub(crate) port: u16,
    folder: PathBuf,
    ears: Arc<Ears>,
    process: Option<Process>,
}

impl Mail {
    pub(crate) fn start(dir: &Path, ears: Arc<Ears>) -> Mail {
        let folder = dir.join("mail");
        fs::create_dir_all(&folder).expect("the folder can be made");
        let mut mail = Mail { port: free_port(), folder, ears, process: None };
        mail.restart();
        mail
    }

    /// Kills it at once.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again, on the same port.
    pub(crate) fn restart(&mut self) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/mail_server.py");
        let errors = fs::File::create(self.folder.join("errors")).expect("the folder can be written");
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).arg(self.port.to_string()).arg(&self.folder);
        let mut process = Process::start("aiosmtpd", command.stdout(Stdio::piped()).stderr(errors));
        let out = process.child().stdout.take().expect("it is piped");
        self.process = Some(process);
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        assert_eq!(lines.next().as_deref(), Some("listening"), "see {}/errors", self.folder.display());
        let ears = self.ears.clone();
        std::thread::spawn(move || lines.for_each(|subject| ears.hear(Sink::Mail, &subject)));
    }

    /// Answers each letter with this from now on, or takes them again.
    pub(crate) fn refuse(&self, answer: Option<&str>) {
        self.set("refuse", answer);
    }

    /// Whether the answer to a letter comes a second late.
    pub(crate) fn set_slow(&self, slow: bool) {
        self.set("slow", slow.then_some(""));
    }

    fn set(&self, name: &str, text: Option<&str>) {
        let path = self.folder.join(name);
        match text {
            Some(text) => fs::write(path, text).expect("the folder can be written"),
            None => drop(fs::remove_file(path)),
        }
    }
}

/// An HTTP service.
pub(crate) struct Hook {
    pub(crate) port: u16,
    status: Arc<AtomicU16>,
    task: JoinHandle<()>,
}

impl Hook {
    pub(crate) async fn start(ears: Arc<Ears>) -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let status = Arc::new(AtomicU16::new(200));
        let router =
            axum::Router::new().route("/", axum::routing::post(answer)).with_state((ears, status.clone()));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Hook { port, status, task }
    }

    /// What it answers from now on; it hears nothing unless that is 200.
    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State((ears, status)): State<(Arc<Ears>, Arc<AtomicU16>)>, body: String) -> StatusCode {
    let status = status.load(Ordering::SeqCst);
    if status == 200 {
        ears.hear(Sink::Hook, &body);
    }
    StatusCode::from_u16(status).expect("a status")
}
