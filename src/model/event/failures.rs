//! Events about our own messages: what could not be told, and by which way out.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// A delivery was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryFailed {
    /// The target it was for.
    pub target: String,
    /// The sink that refused it.
    pub sink: String,
    /// The address it was for.
    pub recipient: String,
    /// Why, in the sink's words.
    pub reason: String,
    /// The text nobody got.
    pub text: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// A sink does not take deliveries, or takes them again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SinkOutage {
    /// The sink, by its name in the configuration.
    pub sink: String,
    /// Whether it still lasts.
    pub open: bool,
    /// When the first delivery failed.
    pub since: Timestamp,
    /// Why, in the sink's words; of the last try.
    pub reason: String,
    /// How many deliveries wait for it.
    pub waiting: u64,
}
