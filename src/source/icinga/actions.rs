//! What is asked of Icinga: `POST /v1/actions/<name>`.
//!
//! Owns: the bodies of actions. Promises: each body names exactly one object, never
//! a filter and never nothing, because Icinga applies a call without a name to every
//! object. Never: retries; an action that was sent but not answered may have been
//! done, and downtimes, comments and custom notifications are made anew each time.

use super::client::{Api, IcingaClient};
use super::fault::words;
use super::trouble::{self, ApiError};
use super::wire;
use crate::model::{Action, ActionKind, ObjectKey, Timestamp};
use serde::Serialize;

/// Why an action was not done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ActError {
    /// Icinga will not do it, now or later.
    #[error("{0}")]
    Refused(String),
    /// It is as if it were done already: a problem that is acknowledged (409), or a downtime
    /// that is gone.
    #[error("{0}")]
    Already(String),
    /// Icinga could not be asked, was not ready, or did not answer. Later it may do it;
    /// where it only did not answer, it may have done it already.
    #[error("{0}")]
    Unavailable(String),
}

impl IcingaClient {
    /// Has Icinga do it; gives Icinga's words for success.
    ///
    /// Asks the next URL only where the one before could not be reached or was not
    /// ready. Not cancel-safe: a call that is dropped may or may not be done.
    pub async fn act(&self, action: &Action) -> Result<String, ActError> {
        let body = Body::of(action)?;
        let name = action.kind.name();
        let before = match action.kind {
            ActionKind::ExtendAcknowledgement { .. } => Some(ActionKind::RemoveAcknowledgement),
            _ => None,
        };
        let before = before.map(|kind| Action { kind, ..action.clone() });
        let first = before.as_ref().map(Body::of).transpose()?;
        let answer = self.first_that_answers(|api| perform_both(api, first.as_ref(), name, &body)).await;
        answer.map_err(|error| match error {
            error if error.is_passing() => ActError::Unavailable(error.to_string()),
            ApiError::NotFound => {
                let words = format!("Icinga knows no {}, or this API user may not see it", body.target);
                let is_downtime = matches!(body.target, Target::Downtime(_));
                if is_downtime { ActError::Already(words) } else { ActError::Refused(words) }
            }
            ApiError::Refused { code: 409, text } => ActError::Already(text),
            ApiError::Refused { text, .. } => ActError::Refused(text),
            _ => ActError::Refused(error.to_string()),
        })
    }
}

/// Takes what stands in the way away first, if anything does.
async fn perform_both(
    api: Api,
    first: Option<&Body<'_>>,
    name: &str,
    body: &Body<'_>,
) -> Result<String, ApiError> {
    if let Some(first) = first {
        perform(api.clone(), ActionKind::RemoveAcknowledgement.name(), first).await?;
    }
    perform(api, name, body).await
}

async fn perform(api: Api, name: &str, body: &Body<'_>) -> Result<String, ApiError> {
    let (code, answer) = api.action(name, body).await?;
    let Ok(wire::Answer { results }) = serde_json::from_slice(&answer) else {
        return Err(trouble::refused(&api.settings, code, &answer));
    };
    // An unknown host is answered by some versions with 500 and no result at all.
    let first = results.first().ok_or(ApiError::NotFound)?;
    let result: wire::ActionAnswer = super::client::parse(first.get().as_bytes())?;
    let text = words(&result.status.unwrap_or_default());
    match result.code as u16 {
        200..=299 => Ok(text),
        503 => Err(ApiError::Busy(text)),
        404 => Err(ApiError::NotFound),
        code => Err(ApiError::Refused { code, text }),
    }
}

/// A whole request: exactly one target, and what to do to it.
#[derive(Debug, Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    target: Target<'a>,
    author: &'a str,
    #[serde(flatten)]
    verb: Verb<'a>,
}

/// The one object an action is for, by its full name; never empty.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Target<'a> {
    Host(&'a str),
    Service(&'a str),
    Downtime(&'a str),
}

impl std::fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Host(name) => write!(f, "host `{}`", words(name)),
            Target::Service(name) => write!(f, "service `{}`", words(name)),
            Target::Downtime(name) => write!(f, "downtime `{}`", words(name)),
        }
    }
}

/// The parameters of each action.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Verb<'a> {
    Acknowledge {
        comment: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        expiry: Option<f64>,
        sticky: bool,
        notify: bool,
    },
    Comment {
        comment: &'a str,
    },
    ScheduleDowntime {
        comment: &'a str,
        start_time: f64,
        end_time: f64,
        fixed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        duration: Option<u64>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        all_services: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        child_options: Option<&'static str>,
    },
    RescheduleCheck {
        force: bool,
    },
    SendCustomNotification {
        comment: &'a str,
        force: bool,
    },
    Nothing {},
}

impl<'a> Body<'a> {
    fn of(action: &'a Action) -> Result<Body<'a>, ActError> {
        let target = match &action.kind {
            ActionKind::RemoveDowntime { downtime } => Target::Downtime(downtime),
            _ => checkable(&action.object),
        };
        let (Target::Host(name) | Target::Service(name) | Target::Downtime(name)) = target;
        if name.is_empty() {
            return Err(ActError::Refused("the action names no object".to_owned()));
        }
        Ok(Body { target, author: &action.author, verb: Verb::of(&action.kind, &action.object) })
    }
}

impl<'a> Verb<'a> {
    fn of(kind: &'a ActionKind, object: &ObjectKey) -> Verb<'a> {
        match kind {
            ActionKind::Acknowledge { comment, expiry, sticky, notify }
            | ActionKind::ExtendAcknowledgement { comment, expiry, sticky, notify } => Verb::Acknowledge {
                comment,
                expiry: expiry.map(unix_seconds),
                sticky: *sticky,
                notify: *notify,
            },
            ActionKind::AddComment { comment } => Verb::Comment { comment },
            ActionKind::ScheduleDowntime {
                comment,
                start,
                end,
                flexible_seconds,
                all_services,
                children,
            } => {
                // Children of a flexible one begin with it, those of a fixed one at its time.
                let options = match flexible_seconds {
                    Some(_) => "DowntimeTriggeredChildren",
                    None => "DowntimeNonTriggeredChildren",
                };
                Verb::ScheduleDowntime {
                    comment,
                    start_time: unix_seconds(*start),
                    end_time: unix_seconds(*end),
                    fixed: flexible_seconds.is_none(),
                    duration: *flexible_seconds,
                    all_services: *all_services && object.is_host(),
                    child_options: children.then_some(options),
                }
            }
            ActionKind::RescheduleCheck => Verb::RescheduleCheck { force: true },
            ActionKind::SendCustomNotification { comment, force } => {
                Verb::SendCustomNotification { comment, force: *force }
            }
            ActionKind::RemoveAcknowledgement | ActionKind::RemoveDowntime { .. } => Verb::Nothing {},
        }
    }
}

fn checkable(object: &ObjectKey) -> Target<'_> {
    if object.is_host() { Target::Host(object.name()) } else { Target::Service(object.name()) }
}

fn unix_seconds(moment: Timestamp) -> f64 {
    moment.as_duration().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn action(object: &str, kind: ActionKind) -> Action {
        Action {
            id: 0,
            object: ObjectKey::from_name(&Arc::from("lab"), object),
            author: "alice".to_owned(),
            kind,
            reply_to: None,
            asked_by: String::new(),
            thread: Vec::new(),
            is_one_of_many: false,
        }
    }

    fn body(action: &Action) -> Value {
        let body = Body::of(action).expect("it names an object");
        serde_json::to_value(body).expect("a body is JSON")
    }

    #[test]
    fn each_action_names_one_object_and_its_parameters() {
        let at = |second| Timestamp::from_second(second).expect("a moment");
        let comment = || "it's \"down\"\r\n".to_owned();
        let cases = [
            (
                "web1",
                ActionKind::Acknowledge {
                    comment: comment(),
                    expiry: Some(at(9)),
                    sticky: true,
                    notify: false,
                },
                json!({"host": "web1", "author": "alice", "comment": comment(), "expiry": 9.0, "sticky": true, "notify": false}),
            ),
            (
                "web1!http",
                ActionKind::Acknowledge { comment: comment(), expiry: None, sticky: false, notify: true },
                json!({"service": "web1!http", "author": "alice", "comment": comment(), "sticky": false, "notify": true}),
            ),
            ("web1", ActionKind::RemoveAcknowledgement, json!({"host": "web1", "author": "alice"})),
            (
                "web1",
                ActionKind::AddComment { comment: comment() },
                json!({"host": "web1", "author": "alice", "comment": comment()}),
            ),
            (
                "web1",
                ActionKind::ScheduleDowntime {
                    comment: comment(),
                    start: at(1),
                    end: at(2),
                    flexible_seconds: None,
                    all_services: true,
                    children: false,
                },
                json!({"host": "web1", "author": "alice", "comment": comment(), "start_time": 1.0, "end_time": 2.0, "fixed": true, "all_services": true}),
            ),
            (
                "web1!http",
                ActionKind::ScheduleDowntime {
                    comment: comment(),
                    start: at(1),
                    end: at(2),
                    flexible_seconds: Some(60),
                    all_services: true,
                    children: false,
                },
                json!({"service": "web1!http", "author": "alice", "comment": comment(), "start_time": 1.0, "end_time": 2.0, "fixed": false, "duration": 60}),
            ),
            (
                "web1",
                ActionKind::ScheduleDowntime {
                    comment: comment(),
                    start: at(1),
                    end: at(2),
                    flexible_seconds: None,
                    all_services: false,
                    children: true,
                },
                json!({"host": "web1", "author": "alice", "comment": comment(), "start_time": 1.0, "end_time": 2.0, "fixed": true, "child_options": "DowntimeNonTriggeredChildren"}),
            ),
            (
                "web1",
                ActionKind::ExtendAcknowledgement {
                    comment: comment(),
                    expiry: Some(at(9)),
                    sticky: false,
                    notify: true,
                },
                json!({"host": "web1", "author": "alice", "comment": comment(), "expiry": 9.0, "sticky": false, "notify": true}),
            ),
            (
                "web1",
                ActionKind::RemoveDowntime { downtime: "web1!d".to_owned() },
                json!({"downtime": "web1!d", "author": "alice"}),
            ),
            ("web1", ActionKind::RescheduleCheck, json!({"host": "web1", "author": "alice", "force": true})),
            (
                "web1",
                ActionKind::SendCustomNotification { comment: comment(), force: true },
                json!({"host": "web1", "author": "alice", "comment": comment(), "force": true}),
            ),
        ];
        for (object, kind, expected) in cases {
            assert_eq!(body(&action(object, kind)), expected);
        }
    }

    #[test]
    fn an_action_without_a_name_is_never_sent() {
        let nameless = [
            action("", ActionKind::RescheduleCheck),
            action("web1", ActionKind::RemoveDowntime { downtime: String::new() }),
        ];
        for action in nameless {
            assert!(matches!(Body::of(&action), Err(ActError::Refused(_))), "{action:?}");
        }
    }
}
