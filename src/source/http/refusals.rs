//! Who was refused lately: what of it stands in the log.
//!
//! Promises: a line a minute for each name that is known, and one for all others together, so
//! that a stranger fills neither the log nor the memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often it is logged that somebody was refused.
const EVERY: Duration = Duration::from_secs(60);

/// When a refusal was last logged, by what was asked for.
#[derive(Default)]
pub(super) struct Refusals(Mutex<BTreeMap<String, Instant>>);

impl Refusals {
    /// Whether a refusal is to be logged; notes that it is. `what`: one of few names.
    pub(super) fn is_due(&self, what: &str) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.get(what).is_none_or(|last| last.elapsed() >= EVERY);
        if is_due {
            last.insert(what.to_owned(), Instant::now());
        }
        is_due
    }
}
