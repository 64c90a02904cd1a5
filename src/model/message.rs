//! Messages: the finished parts of what is said, and words that are added to them.
//!
//! Promises: what is added stands in every part that is left, and JSON stays JSON.

use super::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The finished parts of a message. Which are used is the sink's matter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The plain text; never empty. May hold several lines.
    pub text: String,
    /// One line, for sinks that have a subject.
    pub subject: Option<String>,
    /// A whole HTML document, for sinks that show it.
    pub html: Option<String>,
    /// A JSON document, for sinks that speak to programs.
    pub json: Option<String>,
    /// The same as the sink of the target's fallback says it; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Box<Message>>,
    /// What belongs together, such as `incident-42`; the same for all that is
    /// said of one incident.
    pub thread: Option<String>,
    /// The `Message-ID`s of the mails that it answers, oldest first; empty unless it answers
    /// one. Each is safe in a header.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// The colour it deserves, where the sink knows colours.
    pub severity: u8,
}

impl Message {
    /// Says this behind the text, on its last line. There is no HTML any more: it would
    /// not say it.
    pub fn append(&mut self, words: &str) {
        if let Some(subject) = &mut self.subject {
            subject.push_str(words);
        }
        self.put(format!("{}{words}", self.text));
        self.fallback.iter_mut().for_each(|fallback| fallback.append(words));
    }

    /// Says in front of the text and the subject that this is no news but from a moment
    /// that has passed.
    pub fn mark_late(&mut self, from: Timestamp, now: Timestamp, zone: &TimeZone) {
        let [then, today] = [from, now].map(|moment| moment.to_zoned(zone.clone()));
        let form = if then.date() == today.date() { "%H:%M" } else { "%F %H:%M" };
        let mark = format!("(late: from {})", then.strftime(form));
        self.subject = self.subject.as_ref().map(|subject| format!("{mark} {subject}"));
        self.put(format!("{mark} {}", self.text));
        self.fallback.iter_mut().for_each(|fallback| fallback.mark_late(from, now, zone));
    }

    /// Says this in place of the text; a subject is its first line.
    pub fn say(&mut self, text: &str) {
        self.subject = self.subject.is_some().then(|| text.lines().next().unwrap_or("").to_owned());
        self.put(text.to_owned());
        self.fallback.iter_mut().for_each(|fallback| fallback.say(text));
    }

    /// JSON says it wherever the text stood in it, whatever its keys are called.
    fn put(&mut self, text: String) {
        if let Some(json) = &mut self.json {
            *json = reworded(json, &self.text, &text);
        }
        self.html = None;
        self.text = text;
    }
}

fn reworded(json: &str, from: &str, to: &str) -> String {
    let Ok(mut document) = serde_json::from_str(json) else { return json.to_owned() };
    reword(&mut document, from, to);
    document.to_string()
}

fn reword(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text.contains(from) => *text = text.replace(from, to),
        Value::Array(items) => items.iter_mut().for_each(|item| reword(item, from, to)),
        Value::Object(items) => items.values_mut().for_each(|item| reword(item, from, to)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_in_every_part_that_is_left() {
        let json = r#"{"n":1,"blocks":[{"content":"**db1 is \"down\"**","color":"red"}]}"#;
        let mut message = Message {
            text: "db1 is \"down\"".to_owned(),
            subject: Some("db1".to_owned()),
            html: Some("<p>db1 is down".to_owned()),
            json: Some(json.to_owned()),
            fallback: Some(Box::new(Message { text: "db1".to_owned(), ..Message::default() })),
            ..Message::default()
        };
        message.append(" (2 earlier changes)");
        assert_eq!(message.text, "db1 is \"down\" (2 earlier changes)");
        assert_eq!(message.subject.as_deref(), Some("db1 (2 earlier changes)"));
        assert_eq!(message.html, None);
        assert_eq!(message.fallback.expect("there is one").text, "db1 (2 earlier changes)");
        let document: Value = serde_json::from_str(&message.json.expect("there is one")).expect("JSON");
        let content = "**db1 is \"down\" (2 earlier changes)**";
        assert_eq!(document, serde_json::json!({"n": 1, "blocks": [{"content": content, "color": "red"}]}));
    }

    #[test]
    fn what_is_no_json_is_left_alone() {
        assert_eq!(reworded("no json", "json", "x"), "no json");
    }

    #[test]
    fn what_is_late_says_from_when_wherever_people_read() {
        let now: Timestamp = "2026-11-22T04:00:00Z".parse().expect("a moment");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        for (from, mark) in [
            ("2026-11-22T02:12:59Z", "(late: from 03:12)"),
            ("2026-11-21T23:00:00Z", "(late: from 00:00)"),
            ("2026-11-21T22:59:00Z", "(late: from 2026-11-21 23:59)"),
        ] {
            let mut message = Message {
                text: "db1 is DOWN\nsince noon".to_owned(),
                subject: Some("db1".to_owned()),
                html: Some("<p>db1</p>".to_owned()),
                json: Some("{}".to_owned()),
                ..Message::default()
            };
            message.mark_late(from.parse().expect("a moment"), now, &zone);
            assert_eq!(message.text, format!("{mark} db1 is DOWN\nsince noon"));
            assert_eq!(message.subject, Some(format!("{mark} db1")));
            assert_eq!((message.html, message.json.as_deref()), (None, Some("{}")));
        }
    }
}
