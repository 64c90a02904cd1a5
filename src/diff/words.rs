//! A comparison in words: whole for a terminal, in a few lines for chat.

use super::report::{Example, Group, Kind, Report};
use crate::model::Timestamp;
use crate::model::time::short_length;
use crate::model::words::counted;
use jiff::tz::TimeZone;

/// How many groups are told in chat.
const GROUPS_IN_CHAT: usize = 4;

impl Kind {
    /// In one word or a few.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Less => "less",
            Kind::Elsewhere => "elsewhere",
            Kind::Time => "at another time",
            Kind::More => "more",
        }
    }
}

impl Report {
    /// All of it, line by line. Texts from outside are as they came: make each line
    /// harmless before it is shown.
    pub fn lines(&self, zone: &TimeZone) -> Vec<String> {
        let mut lines = vec![self.span(zone)];
        for (name, tally) in [("in force", &self.current), ("candidate", &self.candidate)] {
            lines.push(format!("{name:<9}: {} told, {} dropped", tally.told, tally.dropped));
        }
        lines.push(self.verdict());
        for group in &self.groups {
            lines.push(String::new());
            lines.push(group_words(group));
            lines.extend(group.examples.iter().map(|example| example_words(example, zone)));
            if group.times > group.examples.len() as u64 {
                lines.push("    ...".to_owned());
            }
        }
        for failure in self.candidate.failed.values() {
            lines.push(String::new());
            lines.push(format!("fails {}: {}", times(failure.times), failure.first));
        }
        lines
    }

    /// A few lines for chat, the worst first.
    pub fn short(&self, zone: &TimeZone) -> String {
        let told = format!("{} told now, {} then", self.current.told, self.candidate.told);
        let mut lines = vec![format!("{}; {told}; {}", self.span(zone), self.verdict())];
        for failure in self.candidate.failed.values().take(GROUPS_IN_CHAT) {
            lines.push(format!("fails {}: {}", times(failure.times), failure.first));
        }
        for group in self.groups.iter().take(GROUPS_IN_CHAT) {
            let example = group.examples.first().map(|example| example_words(example, zone));
            lines.push(format!("{}: {}", group_words(group), example.unwrap_or_default().trim()));
        }
        if self.groups.len() > GROUPS_IN_CHAT {
            lines.push("`watchbell diff` shows the rest".to_owned());
        }
        lines.join("\n")
    }

    fn span(&self, zone: &TimeZone) -> String {
        let inputs = counted(self.inputs, "input");
        match (self.begin, self.end) {
            (Some(begin), Some(end)) => {
                format!("{inputs} from {} to {}", moment(begin, zone), moment(end, zone))
            }
            _ => inputs,
        }
    }

    fn verdict(&self) -> String {
        if self.is_same() {
            return "no difference".to_owned();
        }
        let kinds = [Kind::Less, Kind::Elsewhere, Kind::Time, Kind::More];
        let mut parts: Vec<String> = kinds
            .into_iter()
            .map(|kind| (self.times(kind), kind.name()))
            .filter(|(times, _)| *times > 0)
            .map(|(times, name)| format!("{times} {name}"))
            .collect();
        if !self.candidate.failed.is_empty() {
            parts.push(format!("{} fail", counted(self.candidate.failed.len() as u64, "rule")));
        }
        if parts.is_empty() {
            return "the same is told, but rules that fail now would not".to_owned();
        }
        parts.join(", ")
    }
}

fn times(number: u64) -> String {
    if number == 1 { "once".to_owned() } else { format!("{number} times") }
}

fn group_words(group: &Group) -> String {
    format!("{} {} to {} by {}", group.kind.name(), times(group.times), group.target, group.rule)
}

fn example_words(example: &Example, zone: &TimeZone) -> String {
    let at = moment(example.at, zone);
    let shift = example.instead.map_or(String::new(), |instead| shift(example.at, instead));
    format!("    {at}{shift} {} {}", example.object, example.text)
}

fn shift(before: Timestamp, after: Timestamp) -> String {
    let seconds = after.duration_since(before).as_secs_f64();
    let direction = if seconds < 0.0 { "earlier" } else { "later" };
    format!(" ({} {direction})", short_length(seconds.abs()))
}

fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%F %T").to_string()
}
