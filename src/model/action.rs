//! What is asked of Icinga.

use super::{ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};

/// The number of an action in the store; counts up.
pub type ActionId = i64;

/// One thing to ask of Icinga, for one named object.
///
/// The object is always named: Icinga applies a call without a name or filter
/// to every object it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Set by the store when it is kept; 0 before.
    pub id: ActionId,
    /// The host or service.
    pub object: ObjectKey,
    /// Under whose name Icinga shall hear of it.
    pub author: String,
    /// What to do.
    pub kind: ActionKind,
    /// Who is to hear how it went: sink and room; `None` if no one asked by chat.
    pub reply_to: Option<(String, String)>,
    /// The person who asked, as the room knows them; empty without `reply_to`.
    pub asked_by: String,
    /// Where they asked by mail or at the socket: what the answer names, see [`super::Reply::thread`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thread: Vec<String>,
    /// Whether it was asked along with others, and who asked was answered for all of them:
    /// they hear of it again only if it is refused.
    #[serde(default)]
    pub is_one_of_many: bool,
}

/// The verbs of `POST /v1/actions/...` that Watchbell uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ActionKind {
    /// `acknowledge-problem`. A second one is refused with 409.
    Acknowledge {
        /// Why, or what is being done.
        comment: String,
        /// When it ends by itself.
        expiry: Option<Timestamp>,
        /// Whether it survives a change between problem states.
        sticky: bool,
        /// Whether Icinga tells its own users.
        notify: bool,
    },
    /// `remove-acknowledgement` and `acknowledge-problem` in one step: an acknowledgement that
    /// stands gets another end.
    ExtendAcknowledgement {
        /// Why, or what is being done.
        comment: String,
        /// When it ends by itself.
        expiry: Option<Timestamp>,
        /// Whether it survives a change between problem states.
        sticky: bool,
        /// Whether Icinga tells its own users.
        notify: bool,
    },
    /// `remove-acknowledgement`.
    RemoveAcknowledgement,
    /// `add-comment`.
    AddComment {
        /// The text.
        comment: String,
    },
    /// `schedule-downtime`. Not idempotent: twice makes two.
    ScheduleDowntime {
        /// Why.
        comment: String,
        /// From when.
        start: Timestamp,
        /// Until when.
        end: Timestamp,
        /// For a flexible downtime, how long it lasts once begun, in seconds.
        flexible_seconds: Option<u64>,
        /// Whether all services of a host are included.
        all_services: bool,
        /// Whether the hosts and services that depend on it are included.
        #[serde(default)]
        children: bool,
    },
    /// `remove-downtime` of one downtime by its full name.
    RemoveDowntime {
        /// `__name` of the downtime.
        downtime: String,
    },
    /// `reschedule-check`, forced, now.
    RescheduleCheck,
    /// `send-custom-notification`.
    SendCustomNotification {
        /// The text.
        comment: String,
        /// Whether it is sent even in downtime or outside a time period.
        force: bool,
    },
}

impl ActionKind {
    /// Icinga's name of the action, as in `/v1/actions/<name>`.
    pub fn name(&self) -> &'static str {
        match self {
            ActionKind::Acknowledge { .. } | ActionKind::ExtendAcknowledgement { .. } => {
                "acknowledge-problem"
            }
            ActionKind::RemoveAcknowledgement => "remove-acknowledgement",
            ActionKind::AddComment { .. } => "add-comment",
            ActionKind::ScheduleDowntime { .. } => "schedule-downtime",
            ActionKind::RemoveDowntime { .. } => "remove-downtime",
            ActionKind::RescheduleCheck => "reschedule-check",
            ActionKind::SendCustomNotification { .. } => "send-custom-notification",
        }
    }
}

/// How an action went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionResult {
    /// What was asked.
    pub action: Action,
    /// Icinga's words for success, or why not (final: it is not tried again).
    pub outcome: Result<String, String>,
}
