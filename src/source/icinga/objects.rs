//! Hosts, services, comments and downtimes as `/v1/objects` writes them, to the
//! words of the domain.
//!
//! Owns: which attributes are asked for, and what they mean. Promises: an object
//! that cannot be read is logged and left out; the others stand. Never: asks.

use super::attached;
use super::attached::optional_moment;
use super::decode::own_state;
use super::wire::{self, Checkable, Row};
use crate::model::event::{Comment, Downtime};
use crate::model::{Object, ObjectKey, SnapshotObject, State, Timestamp};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

/// What is asked of every host and service: few, because all attributes of many objects cost
/// Icinga gigabytes.
pub(super) const ATTRS: &[&str] = &[
    "display_name",
    "groups",
    "vars",
    "notes",
    "notes_url",
    "action_url",
    "state",
    "state_type",
    "last_hard_state",
    "check_attempt",
    "last_hard_state_change",
    "last_check",
    "last_reachable",
    "acknowledgement",
    "acknowledgement_expiry",
    "flapping",
    "enable_flapping",
    "downtime_depth",
];

/// What is asked of services besides; of hosts Icinga would refuse it, and the other way round.
pub(super) const SERVICE_ATTRS: &[&str] = &["last_state_ok"];

/// What is asked of hosts besides.
pub(super) const HOST_ATTRS: &[&str] = &["address", "last_state_up"];

/// What is asked besides of hosts and services with a problem.
pub(super) const RESULT_ATTRS: &[&str] = &["last_check_result"];

/// What is asked of comments.
pub(super) const COMMENT_ATTRS: &[&str] =
    &["__name", "host_name", "service_name", "author", "text", "entry_time", "entry_type", "expire_time"];

/// What is asked of downtimes.
pub(super) const DOWNTIME_ATTRS: &[&str] = &[
    "__name",
    "host_name",
    "service_name",
    "author",
    "comment",
    "entry_time",
    "start_time",
    "end_time",
    "fixed",
    "duration",
    "trigger_time",
    "remove_time",
    "parent",
    "triggered_by",
    "config_owner",
];

/// What is asked of dependencies.
pub(super) const DEPENDENCY_ATTRS: &[&str] =
    &["child_host_name", "child_service_name", "parent_host_name", "parent_service_name"];

/// Reads an answer row by row.
fn rows<'a, T: Deserialize<'a>>(body: &'a [u8]) -> serde_json::Result<Vec<Row<T>>> {
    let answer: wire::Answer = serde_json::from_slice(body)?;
    let read = |raw: &'a serde_json::value::RawValue| {
        serde_json::from_str(raw.get())
            .inspect_err(
                |error| tracing::warn!(%error, "an object of Icinga was not understood; it is left out"),
            )
            .ok()
    };
    Ok(answer.results.into_iter().filter_map(read).collect())
}

/// Hosts or services with their state. Parents are not in them; see [`Parents`].
pub(crate) fn checkables(source: &Arc<str>, body: &[u8]) -> serde_json::Result<Vec<SnapshotObject>> {
    Ok(rows(body)?.into_iter().map(|row| checkable(source, row)).collect())
}

fn checkable(source: &Arc<str>, row: Row<Checkable>) -> SnapshotObject {
    let key = ObjectKey::from_name(source, &row.name);
    let attrs = row.attrs;
    // `last_check` is -1, and the states are Icinga's first guess, before any check.
    let checked = attrs.last_check.is_some_and(|last_check| last_check > 0.0);
    let state = |number: Option<f64>| number.filter(|_| checked).map(|number| own_state(&key, number as i64));
    let acknowledgement = attrs.acknowledgement.unwrap_or(0.0);
    let result_end = attrs.last_check_result.as_ref().and_then(|result| result.execution_end);
    let exit_status = attrs.last_check_result.as_ref().and_then(|result| result.exit_status);
    // `last_check` is when Icinga was given a result, which may be long after the check.
    let well_end =
        attrs.last_state_ok.or(attrs.last_state_up).filter(|end| *end > 0.0 && attrs.state == Some(0.0));
    let flag = |flag: Option<wire::Flag>| flag.is_some_and(|flag| flag.0);
    SnapshotObject {
        state: state(attrs.state),
        hard: attrs.state_type == Some(1.0),
        last_hard_state: state(attrs.last_hard_state),
        attempt: attrs.check_attempt.map_or(1, |attempt| attempt as u32),
        since: optional_moment(attrs.last_hard_state_change),
        execution_end: optional_moment(result_end.or(well_end).or(attrs.last_check)),
        exit_status: exit_status.unwrap_or(0.0) as i64,
        output: attrs.last_check_result.and_then(|result| result.output).unwrap_or_default(),
        reachable: attrs.last_reachable.is_none_or(|reachable| reachable.0),
        acknowledged: acknowledgement != 0.0,
        sticky: acknowledgement == 2.0,
        acknowledgement_expiry: optional_moment(attrs.acknowledgement_expiry),
        flapping: flag(attrs.flapping) && flag(attrs.enable_flapping),
        downtime_depth: attrs.downtime_depth.map_or(0, |depth| depth as u32),
        object: Arc::new(Object {
            display_name: attrs
                .display_name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| key.service().unwrap_or(key.host()).to_owned()),
            address: attrs.address.unwrap_or_default(),
            groups: Arc::new(attrs.groups.unwrap_or_default()),
            vars: Arc::new(attrs.vars.unwrap_or_default()),
            notes: attrs.notes.unwrap_or_default(),
            notes_url: attrs.notes_url.unwrap_or_default(),
            action_url: attrs.action_url.unwrap_or_default(),
            parents: Vec::new(),
            key,
        }),
    }
}

/// The last result of one host or service.
pub(super) struct LastResult {
    pub(super) name: String,
    pub(super) output: String,
    pub(super) exit_status: i64,
    pub(super) execution_end: Option<Timestamp>,
}

#[derive(Deserialize)]
struct WithResult<'a> {
    #[serde(borrow)]
    last_check_result: Option<wire::CheckResult<'a>>,
}

/// The last results of some hosts or services.
pub(super) fn last_results(body: &[u8]) -> serde_json::Result<Vec<LastResult>> {
    let result = |row: Row<WithResult>| {
        let result = row.attrs.last_check_result?;
        let execution_end = optional_moment(result.execution_end);
        Some(LastResult {
            name: row.name,
            output: result.output.unwrap_or_default(),
            exit_status: result.exit_status.unwrap_or(0.0) as i64,
            execution_end,
        })
    };
    Ok(rows(body)?.into_iter().filter_map(result).collect())
}

/// Comments by users and of acknowledgements.
pub(super) fn comments(source: &Arc<str>, body: &[u8]) -> serde_json::Result<Vec<(ObjectKey, Comment)>> {
    let comment = |row: Row<wire::Comment>| attached::comment(source, row.attrs).map_err(leave_out).ok();
    let wanted =
        |(_, comment): &(ObjectKey, Comment)| comment.is_of_user() || comment.is_of_acknowledgement();
    Ok(rows(body)?.into_iter().filter_map(comment).filter(wanted).collect())
}

/// Downtimes.
pub(super) fn downtimes(source: &Arc<str>, body: &[u8]) -> serde_json::Result<Vec<(ObjectKey, Downtime)>> {
    let downtime = |row: Row<wire::Downtime>| attached::downtime(source, row.attrs).map_err(leave_out).ok();
    Ok(rows(body)?.into_iter().filter_map(downtime).collect())
}

fn leave_out(field: &'static str) {
    tracing::warn!(field, "an object of Icinga lacks a field; it is left out");
}

/// A dependency: its full name, the child and the parent host.
pub(super) type Dependency = (String, (ObjectKey, ObjectKey));

/// Dependencies on hosts.
pub(super) fn dependencies(source: &Arc<str>, body: &[u8]) -> serde_json::Result<Vec<Dependency>> {
    let dependency = |row: Row<wire::Dependency>| Some((row.name, child_and_parent(source, row.attrs)?));
    Ok(rows(body)?.into_iter().filter_map(dependency).collect())
}

/// Which hosts each host and service depends on, from `Dependency` objects.
/// Dependencies on a service have no place in it.
#[derive(Debug, Default)]
pub(super) struct Parents {
    /// By the dependency's full name: the child and the parent host.
    dependencies: HashMap<String, (ObjectKey, ObjectKey)>,
}

impl Parents {
    /// Adds dependencies.
    pub(super) fn add(&mut self, dependencies: Vec<Dependency>) {
        self.dependencies.extend(dependencies);
    }

    /// Forgets a dependency by its full name.
    pub(super) fn remove(&mut self, name: &str) {
        self.dependencies.remove(name);
    }

    /// Writes the parents into the objects.
    pub(super) fn fill(&self, objects: &mut [SnapshotObject]) {
        let mut parents: HashMap<&ObjectKey, Vec<ObjectKey>> = HashMap::new();
        for (child, parent) in self.dependencies.values() {
            let known = parents.entry(child).or_default();
            if !known.contains(parent) {
                known.push(parent.clone());
            }
        }
        for found in objects {
            let mut parents = parents.remove(&found.object.key).unwrap_or_default();
            parents.sort();
            if found.object.parents != parents {
                Arc::make_mut(&mut found.object).parents = parents;
            }
        }
    }
}

fn child_and_parent(source: &Arc<str>, attrs: wire::Dependency) -> Option<(ObjectKey, ObjectKey)> {
    if attrs.parent_service_name.is_some_and(|service| !service.is_empty()) {
        return None;
    }
    let child = ObjectKey::new(source, &attrs.child_host_name?, attrs.child_service_name.as_deref());
    Some((child, ObjectKey::from_name(source, &attrs.parent_host_name?)))
}

/// Whether a host or service has a problem now, soft or hard.
pub(super) fn is_problem(found: &SnapshotObject) -> bool {
    found.state.is_some_and(State::is_problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> Arc<str> {
        Arc::from("lab")
    }

    #[test]
    fn what_was_never_checked_has_no_state() {
        let body = br#"{"results":[{"name":"h","attrs":{"state":1,"last_hard_state":1,"last_check":-1}}]}"#;
        let found = checkables(&lab(), body).expect("an answer");
        assert_eq!((found[0].state, found[0].last_hard_state, found[0].execution_end), (None, None, None));
        assert_eq!(found[0].object.display_name, "h");
    }

    #[test]
    fn a_check_ended_when_its_result_says_and_not_when_icinga_was_given_it() {
        for (attrs, end) in [
            (r#""state":0,"last_check":90,"last_state_up":50"#, 50),
            (r#""state":0,"last_check":90,"last_state_ok":50"#, 50),
            (r#""state":0,"last_check":90,"last_state_ok":0"#, 90),
            (r#""state":2,"last_check":90,"last_state_ok":50"#, 90),
            (r#""state":2,"last_check":90,"last_state_ok":50,"last_check_result":{"execution_end":70}"#, 70),
        ] {
            let body = format!(r#"{{"results":[{{"name":"h","attrs":{{{attrs}}}}}]}}"#);
            let found = checkables(&lab(), body.as_bytes()).expect("an answer");
            assert_eq!(found[0].execution_end.map(Timestamp::as_second), Some(end), "{attrs}");
        }
    }

    #[test]
    fn flapping_counts_only_where_detection_is_on() {
        for (enabled, flapping) in [("true", true), ("false", false)] {
            let body = format!(
                r#"{{"results":[{{"name":"h!s","attrs":{{"flapping":true,"enable_flapping":{enabled}}}}}]}}"#
            );
            let found = checkables(&lab(), body.as_bytes()).expect("an answer");
            assert_eq!(found[0].flapping, flapping);
        }
    }

    #[test]
    fn one_strange_object_does_not_hide_the_others() {
        let body = br#"{"results":[{"name":"a","attrs":{"state":"up"}},5,{"name":"b","attrs":{}}]}"#;
        let found = checkables(&lab(), body).expect("an answer");
        assert_eq!(found.iter().map(|found| found.object.key.name()).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn parents_are_hosts_and_named_once() {
        let mut parents = Parents::default();
        let body = br#"{"results":[
            {"name":"h!one","attrs":{"child_host_name":"h","child_service_name":"","parent_host_name":"p","parent_service_name":""}},
            {"name":"h!two","attrs":{"child_host_name":"h","child_service_name":"","parent_host_name":"p"}},
            {"name":"h!s!three","attrs":{"child_host_name":"h","child_service_name":"s","parent_host_name":"p"}},
            {"name":"h!four","attrs":{"child_host_name":"h","parent_host_name":"q","parent_service_name":"db"}}]}"#;
        parents.add(dependencies(&lab(), body).expect("an answer"));
        let objects = br#"{"results":[{"name":"h","attrs":{}},{"name":"h!s","attrs":{}}]}"#;
        let mut found = checkables(&lab(), objects).expect("an answer");
        parents.fill(&mut found);
        let parent = vec![ObjectKey::from_name(&lab(), "p")];
        assert_eq!((&found[0].object.parents, &found[1].object.parents), (&parent, &parent));

        parents.remove("h!s!three");
        let mut found = checkables(&lab(), objects).expect("an answer");
        parents.fill(&mut found);
        assert_eq!(found[1].object.parents, []);
    }
}
