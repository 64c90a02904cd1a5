//! One connection to a server, as lines.
//!
//! Owns: the TCP and TLS set-up, and the deadline of each. Promises: whoever holds
//! a [`Link`] talks to the server that the settings mean, over TLS, or to this
//! very machine. Never: mends a broken connection; a new one is made instead.

use super::error::IrcError;
use super::wire::Wire;
use super::words::{Line, Said};
use crate::config::IrcSettings;
use crate::patience::within;
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::codec::Framed;

const CONNECT_WITHIN: Duration = Duration::from_secs(15);
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
const WRITE_WITHIN: Duration = Duration::from_secs(15);
/// How long a server has to say goodbye.
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);

/// Whom to trust, and as whom.
#[derive(Clone)]
pub(super) struct Tls {
    /// Checks certificates.
    pub(super) config: Arc<rustls::ClientConfig>,
    /// The name that must be in the certificate.
    pub(super) server_name: ServerName<'static>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One connection to a server.
pub(super) struct Link {
    lines: Framed<Box<dyn Stream>, Wire>,
}

impl Link {
    /// Connects; over TLS if `tls` is given.
    pub(super) async fn connect(settings: &IrcSettings, tls: Option<&Tls>) -> Result<Link, IrcError> {
        let tcp = within(CONNECT_WITHIN, TcpStream::connect((settings.host.as_str(), settings.port)))
            .await
            .ok_or(IrcError::ConnectDeadline(CONNECT_WITHIN.as_secs()))?
            .map_err(IrcError::Unreachable)?;
        tcp.set_nodelay(true).map_err(IrcError::Unreachable)?;
        let stream = match tls {
            Some(tls) => protect(tcp, tls).await?,
            None => unprotected(tcp)?,
        };
        Ok(Link { lines: Framed::new(stream, Wire::new()) })
    }

    /// The next line. Cancel-safe.
    pub(super) async fn hear(&mut self) -> Result<Line, IrcError> {
        match self.lines.next().await {
            Some(line) => line.map_err(IrcError::Broken),
            None => Err(IrcError::Closed),
        }
    }

    /// Says one line at once. Not cancel-safe.
    pub(super) async fn say(&mut self, said: Said) -> Result<(), IrcError> {
        within(WRITE_WITHIN, self.lines.send(said))
            .await
            .ok_or(IrcError::WriteDeadline(WRITE_WITHIN.as_secs()))?
            .map_err(IrcError::Broken)
    }

    /// Says goodbye and hears the server out, so that the goodbye arrives.
    pub(super) async fn quit(mut self) {
        let farewell = async {
            self.say(Said::Quit).await?;
            loop {
                self.hear().await?;
            }
        };
        // However it ends, the connection is over; that is all that was wanted.
        let _: Option<Result<(), IrcError>> = within(FAREWELL_WITHIN, farewell).await;
    }
}

async fn protect(tcp: TcpStream, tls: &Tls) -> Result<Box<dyn Stream>, IrcError> {
    let connector = TlsConnector::from(Arc::clone(&tls.config));
    let stream = within(HANDSHAKE_WITHIN, connector.connect(tls.server_name.clone(), tcp))
        .await
        .ok_or(IrcError::HandshakeDeadline(HANDSHAKE_WITHIN.as_secs()))?
        .map_err(|error| IrcError::of_handshake(error, &tls.server_name.to_str()))?;
    Ok(Box::new(stream))
}

/// A name such as `localhost` proves nothing; where it led to does.
fn unprotected(tcp: TcpStream) -> Result<Box<dyn Stream>, IrcError> {
    let peer = tcp.peer_addr().map_err(IrcError::Unreachable)?;
    if peer.ip().is_loopback() { Ok(Box::new(tcp)) } else { Err(IrcError::NotLoopback) }
}
