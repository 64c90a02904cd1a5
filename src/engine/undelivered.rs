//! What becomes of a delivery that was given up: somebody else is called, or it is told elsewhere.

use super::Engine;
use crate::model::event::DeliveryFailed;
use crate::model::{Attempt, AttemptResult, Detail, Event, EventType, Timestamp};

impl Engine {
    /// What is told of it. Nothing of a failed report of a failure, nor of a call that somebody
    /// else gets in its place, nor of a drill: its report says it.
    pub(super) fn given_up(&mut self, attempt: Attempt, now: Timestamp) -> Option<Event> {
        let (delivery, AttemptResult::Dead(reason)) = (attempt.delivery, attempt.result) else { return None };
        if delivery.is_drill() {
            return None;
        }
        match EventType::from_name(&delivery.event) {
            Some(EventType::DeliveryFailed | EventType::SinkOutage) => return None,
            Some(EventType::Escalation) if self.call_failed(delivery.incident, &delivery.target, now) => {
                return None;
            }
            Some(EventType::Page) => {
                if let Some(page) = self.page_failed(&delivery, now) {
                    return Some(page);
                }
            }
            _ => {}
        }
        let failed = DeliveryFailed {
            target: delivery.target,
            sink: delivery.sink,
            recipient: delivery.recipient,
            reason,
            text: delivery.message.text,
            attempts: delivery.attempts,
        };
        Some(Event::ours(now, Detail::DeliveryFailed(failed)))
    }
}
