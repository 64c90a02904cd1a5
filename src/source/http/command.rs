//! Commands that programs post, and the completion of those that are half written.
//!
//! Promises: a command is answered once it is on the disk with what came of it, in JSON; what
//! Icinga or whoever was asked answers within some seconds is part of that; without the token of a
//! person nothing is said and nothing done. Never: decides who may; the engine does.

use super::{AGAIN_AFTER, Door, KEPT_WITHIN, Refusal, request};
use crate::model::{Completing, Input, PostedAnswer, PostedCommand, PostedEnd, Timestamp};
use crate::source::desk::Waiting;
use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long an answer waits for what Icinga, or whoever was asked, has to say.
const LATER_WITHIN: Duration = Duration::from_secs(5);
/// What is said where it has said nothing by then.
const NOT_YET: &str = "it is asked for; no answer has come yet";

/// What is posted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    command: String,
}

/// Takes one command.
pub(super) async fn take(
    State(door): State<Door>,
    Extension(peer): Extension<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match door.command(peer, &headers, body).await {
        Ok(answer) => answer.into_response(),
        Err(refusal) => refused(refusal),
    }
}

/// Completes one command.
pub(super) async fn complete(
    State(door): State<Door>,
    Extension(peer): Extension<SocketAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    match door.completions(peer, &headers, query.as_deref().unwrap_or_default()).await {
        Ok(words) => json(StatusCode::OK, &serde_json::json!(words)),
        Err(refusal) => refused(refusal),
    }
}

impl Door {
    async fn command(&self, peer: SocketAddr, headers: &HeaderMap, body: Body) -> Result<Answer, Refusal> {
        let person = self.person(peer, headers)?;
        let key = request::key(headers)?;
        let line = line(headers, &request::read(body).await?)?;
        tracing::debug!(%person, "a command is taken");
        let mut waiting = self.desk.wait();
        let request = waiting.request().to_owned();
        let posted = PostedCommand { request, person, line, key, at: Timestamp::now() };
        let first = self.keep(Input::PostedCommand(posted), &mut waiting).await?;
        Ok(self.whole(first, waiting).await)
    }

    async fn completions(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
        query: &str,
    ) -> Result<Vec<String>, Refusal> {
        let person = self.person(peer, headers)?;
        let Some((_, line)) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "line")
        else {
            let reason = "say what is written so far: /complete?line=ack%20db".to_owned();
            return Err((StatusCode::BAD_REQUEST, reason));
        };
        let _one = self.completing.acquire().await.expect("nobody closes the semaphore");
        let mut waiting = self.desk.wait();
        let asked = Completing { request: waiting.request().to_owned(), person, line: line.into_owned() };
        let answer = self.keep(Input::Completing(asked), &mut waiting).await?;
        Ok(answer.text.lines().map(str::to_owned).collect())
    }

    /// Whose token came with a request. Every token is looked at, and whoever has none hears
    /// the same, so that nobody learns here who there is.
    fn person(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<String, Refusal> {
        let mut found = None;
        for (person, token) in &self.incoming.persons {
            if request::has_token(headers, token) {
                found = Some(person.clone());
            }
        }
        found.ok_or_else(|| {
            if self.refusals.is_due("/command") {
                tracing::warn!(%peer, "a command is refused: the token is missing or wrong");
            }
            (StatusCode::UNAUTHORIZED, "nobody has this token (Authorization: Bearer TOKEN)".to_owned())
        })
    }

    /// Has the engine take this in, and waits for the answer that comes with what it led to.
    async fn keep(&self, input: Input, waiting: &mut Waiting) -> Result<PostedAnswer, Refusal> {
        let not_kept = || {
            let reason = "it could not be written to the disk in time, and may still be done; send it again \
                          with the same Idempotency-Key, so that it counts once";
            (StatusCode::SERVICE_UNAVAILABLE, reason.to_owned())
        };
        let kept = timeout(KEPT_WITHIN, self.postbox.keep(input)).await;
        kept.map_err(|_| not_kept())?.map_err(|_| not_kept())?;
        waiting.first().ok_or_else(|| {
            let reason = "it could not be judged; this is a bug in Watchbell, please report it";
            (StatusCode::INTERNAL_SERVER_ERROR, reason.to_owned())
        })
    }

    /// An answer with what follows it within some seconds.
    async fn whole(&self, first: PostedAnswer, mut waiting: Waiting) -> Answer {
        let deadline = Instant::now() + LATER_WITHIN;
        let mut missing = first.later;
        let mut answer = Answer { text: first.text, end: first.end };
        while missing > 0 {
            let next = timeout_at(deadline, waiting.next());
            let Some(Ok(next)) = self.stop.run_until_cancelled(next).await else { break };
            missing -= 1;
            answer.add(next);
        }
        answer.end = match answer.end {
            PostedEnd::Done | PostedEnd::Asked if missing > 0 => PostedEnd::Asked,
            PostedEnd::Asked => PostedEnd::Done,
            end => end,
        };
        answer
    }
}

/// What is answered to a command.
struct Answer {
    text: String,
    end: PostedEnd,
}

impl Answer {
    /// Takes in what came later. What was not done of several counts for all of them.
    fn add(&mut self, later: PostedAnswer) {
        if !later.text.is_empty() && !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&later.text);
        if matches!(later.end, PostedEnd::NotDone | PostedEnd::Denied) {
            self.end = later.end;
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (outcome, status) = match self.end {
            PostedEnd::Done => ("done", StatusCode::OK),
            PostedEnd::Repeated => ("repeated", StatusCode::OK),
            PostedEnd::Asked => ("asked", StatusCode::ACCEPTED),
            PostedEnd::Waits => ("confirm", StatusCode::ACCEPTED),
            PostedEnd::Denied => ("refused", StatusCode::FORBIDDEN),
            PostedEnd::NotDone => ("refused", StatusCode::UNPROCESSABLE_ENTITY),
            PostedEnd::NotUnderstood => ("unknown", StatusCode::UNPROCESSABLE_ENTITY),
            PostedEnd::TooMany(_) => ("refused", StatusCode::TOO_MANY_REQUESTS),
        };
        let text = match self.end {
            PostedEnd::Asked if self.text.is_empty() => NOT_YET.to_owned(),
            PostedEnd::TooMany(seconds) => format!("too many commands; wait {seconds} s"),
            _ => self.text,
        };
        let mut response = answer(status, &text, outcome);
        if let PostedEnd::TooMany(seconds) = self.end {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The command in a body: plain text where it is said to be that, else JSON.
fn line(headers: &HeaderMap, body: &[u8]) -> Result<String, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let line = if kind.trim_start().to_ascii_lowercase().starts_with("text/plain") {
        String::from_utf8(body.to_vec())
            .map_err(|_| (StatusCode::BAD_REQUEST, "the body is no text in UTF-8".to_owned()))?
    } else {
        request::parse::<Posted>(body, "JSON like {\"command\": \"ack #42 looking\"}")?.command
    };
    let line = line.trim();
    if line.chars().any(char::is_control) {
        let reason = "a command is one line of plain text".to_owned();
        return Err((StatusCode::BAD_REQUEST, reason));
    }
    Ok(line.to_owned())
}

fn refused((status, reason): Refusal) -> Response {
    let mut response = answer(status, &reason, "refused");
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(AGAIN_AFTER));
    }
    response
}

fn answer(status: StatusCode, text: &str, outcome: &str) -> Response {
    json(status, &serde_json::json!({ "answer": text, "outcome": outcome }))
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{value}\n")).into_response()
}
