//! HTTP services that take JSON.
//!
//! Owns: the request and the reading of its answer. Promises: one request per
//! delivery, marked by an `Idempotency-Key` that stays the same when it is sent
//! again, and signed where there is a secret; the URL, its tokens, the bearer and the
//! secrets appear in no error. Never: follows a
//! redirect, uses a proxy, reads an endless answer. On a crash: the service may
//! hear of a delivery twice, with the same key.
//!
//! Without a JSON template the body is one object: `at` (RFC 3339), `target`,
//! `event`, `object` (may be empty), `incident` (number or null), `rule`, `text`,
//! `subject` (or null).

mod answer;
mod redact;
mod signature;

use super::{BuildError, Receipt, SendError, Sink, cause, identity};
use crate::config::WebhookSettings;
use crate::model::{Delivery, Timestamp};
use crate::patience::within;
use crate::tls;
use answer::Answer;
use futures_util::future::BoxFuture;
use redact::Redactor;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretSlice};
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What each answer is read up to, in bytes; the rest is not fetched.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Sends deliveries to an HTTP service.
pub struct Webhook {
    client: Client,
    method: Method,
    url: Url,
    redactor: Redactor,
    signing: Vec<SecretSlice<u8>>,
    timeout: Duration,
}

impl Webhook {
    /// Prepares a sink called `name`. Reads the CA file, connects to nothing.
    ///
    /// Errors: a URL, method, header or CA file that cannot be used; the URL and
    /// header values are not repeated.
    pub fn new(name: &str, settings: &WebhookSettings) -> Result<Webhook, BuildError> {
        Webhook::prepare(settings).map_err(|reason| BuildError { sink: name.to_owned(), reason })
    }

    fn prepare(settings: &WebhookSettings) -> Result<Webhook, String> {
        let url =
            Url::parse(settings.url.expose_secret()).map_err(|error| format!("`url` is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("`url` must begin with https:// or http://".to_owned());
        }
        let method = Method::from_bytes(settings.method.as_bytes())
            .map_err(|_| format!("`method`: {:?} is no HTTP method", settings.method))?;
        let tls = tls::client_config(settings.ca_file.as_deref()).map_err(|error| error.to_string())?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("watchbell/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(settings)?)
            .build()
            .map_err(|error| cause::of(&error))?;
        let redactor = Redactor::new(&url, settings.bearer.as_ref());
        Ok(Webhook {
            client,
            method,
            url,
            redactor,
            signing: settings.signing.clone(),
            timeout: settings.timeout,
        })
    }

    /// The request for a try that is made now.
    fn request(&self, delivery: &Delivery) -> RequestBuilder {
        let (id, body) = (identity::of(&delivery.key), body(delivery));
        let mut request =
            self.client.request(self.method.clone(), self.url.clone()).header("idempotency-key", &id);
        if !self.signing.is_empty() {
            for (name, value) in signature::headers(&self.signing, &id, Timestamp::now(), &body) {
                request = request.header(name, value);
            }
        }
        request.body(body)
    }

    async fn call(&self, delivery: &Delivery) -> Result<Receipt, SendError> {
        let begun = Instant::now();
        let retry = |reason: String| SendError::Retry { reason, after: None };
        let answered = within(self.timeout, self.request(delivery).send()).await;
        let response = answered
            .ok_or_else(|| retry(format!("timed out: no answer within {:?}", self.timeout)))?
            .map_err(|error| retry(self.redactor.redact(&cause::of(&error.without_url()))))?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let after = retry_after.and_then(|value| answer::retry_after(value, Timestamp::now()));
        let words = self.redactor.redact(&beginning(response, begun + self.timeout).await);
        Answer { status, after, words }.verdict()
    }
}

impl Sink for Webhook {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.call(delivery))
    }

    fn concurrency(&self) -> usize {
        8
    }
}

/// What every request carries: the content type, what is configured, the bearer.
fn headers(settings: &WebhookSettings) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &settings.headers {
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`headers`: {name:?} is no header name"))?;
        headers.insert(header, secret_value(value, &format!("`headers`: the value of {name:?}"))?);
    }
    if let Some(bearer) = &settings.bearer {
        let value = format!("Bearer {}", bearer.expose_secret());
        headers.insert(AUTHORIZATION, secret_value(&value, "`bearer_file` or `bearer_env`")?);
    }
    Ok(headers)
}

/// A header's value, which no library prints.
fn secret_value(value: &str, what: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| format!("{what} holds characters that a header cannot carry, such as a newline"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The template's JSON, or the object that the module's doc describes.
fn body(delivery: &Delivery) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        at: Timestamp,
        target: &'a str,
        event: &'a str,
        object: &'a str,
        incident: Option<u64>,
        rule: &'a str,
        text: &'a str,
        subject: Option<&'a str>,
    }
    let message = &delivery.message;
    if let Some(json) = &message.json {
        return json.clone();
    }
    let body = Body {
        at: delivery.at,
        target: &delivery.target,
        event: &delivery.event,
        object: &delivery.object,
        incident: delivery.incident,
        rule: &delivery.rule,
        text: &message.text,
        subject: message.subject.as_deref(),
    };
    serde_json::to_string(&body).expect("strings and numbers always have a JSON form")
}

/// The first part of an answer's body, as far as it comes until then. That it breaks off
/// changes nothing: the status has been said.
async fn beginning(mut response: Response, until: Instant) -> String {
    let mut bytes = Vec::new();
    while let Ok(Ok(Some(chunk))) = timeout_at(until, response.chunk()).await {
        let room = LONGEST_ANSWER - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == LONGEST_ANSWER {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
