//! The client of Icinga's API: login, TLS and requests.
//!
//! Owns: how Watchbell connects to an Icinga. Promises: sends credentials at once
//! and to nobody else: no proxy, no redirect, a verified certificate; each request
//! but the event stream has a deadline; files are read anew for each connection, so
//! a rotated certificate needs no restart. Never: retries by itself.

use super::slices::Slices;
use super::trouble::{self, ApiError};
use super::wire;
use crate::config::{IcingaSettings, Login};
use crate::model::EventType;
use crate::model::Timestamp;
use crate::model::time::from_unix_seconds;
use crate::source::{SourceError, deepest};
use crate::tls;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Method, RequestBuilder, Response};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use secrecy::ExposeSecret;
use serde::Serialize;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How long TCP and TLS may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection may rest before it is not used again: Icinga closes those that were
/// silent for 10 s, and one that stood still itself would not know yet.
const IDLE: Duration = Duration::from_secs(5);
/// How long Icinga may take for the head of an event stream.
const SUBSCRIBE: Duration = Duration::from_secs(20);
/// How long a question about Icinga itself may take.
pub(super) const STATUS: Duration = Duration::from_secs(10);
/// How long an action may take; one with many children is slow.
const ACTION: Duration = Duration::from_secs(30);
/// How long the reading of all objects of a type may take.
const QUERY: Duration = Duration::from_secs(120);

/// A client of one Icinga. Cheap to clone; holds no connection.
#[derive(Debug, Clone)]
pub struct IcingaClient {
    pub(super) settings: Arc<IcingaSettings>,
}

/// What an Icinga says of itself (`/v1/status/IcingaApplication`).
#[derive(Debug, Clone, PartialEq)]
pub struct IcingaStatus {
    /// `version`, such as `r2.13.6-1`.
    pub version: String,
    /// `program_start`: changes with each restart and reload.
    pub program_start: Option<Timestamp>,
    /// `node_name`.
    pub node_name: String,
    /// `enable_flapping`: the global switch.
    pub enable_flapping: bool,
}

impl IcingaClient {
    /// A client with these settings.
    ///
    /// # Errors
    /// [`SourceError::Setting`] where a file of the settings cannot be used.
    pub fn new(settings: &IcingaSettings) -> Result<IcingaClient, SourceError> {
        let client = IcingaClient { settings: Arc::new(settings.clone()) };
        for url in &settings.urls {
            client.api(url)?;
        }
        Ok(client)
    }

    /// Asks the first Icinga that answers what it is.
    pub async fn status(&self) -> Result<IcingaStatus, ApiError> {
        self.first_that_answers(|api| async move { api.status().await }).await
    }

    /// Asks one URL after the other, until one can be connected to and is ready. A
    /// request that was sent is never sent again.
    pub(super) async fn first_that_answers<T, F, R>(&self, ask: F) -> Result<T, ApiError>
    where
        F: Fn(Api) -> R,
        R: Future<Output = Result<T, ApiError>>,
    {
        let mut last = ApiError::Answer("no URL is set".to_owned());
        for url in &self.settings.urls {
            let api = self.api(url).map_err(|error| ApiError::Answer(error.to_string()))?;
            match ask(api).await {
                Err(error) if error.is_undone() => last = error,
                answer => return answer,
            }
        }
        Err(last)
    }

    /// The API behind one of the URLs.
    pub(super) fn api(&self, url: &Url) -> Result<Api, SourceError> {
        let settings = &self.settings;
        let mut base = url.clone();
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls_config(settings)?)
            .http1_only()
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("watchbell/", env!("CARGO_PKG_VERSION")));
        if let Some(server_name) = settings.server_name(url) {
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            http = http.dns_resolver(Arc::new(ResolveAs { host }));
            base.set_host(Some(server_name))
                .map_err(|error| setting(settings, format!("server_name `{server_name}`: {error}")))?;
        }
        let http = http.build().map_err(|error| setting(settings, deepest(&error)))?;
        Ok(Api { http, base, settings: settings.clone() })
    }
}

fn setting(settings: &IcingaSettings, reason: String) -> SourceError {
    SourceError::Setting { name: settings.name.clone(), reason }
}

fn tls_config(settings: &IcingaSettings) -> Result<rustls::ClientConfig, SourceError> {
    let fault = |error: tls::TlsError| setting(settings, error.to_string());
    let mut config = tls::client_config(settings.ca_file.as_deref()).map_err(fault)?;
    if let Login::Certificate { cert_file, key_file } = &settings.login {
        let chain = tls::certificates(cert_file).map_err(fault)?;
        let key = tls::private_key(key_file).map_err(fault)?;
        let pair = CertifiedKey::from_der(chain, key, config.crypto_provider())
            .map_err(|error| fault(tls::TlsError::Setup(error)))?;
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(pair));
    }
    Ok(config)
}

/// Looks up the URL's host, whatever name the certificate is to have.
struct ResolveAs {
    host: String,
}

impl Resolve for ResolveAs {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.host.clone();
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The API of one Icinga node. Connections are kept while it lives.
#[derive(Debug, Clone)]
pub(super) struct Api {
    http: reqwest::Client,
    base: Url,
    pub(super) settings: Arc<IcingaSettings>,
}

/// The body of a query: `attrs`, and names under the plural of the type.
#[derive(Debug, Serialize)]
struct Query<'a> {
    attrs: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<&'a [&'a str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<&'a [&'a str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dependencies: Option<&'a [&'a str]>,
    /// Makes Icinga say which permission is missing.
    verbose: bool,
}

/// The types of objects that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Host,
    Service,
    Comment,
    Downtime,
    Dependency,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Kind::Host => "/v1/objects/hosts",
            Kind::Service => "/v1/objects/services",
            Kind::Comment => "/v1/objects/comments",
            Kind::Downtime => "/v1/objects/downtimes",
            Kind::Dependency => "/v1/objects/dependencies",
        }
    }

    /// What a user needs to read them.
    pub(super) fn permission(self) -> String {
        format!("objects/query/{self:?}")
    }
}

impl Api {
    /// Asks Icinga what it is.
    pub(super) async fn status(&self) -> Result<IcingaStatus, ApiError> {
        let request = self.request(Method::GET, "/v1/status/IcingaApplication");
        let body = self.answer(request.query(&[("verbose", "1")]).timeout(STATUS)).await?;
        let answer: wire::Answer = parse(&body)?;
        let row = answer.results.first().ok_or_else(|| ApiError::Answer("it is empty".to_owned()))?;
        let row: wire::StatusRow = parse(row.get().as_bytes())?;
        let app = row.status.icingaapplication.app;
        Ok(IcingaStatus {
            version: app.version.unwrap_or_default(),
            program_start: app.program_start.and_then(from_unix_seconds),
            node_name: app.node_name.unwrap_or_default(),
            enable_flapping: app.enable_flapping.is_none_or(|enabled| enabled.0),
        })
    }

    /// Opens an event stream; its head says that it is open.
    pub(super) async fn subscribe(&self, types: &BTreeSet<EventType>) -> Result<Response, ApiError> {
        let queue = format!("watchbell-{}-{:016x}", std::process::id(), rand::random::<u64>());
        let types = types.iter().map(|event_type| event_type.name()).collect();
        let body = wire::Subscription { types, queue: &queue };
        let sent = self.send(self.request(Method::POST, "/v1/events").json(&body));
        let Ok(response) = tokio::time::timeout(SUBSCRIBE, sent).await else {
            let reason = "it did not open the event stream in time".to_owned();
            return Err(ApiError::NoAnswer { url: trouble::shown(&self.base), reason });
        };
        response
    }

    /// Reads objects of one type: all of them, or those named. The answer is
    /// [`wire::Answer`] of [`wire::Row`]. One unknown name among many makes
    /// [`ApiError::NotFound`].
    pub(super) async fn query(
        &self,
        kind: Kind,
        names: Option<&[&str]>,
        attrs: &[&str],
    ) -> Result<Vec<u8>, ApiError> {
        let of_kind = |wanted: Kind| names.filter(|_| kind == wanted);
        let body = Query {
            attrs,
            hosts: of_kind(Kind::Host),
            services: of_kind(Kind::Service),
            dependencies: of_kind(Kind::Dependency),
            verbose: true,
        };
        let request = self.request(Method::POST, kind.path()).header("X-HTTP-Method-Override", "GET");
        self.answer(request.json(&body).timeout(QUERY)).await
    }

    /// Asks for all objects of one type; see [`Sliced`].
    pub(super) async fn query_all(&self, kind: Kind, attrs: &[&str]) -> Result<Sliced<'_>, ApiError> {
        let body = Query { attrs, hosts: None, services: None, dependencies: None, verbose: true };
        let request = self.request(Method::POST, kind.path()).header("X-HTTP-Method-Override", "GET");
        let response = self.send(request.json(&body).timeout(QUERY)).await?;
        Ok(Sliced { api: self, response, slices: Some(Slices::new()), ready: VecDeque::new() })
    }

    /// Performs an action; gives the HTTP status and the body, whatever they say.
    pub(super) async fn action(&self, name: &str, body: &impl Serialize) -> Result<(u16, Vec<u8>), ApiError> {
        let request = self.request(Method::POST, &format!("/v1/actions/{name}"));
        let request = request.query(&[("verbose", "1")]).json(body).timeout(ACTION);
        let response = request.send().await.map_err(|error| self.unanswered(&error))?;
        let code = response.status().as_u16();
        let body = response.bytes().await.map_err(|error| self.unanswered(&error))?;
        Ok((code, body.to_vec()))
    }

    /// Names the failure of a request.
    fn unanswered(&self, error: &reqwest::Error) -> ApiError {
        trouble::unanswered(&self.settings, &self.base, error)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(path);
        let request = self.http.request(method, url).header("Accept", "application/json");
        match &self.settings.login {
            Login::Password { user, password } => request.basic_auth(user, Some(password.expose_secret())),
            Login::Certificate { .. } => request,
        }
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Vec<u8>, ApiError> {
        let response = self.send(request).await?;
        let body = response.bytes().await.map_err(|error| self.unanswered(&error))?;
        Ok(body.into())
    }

    /// Sends a request; anything but success is an error.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let response = request.send().await.map_err(|error| self.unanswered(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.unwrap_or_default();
        Err(trouble::refused(&self.settings, status.as_u16(), &body))
    }
}

/// An answer that is read while it arrives, in slices that are answers of their own.
pub(super) struct Sliced<'a> {
    api: &'a Api,
    response: Response,
    /// `None` when all has arrived.
    slices: Option<Slices>,
    ready: VecDeque<Vec<u8>>,
}

impl Sliced<'_> {
    /// The next slice; `None` behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        while self.ready.is_empty()
            && let Some(slices) = &mut self.slices
        {
            match self.response.chunk().await.map_err(|error| self.api.unanswered(&error))? {
                Some(bytes) => self.ready.extend(slices.push(&bytes)),
                None => self.ready.extend(self.slices.take().map(Slices::finish)),
            }
        }
        Ok(self.ready.pop_front())
    }
}

/// Reads an answer.
pub(super) fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::Answer(super::fault::words(&error.to_string())))
}
