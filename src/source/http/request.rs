//! What requests have in common: the token, the name, the body.

use super::Refusal;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The largest body that is taken, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// The headers by which a sender may name a post, the first one that says something counts:
/// as the IETF draft of `Idempotency-Key` and Standard Webhooks have it.
const KEYS: [&str; 2] = ["idempotency-key", "webhook-id"];
/// The longest such name, in bytes.
pub const LONGEST_KEY: usize = 256;

/// Whether this token came with a request. Digests are compared, so that the time it takes tells
/// nothing of the token.
pub(super) fn has_token(headers: &HeaderMap, token: &SecretString) -> bool {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.strip_prefix("Bearer "));
    sent.is_some_and(|sent| Sha256::digest(token.expose_secret()) == Sha256::digest(sent))
}

/// By what a post is known when it comes again, if its sender says so. A header without a word
/// names nothing: all posts would be the same one.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let given =
        |name| headers.get(name).filter(|value: &&HeaderValue| !value.is_empty()).map(|key| (name, key));
    let Some((name, key)) = KEYS.into_iter().find_map(given) else { return Ok(None) };
    if key.len() > LONGEST_KEY {
        let reason = format!("{name} has {} bytes; it may have {LONGEST_KEY}", key.len());
        return Err((StatusCode::BAD_REQUEST, reason));
    }
    Ok(Some(key.as_bytes().escape_ascii().to_string()))
}

/// The body, whole.
pub(super) async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    match tokio::time::timeout(BODY_WITHIN, to_bytes(body, LARGEST_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        Ok(Err(_)) => {
            let reason = format!("the body is cut off, or larger than {LARGEST_BODY} bytes");
            Err((StatusCode::PAYLOAD_TOO_LARGE, reason))
        }
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, format!("no body within {BODY_WITHIN:?}"))),
    }
}

/// What the JSON in a body says.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Refusal> {
    serde_json::from_slice(bytes)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("the body is no {what}: {error}")))
}
