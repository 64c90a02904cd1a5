//! One realistic event of every kind, to try templates on.
//!
//! Owns: the samples. Promises: every event type has one, hosts and services both,
//! and one of each kind where everything optional is missing. Never: changes, so
//! that what people see of templates in `check` and in tests stays comparable.

mod icinga;
mod ours;
mod people;
mod stage;
mod waits;

use crate::model::Scene;
use std::sync::Arc;

/// An event to try templates on.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it shows, in a few words.
    pub name: &'static str,
    /// The event with all around it.
    pub scene: Arc<Scene>,
}

/// All samples, in the order of the event types.
pub fn all() -> Vec<Sample> {
    let mut all = icinga::reports();
    all.extend(icinga::state_changes());
    all.extend(icinga::notifications_and_flapping());
    all.extend(people::acknowledgements_and_comments());
    all.extend(people::downtimes());
    all.extend(ours::objects());
    all.extend(ours::ours());
    all.extend(waits::timers());
    all.extend(waits::reminders());
    all.extend(waits::escalations());
    all.extend(ours::pages());
    all.extend(ours::digests());
    all.sort_by_key(|sample| sample.scene.event.event_type());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventType;

    #[test]
    fn every_event_type_has_a_sample_and_names_are_unique() {
        let all = all();
        for event_type in EventType::ALL {
            assert!(all.iter().any(|sample| sample.scene.event.event_type() == *event_type), "{event_type}");
        }
        let mut names: Vec<&str> = all.iter().map(|sample| sample.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
