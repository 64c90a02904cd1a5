//! What is out of bounds, in words. Pure.
//!
//! Never: measures anything.

use crate::model::event::Trouble;
use crate::store::fold::DigestSums;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// An input that takes longer to be judged, or a batch to be written, is late.
const LATE: Duration = Duration::from_secs(10);
/// Who has waited longer for a sink waits too long.
const WAITED: Duration = Duration::from_secs(15 * 60);
/// An Icinga whose events come later than this is late.
const SOURCE_LATE: Duration = Duration::from_secs(60);
/// What was to come by the time is this late only if nobody looks at the clock.
const OVERDUE: Duration = Duration::from_secs(60);
/// More memory than this is more than Watchbell needs, in bytes.
const MEMORY: u64 = 2 * 1024 * 1024 * 1024;

/// What was seen at one look.
#[derive(Debug, Clone, Default)]
pub(super) struct Look {
    /// How long an input took to be judged; `None`: there was no end to it.
    pub(super) judging: Option<Duration>,
    /// How long a batch took to the disk; `None`: there was no end to it.
    pub(super) writing: Option<Duration>,
    /// For how long what was to come by the time has not.
    pub(super) overdue: Duration,
    /// How late the events of each source come.
    pub(super) sources: BTreeMap<String, Duration>,
    /// For how long the oldest delivery of each sink has waited.
    pub(super) waiting: BTreeMap<String, Duration>,
    /// Whether digests hold what they say.
    pub(super) sums: DigestSums,
    /// Why the store could not be asked.
    pub(super) unread: Option<String>,
    /// How much memory the process holds, in bytes.
    pub(super) memory: Option<u64>,
}

impl Look {
    /// What is out of bounds: what, and in which words.
    pub(super) fn faults(&self) -> BTreeMap<String, String> {
        let mut faults = BTreeMap::new();
        let mut note = |what: String, words: String| faults.insert(what, words);
        if self.judging.is_none_or(|took| took > LATE) {
            note("judging".to_owned(), format!("an event takes {} to be judged", seconds(self.judging)));
        }
        if self.writing.is_none_or(|took| took > LATE) {
            let words =
                format!("it takes {} to write; look at the disk, and at the log", seconds(self.writing));
            note("the database".to_owned(), words);
        }
        if let Some(reason) = &self.unread {
            note("reading the database".to_owned(), reason.clone());
        }
        if self.overdue > OVERDUE {
            let words = format!("what was due has not come for {}", seconds(Some(self.overdue)));
            note("the ticker".to_owned(), words);
        }
        for (source, late) in self.sources.iter().filter(|(_, late)| **late > SOURCE_LATE) {
            note(format!("Icinga {source}"), format!("its events come {} late", seconds(Some(*late))));
        }
        for (sink, waited) in self.waiting.iter().filter(|(_, waited)| **waited > WAITED) {
            let words = format!("a message has waited for {} min; the log says why", waited.as_secs() / 60);
            note(format!("the sink {sink}"), words);
        }
        let DigestSums { orphans, differing } = self.sums;
        if orphans + differing > 0 {
            let words = format!(
                "{orphans} messages were folded into a digest that is not there, {differing} digests hold another number than they say"
            );
            note("the sums".to_owned(), words);
        }
        if let Some(memory) = self.memory.filter(|memory| *memory > MEMORY) {
            note("memory".to_owned(), format!("Watchbell holds {} MiB", memory / 1024 / 1024));
        }
        faults
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let oldest = self.waiting.values().max().copied().unwrap_or_default();
        write!(
            f,
            "judged in {}, written in {}, the oldest message waits for {} s",
            seconds(self.judging),
            seconds(self.writing),
            oldest.as_secs()
        )?;
        if let Some(memory) = self.memory {
            write!(f, ", {} MiB", memory / 1024 / 1024)?;
        }
        Ok(())
    }
}

fn seconds(length: Option<Duration>) -> String {
    length.map_or_else(|| "too long".to_owned(), |length| format!("{:.1} s", length.as_secs_f64()))
}

/// What is told of two looks, one after the other.
pub(super) fn news(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Trouble> {
    let begun = now.iter().filter(|(what, _)| !before.contains_key(*what));
    let begun = begun.map(|(what, text)| Trouble { what: what.clone(), text: text.clone(), over: false });
    let over = before.keys().filter(|what| !now.contains_key(*what));
    let over = over.map(|what| Trouble { what: what.clone(), text: "it is over".to_owned(), over: true });
    begun.chain(over).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Look {
        let took = Some(Duration::from_millis(3));
        Look { judging: took, writing: took, ..Look::default() }
    }

    fn of_one(name: &str, seconds: u64) -> BTreeMap<String, Duration> {
        BTreeMap::from([(name.to_owned(), Duration::from_secs(seconds))])
    }

    #[test]
    fn each_measure_has_its_bound() {
        let late = Some(Duration::from_secs(11));
        let cases: Vec<(&str, Look)> = vec![
            ("judging", Look { judging: late, ..well() }),
            ("judging", Look { judging: None, ..well() }),
            ("the database", Look { writing: late, ..well() }),
            ("the database", Look { writing: None, ..well() }),
            ("reading the database", Look { unread: Some("why".to_owned()), ..well() }),
            ("the ticker", Look { overdue: Duration::from_secs(61), ..well() }),
            ("Icinga prod", Look { sources: of_one("prod", 61), ..well() }),
            ("the sink irc", Look { waiting: of_one("irc", 901), ..well() }),
            ("the sums", Look { sums: DigestSums { orphans: 1, differing: 0 }, ..well() }),
            ("memory", Look { memory: Some(MEMORY + 1), ..well() }),
        ];
        for (what, look) in cases {
            let faults = look.faults();
            assert_eq!(faults.keys().map(String::as_str).collect::<Vec<_>>(), [what], "{look:?}");
        }
        let full = Look {
            overdue: OVERDUE,
            sources: of_one("prod", 60),
            waiting: of_one("irc", 900),
            memory: Some(MEMORY),
            ..well()
        };
        assert_eq!(full.faults(), BTreeMap::new(), "a bound itself is within");
    }

    #[test]
    fn what_lasts_is_told_once_when_it_begins_and_once_when_it_is_over() {
        let (well, late) = (well().faults(), Look { judging: None, ..well() }.faults());
        let told =
            |before, now| -> Vec<bool> { news(before, now).iter().map(|trouble| trouble.over).collect() };
        assert_eq!(told(&well, &late), [false]);
        assert_eq!(told(&late, &late), Vec::<bool>::new());
        assert_eq!(told(&late, &well), [true]);
        assert_eq!(told(&well, &well), Vec::<bool>::new());
    }
}
