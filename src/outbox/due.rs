//! What may be tried now, without what a newer state has made needless.
//!
//! Owns: when a state that waits gives way to a newer one. Promises: what goes out at
//! once is told as it happened, a problem and its end as two; only what had to wait
//! gives way, and the newer one says how many it stands for. Never: touches what tells
//! no state, such as an acknowledgement or an answer, nor what is under way.

use super::fold::{Admitted, Storms};
use crate::clock;
use crate::model::{Delivery, Tells, Timestamp};
use crate::store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

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
    /// The budgets of the sink's recipients, if they have any.
    pub(super) storms: Option<Arc<Storms>>,
    /// Now, for budgets.
    pub(super) clock: Instant,
}

/// What is due, and how long until more is. `cost` of a delivery is in lines. Blocks.
pub(super) fn due(
    store: &dyn Store,
    question: &Question,
    cost: &dyn Fn(&Delivery) -> u32,
) -> Result<(Vec<Delivery>, Option<Duration>), StoreError> {
    let now = clock::now();
    let mut admitted = admitted(store, question, cost, now)?;
    let waiting: Vec<_> = admitted
        .due
        .iter()
        .filter(|delivery| has_waited(delivery, question.waited))
        .map(|delivery| delivery.id)
        .collect();
    if !waiting.is_empty() && store.supersede(&waiting)? {
        admitted = self::admitted(store, question, cost, now)?;
    }
    let Admitted { mut due, more_at } = admitted;
    for delivery in due.iter_mut().filter(|delivery| delivery.brief.tells != Tells::Other) {
        if let Some(note) = note(store.superseded_by(delivery.id)?) {
            delivery.message.append(&note);
        }
    }
    let next = store.next_due(&question.sink)?.map(|next| next.duration_since(now));
    let next = next.and_then(|wait| Duration::try_from(wait).ok()).filter(|wait| !wait.is_zero());
    let more = more_at.map(|at| at.saturating_duration_since(question.clock));
    Ok((due, next.into_iter().chain(more).min()))
}

/// What may be sent now, as far as order, time and budgets are concerned.
fn admitted(
    store: &dyn Store,
    question: &Question,
    cost: &dyn Fn(&Delivery) -> u32,
    now: Timestamp,
) -> Result<Admitted, StoreError> {
    let Question { sink, busy, limit, storms, clock, .. } = question;
    match storms {
        Some(storms) => storms.admit(store, busy, *limit, cost, *clock),
        None => Ok(Admitted { due: store.due(sink, now, busy, *limit)?, more_at: None }),
    }
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
