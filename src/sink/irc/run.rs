//! Keeps one connection alive: connects, registers, carries lines both ways, and
//! starts over when anything fails.
//!
//! Owns: the task of the sink. Promises: whatever ends a connection, the next is
//! tried after a random wait that grows up to [`LONGEST_WAIT`] and starts over
//! after calm; why there is none can be read at any time. Never: uses a
//! connection after an error, waits for whoever reads what people say, or takes a
//! time in which this process stood still for the silence of the server.

use super::channels::Attend;
use super::delivery::Job;
use super::error::IrcError;
use super::link::{Link, Tls};
use super::register::register;
use super::session::Session;
use super::words::Said;
use crate::backoff::Backoff;
use crate::config::IrcSettings;
use crate::crash;
use crate::model::Utterance;
use crate::patience::Awake;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// The longest wait before the next try to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A connection that lasted this long was no failure: the waits start over.
const CALM: Duration = Duration::from_secs(60);

/// Whether deliveries can be taken.
#[derive(Clone)]
pub(super) enum Status {
    /// Yes: here.
    Ready(mpsc::Sender<Job>),
    /// No, and why.
    NotReady(String),
}

/// Everything that outlives a connection.
pub(super) struct Runner {
    pub(super) sink: String,
    pub(super) settings: IrcSettings,
    pub(super) tls: Option<Tls>,
    pub(super) channels: BTreeSet<String>,
    /// Channels to join or to leave while it runs.
    pub(super) rooms: mpsc::Receiver<Attend>,
    pub(super) status: watch::Sender<Status>,
    pub(super) utterances: mpsc::Sender<Utterance>,
    pub(super) prefix: String,
    /// How many lines of people were dropped because nobody took them in time.
    pub(super) dropped: u64,
    pub(super) stop: CancellationToken,
}

impl Runner {
    /// Runs until told to stop.
    pub(super) async fn run(&mut self) {
        let mut backoff = Backoff::new(LONGEST_WAIT);
        loop {
            let mut registered_at = None;
            let Err(error) = self.live(&mut registered_at).await else { return };
            if registered_at.is_some_and(|at: Instant| at.elapsed() >= CALM) {
                backoff.reset();
            }
            let wait = backoff.next_wait();
            let reason = self.in_words(&error);
            tracing::warn!(sink = self.sink, wait_seconds = wait.as_secs_f32(), "{reason}");
            self.not_ready(reason);
            tokio::select! {
                () = sleep(wait) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    fn not_ready(&self, reason: String) {
        self.status.send_replace(Status::NotReady(reason));
    }

    fn in_words(&self, error: &IrcError) -> String {
        format!("irc `{}`: {}:{} {error}", self.sink, self.settings.host, self.settings.port)
    }

    /// One connection from its beginning to its end. `Ok` if told to stop.
    async fn live(&mut self, registered_at: &mut Option<Instant>) -> Result<(), IrcError> {
        let set_up = async {
            let mut link = Link::connect(&self.settings, self.tls.as_ref()).await?;
            let welcome = register(&mut link, &self.settings).await?;
            Ok((link, welcome))
        };
        let (mut link, welcome) = tokio::select! {
            done = set_up => done?,
            () = self.stop.cancelled() => return Ok(()),
        };
        let now = Instant::now();
        *registered_at = Some(now);
        self.not_ready(format!("irc `{}` is joining its channels", self.sink));
        // Borrowed by the session, while the rest of this value changes.
        let (sink, prefix, settings) = (self.sink.clone(), self.prefix.clone(), self.settings.clone());
        let mut session = Session::new((&sink, &prefix), &settings, &self.channels, welcome, now);
        tracing::info!(sink = self.sink, accounts = ?session.accounts(), "connected");
        let (sender, mut jobs) = mpsc::channel(1);
        let end = self.carry(&mut link, &mut session, sender, &mut jobs).await;
        // Said before the jobs that wait are dropped, for they read it.
        match &end {
            Ok(()) => self.not_ready(format!("irc `{sink}` has been stopped")),
            Err(error) => self.not_ready(self.in_words(error)),
        }
        session.end();
        if end.is_ok() {
            link.quit().await;
        }
        end
    }

    /// Carries lines both ways until an error, or until told to stop.
    async fn carry(
        &mut self,
        link: &mut Link,
        session: &mut Session<'_>,
        sender: mpsc::Sender<Job>,
        jobs: &mut mpsc::Receiver<Job>,
    ) -> Result<(), IrcError> {
        let mut sender = Some(sender);
        let mut clock = Awake::new(Instant::now());
        loop {
            session.advance(clock.look(Instant::now()))?;
            for said in session.take_out() {
                let is_talk = matches!(said, Said::Privmsg { .. });
                link.say(said).await?;
                if is_talk {
                    crash::point("irc.said");
                }
            }
            for utterance in session.take_utterances() {
                self.hand_over(utterance);
            }
            if session.is_settled()
                && let Some(sender) = sender.take()
            {
                self.status.send_replace(Status::Ready(sender));
            }
            let due = session.next_at(clock.look(Instant::now()));
            tokio::select! {
                line = link.hear() => session.hear(line?, clock.look(Instant::now()))?,
                Some(job) = jobs.recv(), if session.is_idle() => {
                    session.begin(job, clock.look(Instant::now()));
                }
                Some(attend) = self.rooms.recv() => {
                    session.attend(&attend, clock.look(Instant::now()));
                    match attend.stays {
                        true => self.channels.insert(attend.room),
                        false => self.channels.remove(&attend.room),
                    };
                }
                () = sleep_until(clock.look_again(due)) => {}
                () = self.stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Never waits: whoever reads too slowly must not keep us from answering a PING.
    fn hand_over(&mut self, utterance: Utterance) {
        crash::point("chat.heard");
        if self.utterances.try_send(utterance).is_ok() {
            return;
        }
        self.dropped += 1;
        // A flood of lines must not become a flood of warnings.
        if self.dropped.is_power_of_two() {
            let (sink, dropped) = (&self.sink, self.dropped);
            tracing::warn!(sink, dropped, "lines of people came too fast and were dropped, so many in all");
        }
    }
}
