//! The one listening socket: what others send, and what they are answered.
//!
//! Owns: the socket, its connections, and how long each part of a request may take. Promises:
//! what is refused is answered with the reason and has no effect. Never: listens beyond this
//! machine, says whether a name exists.

mod command;
mod refusals;
mod request;
mod webhook;

pub use request::{LARGEST_BODY, LONGEST_KEY};

use super::desk::Desk;
use super::post::Postbox;
use crate::config::Incoming;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use refusals::Refusals;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How many connections there may be; more wait at the door, so that they leave room for
/// Icinga and the sinks.
const CONNECTIONS: usize = 128;
/// How long a request may take to begin, and its head to arrive; then the connection ends,
/// so that who says nothing keeps nobody out.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// When to try again where no connection can be taken.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
/// How long what is under way may take at the end.
const END_WITHIN: Duration = Duration::from_secs(2);
/// How long it may take until it is on the disk.
const KEPT_WITHIN: Duration = Duration::from_secs(5);
/// When to send it again if it is not, in seconds.
const AGAIN_AFTER: u64 = 10;

/// A socket that takes webhooks and commands.
pub struct HttpSource {
    listener: TcpListener,
    incoming: Arc<Incoming>,
}

/// What each request comes through.
#[derive(Clone)]
struct Door {
    incoming: Arc<Incoming>,
    postbox: Postbox,
    desk: Desk,
    refusals: Arc<Refusals>,
    /// Held by whoever has a command completed: one at a time, as the engine looks at all names.
    completing: Arc<Semaphore>,
    /// Watchbell ends: nobody waits for what may come later.
    stop: CancellationToken,
}

/// A status and one line for whoever sent it.
type Refusal = (StatusCode, String);

impl HttpSource {
    /// Begins to listen. Errors: the address is taken, or may not be used.
    pub async fn bind(incoming: &Incoming) -> std::io::Result<HttpSource> {
        let listener = TcpListener::bind(incoming.address).await?;
        Ok(HttpSource { listener, incoming: Arc::new(incoming.clone()) })
    }

    /// Where it listens; the port that was given where the configuration says 0.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes what is sent until `stop` is cancelled; what is under way is answered. `desk`: where
    /// answers to commands come.
    pub async fn run(self, postbox: Postbox, desk: Desk, stop: CancellationToken) -> std::io::Result<()> {
        let door = Door {
            incoming: self.incoming,
            postbox,
            desk,
            refusals: Arc::default(),
            completing: Arc::new(Semaphore::new(1)),
            stop: stop.clone(),
        };
        let router = Router::new()
            .route("/webhook/{name}", post(webhook::take))
            .route("/command", post(command::take))
            .route("/complete", get(command::complete))
            .with_state(door);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let connections = GracefulShutdown::new();
        while let Some((stream, peer, place)) = accept(&self.listener, &places, &stop).await {
            let service = TowerToHyperService::new(router.clone().layer(Extension(peer)));
            let connection = http.serve_connection(TokioIo::new(stream), service);
            let connection = connections.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection at the listening socket ended");
                }
                drop(place);
            });
        }
        // Whoever opened a connection and says nothing must not keep us here.
        let _ = tokio::time::timeout(END_WITHIN, connections.shutdown()).await;
        Ok(())
    }
}

/// The next connection, and its place among those there may be; `None` when stopped.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let accepted = async {
        let place = places.clone().acquire_owned().await.expect("nobody closes the semaphore");
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return (stream, peer, place),
                // Such as too many open files: there may be room again.
                Err(error) => tracing::warn!(%error, "a connection at the listening socket is not taken"),
            }
            tokio::time::sleep(ACCEPT_AGAIN).await;
        }
    };
    stop.run_until_cancelled(accepted).await
}
