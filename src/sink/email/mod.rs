//! Mail: one letter for one mailbox, handed to one mail server.
//!
//! Owns: the connection settings and the deadline. Promises: a letter counts as
//! sent only when the server has taken it, in its own words; nothing is sent
//! without TLS unless the configuration says so; a letter that is sent again has
//! the same `Message-ID`. Never: keeps a connection for the next letter, prints
//! the password. On a crash: the letter may arrive twice, and can be recognised.

mod compose;
mod server;

use super::{BuildError, Receipt, SendError, Sink, plain};
use crate::config::EmailSettings;
use crate::model::Delivery;
use crate::patience::within;
use crate::token::Signer;
use compose::compose;
use futures_util::future::BoxFuture;
use lettre::message::Mailbox;
use server::Server;
use std::time::Duration;

/// Longest receipt kept; servers answer in one short line.
const LONGEST_RECEIPT: usize = 200;

/// Hands deliveries to a mail server.
pub struct Email {
    from: Mailbox,
    /// Signs the ids of letters that can be answered.
    signer: Option<Signer>,
    server: Server,
    /// How long one letter may take, from the connection to the server's final
    /// reply; 30 s. RFC 5321 (4.5.3.2) would wait longer, but then whoever is
    /// next would wait as well.
    pub deadline: Duration,
}

impl Email {
    /// Prepares a sink called `name`. Reads the CA file, connects to nothing.
    ///
    /// Errors: the CA file cannot be read, or the TLS settings cannot work.
    pub fn new(name: &str, settings: &EmailSettings) -> Result<Email, BuildError> {
        let server = Server::new(settings).map_err(|reason| BuildError { sink: name.to_owned(), reason })?;
        let signer = settings.reply_key.clone().map(|key| Signer::new(name, key));
        Ok(Email { from: settings.from.clone(), signer, server, deadline: Duration::from_secs(30) })
    }

    async fn mail(&self, delivery: &Delivery) -> Result<Receipt, SendError> {
        let letter = compose(delivery, &self.from, self.signer.as_ref()).map_err(SendError::Rejected)?;
        let taken = within(self.deadline, self.server.hand_over(&letter)).await;
        let Some(taken) = taken else {
            // The server may have taken it; the Message-ID makes a second copy recognisable.
            let reason = format!("{} did not answer within {:?}", self.server, self.deadline);
            return Err(SendError::Retry { reason, after: None });
        };
        let (reply, connection) = taken?;
        server::take_leave(connection).await;
        Ok(Receipt(plain::one_line(&reply, LONGEST_RECEIPT)))
    }
}

impl Sink for Email {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.mail(delivery))
    }

    /// Four connections: enough for a storm, below what mail servers allow one client.
    fn concurrency(&self) -> usize {
        4
    }
}
