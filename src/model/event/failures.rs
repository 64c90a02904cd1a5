//! Events about what Watchbell itself fails at: what could not be told, by which way out, and its own troubles.

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

/// Something is wrong with Watchbell itself: told once when it begins, and once when it
/// is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// What has it, in the same words at its beginning and its end, such as
    /// `the task sink libera`.
    pub what: String,
    /// What is wrong and how to mend it; or how it ended.
    pub text: String,
    /// Whether it is over.
    pub over: bool,
}
