//! The story of an object, an incident or a delivery: what came, what was decided, who was
//! told.

use super::digest;
use super::words::{by_rules, decided, delivered, event, fate, moment, short, verdict};
use crate::model::{About, Decision, Delivery, EventType, Verdict};
use crate::store::{Past, PastDelivery};
use jiff::tz::TimeZone;

/// How long a line in chat may grow, in characters.
const LONGEST_LINE: usize = 350;
/// How many decisions are told in chat.
const TOLD_IN_CHAT: usize = 3;

/// All of it, in lines, by incident, newest first. Empty if nothing is kept.
pub fn story(past: &Past, zone: &TimeZone) -> Vec<String> {
    if let Some((made, folded)) = digest::split(past) {
        return digest::story(made, folded, zone);
    }
    let mut lines = Vec::new();
    let mut chapter = None;
    for decision in &past.decisions {
        let title = title(decision);
        if chapter.as_ref() != Some(&title) {
            lines.extend(chapter.is_some().then(String::new));
            lines.push(title.clone());
            chapter = Some(title);
        }
        lines.push(format!("{} {}", moment(decision.at, zone), event(decision)));
        lines.extend(decided(decision, in_full(of_decision(past, decision).collect(), zone), false));
    }
    lines.extend(without_decision(past, zone));
    lines
}

fn title(decision: &Decision) -> String {
    match decision.incident {
        Some(number) => format!("#{number} {}", decision.object),
        None if decision.object.is_empty() => "about no object".to_owned(),
        None => format!("{}, no incident", decision.object),
    }
}

/// The deliveries that a decision led to.
fn of_decision<'a>(past: &'a Past, decision: &'a Decision) -> impl Iterator<Item = &'a PastDelivery> {
    past.deliveries.iter().filter(|past| belongs(&past.delivery, decision))
}

/// Whether a decision led to this delivery.
pub(super) fn belongs(delivery: &Delivery, decision: &Decision) -> bool {
    let named = match &decision.verdict {
        Verdict::Told(targets) => targets.contains(&delivery.target),
        Verdict::Dropped(_) => false,
        Verdict::Unmatched => true,
    };
    // What was gathered is told as the very event where that was the only one.
    let same = match decision.event == EventType::Digest.name() && delivery.event != decision.event {
        true => delivery.object == decision.object,
        false => (&delivery.event, &delivery.object) == (&decision.event, &decision.object),
    };
    named && same && delivery.at == decision.at
}

/// Deliveries of one moment, in the order they were decided, with their text; what several
/// got is said once.
fn in_full(mut deliveries: Vec<&PastDelivery>, zone: &TimeZone) -> Vec<String> {
    deliveries.sort_by_key(|past| past.delivery.id);
    let mut lines = Vec::new();
    for (index, past) in deliveries.iter().enumerate() {
        lines.push(format!("    {}", delivered(past, zone)));
        let said_below = deliveries.get(index + 1).is_some_and(|next| first_line(next) == first_line(past));
        lines.extend((!said_below).then(|| format!("      \"{}\"", first_line(past))));
    }
    lines
}

fn first_line(past: &PastDelivery) -> String {
    short(past.delivery.message.text.lines().next().unwrap_or(""), LONGEST_LINE)
}

/// Deliveries whose decision is not among those shown.
fn without_decision(past: &Past, zone: &TimeZone) -> Vec<String> {
    let oldest = past.decisions.last().map(|decision| decision.at);
    let orphans = past.deliveries.iter().filter(|past_delivery| {
        oldest.is_none_or(|oldest| past_delivery.delivery.at >= oldest)
            && !past.decisions.iter().any(|decision| belongs(&past_delivery.delivery, decision))
    });
    let lines: Vec<String> = orphans
        .flat_map(|past| {
            let delivery = &past.delivery;
            let head = format!("{} {} by {}", moment(delivery.at, zone), delivery.event, delivery.rule);
            std::iter::once(head).chain(in_full(vec![past], zone))
        })
        .collect();
    if lines.is_empty() {
        return lines;
    }
    std::iter::once("also sent, the decision is no longer kept".to_owned()).chain(lines).collect()
}

/// The same in a few lines of chat.
pub fn brief_story(about: &About, past: &Past, zone: &TimeZone, prefix: &str) -> String {
    match (about, past.deliveries.first()) {
        (About::Delivery(_), Some(delivery)) => return brief_delivery(delivery, zone),
        _ if past.decisions.is_empty() => return nothing(about),
        _ => {}
    }
    let told = past.decisions.iter().take(TOLD_IN_CHAT);
    let mut lines: Vec<String> = told.map(|decision| brief(past, decision, zone)).collect();
    if past.decisions.len() > TOLD_IN_CHAT {
        lines.push(format!(
            "  older, and all of it: `watchbell why '{about}'`; who did not hear: `{prefix}why-not`"
        ));
    }
    lines.join("\n")
}

/// What happened and what was done with each, a line for each, newest first.
pub fn history(about: &About, past: &Past, zone: &TimeZone) -> String {
    if past.decisions.is_empty() {
        return nothing(about);
    }
    let line = |decision: &Decision| {
        let line = format!("{} {}: {}", moment(decision.at, zone), event(decision), verdict(decision, false));
        short(&line, LONGEST_LINE)
    };
    past.decisions.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What is said where nothing is kept.
pub fn nothing(about: &About) -> String {
    match about {
        About::Object(name) => format!(
            "nothing was decided about {name} as far back as is kept; events that no rule asks for are not kept"
        ),
        about => format!("nothing is kept of {about}; what is older than 7 days is forgotten"),
    }
}

fn brief(past: &Past, decision: &Decision, zone: &TimeZone) -> String {
    let incident = decision.incident.map_or(String::new(), |number| format!("#{number} "));
    let mut line = format!(
        "{incident}{} {} {}: {}",
        decision.object,
        moment(decision.at, zone),
        short(&decision.summary, 60),
        verdict(decision, false)
    );
    if matches!(decision.verdict, Verdict::Told(_)) {
        let rules = by_rules(decision);
        if !rules.is_empty() {
            line.push_str(&format!(" ({})", rules.join(", ")));
        }
    }
    line.push_str(&failures(of_decision(past, decision).collect(), zone));
    short(&line, LONGEST_LINE)
}

/// How many deliveries were not accepted, with one of them; nothing if all were.
fn failures(deliveries: Vec<&PastDelivery>, zone: &TimeZone) -> String {
    let all = deliveries.len();
    let failed: Vec<&PastDelivery> =
        deliveries.into_iter().filter(|past| !["sent", "digested"].contains(&&*past.status)).collect();
    let count = failed.len();
    let Some(one) = failed.last() else { return String::new() };
    let how_many = if all > 1 { format!("{count} of {all} not accepted, such as ") } else { String::new() };
    format!("; {how_many}d{}: {}", one.delivery.id, fate(one, zone))
}

fn brief_delivery(past: &PastDelivery, zone: &TimeZone) -> String {
    let delivery = &past.delivery;
    let text = first_line(past);
    short(&format!("{}, by {}: \"{text}\"", delivered(past, zone), delivery.rule), LONGEST_LINE)
}
