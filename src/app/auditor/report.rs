//! What came of a look, in two lines for people. Pure.
//!
//! Never: measures anything.

use crate::model::time::short_length;
use crate::store::Queue;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// What came of the last look.
#[derive(Debug, Clone)]
pub(in crate::app) struct Report {
    /// When it ended.
    pub(in crate::app) at: Instant,
    /// Since when all is well, or something is not.
    pub(in crate::app) since: Instant,
    /// What is out of bounds, and in which words.
    pub(in crate::app) faults: BTreeMap<String, String>,
    /// What waits for each sink.
    pub(in crate::app) queues: Vec<Queue>,
    /// How many deliveries were given up, of those that are still kept.
    pub(in crate::app) dead: u64,
}

impl Report {
    /// The report behind another one: what is as it was has been so for as long.
    pub(in crate::app) fn after(self, before: Option<&Report>) -> Report {
        let same = before.filter(|before| before.faults.is_empty() == self.faults.is_empty());
        Report { since: same.map_or(self.since, |before| before.since), ..self }
    }

    /// What is out of bounds, and what waits.
    pub(in crate::app) fn in_words(&self, now: Instant) -> String {
        let lasted = short_length(now.duration_since(self.since).as_secs_f64());
        let faults: Vec<String> = self.faults.iter().map(|(what, text)| format!("{what}: {text}")).collect();
        let health = match faults.as_slice() {
            [] => format!("Watchbell is well, for {lasted}"),
            faults => format!("Watchbell is not well, for {lasted}: {}", faults.join("; ")),
        };
        let queues: Vec<String> =
            self.queues.iter().map(|queue| format!("{} for {}", queue.count, queue.sink)).collect();
        let waiting = if queues.is_empty() { "nothing".to_owned() } else { queues.join(", ") };
        let dead = if self.dead == 0 { String::new() } else { format!("; {} given up", self.dead) };
        let looked = short_length(now.duration_since(self.at).as_secs_f64());
        format!("{health}\nstill to be sent: {waiting}{dead} ({looked} ago)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use std::time::Duration;

    fn report(at: Instant, faults: &[(&str, &str)]) -> Report {
        let faults = faults.iter().map(|(what, text)| ((*what).to_owned(), (*text).to_owned())).collect();
        Report { at, since: at, faults, queues: Vec::new(), dead: 0 }
    }

    #[test]
    fn two_lines_say_what_is_wrong_since_when_and_what_waits() {
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let first = report(start, &[]);
        let second = report(later(60), &[]).after(Some(&first));
        let words = "Watchbell is well, for 1m 5s\nstill to be sent: nothing (5s ago)";
        assert_eq!(second.in_words(later(65)), words);
        let queue = |sink: &str, count| Queue { sink: sink.to_owned(), count, oldest: Timestamp::UNIX_EPOCH };
        let ill = report(later(120), &[("memory", "too much"), ("the sums", "wrong")]).after(Some(&second));
        let ill = Report { queues: vec![queue("irc", 3), queue("mail", 1)], dead: 2, ..ill };
        let words = "Watchbell is not well, for 10s: memory: too much; the sums: wrong\n\
                     still to be sent: 3 for irc, 1 for mail; 2 given up (10s ago)";
        assert_eq!(ill.in_words(later(130)), words);
    }
}
