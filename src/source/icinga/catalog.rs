//! Reading the whole truth of one Icinga, and single objects of it.
//!
//! Owns: the order of the questions and the dependencies between objects. Promises:
//! a [`Snapshot`] is whole or is not handed over; large answers are decoded off the
//! async threads. Never: retries; the connection that asked ends and begins anew.

use super::client::{Api, IcingaStatus, Kind, Sliced};
use super::fault::words;
use super::known::Known;
use super::objects::{self, LastResult, Parents};
use super::trouble::{self, ApiError};
use crate::model::{Alike, Object, ObjectKey, Snapshot, SnapshotObject, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// How many names one question holds; well below Icinga's limit for a body.
const NAMES_A_QUESTION: usize = 500;

/// How one slice of an answer is read.
type Decode<T> = fn(&Arc<str>, &[u8]) -> serde_json::Result<Vec<T>>;

/// What one Icinga has, as far as single objects need it later.
pub(super) struct Catalog {
    api: Api,
    source: Arc<str>,
    parents: Parents,
    /// What Icinga said of itself; `None` where we may not ask.
    status: Option<IcingaStatus>,
    /// The object that nobody is to see.
    pub(super) canary: Option<ObjectKey>,
    /// Permissions that the user lacks, and that Watchbell can go on without.
    pub(super) lacking: Vec<String>,
}

impl Catalog {
    pub(super) fn new(api: Api, source: Arc<str>, status: Option<IcingaStatus>) -> Catalog {
        Catalog { api, source, parents: Parents::default(), status, canary: None, lacking: Vec::new() }
    }

    /// Reads everything.
    ///
    /// Hosts and services are indispensable: without the permission for one of them
    /// this fails, and names all permissions that are missing. `known`: the objects of before.
    pub(super) async fn snapshot(&mut self, known: &Known) -> Result<Snapshot, ApiError> {
        let at = Timestamp::now();
        let (found, is_whole) = self.checkables(known).await?;
        let comments = self.list(Kind::Comment, objects::COMMENT_ATTRS, objects::comments).await?;
        let downtimes = self.list(Kind::Downtime, objects::DOWNTIME_ATTRS, objects::downtimes).await?;
        let dependencies =
            self.list(Kind::Dependency, objects::DEPENDENCY_ATTRS, objects::dependencies).await?;
        if !is_whole {
            let user = trouble::login_name(&self.api.settings.login);
            return Err(ApiError::Forbidden { user, permissions: self.lacking.clone() });
        }
        self.parents.add(dependencies.unwrap_or_default());
        let mut found = found;
        found.retain(|found| self.canary.as_ref() != Some(&found.object.key));
        self.fill_results(&mut found).await?;
        self.parents.fill(&mut found);
        if self.status.as_ref().is_some_and(|status| !status.enable_flapping) {
            found.iter_mut().for_each(|found| found.flapping = false);
        }
        Ok(Snapshot {
            source: self.source.clone(),
            at,
            broken: None,
            beside: None,
            started: self.status.as_ref().and_then(|status| status.program_start),
            settled: true,
            objects: found,
            comments,
            downtimes,
        })
    }

    /// Reads all hosts and services; whether we may read both.
    async fn checkables(&mut self, known: &Known) -> Result<(Vec<SnapshotObject>, bool), ApiError> {
        let mut alike = Alike::default();
        let mut found = Vec::new();
        let mut take = |slice: Vec<SnapshotObject>| {
            found.extend(slice.into_iter().map(|mut found| {
                alike.share(Arc::make_mut(&mut found.object));
                known.share(&mut found.object);
                found
            }));
        };
        let hosts = self.list_into(Kind::Host, &host_attrs(), objects::checkables, &mut take).await?;
        let services =
            self.list_into(Kind::Service, &service_attrs(), objects::checkables, &mut take).await?;
        Ok((found, hosts && services))
    }

    /// Reads one host or service; `None` if it is gone already.
    pub(super) async fn object(&mut self, name: &str) -> Result<Option<Object>, ApiError> {
        let is_service = name.contains('!');
        let (kind, attrs) =
            if is_service { (Kind::Service, service_attrs()) } else { (Kind::Host, host_attrs()) };
        let found = self.named(kind, &[name], &attrs).await?;
        let Some(body) = found else {
            return Ok(None);
        };
        let mut found = objects::checkables(&self.source, &body).map_err(answer)?;
        self.parents.fill(&mut found);
        Ok(found.pop().map(|found| Arc::unwrap_or_clone(found.object)))
    }

    /// Learns of a new or changed dependency.
    pub(super) async fn learn_dependency(&mut self, name: &str) -> Result<(), ApiError> {
        match self.named(Kind::Dependency, &[name], objects::DEPENDENCY_ATTRS).await? {
            Some(body) => {
                self.parents.add(objects::dependencies(&self.source, &body).map_err(answer)?);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Forgets a dependency that is gone.
    pub(super) fn forget_dependency(&mut self, name: &str) {
        self.parents.remove(name);
    }

    /// All objects of a type; `None`, and a note of it, without the permission.
    async fn list<T: Send + 'static>(
        &mut self,
        kind: Kind,
        attrs: &[&str],
        decode: Decode<T>,
    ) -> Result<Option<Vec<T>>, ApiError> {
        let mut found = Vec::new();
        let is_read = self.list_into(kind, attrs, decode, &mut |slice| found.extend(slice)).await?;
        Ok(is_read.then_some(found))
    }

    /// The same, each slice handed over as soon as it is decoded; whether we may read them.
    async fn list_into<T: Send + 'static>(
        &mut self,
        kind: Kind,
        attrs: &[&str],
        decode: Decode<T>,
        take: &mut (impl FnMut(Vec<T>) + Send),
    ) -> Result<bool, ApiError> {
        match self.api.query_all(kind, attrs).await {
            Ok(answer) => self.decoded(answer, decode, take).await.map(|()| true),
            // Icinga hides a missing permission behind "no objects found"; a type without
            // objects gives an empty list instead.
            Err(ApiError::Forbidden { .. } | ApiError::NotFound | ApiError::Refused { code: 403, .. }) => {
                self.lacking.push(kind.permission());
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Some objects by name; `None` if one of them is gone.
    async fn named(&self, kind: Kind, names: &[&str], attrs: &[&str]) -> Result<Option<Vec<u8>>, ApiError> {
        match self.api.query(kind, Some(names), attrs).await {
            Ok(body) => Ok(Some(body)),
            Err(ApiError::NotFound | ApiError::Forbidden { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Decodes an answer while it arrives; never the whole of it is held.
    async fn decoded<T: Send + 'static>(
        &self,
        mut answer: Sliced<'_>,
        decode: Decode<T>,
        take: &mut (impl FnMut(Vec<T>) + Send),
    ) -> Result<(), ApiError> {
        while let Some(slice) = answer.next().await? {
            let source = self.source.clone();
            let decoded = tokio::task::spawn_blocking(move || decode(&source, &slice)).await;
            take(decoded.map_err(|error| ApiError::Answer(error.to_string()))?.map_err(self::answer)?);
        }
        Ok(())
    }

    /// Asks for the last check result of what has a problem, and only of that.
    async fn fill_results(&self, found: &mut [SnapshotObject]) -> Result<(), ApiError> {
        let problems = |hosts: bool| -> Vec<String> {
            let of_kind = found.iter().filter(|found| found.object.key.is_host() == hosts);
            of_kind
                .filter(|found| objects::is_problem(found))
                .map(|found| found.object.key.name().to_owned())
                .collect()
        };
        let (hosts, services) = (problems(true), problems(false));
        let mut results = self.results(Kind::Host, &hosts).await?;
        results.extend(self.results(Kind::Service, &services).await?);
        let mut by_name: HashMap<String, LastResult> =
            results.into_iter().map(|result| (result.name.clone(), result)).collect();
        for found in found {
            if let Some(result) = by_name.remove(found.object.key.name()) {
                found.output = result.output;
                found.exit_status = result.exit_status;
                found.execution_end = result.execution_end.or(found.execution_end);
            }
        }
        Ok(())
    }

    async fn results(&self, kind: Kind, names: &[String]) -> Result<Vec<LastResult>, ApiError> {
        let mut results = Vec::new();
        for chunk in names.chunks(NAMES_A_QUESTION) {
            let chunk: Vec<&str> = chunk.iter().map(String::as_str).collect();
            if let Some(body) = self.named(kind, &chunk, objects::RESULT_ATTRS).await? {
                results.extend(objects::last_results(&body).map_err(answer)?);
                continue;
            }
            // One that is gone spoils the whole question: ask for each alone.
            for name in chunk {
                if let Some(body) = self.named(kind, &[name], objects::RESULT_ATTRS).await? {
                    results.extend(objects::last_results(&body).map_err(answer)?);
                }
            }
        }
        Ok(results)
    }
}

fn host_attrs() -> Vec<&'static str> {
    [objects::ATTRS, objects::HOST_ATTRS].concat()
}

fn service_attrs() -> Vec<&'static str> {
    [objects::ATTRS, objects::SERVICE_ATTRS].concat()
}

fn answer(error: serde_json::Error) -> ApiError {
    ApiError::Answer(words(&error.to_string()))
}
