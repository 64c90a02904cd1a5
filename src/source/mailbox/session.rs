//! The conversation with the mail server (IMAP4rev1, RFC 3501).
//!
//! Promises: nothing is read without TLS unless the configuration says so; the server is
//! verified; reading a mail marks nothing; each step ends within a minute. Never: shows the
//! password, or a mail that was not asked for.

use super::letter::{LARGEST_HEAD, LARGEST_MAIL};
use crate::config::MailboxSettings;
use crate::patience::within;
use crate::tls;
use async_imap::error::Error as ImapError;
use async_imap::{Client, Session as Imap};
use futures_util::TryStreamExt;
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long one step may take.
const STEP: Duration = Duration::from_secs(60);
/// How much of a server's words is shown, in characters.
const LONGEST_WORDS: usize = 200;

/// Why a mailbox cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    /// The server has no certificate that we trust for its name.
    #[error("TLS failed: {0}")]
    Tls(std::io::Error),
    /// The server does not know us.
    #[error("login as `{user}` failed: {words}")]
    Login {
        /// Who tried.
        user: String,
        /// What the server said.
        words: String,
    },
    /// A step failed.
    #[error("cannot {step}: {words}")]
    Step {
        /// Which.
        step: &'static str,
        /// What the server said.
        words: String,
    },
    /// It did not answer.
    #[error("no answer within {STEP:?} to: {0}")]
    Slow(&'static str),
}

/// A connection, protected or not.
trait Line: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<L: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Line for L {}

/// The head of one mail.
#[derive(Debug)]
pub(super) struct Head {
    /// Its number in the folder.
    pub(super) uid: u32,
    /// How many bytes the whole mail has.
    pub(super) size: usize,
    /// Its headers, cut off where they are too large.
    pub(super) bytes: Vec<u8>,
}

/// One session in the folder that answers come to.
#[derive(Debug)]
pub(super) struct Session {
    imap: Imap<Box<dyn Line>>,
    done_folder: Option<String>,
    can_wait: bool,
    can_move: bool,
    can_expunge: bool,
}

impl Session {
    /// Connects, logs in and opens the folder.
    pub(super) async fn open(
        settings: &MailboxSettings,
        tls: &Arc<rustls::ClientConfig>,
    ) -> Result<Session, Fault> {
        let line = within(STEP, connect(settings, tls)).await.ok_or(Fault::Slow("connect"))??;
        let mut client = Client::new(line);
        step("read its greeting", async {
            client.read_response().await?.ok_or(ImapError::ConnectionLost).map(drop)
        })
        .await?;
        let user = &settings.login.user;
        let login = client.login(user, settings.login.password.expose_secret());
        let mut imap = match within(STEP, login).await {
            Some(Ok(imap)) => imap,
            Some(Err((error, _))) => return Err(Fault::Login { user: user.clone(), words: words(&error) }),
            None => return Err(Fault::Slow("login")),
        };
        let known = step("ask what it knows", imap.capabilities()).await?;
        if let Some(folder) = &settings.done_folder {
            // It says no where there is one already; a move says what is wrong.
            let _ = step("make a folder", imap.create(folder)).await;
        }
        step("open the folder", imap.select(&settings.folder)).await?;
        Ok(Session {
            imap,
            done_folder: settings.done_folder.clone(),
            can_wait: known.has_str("IDLE"),
            can_move: known.has_str("MOVE"),
            can_expunge: known.has_str("UIDPLUS"),
        })
    }

    /// The numbers of all mails that were not dealt with, oldest first.
    pub(super) async fn unseen(&mut self) -> Result<Vec<u32>, Fault> {
        let found = step("search", self.imap.uid_search("UNSEEN UNDELETED")).await?;
        let mut uids: Vec<u32> = found.into_iter().collect();
        uids.sort_unstable();
        Ok(uids)
    }

    /// The heads of these mails, in their order; without those that went meanwhile.
    pub(super) async fn heads(&mut self, uids: &[u32]) -> Result<Vec<Head>, Fault> {
        let query = format!("(UID RFC822.SIZE BODY.PEEK[HEADER]<0.{}>)", LARGEST_HEAD + 1);
        let fetched: Vec<_> =
            step("read heads", async { self.imap.uid_fetch(set(uids), query).await?.try_collect().await })
                .await?;
        let head = |mail: &async_imap::types::Fetch| {
            let size = mail.size.map_or(usize::MAX, |size| size as usize);
            Some(Head { uid: mail.uid?, size, bytes: mail.header()?.to_vec() })
        };
        let mut heads: Vec<Head> = fetched.iter().filter_map(head).collect();
        heads.sort_unstable_by_key(|head| head.uid);
        heads.dedup_by_key(|head| head.uid);
        Ok(heads)
    }

    /// One mail whole; `None` if it went meanwhile.
    pub(super) async fn whole(&mut self, uid: u32) -> Result<Option<Vec<u8>>, Fault> {
        let query = format!("(UID BODY.PEEK[]<0.{LARGEST_MAIL}>)");
        let fetched: Vec<_> =
            step("read a mail", async { self.imap.uid_fetch(set(&[uid]), query).await?.try_collect().await })
                .await?;
        let is_it = |mail: &&async_imap::types::Fetch| mail.uid == Some(uid);
        Ok(fetched.iter().find(is_it).and_then(|mail| mail.body()).map(<[u8]>::to_vec))
    }

    /// Puts mails where they do not come again.
    pub(super) async fn put_away(&mut self, uids: &[u32]) -> Result<(), Fault> {
        if uids.is_empty() {
            return Ok(());
        }
        let set = set(uids);
        self.flag(&set, "+FLAGS.SILENT (\\Seen)").await?;
        let Some(folder) = &self.done_folder else { return Ok(()) };
        if self.can_move {
            return step("move a mail", self.imap.uid_mv(&set, folder)).await;
        }
        step("copy a mail", self.imap.uid_copy(&set, folder)).await?;
        self.flag(&set, "+FLAGS.SILENT (\\Deleted)").await?;
        if !self.can_expunge {
            // What else is marked so there, others have marked; it is not ours to take away.
            return Ok(());
        }
        let expunged = async { self.imap.uid_expunge(&set).await?.try_collect::<Vec<_>>().await };
        step("take a mail away", expunged).await.map(drop)
    }

    async fn flag(&mut self, set: &str, flags: &str) -> Result<(), Fault> {
        let stored = async { self.imap.uid_store(set, flags).await?.try_collect::<Vec<_>>().await };
        step("mark a mail", stored).await.map(drop)
    }

    /// Waits until something is new, at most this long.
    pub(super) async fn wait(mut self, longest: Duration) -> Result<Session, Fault> {
        if !self.can_wait {
            tokio::time::sleep(longest).await;
            return Ok(self);
        }
        let mut idle = self.imap.idle();
        step("wait for mail", idle.init()).await?;
        let (waiting, _stop) = idle.wait_with_timeout(longest);
        // A server that says each second that it is still there must not keep us from looking.
        if let Ok(Err(error)) = timeout(longest, waiting).await {
            return Err(Fault::Step { step: "wait for mail", words: words(&error) });
        }
        self.imap = step("end waiting", idle.done()).await?;
        Ok(self)
    }
}

async fn connect(
    settings: &MailboxSettings,
    tls: &Arc<rustls::ClientConfig>,
) -> Result<Box<dyn Line>, Fault> {
    let address = (settings.host.as_str(), settings.port);
    let stream = TcpStream::connect(address).await.map_err(Fault::Connect)?;
    if !settings.tls {
        return Ok(Box::new(stream));
    }
    let name = settings.server_name.as_ref().unwrap_or(&settings.host).clone();
    let name = ServerName::try_from(name).map_err(|error| Fault::Tls(std::io::Error::other(error)))?;
    let stream = TlsConnector::from(tls.clone()).connect(name, stream).await.map_err(Fault::Tls)?;
    Ok(Box::new(stream))
}

/// Settings of a connection that trusts whom the mailbox's settings name.
pub(super) fn protection(settings: &MailboxSettings) -> Result<Arc<rustls::ClientConfig>, tls::TlsError> {
    tls::client_config(settings.ca_file.as_deref()).map(Arc::new)
}

async fn step<T>(step: &'static str, doing: impl Future<Output = Result<T, ImapError>>) -> Result<T, Fault> {
    match within(STEP, doing).await {
        Some(Ok(done)) => Ok(done),
        Some(Err(error)) => Err(Fault::Step { step, words: words(&error) }),
        None => Err(Fault::Slow(step)),
    }
}

/// What the server said, in one short line: it is text from outside.
fn words(error: &ImapError) -> String {
    let text = match error {
        ImapError::Parse(_) => "what it says cannot be understood".to_owned(),
        ImapError::Io(error) if error.to_string().contains("parsing of") => {
            "what it says cannot be understood".to_owned()
        }
        other => other.to_string(),
    };
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(LONGEST_WORDS)
        .collect()
}

fn set(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}
