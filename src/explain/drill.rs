//! What came of a drill: whom it reached by which way out, whom it did not and why, and who would
//! hear nothing in earnest.

use super::words::short;
use crate::engine::Drill;
use crate::model::DeliveryId;
use crate::model::time::short_length;
use crate::model::words::counted;
use crate::store::PastDelivery;
use std::collections::BTreeMap;
use std::time::Duration;

/// How much of a reason, and of an address, is told, in characters.
const LONGEST_REASON: usize = 160;
/// How many of those that were reached, that were not, and that wait are named each.
const NAMED: usize = 10;

/// Whether nothing more comes of a message.
pub fn is_ended(past: &PastDelivery) -> bool {
    past.status != "pending"
}

/// The report. `accepted`: after how long each message was accepted. `waited`: how long it was
/// waited for.
pub fn drill(
    drill: &Drill,
    messages: &[PastDelivery],
    accepted: &BTreeMap<DeliveryId, Duration>,
    waited: Duration,
    prefix: &str,
) -> String {
    let of = |wanted: fn(&PastDelivery) -> bool| messages.iter().filter(move |past| wanted(past));
    let reached: Vec<String> = of(is_sent).map(|past| reached(drill, past, accepted)).collect();
    let given_up: Vec<String> =
        of(is_given_up).map(|past| format!("{}: {}", to(drill, past), reason(past))).collect();
    let folded: Vec<String> = of(is_folded).map(|past| folded(drill, past)).collect();
    let waiting: Vec<String> = of(|past| !is_ended(past)).map(|past| still_tried(drill, past)).collect();
    let count = counted(drill.keys.len() as u64, "message");
    let mut lines = vec![format!("the drill of {}: {} of {count} accepted", drill.what, reached.len())];
    let mut say = |what: &str, all: &[String]| {
        lines.extend(all.iter().take(NAMED).map(|one| format!("  {what} {one}")));
        if all.len() > NAMED {
            lines.push(format!("  {what} {} more", all.len() - NAMED));
        }
    };
    say("reached", &reached);
    say("not reached:", &given_up);
    say("in a digest:", &folded);
    let still = format!("still trying after {}:", short_length(waited.as_secs_f64()));
    say(&still, &waiting);
    say("in earnest:", &drill.notes);
    let lost = drill.keys.len().saturating_sub(messages.len());
    if lost > 0 {
        lines.push(format!("  {} not on the disk yet", counted(lost as u64, "message")));
    }
    let first = messages.iter().find(|past| !is_ended(past));
    lines.extend(first.map(|past| format!("  `{prefix}why d{}` says how it ends", past.delivery.id)));
    lines.join("\n")
}

fn is_sent(past: &PastDelivery) -> bool {
    past.status == "sent"
}

fn is_given_up(past: &PastDelivery) -> bool {
    past.status == "dead"
}

fn is_folded(past: &PastDelivery) -> bool {
    is_ended(past) && !is_sent(past) && !is_given_up(past)
}

/// `bob (bob@example.org) by mail`, `ops (#ops) by libera`.
fn to(drill: &Drill, past: &PastDelivery) -> String {
    let delivery = &past.delivery;
    let who = drill.persons.get(&delivery.target).unwrap_or(&delivery.target);
    let address = match delivery.recipient.as_str() {
        "" => String::new(),
        recipient => format!(" ({})", short(recipient, LONGEST_REASON)),
    };
    format!("{who}{address} by {}", delivery.sink)
}

fn reached(drill: &Drill, past: &PastDelivery, accepted: &BTreeMap<DeliveryId, Duration>) -> String {
    let after = accepted.get(&past.delivery.id);
    let after = after.map_or(String::new(), |after| format!(" after {:.1} s", after.as_secs_f64()));
    format!("{}{after}", to(drill, past))
}

fn still_tried(drill: &Drill, past: &PastDelivery) -> String {
    let reason = if past.note.is_empty() { "it waits to be sent".to_owned() } else { reason(past) };
    format!("{}: {reason} (d{})", to(drill, past), past.delivery.id)
}

fn folded(drill: &Drill, past: &PastDelivery) -> String {
    let parent = past.parent.map_or(String::new(), |parent| format!(": d{parent}"));
    format!("{}{parent}", to(drill, past))
}

fn reason(past: &PastDelivery) -> String {
    short(&past.note, LONGEST_REASON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Brief, DRILL, Delivery, Message, Timestamp};

    fn message(id: DeliveryId, target: &str, status: &str, note: &str) -> PastDelivery {
        let delivery = Delivery {
            id,
            key: format!("k{id}"),
            at: Timestamp::UNIX_EPOCH,
            sink: "mail".to_owned(),
            target: target.to_owned(),
            recipient: format!("{target}@example.org"),
            event: DRILL.to_owned(),
            object: String::new(),
            incident: None,
            rule: "drill by alice".to_owned(),
            message: Message::default(),
            brief: Brief::default(),
            attempts: 1,
            revived: None,
        };
        let parent = (status == "digested").then_some(99);
        PastDelivery {
            delivery,
            status: status.to_owned(),
            parent,
            note: note.to_owned(),
            last_attempt: None,
        }
    }

    fn drilled(count: usize) -> Drill {
        Drill {
            what: "db1 DOWN".to_owned(),
            keys: (1..=count).map(|number| format!("k{number}")).collect(),
            persons: BTreeMap::from([("b".to_owned(), "bob".to_owned())]),
            notes: vec!["step 2 of dba: nobody is on call in nights".to_owned()],
            ..Drill::default()
        }
    }

    #[test]
    fn each_end_is_told_with_its_reason() {
        let messages = [
            message(1, "b", "sent", "250 ok"),
            message(2, "c", "dead", "550 no such\r\nuser"),
            message(3, "d", "pending", "451 later"),
            message(4, "e", "pending", ""),
            message(5, "f", "digested", ""),
        ];
        let accepted = BTreeMap::from([(1, Duration::from_millis(340))]);
        let words = drill(&drilled(6), &messages, &accepted, Duration::from_secs(60), "!");
        let lines = [
            "the drill of db1 DOWN: 1 of 6 messages accepted",
            "  reached bob (b@example.org) by mail after 0.3 s",
            "  not reached: c (c@example.org) by mail: 550 no such user",
            "  in a digest: f (f@example.org) by mail: d99",
            "  still trying after 1m: d (d@example.org) by mail: 451 later (d3)",
            "  still trying after 1m: e (e@example.org) by mail: it waits to be sent (d4)",
            "  in earnest: step 2 of dba: nobody is on call in nights",
            "  1 message not on the disk yet",
            "  `!why d3` says how it ends",
        ];
        assert_eq!(words, lines.join("\n"));
    }

    #[test]
    fn a_drill_for_many_is_told_in_a_few_lines() {
        let messages: Vec<PastDelivery> = (1..=30).map(|id| message(id, "t", "sent", "")).collect();
        let words = drill(&drilled(30), &messages, &BTreeMap::new(), Duration::ZERO, "!");
        assert_eq!(words.lines().count(), 1 + NAMED + 1 + 1, "{words}");
        assert!(words.contains("\n  reached 20 more\n"), "{words}");
    }
}
