//! Answers to mails: a mailbox that is read by IMAP.
//!
//! Owns: the connection, and which mails are dealt with. Promises: a mail is marked or moved
//! only once what it led to is on the disk, so that no kill loses it; read again, it counts
//! once by its id; whoever has no token costs a look at the head and a line of the audit.
//! Never: answers anybody, or reads more than a bounded part of a mail.
//! While the engine has no time, mails wait at the server.

mod letter;
mod own_words;
mod session;

use super::post::{NotKept, Postbox};
use crate::backoff::Backoff;
use crate::config::MailboxSettings;
use crate::model::event::Trouble;
use crate::model::{Detail, Event, Input, MailRefused, Timestamp};
use crate::tls::TlsError;
use crate::token::Signer;
use letter::{LARGEST_MAIL, Refusal, prove};
use session::{Fault, Session};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How many mails are looked at in one go; the rest come right after.
const BATCH: usize = 100;
/// How many refused mails of one go are told one by one in the audit; the rest are counted.
const REFUSED_TOLD: usize = 10;
/// The longest wait between two connections.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// How long a mailbox may be out of reach before people hear of it.
const TOLD_AFTER: Duration = Duration::from_secs(60);

/// A mailbox that is read.
pub struct MailboxSource {
    settings: MailboxSettings,
    tls: Arc<rustls::ClientConfig>,
    signers: Vec<Signer>,
    postbox: Postbox,
    inputs: mpsc::Sender<Input>,
    /// Since when it cannot be read, and whether that was told.
    broken: Option<(Instant, bool)>,
}

/// Why one session ended.
enum Ended {
    /// The server, or the way to it.
    Fault(Fault),
    /// Watchbell ends.
    NotKept,
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Ended {
        Ended::Fault(fault)
    }
}

impl From<NotKept> for Ended {
    fn from(_: NotKept) -> Ended {
        Ended::NotKept
    }
}

impl MailboxSource {
    /// Prepares to read a mailbox for answers to the mails of these signers. Connects to
    /// nothing.
    ///
    /// Errors: the CA file cannot be used.
    pub fn new(
        settings: MailboxSettings,
        signers: Vec<Signer>,
        postbox: Postbox,
        inputs: mpsc::Sender<Input>,
    ) -> Result<MailboxSource, TlsError> {
        let tls = session::protection(&settings)?;
        Ok(MailboxSource { settings, tls, signers, postbox, inputs, broken: None })
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Reads until Watchbell ends. May be dropped at any time: a mail that is not marked yet
    /// is read again, and counts once.
    pub async fn run(&mut self) {
        let mut backoff = Backoff::new(LONGEST_WAIT);
        loop {
            let fault = match self.session(&mut backoff).await {
                Ended::NotKept => return,
                Ended::Fault(fault) => fault,
            };
            tracing::warn!(mailbox = %self.settings.name, "cannot be read: {fault}");
            self.note_broken(&fault).await;
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    /// One session, to its end.
    async fn session(&mut self, backoff: &mut Backoff) -> Ended {
        let mut session = match Session::open(&self.settings, &self.tls).await {
            Ok(session) => session,
            Err(fault) => return fault.into(),
        };
        tracing::info!(mailbox = %self.settings.name, "is read");
        loop {
            match self.look(&mut session).await {
                Ok(()) => {}
                Err(ended) => return ended,
            }
            backoff.reset();
            self.note_well().await;
            session = match session.wait(self.settings.every).await {
                Ok(session) => session,
                Err(fault) => return fault.into(),
            };
        }
    }

    /// Deals with all that is new, a bounded number at a time.
    async fn look(&self, session: &mut Session) -> Result<(), Ended> {
        let unseen = session.unseen().await?;
        for uids in unseen.chunks(BATCH) {
            self.deal_with(session, uids).await?;
        }
        Ok(())
    }

    async fn deal_with(&self, session: &mut Session, uids: &[u32]) -> Result<(), Ended> {
        let mut refused = Vec::new();
        for head in session.heads(uids).await? {
            let now = Timestamp::now();
            let proved = match prove(&head.bytes, &self.signers, now) {
                Ok(proved) => proved,
                Err(refusal) => {
                    refused.push((head.uid, refusal));
                    continue;
                }
            };
            let name = &self.settings.name;
            let answer = if head.size > LARGEST_MAIL {
                proved.too_large(name, &head.bytes, now)
            } else {
                let Some(mail) = session.whole(head.uid).await? else { continue };
                proved.answer(name, &mail, now)
            };
            self.postbox.keep(Input::MailAnswer(answer)).await?;
            crate::crash::point("mail.kept");
            session.put_away(&[head.uid]).await?;
        }
        self.refuse(session, refused).await
    }

    /// Has the audit keep who was refused, the first of them by name.
    async fn refuse(&self, session: &mut Session, refused: Vec<(u32, Refusal)>) -> Result<(), Ended> {
        let uids: Vec<u32> = refused.iter().map(|(uid, _)| *uid).collect();
        let more = refused.len().saturating_sub(REFUSED_TOLD);
        let mut told: Vec<Refusal> =
            refused.into_iter().map(|(_, refusal)| refusal).take(REFUSED_TOLD).collect();
        if more > 0 {
            told.push(Refusal {
                from: format!("{more} more mails"),
                reason: "none of them counts either".to_owned(),
            });
        }
        for Refusal { from, reason } in told {
            let mailbox = self.settings.name.clone();
            tracing::info!(mailbox = %mailbox, "a mail from `{from}` is refused: {reason}");
            let refused = MailRefused { mailbox, at: Timestamp::now(), from, reason };
            self.postbox.keep(Input::MailRefused(refused)).await?;
        }
        session.put_away(&uids).await?;
        Ok(())
    }

    async fn note_broken(&mut self, fault: &Fault) {
        let (since, told) = *self.broken.get_or_insert((Instant::now(), false));
        if told || since.elapsed() < TOLD_AFTER {
            return;
        }
        self.broken = Some((since, true));
        self.tell(format!("cannot be read, so answers by mail wait: {fault}"), false).await;
    }

    async fn note_well(&mut self) {
        if let Some((_, true)) = self.broken.take() {
            self.tell("is read again".to_owned(), true).await;
        }
    }

    async fn tell(&self, text: String, over: bool) {
        let trouble = Trouble { what: format!("the mailbox {}", self.settings.name), text, over };
        // Where nobody takes it, Watchbell ends.
        let _ = self.inputs.send(Input::Event(Event::ours(Timestamp::now(), Detail::Trouble(trouble)))).await;
    }
}
