//! The canary: an object that Watchbell itself submits results for, to hear whether a silent
//! stream still carries anything.
//!
//! Owns: which object that is, and what is submitted. Promises: says in words how to mend it
//! where Icinga has no such object or takes no results for it; nothing else is ever changed.
//! Never: is there unless the configuration names it.

use super::client::{Api, Kind};
use super::trouble::{self, ApiError};
use super::wire;
use crate::model::ObjectKey;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// What must be known of the object.
const ATTRS: &[&str] = &["enable_passive_checks"];

/// An object that exists and takes results.
#[derive(Debug)]
pub(super) struct Canary {
    pub(super) object: ObjectKey,
}

#[derive(Deserialize)]
struct Switches {
    enable_passive_checks: Option<wire::Flag>,
}

impl Canary {
    /// The canary of the settings, if they name one. `Err` says why there can be none; the
    /// stream is read without it.
    pub(super) async fn find(api: &Api, source: &Arc<str>) -> Result<Option<Canary>, String> {
        let Some(name) = &api.settings.canary else { return Ok(None) };
        let object = ObjectKey::from_name(source, name);
        let kind = if object.is_host() { Kind::Host } else { Kind::Service };
        let fault = |what: String| format!("the canary `{name}` is of no use: {what}");
        let body = match api.query(kind, Some(&[object.name()]), ATTRS).await {
            Ok(body) => body,
            Err(ApiError::NotFound) => {
                let mend = "make it in Icinga, or take `canary` out of the configuration";
                return Err(fault(format!("Icinga knows no such service; {mend}")));
            }
            Err(error) => return Err(fault(error.to_string())),
        };
        let answer: wire::Answer =
            super::client::parse(&body).map_err(|error: ApiError| fault(error.to_string()))?;
        let row = answer.results.first().map(|raw| serde_json::from_str::<wire::Row<Switches>>(raw.get()));
        let row = row.and_then(Result::ok).ok_or_else(|| fault("Icinga's answer names none".to_owned()))?;
        if row.attrs.enable_passive_checks == Some(wire::Flag(false)) {
            return Err(fault("set `enable_passive_checks = true` for it in Icinga".to_owned()));
        }
        Ok(Some(Canary { object }))
    }

    /// Submits a problem and its end, so that at least one state changes and the object is well
    /// again. Each change comes back as an event.
    pub(super) async fn sing(&self, api: &Api) -> Result<(), ApiError> {
        for exit_status in [1, 0] {
            let kind = if self.object.is_host() { "host" } else { "service" };
            let body = json!({
                kind: self.object.name(),
                "exit_status": exit_status,
                "plugin_output": "Watchbell listens whether the event stream lives",
            });
            let (code, answer) = api.action("process-check-result", &body).await?;
            if !(200..300).contains(&code) {
                return Err(trouble::refused(&api.settings, code, &answer));
            }
        }
        Ok(())
    }
}
