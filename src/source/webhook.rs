//! Webhooks: JSON that others send, as events.
//!
//! Owns: the one listening socket, and who may send. Promises: what is answered with 202
//! is on the disk, with all that came of it, or was before and is sent again; 503 asks for
//! the same once more, which counts once; all else is refused with the reason, and has no
//! effect. Never: listens beyond this machine, says whether a name exists.

use super::post::Postbox;
use crate::config::Incoming;
use crate::model::event::{PostId, Webhook};
use crate::model::{Detail, Event, Input, Timestamp};
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The largest body that is taken, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;
/// How many connections there may be; more wait at the door, so that they leave room for
/// Icinga and the sinks.
const CONNECTIONS: usize = 128;
/// How long a request may take to begin, and its head to arrive; then the connection ends,
/// so that who says nothing keeps nobody out.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How often it is logged that somebody was refused.
const REFUSED_EVERY: Duration = Duration::from_secs(60);
/// When to try again where no connection can be taken.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// How long what is under way may take at the end.
const END_WITHIN: Duration = Duration::from_secs(2);
/// How long it may take until it is on the disk.
const KEPT_WITHIN: Duration = Duration::from_secs(5);
/// When to send it again if it is not, in seconds: `Retry-After` (RFC 9110, section 10.2.3).
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");
/// The headers by which a sender may name a post, the first one that says something counts:
/// as the IETF draft of `Idempotency-Key` and Standard Webhooks have it.
const KEYS: [&str; 2] = ["idempotency-key", "webhook-id"];
/// The longest such name, in bytes.
pub const LONGEST_KEY: usize = 256;

/// A socket that takes webhooks.
pub struct WebhookSource {
    listener: TcpListener,
    tokens: Arc<BTreeMap<String, SecretString>>,
}

#[derive(Clone)]
struct Door {
    tokens: Arc<BTreeMap<String, SecretString>>,
    postbox: Postbox,
    /// When the refusal of somebody was last logged, by the name of the webhook.
    refused: Arc<Mutex<BTreeMap<Option<String>, Instant>>>,
}

/// A status and one line for whoever sent it.
type Answer = (StatusCode, String);

impl WebhookSource {
    /// Begins to listen. Errors: the address is taken, or may not be used.
    pub async fn bind(incoming: &Incoming) -> std::io::Result<WebhookSource> {
        let listener = TcpListener::bind(incoming.address).await?;
        Ok(WebhookSource { listener, tokens: Arc::new(incoming.tokens.clone()) })
    }

    /// Where it listens; the port that was given where the configuration says 0.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes what is sent until `stop` is cancelled; what is under way is answered.
    pub async fn run(self, postbox: Postbox, stop: CancellationToken) -> std::io::Result<()> {
        let door = Door { tokens: self.tokens, postbox, refused: Arc::default() };
        let router = Router::new().route("/webhook/{name}", post(take)).with_state(door);
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
                    tracing::debug!(%error, "a connection for webhooks ended");
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
                Err(error) => tracing::warn!(%error, "a connection for webhooks is not taken"),
            }
            tokio::time::sleep(ACCEPT_AGAIN).await;
        }
    };
    stop.run_until_cancelled(accepted).await
}

async fn take(
    State(door): State<Door>,
    Extension(peer): Extension<SocketAddr>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Err((status, reason)) = door.take(name, peer, &headers, body).await else {
        return (StatusCode::ACCEPTED, "taken\n").into_response();
    };
    let mut response = (status, format!("not taken: {reason}\n")).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

impl Door {
    async fn take(
        &self,
        name: String,
        peer: SocketAddr,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(), Answer> {
        if !self.may_send(&name, headers) {
            self.note_refused(&name, peer);
            let reason = "no webhook of this name with this token (Authorization: Bearer TOKEN)";
            return Err((StatusCode::UNAUTHORIZED, reason.to_owned()));
        }
        let id = Some(id(headers)?);
        let body = parse(&read(body).await?)?;
        tracing::debug!(webhook = %name, "taken");
        let event = Event::ours(Timestamp::now(), Detail::Webhook(Webhook { name, body, id }));
        let not_kept = || {
            let reason = "it could not be written to the disk in time; send it again";
            (StatusCode::SERVICE_UNAVAILABLE, reason.to_owned())
        };
        let kept = tokio::time::timeout(KEPT_WITHIN, self.postbox.keep(Input::Event(event))).await;
        kept.map_err(|_| not_kept())?.map_err(|_| not_kept())
    }

    /// Logs who was refused, for each name once a minute; names that nobody configured count
    /// as one, or a stranger could fill the memory.
    fn note_refused(&self, name: &str, peer: SocketAddr) {
        let known = self.tokens.get_key_value(name).map(|(name, _)| name.clone());
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let last = refused.get(&known);
        if last.is_some_and(|last| last.elapsed() < REFUSED_EVERY) {
            return;
        }
        let name = known.as_deref().unwrap_or("(no webhook of this name)");
        tracing::warn!(webhook = name, %peer, "refused: the token is missing or wrong");
        refused.insert(known, Instant::now());
    }

    fn may_send(&self, name: &str, headers: &HeaderMap) -> bool {
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = sent.and_then(|value| value.strip_prefix("Bearer "));
        match (self.tokens.get(name), sent) {
            // Digests are compared, so that the time it takes tells nothing of the token.
            (Some(token), Some(sent)) => Sha256::digest(token.expose_secret()) == Sha256::digest(sent),
            _ => false,
        }
    }
}

/// By what a post is known when it comes again. A header without a word names nothing: all
/// posts would be the same one.
fn id(headers: &HeaderMap) -> Result<PostId, Answer> {
    let given =
        |name| headers.get(name).filter(|value: &&HeaderValue| !value.is_empty()).map(|key| (name, key));
    let Some((name, key)) = KEYS.into_iter().find_map(given) else { return Ok(PostId::Content) };
    if key.len() > LONGEST_KEY {
        let reason = format!("{name} has {} bytes; it may have {LONGEST_KEY}", key.len());
        return Err((StatusCode::BAD_REQUEST, reason));
    }
    Ok(PostId::Key(key.as_bytes().escape_ascii().to_string()))
}

async fn read(body: Body) -> Result<Vec<u8>, Answer> {
    match tokio::time::timeout(BODY_WITHIN, to_bytes(body, LARGEST_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        Ok(Err(_)) => {
            let reason = format!("the body is cut off, or larger than {LARGEST_BODY} bytes");
            Err((StatusCode::PAYLOAD_TOO_LARGE, reason))
        }
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, format!("no body within {BODY_WITHIN:?}"))),
    }
}

fn parse(bytes: &[u8]) -> Result<serde_json::Value, Answer> {
    serde_json::from_slice(bytes)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("the body is no JSON: {error}")))
}
