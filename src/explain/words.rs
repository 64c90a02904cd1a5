//! The words for one decision and one delivery.

use crate::model::{Decision, Facts, State, Step, Timestamp, Verdict};
use crate::store::PastDelivery;
use jiff::tz::TimeZone;

/// How much of a text from outside stands in one line, in characters.
const LONGEST_TEXT: usize = 300;

/// A moment as people read it, in their zone.
pub fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%F %T").to_string()
}

/// Text from outside as a part of one line.
pub(super) fn short(text: &str, limit: usize) -> String {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What came, in a few words: `StateChange CRITICAL hard: too many connections`.
pub(super) fn event(decision: &Decision) -> String {
    format!("{} {}", decision.event, short(&decision.summary, LONGEST_TEXT)).trim_end().to_owned()
}

/// How it ended, and by which rule: `told nobody: in downtime (10-filter.rhai:38 ...)`.
/// `would`: it has not happened.
pub(super) fn verdict(decision: &Decision, would: bool) -> String {
    let told = if would { "would tell" } else { "told" };
    match &decision.verdict {
        Verdict::Told(targets) => format!("{told} {}", targets.join(" and ")),
        Verdict::Dropped(reason) => {
            let by = silencer(decision).map_or(String::new(), |step| format!(" ({})", step.rule));
            format!("{told} nobody: {}{by}", short(reason, LONGEST_TEXT))
        }
        Verdict::Unmatched => format!("{told} the default target: no rule decided"),
    }
}

/// The step that kept an event from people: the last that ran.
pub(super) fn silencer(decision: &Decision) -> Option<&Step> {
    let reason = match &decision.verdict {
        Verdict::Dropped(reason) => Some(reason),
        _ => None,
    };
    // A rule that holds says the reason alone.
    let ends = |did: &String| did.starts_with("drop: ") || did == "stop" || Some(did) == reason;
    decision.steps.iter().rev().find(|step| step.did.iter().any(ends))
}

/// The rules that wanted a target told, at once or gathered, in order.
pub(super) fn by_rules(decision: &Decision) -> Vec<String> {
    let tells = |did: &String| {
        ["notify ", "gathered for ", "told what was gathered "].iter().any(|verb| did.starts_with(verb))
    };
    let told = |step: &&Step| step.did.iter().any(tells);
    decision.steps.iter().filter(told).map(|step| step.rule.to_string()).collect()
}

/// One decision in full, without its moment: what came, how it ended, what each rule saw
/// and did, what was known. `inserted` stands behind how it ended. `would`: it has not
/// happened.
pub(super) fn decided(decision: &Decision, inserted: Vec<String>, would: bool) -> Vec<String> {
    let mut lines = vec![format!("  {}", verdict(decision, would))];
    lines.extend(inserted);
    lines.extend(decision.steps.iter().map(|step| format!("    {} → {}", step.rule, step_words(step))));
    lines.extend(known(&decision.facts).map(|known| format!("    known then: {known}")));
    lines
}

fn step_words(step: &Step) -> String {
    if step.did.is_empty() {
        "said nothing".to_owned()
    } else {
        short(&step.did.join("; "), 2 * LONGEST_TEXT)
    }
}

/// What was known beside the state, as far as rules ask for it; nothing for what is about
/// no object.
fn known(facts: &Facts) -> Option<String> {
    facts.state?;
    let mut known = Vec::new();
    if facts.hard_state != facts.state
        && let Some(state) = facts.hard_state
    {
        known.push(format!("last hard state {state}"));
    }
    let host_is_down = facts.host_state.is_some_and(State::is_problem);
    let marks = [
        (facts.downtimes > 0, "in downtime"),
        (facts.acknowledged, "acknowledged"),
        (facts.flapping, "flapping"),
        (facts.unreachable, "a parent is down"),
        (host_is_down, "its host is down"),
        (facts.missed, "missed before"),
    ];
    known.extend(marks.iter().filter(|(holds, _)| *holds).map(|(_, words)| (*words).to_owned()));
    if let Some(reason) = &facts.withheld {
        known.push(format!("kept from people until then: {}", short(reason, LONGEST_TEXT)));
    }
    known.push(told_before(facts));
    Some(known.join("; "))
}

fn told_before(facts: &Facts) -> String {
    if facts.told.is_empty() {
        return "nobody had heard of it".to_owned();
    }
    let told: Vec<String> = facts.told.iter().map(|(target, state)| format!("{target} ({state})")).collect();
    format!("had heard before: {}", told.join(", "))
}

/// One delivery: its number, to whom, and what became of it.
pub(super) fn delivered(past: &PastDelivery, zone: &TimeZone) -> String {
    let delivery = &past.delivery;
    let to = if delivery.recipient.is_empty() { &delivery.target } else { &delivery.recipient };
    let to = short(to, LONGEST_TEXT);
    format!("d{} to {to} by {}: {}", delivery.id, delivery.sink, fate(past, zone))
}

/// The number of the delivery that is sent in its stead.
fn stands_in(past: &PastDelivery) -> String {
    past.parent.map_or("another".to_owned(), |parent| format!("d{parent}"))
}

/// What became of a delivery.
pub(super) fn fate(past: &PastDelivery, zone: &TimeZone) -> String {
    let at = past.last_attempt.map_or(String::new(), |at| format!(" {}", moment(at, zone)));
    let note =
        if past.note.is_empty() { String::new() } else { format!(": {}", short(&past.note, LONGEST_TEXT)) };
    match past.status.as_str() {
        "sent" => format!("accepted{at}{note}"),
        "dead" => format!("given up{at}{note}"),
        "superseded" => {
            format!("not sent, {} goes in its stead: it says what came later", stands_in(past))
        }
        "digested" => format!("told in the digest {}", stands_in(past)),
        _ if past.note.is_empty() => "waits to be sent".to_owned(),
        _ => format!("not accepted yet, last tried{at}{note}"),
    }
}
