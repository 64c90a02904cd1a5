//! The story of a digest of a storm: what it said, and which messages it stands for.

use super::words::{delivered, moment, short};
use crate::store::fold::FOLDED_BY;
use crate::store::{Past, PastDelivery};
use jiff::tz::TimeZone;

/// Longest text of one message, in characters.
const LONGEST_TEXT: usize = 200;

/// What is kept of a digest: itself, then what it stands for. `None` for all else.
pub(super) fn split(past: &Past) -> Option<(&PastDelivery, &[PastDelivery])> {
    let (first, folded) = past.deliveries.split_first()?;
    (first.delivery.rule == FOLDED_BY).then_some((first, folded))
}

/// All of it, in lines.
pub(super) fn story(made: &PastDelivery, folded: &[PastDelivery], zone: &TimeZone) -> Vec<String> {
    let head = format!("{} {}", moment(made.delivery.at, zone), delivered(made, zone));
    let said =
        made.delivery.message.text.lines().map(|line| format!("  \"{}\"", short(line, 2 * LONGEST_TEXT)));
    let stands_for = folded.iter().map(|past| {
        let (delivery, text) = (&past.delivery, past.delivery.message.text.lines().next().unwrap_or(""));
        format!("    d{} {} \"{}\"", delivery.id, moment(delivery.at, zone), short(text, LONGEST_TEXT))
    });
    let shown = format!("  in the place of these, newest first ({} shown):", folded.len());
    std::iter::once(head).chain(said).chain(std::iter::once(shown)).chain(stands_for).collect()
}
