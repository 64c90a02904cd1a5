//! Events that others send us: webhooks.

use serde::{Deserialize, Serialize};

/// Somebody sent JSON to Watchbell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Who, as the configuration calls them.
    pub name: String,
    /// What they sent: any JSON, of at most 64 KiB.
    pub body: serde_json::Value,
    /// By what it is known if they send it again. `None`: it counts each time, as in the tests
    /// of rules, and in what was kept before there were such names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<PostId>,
}

/// By what a post is known when it comes again, such as after an answer that got lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PostId {
    /// The name that its sender gave it, of at most 256 bytes: the header `Idempotency-Key` or
    /// `webhook-id`, with what is no visible ASCII written as an escape.
    Key(String),
    /// What was sent.
    Content,
}
