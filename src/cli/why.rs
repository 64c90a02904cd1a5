//! `watchbell why`: what was decided about an object, in plain words.

use super::print::out;
use crate::model::{Decision, Timestamp, Verdict};
use crate::sink::plain;
use crate::store::PastDelivery;
use crate::store::sqlite::SqliteReader;
use jiff::tz::TimeZone;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn why(path: &Path, object: &str, limit: usize) -> anyhow::Result<ExitCode> {
    let config = match super::load(path) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let store = SqliteReader::open(&config.store)?;
    let decisions = store.decisions(object, limit)?;
    let deliveries = store.deliveries(object, limit)?;
    if decisions.is_empty() && deliveries.is_empty() {
        out(&format!(
            "nothing was decided about {object} in the last days; it takes Icinga's full name, HOST or HOST!SERVICE"
        ));
        return Ok(ExitCode::FAILURE);
    }
    for decision in &decisions {
        out(&decision_words(decision, &config.zone));
    }
    if !deliveries.is_empty() {
        out("deliveries:");
    }
    for past in &deliveries {
        out(&delivery_words(past, &config.zone));
    }
    Ok(ExitCode::SUCCESS)
}

fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%F %T").to_string()
}

/// One line of what strangers wrote, which drives no terminal.
fn harmless(text: &str) -> String {
    const LONGEST_LINE: usize = 500;
    plain::one_line(text, LONGEST_LINE)
}

fn decision_words(decision: &Decision, zone: &TimeZone) -> String {
    let verdict = match &decision.verdict {
        Verdict::Told(targets) => format!("told {}", targets.join(", ")),
        Verdict::Dropped(reason) => format!("not told: {}", harmless(reason)),
        Verdict::Unmatched => "told the default target: no rule decided".to_owned(),
    };
    let incident = decision.incident.map_or(String::new(), |number| format!(" #{number}"));
    let mut words = format!(
        "{}{incident} {} {}\n  {verdict}",
        moment(decision.at, zone),
        decision.event,
        harmless(&decision.summary)
    );
    for step in &decision.steps {
        let did =
            if step.did.is_empty() { "said nothing".to_owned() } else { harmless(&step.did.join("; ")) };
        words.push_str(&format!("\n  by {}: {did}", step.rule));
    }
    words
}

fn delivery_words(past: &PastDelivery, zone: &TimeZone) -> String {
    let delivery = &past.delivery;
    let note = if past.note.is_empty() { String::new() } else { format!(" ({})", harmless(&past.note)) };
    let text = harmless(delivery.message.text.lines().next().unwrap_or(""));
    let to = format!("{} {}", delivery.target, delivery.recipient);
    format!(
        "  {} {} to {}: {}{note}\n    {text}",
        moment(delivery.at, zone),
        delivery.event,
        to.trim_end(),
        past.status,
    )
}
