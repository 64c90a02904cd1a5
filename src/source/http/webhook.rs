//! Webhooks: JSON that others send, as events.
//!
//! Promises: what is answered with 202 is on the disk, with all that came of it, or was before
//! and is sent again; 503 asks for the same once more, which counts once; all else is refused
//! with the reason, and has no effect.

use super::{AGAIN_AFTER, Door, KEPT_WITHIN, Refusal, request};
use crate::model::event::{PostId, Webhook};
use crate::model::{Detail, Event, Input, Timestamp};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;

/// Takes one webhook.
pub(super) async fn take(
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
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(AGAIN_AFTER));
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
    ) -> Result<(), Refusal> {
        let token = self.incoming.tokens.get(&name);
        if !token.is_some_and(|token| request::has_token(headers, token)) {
            self.note_refused(&name, peer);
            let reason = "no webhook of this name with this token (Authorization: Bearer TOKEN)";
            return Err((StatusCode::UNAUTHORIZED, reason.to_owned()));
        }
        let id = Some(request::key(headers)?.map_or(PostId::Content, PostId::Key));
        let body = request::parse(&request::read(body).await?, "JSON")?;
        tracing::debug!(webhook = %name, "taken");
        let event = Event::ours(Timestamp::now(), Detail::Webhook(Webhook { name, body, id }));
        let not_kept = || {
            let reason = "it could not be written to the disk in time; send it again";
            (StatusCode::SERVICE_UNAVAILABLE, reason.to_owned())
        };
        let kept = tokio::time::timeout(KEPT_WITHIN, self.postbox.keep(Input::Event(event))).await;
        kept.map_err(|_| not_kept())?.map_err(|_| not_kept())
    }

    /// Logs who was refused; names that nobody configured count as one.
    fn note_refused(&self, name: &str, peer: SocketAddr) {
        let is_known = self.incoming.tokens.contains_key(name);
        let name = if is_known { name } else { "(no webhook of this name)" };
        if self.refusals.is_due(name) {
            tracing::warn!(webhook = name, %peer, "refused: the token is missing or wrong");
        }
    }
}
