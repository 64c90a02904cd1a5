//! The IRC sink under test, and what people hear of it.

use super::wait_for;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use watchbell::config::{IrcSettings, Sasl};
use watchbell::model::{Brief, Delivery, Message, Timestamp, Utterance};
use watchbell::sink::irc::Irc;
use watchbell::sink::{Receipt, SendError, Sink, Wiring};

/// How long a server and the sink may take for anything; far more than they need.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The sink under test, in a runtime of its own.
pub(crate) struct Bell {
    nick: String,
    pub(crate) runtime: Runtime,
    pub(crate) sink: Irc,
    utterances: mpsc::Receiver<Utterance>,
}

/// Plain, fast, called `bell`.
pub(crate) fn settings(port: u16) -> IrcSettings {
    IrcSettings {
        host: "127.0.0.1".to_owned(),
        port,
        tls: false,
        ca_file: None,
        server_name: None,
        nick: "bell".to_owned(),
        sasl: None,
        codes: false,
        lines_per_second: 50.0,
        burst: 50,
    }
}

/// The account `bell`.
pub(crate) fn sasl(password: &str) -> Option<Sasl> {
    Some(Sasl { user: "bell".to_owned(), password: password.to_owned().into() })
}

/// A folder for a server's files.
pub(crate) fn folder() -> TempDir {
    TempDir::new().expect("there is room for temporary files")
}

impl Bell {
    /// Connects, or tries to, and belongs in these channels.
    pub(crate) fn start(settings: &IrcSettings, channels: &[&str]) -> Bell {
        Bell::start_with_ears(settings, channels, 100)
    }

    /// As [`Bell::start`]; so many lines of people may wait to be read.
    pub(crate) fn start_with_ears(settings: &IrcSettings, channels: &[&str], ears: usize) -> Bell {
        let runtime = Runtime::new().expect("threads can be started");
        let (sender, utterances) = mpsc::channel(ears);
        let recipients = channels.iter().map(|name| (*name).to_owned()).collect();
        let guard = runtime.enter();
        let sink =
            Irc::new("lab", settings, Wiring { utterances: sender, prefix: "!".to_owned(), recipients })
                .unwrap_or_else(|error| panic!("{error}"));
        drop(guard);
        Bell { nick: settings.nick.clone(), runtime, sink, utterances }
    }

    /// As [`Bell::start`], and waits until it is ready.
    pub(crate) fn start_ready(settings: &IrcSettings, channels: &[&str]) -> Bell {
        let bell = Bell::start(settings, channels);
        bell.wait_until_ready();
        bell
    }

    /// Hands one delivery over.
    pub(crate) fn tell(&self, recipient: &str, text: &str) -> Result<Receipt, SendError> {
        let delivery = Delivery {
            id: 1,
            key: "key".to_owned(),
            at: Timestamp::now(),
            sink: "lab".to_owned(),
            target: "ops".to_owned(),
            recipient: recipient.to_owned(),
            event: "StateChange".to_owned(),
            object: "db1".to_owned(),
            incident: None,
            rule: "10-a.rhai:1 a".to_owned(),
            message: Message { text: text.to_owned(), ..Message::default() },
            brief: Brief::default(),
            attempts: 0,
            revived: None,
        };
        self.runtime.block_on(self.sink.send(&delivery))
    }

    /// Tells itself, which nobody else sees, until it is no longer "not ready".
    pub(crate) fn wait_until_ready(&self) {
        wait_for("the sink to be ready", PATIENCE, || match self.tell(&self.nick, "ready?") {
            Err(SendError::NotReady(_)) => None,
            answer => Some(answer),
        })
        .expect("a line to itself is accepted");
    }

    /// Waits until the reason for not being ready contains this.
    pub(crate) fn wait_until_not_ready(&self, contains: &str) -> String {
        wait_for(&format!("`{contains}`"), PATIENCE, || match self.tell("#ops", "x") {
            Err(SendError::NotReady(reason)) if reason.contains(contains) => Some(reason),
            _ => None,
        })
    }

    /// What the next person says.
    pub(crate) fn hear(&mut self) -> Utterance {
        let course = async { tokio::time::timeout(PATIENCE, self.utterances.recv()).await };
        self.runtime.block_on(course).expect("somebody was heard").expect("the sink lives")
    }
}

/// What a line of the server says after `PRIVMSG <target> :`, if it is one.
pub(crate) fn said(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(" PRIVMSG ")?;
    Some(rest.split_once(" :").unwrap_or_else(|| rest.split_once(' ').expect("it has a text")).1)
}
