//! What may be tried now, without what a newer state has made needless.
//!
//! Owns: when a state that waits gives way to a newer one. Promises: what goes out at
//! once is told as it happened, a problem and its end as two; only what had to wait
//! gives way, and the newer one says how many it stands for. Never: touches what tells
//! no state, such as an acknowledgement or an answer, nor what is under way.

use crate::model::{Delivery, Tells, Timestamp};
use crate::store::{Store, StoreError};
use std::time::Duration;

/// Whose turn it is, and how much is wanted.
pub(super) struct Question {
    /// The sink's name.
    pub(super) sink: String,
    /// Lanes with something under way.
    pub(super) busy: Vec<String>,
    /// How many at most.
    pub(super) limit: usize,
    /// What was decided before this had to wait, for the sink did not work then.
    pub(super) waited: Timestamp,
}

/// What is due, and how long until the next comes due. Blocks.
pub(super) fn due(
    store: &dyn Store,
    question: &Question,
) -> Result<(Vec<Delivery>, Option<Duration>), StoreError> {
    let Question { sink, busy, limit, waited } = question;
    let now = Timestamp::now();
    let mut due = store.due(sink, now, busy, *limit)?;
    let waiting: Vec<_> =
        due.iter().filter(|delivery| has_waited(delivery, *waited)).map(|delivery| delivery.id).collect();
    if !waiting.is_empty() && store.supersede(&waiting)? {
        due = store.due(sink, now, busy, *limit)?;
    }
    for delivery in due.iter_mut().filter(|delivery| delivery.brief.tells != Tells::Other) {
        if let Some(note) = note(store.superseded_by(delivery.id)?) {
            delivery.message.append(&note);
        }
    }
    let next = store.next_due(sink)?.map(|next| next.duration_since(now));
    Ok((due, next.and_then(|wait| Duration::try_from(wait).ok()).filter(|wait| !wait.is_zero())))
}

/// Whether it tells a state and could not go out at once.
fn has_waited(delivery: &Delivery, waited: Timestamp) -> bool {
    delivery.brief.tells != Tells::Other && (delivery.attempts > 0 || delivery.at <= waited)
}

fn note(earlier: u64) -> Option<String> {
    match earlier {
        0 => None,
        1 => Some(" (1 earlier change)".to_owned()),
        count => Some(format!(" ({count} earlier changes)")),
    }
}
