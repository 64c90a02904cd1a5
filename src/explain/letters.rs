//! Dead letters in words: what was given up, why, and what became of sending it again.

use super::words::{moment, short};
use crate::model::time::age;
use crate::model::words::counted;
use crate::model::{DeliveryId, Timestamp};
use crate::store::{DeadLetters, NotRevived, PastDelivery, Revived};
use jiff::tz::TimeZone;

/// How much of a text from outside stands in one line, in characters.
const LONGEST_TEXT: usize = 300;
/// How long a line in chat may grow, in characters.
const LONGEST_LINE: usize = 350;

/// What is said where nothing is dead.
pub const NO_LETTERS: &str = "no dead letters";

/// One dead letter in three lines: what it is, why it was given up, how its text begins.
pub fn letter(past: &PastDelivery, zone: &TimeZone) -> Vec<String> {
    vec![
        format!("{}, {}", head(past, &moment(given_up(past), zone)), tried(past)),
        format!("  {}", reason(past)),
        format!("  \"{}\"", first_line(past)),
    ]
}

/// One dead letter with its whole text.
pub fn whole_letter(past: &PastDelivery, zone: &TimeZone) -> Vec<String> {
    let delivery = &past.delivery;
    let mut lines = vec![
        format!("{}, {}", head(past, &moment(given_up(past), zone)), tried(past)),
        format!("  {}", reason(past)),
        format!("  decided {} by {}", moment(delivery.at, zone), short(&delivery.rule, LONGEST_TEXT)),
    ];
    let subject = delivery.message.subject.iter().map(|subject| format!("  subject: {subject}"));
    lines.extend(subject);
    lines.push(String::new());
    lines.extend(delivery.message.text.lines().map(str::to_owned));
    lines
}

/// The newest dead letters in a few lines of chat.
pub fn brief_letters(found: &DeadLetters, now: Timestamp, prefix: &str) -> String {
    if found.letters.is_empty() {
        return NO_LETTERS.to_owned();
    }
    let brief = |past: &PastDelivery| {
        let ago = short_ago(given_up(past), now);
        short(&format!("{}: {}: \"{}\"", head(past, &ago), reason(past), first_line(past)), LONGEST_LINE)
    };
    let mut lines: Vec<String> = found.letters.iter().map(brief).collect();
    let more = found.in_all.saturating_sub(lines.len() as u64);
    let rest = if more > 0 { format!("{more} more: `watchbell dead`; ") } else { String::new() };
    lines.push(format!("{rest}`{prefix}dead replay d{}` sends one again", found.letters[0].delivery.id));
    lines.join("\n")
}

/// What came of making deliveries pending again: how many are, and each that is not.
pub fn revived(ends: &[Revived]) -> Vec<String> {
    let count = ends.iter().filter(|(_, end)| end.is_ok()).count() as u64;
    let refused = ends.iter().filter_map(|(id, end)| Some(not_revived(*id, end.as_ref().err()?)));
    let mut lines = Vec::new();
    if count > 0 {
        let are = if count == 1 { "is" } else { "are" };
        lines.push(format!("{} {are} sent again, marked as late", counted(count, "message")));
    }
    lines.extend(refused);
    lines
}

fn not_revived(id: DeliveryId, why: &NotRevived) -> String {
    match why {
        NotRevived::Unknown => format!("there is no d{id}; what is older than 7 days is forgotten"),
        NotRevived::Is(status) => format!("d{id} is not dead: {}", became(status)),
        NotRevived::NoSink(sink) => {
            format!("d{id} is for the sink `{sink}`, which watchbell.toml no longer has")
        }
    }
}

/// What became of a delivery that is not dead.
pub fn became(status: &str) -> &str {
    match status {
        "sent" => "it was accepted",
        "pending" => "it waits to be sent",
        "superseded" => "a newer one was sent in its stead",
        "digested" => "it was told as part of a digest",
        other => other,
    }
}

/// What a number of a delivery looks like, for those who wrote something else.
pub fn no_number(text: &str) -> String {
    format!("`{}` is no number of a delivery; write it like d123, as `dead` lists it", short(text, 60))
}

fn head(past: &PastDelivery, when: &str) -> String {
    let delivery = &past.delivery;
    let to = match delivery.recipient.as_str() {
        "" => short(&delivery.target, LONGEST_TEXT),
        recipient => {
            format!("{} ({})", short(&delivery.target, LONGEST_TEXT), short(recipient, LONGEST_TEXT))
        }
    };
    let object = match delivery.object.as_str() {
        "" => &delivery.event,
        object => object,
    };
    format!("d{} {when} to {to} by {}, {}", delivery.id, delivery.sink, short(object, LONGEST_TEXT))
}

fn tried(past: &PastDelivery) -> String {
    format!("tried {}", counted(past.delivery.attempts.into(), "time"))
}

fn reason(past: &PastDelivery) -> String {
    if past.note.is_empty() { "no reason is kept".to_owned() } else { short(&past.note, LONGEST_TEXT) }
}

fn first_line(past: &PastDelivery) -> String {
    short(past.delivery.message.text.lines().next().unwrap_or(""), LONGEST_TEXT)
}

/// When it was given up.
pub fn given_up(past: &PastDelivery) -> Timestamp {
    past.last_attempt.unwrap_or(past.delivery.at)
}

fn short_ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", crate::model::time::short_length(age(at, now).as_secs_f64()))
}
