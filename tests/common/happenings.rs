//! What may happen in an Icinga, with plain values; tests change what they speak of.

use watchbell::model::event::{
    Acknowledgement, AcknowledgementEnd, Comment, Downtime, Flapping, StateReport,
};
use watchbell::model::{Detail, State, Timestamp};

/// A hard state, reachable, from a check that ended at no known time.
pub(crate) fn report(state: State) -> StateReport {
    StateReport {
        state,
        hard: true,
        attempt: 1,
        previous: None,
        reachable: true,
        output: format!("{state} - as found"),
        performance_data: Vec::new(),
        exit_status: 0,
        check_source: "master1".to_owned(),
        execution_end: None,
        downtime_depth: None,
        acknowledgement: None,
        restated: None,
    }
}

/// alice acknowledges a problem.
pub(crate) fn acknowledged(state: State) -> Detail {
    Detail::AcknowledgementSet(Acknowledgement {
        author: "alice".to_owned(),
        comment: "looking".to_owned(),
        state,
        hard: true,
        sticky: false,
        notify: true,
        persistent: false,
        expiry: None,
    })
}

/// An acknowledgement is gone; `state` is the one of that moment.
pub(crate) fn acknowledgement_ended(state: State) -> Detail {
    Detail::AcknowledgementCleared(AcknowledgementEnd { state, hard: true })
}

/// Icinga's own flap detection changes its mind.
pub(crate) fn flapping(is_flapping: bool, state: State) -> Detail {
    let current = if is_flapping { 35.0 } else { 10.0 };
    Detail::Flapping(Flapping {
        is_flapping,
        state,
        hard: true,
        current,
        threshold_low: 25.0,
        threshold_high: 30.0,
    })
}

/// A comment that bob wrote himself.
pub(crate) fn comment(name: &str, text: &str) -> Comment {
    Comment {
        name: name.to_owned(),
        author: "bob".to_owned(),
        text: text.to_owned(),
        entry_time: None,
        entry_type: 1,
        expire_time: None,
    }
}

/// A fixed downtime of two hours that carol schedules now, for now.
pub(crate) fn downtime(name: &str, now: Timestamp) -> Downtime {
    Downtime {
        name: name.to_owned(),
        author: "carol".to_owned(),
        comment: "upgrade".to_owned(),
        entry_time: Some(now),
        start_time: now,
        end_time: now + std::time::Duration::from_secs(7200),
        fixed: true,
        duration_seconds: 0.0,
        trigger_time: None,
        remove_time: None,
        parent: String::new(),
        config_owner: String::new(),
    }
}

/// The same downtime, in effect since `now`.
pub(crate) fn in_effect(downtime: &Downtime, now: Timestamp) -> Downtime {
    Downtime { trigger_time: Some(now), ..downtime.clone() }
}
