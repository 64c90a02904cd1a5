//! IRC: tells channels and people, and hears what they say.
//!
//! ```text
//!  send() ─▶ Job ─▶ run ─▶ session ─▶ wire ─▶ server
//!                    │  link, register  │
//!  utterances ◀──────┴──────────────────┘
//! ```
//! Owns: one connection, kept by a task of its own (`run`), and how fast it may
//! speak. Promises: a delivery is accepted only when the server has answered a
//! `PING` behind its last line, refused none, and has echoed each where it can; all its text is harmless and
//! fits; who speaks has an account only if the network vouches for it. Never:
//! sends anything without TLS to another machine, skips a certificate, or takes a
//! nick for an identity. On a crash: what was said but not yet confirmed is sent
//! again by the outbox.

mod channels;
mod delivery;
mod ears;
mod error;
mod line;
mod link;
mod lookup;
mod me;
mod names;
mod pace;
mod pings;
mod register;
mod run;
mod sasl;
mod session;
mod whereabouts;
mod wire;
mod words;

use super::{BuildError, Receipt, SendError, Sink, Wiring};
use crate::config::IrcSettings;
use crate::model::Delivery;
use crate::patience::within;
use crate::supervise::supervise;
use channels::Attend;
use delivery::Job;
use futures_util::future::BoxFuture;
use link::Tls;
use run::{Runner, Status};
use rustls::pki_types::ServerName;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long one delivery may take, its waiting for a turn included.
const SEND_WITHIN: Duration = Duration::from_secs(30);
/// How many rooms may wait to be joined or left.
const MOST_ROOMS: usize = 8;
/// How long the goodbye may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// At a slower pace not even two lines would make the deadline.
const SLOWEST_LINES_PER_SECOND: f64 = 0.1;

/// An IRC network that Watchbell is connected to.
pub struct Irc {
    name: String,
    most_lines: usize,
    rooms: mpsc::Sender<Attend>,
    status: watch::Receiver<Status>,
    stop: CancellationToken,
    /// Ends the task when this value is dropped without a goodbye.
    _stop_on_drop: DropGuard,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Irc {
    /// Checks the settings and starts the task that keeps the connection.
    ///
    /// Joins those of `wiring.recipients` that are channels. Errors: a setting
    /// that can never work. Must be called inside a tokio runtime.
    pub fn new(name: &str, settings: &IrcSettings, wiring: Wiring) -> Result<Irc, BuildError> {
        let fault = |reason: String| BuildError { sink: name.to_owned(), reason };
        check(settings, &wiring).map_err(fault)?;
        let tls = tls(settings).map_err(fault)?;
        let connecting = format!("irc `{name}` is connecting to {}:{}", settings.host, settings.port);
        let (sender, status) = watch::channel(Status::NotReady(connecting));
        let stop = CancellationToken::new();
        let (rooms, attended) = mpsc::channel(MOST_ROOMS);
        let runner = Runner {
            sink: name.to_owned(),
            settings: settings.clone(),
            tls,
            channels: wiring.recipients.into_iter().filter(|recipient| line::is_channel(recipient)).collect(),
            rooms: attended,
            status: sender,
            utterances: wiring.utterances,
            prefix: wiring.prefix,
            dropped: 0,
            stop: stop.clone(),
        };
        let task = Mutex::new(Some(tokio::spawn(keep_running(runner))));
        let most_lines = session::most_lines(settings.lines_per_second);
        Ok(Irc {
            name: name.to_owned(),
            most_lines,
            rooms,
            status,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
            task,
        })
    }

    fn not_ready(&self) -> SendError {
        match &*self.status.borrow() {
            Status::NotReady(reason) => SendError::NotReady(reason.clone()),
            Status::Ready(_) => SendError::NotReady(format!("irc `{}` has just reconnected", self.name)),
        }
    }

    async fn deliver(&self, delivery: &Delivery) -> Result<Receipt, SendError> {
        let target = &delivery.recipient;
        if let Some(fault) = line::fault_of_recipient(target) {
            return Err(SendError::Rejected(format!("the IRC recipient {target:?} {fault}")));
        }
        let status = self.status.borrow().clone();
        let Status::Ready(jobs) = status else { return Err(self.not_ready()) };
        let (answer, result) = oneshot::channel();
        let job = Job { target: target.clone(), text: delivery.message.text.clone(), answer };
        let course = async {
            // Dropped without an answer, the job was never begun.
            jobs.send(job).await.map_err(|_| self.not_ready())?;
            result.await.unwrap_or_else(|_| Err(self.not_ready()))
        };
        within(SEND_WITHIN, course).await.unwrap_or_else(|| {
            let reason = format!("{target}: not confirmed within {} s", SEND_WITHIN.as_secs());
            Err(SendError::Retry { reason, after: None })
        })
    }
}

impl Sink for Irc {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.deliver(delivery))
    }

    fn cost(&self, delivery: &Delivery) -> u32 {
        let (text, to) = (&delivery.message.text, &delivery.recipient);
        let lines = line::lines(text, to, line::ASSUMED_PREFIX_BYTES, self.most_lines);
        u32::try_from(lines.len()).unwrap_or(u32::MAX)
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let mut status = self.status.clone();
            // Without a task there is nobody who could become ready; after a panic there is
            // none for a while.
            let takes = |status: &Status| matches!(status, Status::Ready(jobs) if !jobs.is_closed());
            if status.wait_for(takes).await.is_err() {
                std::future::pending().await
            }
        })
    }

    fn attend(&self, room: &str, stays: bool) -> Result<(), String> {
        if !line::is_channel(room) {
            return Err(format!("`{room}` is no channel; write it like #ops"));
        }
        if let Some(fault) = line::fault_of_recipient(room) {
            return Err(format!("the channel {room:?} {fault}"));
        }
        let attend = Attend { room: room.to_owned(), stays };
        self.rooms.try_send(attend).map_err(|_| "too many rooms wait to be joined or left".to_owned())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.stop.cancel();
            let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(mut task) = task else { return };
            if timeout(CLOSE_WITHIN, &mut task).await.is_err() {
                tracing::warn!(sink = self.name, "did not say goodbye in time");
                task.abort();
            }
        })
    }
}

/// A panic ends the connection, and the next is made. What it means for people, the
/// deliveries that wait, is told by whoever counts those.
async fn keep_running(runner: Runner) {
    let (name, stop) = (format!("connection of {}", runner.sink), runner.stop.clone());
    supervise(&name, runner, |runner| Box::pin(runner.run()), &stop, |_| {}).await;
}

/// Says what can never work, and how to mend it.
fn check(settings: &IrcSettings, wiring: &Wiring) -> Result<(), String> {
    if !settings.tls && !is_loopback(&settings.host) {
        return Err(format!(
            "`tls = false` is for this machine only, and {} is another: passwords and messages would be \
             readable on the way; remove `tls = false`",
            settings.host
        ));
    }
    if let Some(fault) = line::fault_of_recipient(&settings.nick) {
        return Err(format!("nick {:?} {fault}", settings.nick));
    }
    if line::is_channel(&settings.nick) {
        return Err(format!("nick {:?} is the name of a channel", settings.nick));
    }
    let pace = settings.lines_per_second;
    if !pace.is_finite() || pace < SLOWEST_LINES_PER_SECOND {
        return Err(format!("lines_per_second is {pace}; write a number from {SLOWEST_LINES_PER_SECOND} up"));
    }
    if settings.burst == 0 {
        return Err("burst is 0, so nothing could ever be said; write at least 1".to_owned());
    }
    for recipient in &wiring.recipients {
        if let Some(fault) = line::fault_of_recipient(recipient) {
            return Err(format!("the recipient {recipient:?} {fault}"));
        }
    }
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn tls(settings: &IrcSettings) -> Result<Option<Tls>, String> {
    if !settings.tls {
        return Ok(None);
    }
    let config = crate::tls::client_config(settings.ca_file.as_deref()).map_err(|error| error.to_string())?;
    let name = settings.server_name.as_ref().unwrap_or(&settings.host).clone();
    let server_name = ServerName::try_from(name.clone()).map_err(|_| {
        format!("`{name}` cannot be the name in a certificate; mend `server` or `server_name`")
    })?;
    Ok(Some(Tls { config: Arc::new(config), server_name }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sasl;
    use std::collections::BTreeSet;

    /// Settings for a server that nobody asks.
    pub(super) fn settings() -> IrcSettings {
        IrcSettings {
            host: "localhost".to_owned(),
            port: 6697,
            tls: true,
            ca_file: None,
            server_name: None,
            nick: "bell".to_owned(),
            sasl: None,
            codes: false,
            lines_per_second: 0.5,
            burst: 4,
        }
    }

    fn wiring(recipients: &[&str]) -> Wiring {
        let recipients: BTreeSet<String> = recipients.iter().map(|name| (*name).to_owned()).collect();
        Wiring { utterances: mpsc::channel(1).0, prefix: "!".to_owned(), recipients }
    }

    #[test]
    fn settings_that_can_never_work_are_refused_with_a_remedy() {
        let sasl = Some(Sasl { user: "bell".to_owned(), password: "secret".to_owned().into() });
        let plain = |host: &str| IrcSettings { tls: false, host: host.to_owned(), ..settings() };
        for (settings, words) in [
            (IrcSettings { sasl, ..plain("irc.example.org") }, "remove `tls = false`"),
            (plain("192.0.2.1"), "remove `tls = false`"),
            (plain("localhost.example.org"), "remove `tls = false`"),
            (IrcSettings { nick: "a b".to_owned(), ..settings() }, "blank"),
            (IrcSettings { nick: "#ops".to_owned(), ..settings() }, "channel"),
            (IrcSettings { lines_per_second: 0.0, ..settings() }, "from 0.1 up"),
            (IrcSettings { lines_per_second: f64::NAN, ..settings() }, "from 0.1 up"),
            (IrcSettings { burst: 0, ..settings() }, "at least 1"),
        ] {
            let reason = check(&settings, &wiring(&["#ops"])).expect_err(words);
            assert!(reason.contains(words), "{reason}");
            assert!(!reason.contains("secret"), "{reason}");
        }
        assert_eq!(check(&settings(), &wiring(&["#ops", "alice"])), Ok(()));
        assert!(check(&settings(), &wiring(&["#ops,#dev"])).is_err_and(|reason| reason.contains("comma")));
    }

    #[test]
    fn without_tls_only_this_machine_is_good_enough() {
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.8.0.1", "::1", "[::1]"] {
            let settings = IrcSettings { tls: false, host: host.to_owned(), ..settings() };
            assert_eq!(check(&settings, &wiring(&[])), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_missing_ca_file_is_named() {
        let settings = IrcSettings { ca_file: Some("/nowhere/ca.pem".into()), ..settings() };
        assert!(tls(&settings).is_err_and(|reason| reason.contains("/nowhere/ca.pem")));
    }
}
