//! What a storm is folded by: who waits for how much, what is folded, and what came of it.
//!
//! Owns: these words between the outbox and the database. Never: decides when.

use crate::model::{DeliveryId, State, Tells, Timestamp};

/// The rule that a digest of a storm carries; no rule file can have one of this name.
pub const FOLDED_BY: &str = "storm";

/// One recipient of a target, as deliveries name them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient {
    /// The target, or `reply`.
    pub target: String,
    /// The address in the sink's form.
    pub address: String,
}

/// What waits for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// For whom.
    pub to: Recipient,
    /// How many deliveries are pending, under way or not; counted up to a limit.
    pub count: u32,
    /// How many of them call somebody by time (`Timer`, `Reminder`, `Escalation`, `Page`); counted up to the limit.
    pub calls: u32,
    /// The oldest of them.
    pub oldest: DeliveryId,
    /// The digest of a storm that is pending. There is at most one.
    pub digest: Option<DeliveryId>,
}

/// Which deliveries of one recipient are asked for.
#[derive(Debug, Clone)]
pub struct Choice<'a> {
    /// The sink.
    pub sink: &'a str,
    /// The recipient.
    pub to: &'a Recipient,
    /// None younger than this one; but see `called`.
    pub up_to: DeliveryId,
    /// Whether also those of lanes in which a call waits, however young.
    pub called: bool,
    /// None of these lanes.
    pub busy: &'a [String],
    /// How many at most.
    pub limit: usize,
}

/// What is to be folded: all that is pending for a recipient, oldest first.
#[derive(Debug, Clone)]
pub struct Fold<'a> {
    /// The sink.
    pub sink: &'a str,
    /// The recipient.
    pub to: &'a Recipient,
    /// None of these lanes: they are under way.
    pub busy: &'a [String],
    /// Whether lanes in which a call waits are left alone.
    pub spare_calls: bool,
    /// How many deliveries at most; the rest is for the next digest.
    pub most: usize,
    /// How many groups are named; the rest is only counted.
    pub groups: usize,
    /// Now.
    pub at: Timestamp,
}

/// What was folded, in numbers and names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Folded {
    /// How many deliveries it stands for.
    pub count: u64,
    /// How many of them tell a problem.
    pub problems: u64,
    /// How many of them tell the end of one.
    pub recoveries: u64,
    /// When the first of them was decided.
    pub since: Timestamp,
    /// How many tell each state; by the name of the event where they tell none. Problems
    /// first, the worst first.
    pub states: Vec<(String, u64)>,
    /// Problems first, the worst first, then the largest.
    pub groups: Vec<Group>,
    /// How many groups there are beyond these.
    pub more_groups: u64,
    /// How many deliveries are in those.
    pub more: u64,
}

/// Deliveries that belong together, in one digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What their objects belong to; empty for those without one.
    pub name: String,
    /// Whether they tell problems.
    pub tells: Tells,
    /// The worst state, if they tell one.
    pub worst: Option<State>,
    /// How many they are.
    pub count: u64,
    /// The worst objects, then by time: five at most. Where there is no object, the event.
    pub names: Vec<String>,
}

/// Whether what digests say they hold is what they hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DigestSums {
    /// Deliveries that are `digested` in a digest that is not there.
    pub orphans: u64,
    /// Digests that tell another count than the deliveries they stand for.
    pub differing: u64,
}
