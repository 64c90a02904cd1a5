//! Comments of hosts and services, and what they were made with.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// A comment on a host or service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comment {
    /// `__name`: `host[!service]!id`.
    pub name: String,
    /// `author`.
    pub author: String,
    /// `text`.
    pub text: String,
    /// `entry_time`.
    pub entry_time: Option<Timestamp>,
    /// `entry_type`: 1 by a user, 4 with an acknowledgement, others by Icinga.
    pub entry_type: i64,
    /// `expire_time`; `None` where Icinga says 0.
    pub expire_time: Option<Timestamp>,
}

impl Comment {
    /// Whether a user wrote it by itself.
    pub fn is_of_user(&self) -> bool {
        self.entry_type == 1
    }

    /// Whether it was made with an acknowledgement.
    pub fn is_of_acknowledgement(&self) -> bool {
        self.entry_type == 4
    }
}
