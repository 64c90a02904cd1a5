//! What would happen: the same words for what is ahead, in its order.

use super::story::belongs;
use super::words::{decided, event, moment, short};
use crate::model::{Decision, Delivery};
use jiff::tz::TimeZone;

/// How much of one line of a message is shown, in characters.
const LONGEST_LINE: usize = 500;

/// What would be decided and told, in lines, in the order it would come.
pub fn forecast(decisions: &[Decision], deliveries: &[Delivery], zone: &TimeZone) -> Vec<String> {
    let mut lines = Vec::new();
    for decision in decisions {
        let mine = deliveries.iter().filter(|delivery| belongs(delivery, decision)).collect();
        lines.push(format!("{} {}", moment(decision.at, zone), event(decision)));
        lines.extend(decided(decision, messages(mine), true));
    }
    let is_orphan = |delivery: &&Delivery| !decisions.iter().any(|decision| belongs(delivery, decision));
    for delivery in deliveries.iter().filter(is_orphan) {
        lines.push(format!("{} {} by {}", moment(delivery.at, zone), delivery.event, delivery.rule));
        lines.extend(messages(vec![delivery]));
    }
    lines
}

/// To whom, and the whole text; what several would get is said once.
fn messages(deliveries: Vec<&Delivery>) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, delivery) in deliveries.iter().enumerate() {
        let to = if delivery.recipient.is_empty() { &delivery.target } else { &delivery.recipient };
        lines.push(format!("    to {} by {}", short(to, LONGEST_LINE), delivery.sink));
        let next = deliveries.get(index + 1);
        if next.is_none_or(|next| next.message.text != delivery.message.text) {
            let text = delivery.message.text.lines();
            lines.extend(
                text.map(|line| format!("      | {}", short(line, LONGEST_LINE)).trim_end().to_owned()),
            );
        }
    }
    lines
}
