//! How late events are: by Icinga's doing, and by ours.
//!
//! Owns: both measures over the last minutes. Promises: they are apart, so that nobody is
//! blamed for the other's delay; measuring costs next to nothing and waits for nobody.
//! Never: decides anything; sees more than one event of ours at a time.

use crate::model::{Event, Input, ObjectKey, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How many minutes are looked back on.
pub const MINUTES: usize = 5;
/// An event that has not come out after this long got lost on purpose, such as a twin.
const LOST: Duration = Duration::from_secs(60);
/// Clocks of two machines differ by this much and nobody need know, in seconds.
const SKEW: f64 = 0.5;

/// What sources and the engine measure together.
#[derive(Debug, Default)]
pub struct Lag {
    shared: Mutex<Shared>,
    /// Whether an event is under way that is timed.
    timing: AtomicBool,
}

#[derive(Debug, Default)]
struct Shared {
    upstream: BTreeMap<Arc<str>, Recent>,
    ours: Recent,
    timed: Option<Timed>,
}

/// The one event that is timed: it stands for all that come with it.
#[derive(Debug)]
struct Timed {
    timestamp: Timestamp,
    object: Option<ObjectKey>,
    read: Instant,
}

/// What was measured in the last [`MINUTES`], in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The mean. Below 0 where Icinga's clock is ahead of ours.
    pub mean: f64,
    /// The longest.
    pub worst: f64,
}

impl Lag {
    /// A line was read then, and this event was in it: how late Icinga sent it, by its own
    /// `timestamp` and our clock.
    pub fn read(&self, event: &Event, read: Instant, now: Timestamp) {
        let at = now - read.elapsed();
        let late = at.duration_since(event.timestamp).as_secs_f64();
        let mut shared = self.shared();
        shared.upstream.entry(event.source.clone()).or_default().note(late, read);
        if shared.timed.as_ref().is_none_or(|timed| timed.read.elapsed() > LOST) {
            let (timestamp, object) = (event.timestamp, event.object.clone());
            shared.timed = Some(Timed { timestamp, object, read });
            self.timing.store(true, Ordering::Release);
        }
    }

    /// Whether this input is the one that is timed; then tell [`Lag::judged`] of its end.
    pub fn is_timed(&self, input: &Input) -> bool {
        let Input::Event(event) = input else { return false };
        if !self.timing.load(Ordering::Acquire) {
            return false;
        }
        let shared = self.shared();
        shared
            .timed
            .as_ref()
            .is_some_and(|timed| timed.timestamp == event.timestamp && timed.object == event.object)
    }

    /// The event that is timed was judged.
    pub fn judged(&self) {
        let mut shared = self.shared();
        if let Some(timed) = shared.timed.take() {
            shared.ours.note(timed.read.elapsed().as_secs_f64(), Instant::now());
        }
        self.timing.store(false, Ordering::Release);
    }

    /// How late each Icinga hands events over; those that sent something lately.
    pub fn upstream(&self) -> BTreeMap<Arc<str>, Reading> {
        let now = Instant::now();
        let shared = self.shared();
        let readings = shared.upstream.iter().map(|(name, recent)| (name.clone(), recent.reading(now)));
        readings.filter_map(|(name, reading)| Some((name, reading?))).collect()
    }

    /// How long an event takes from the line that was read to the end of its judging; `None`
    /// if there was none lately.
    pub fn ours(&self) -> Option<Reading> {
        self.shared().ours.reading(Instant::now())
    }

    /// Both in one line for people.
    pub fn in_words(&self) -> String {
        let mut words: Vec<String> =
            self.upstream().iter().map(|(name, reading)| upstream_in_words(name, *reading)).collect();
        words.extend(self.ours().map(|ours| {
            format!("Watchbell itself needs {} (worst {})", seconds(ours.mean), seconds(ours.worst))
        }));
        if words.is_empty() {
            return format!("no events in the last {MINUTES} minutes");
        }
        format!("in the last {MINUTES} minutes: {}", words.join("; "))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("nothing panics while it is held")
    }
}

fn upstream_in_words(name: &str, reading: Reading) -> String {
    if reading.mean < -SKEW {
        let ahead = seconds(-reading.mean);
        return format!("the clock of Icinga {name} is {ahead} ahead, so its lag is not known");
    }
    let (mean, worst) = (seconds(reading.mean.max(0.0)), seconds(reading.worst.max(0.0)));
    format!("Icinga {name} hands events over {mean} late (worst {worst})")
}

fn seconds(seconds: f64) -> String {
    if seconds < 0.1 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}

/// The measures of the last minutes, by minute.
#[derive(Debug, Default)]
struct Recent {
    minutes: [Minute; MINUTES],
}

#[derive(Debug, Default, Clone, Copy)]
struct Minute {
    began: Option<Instant>,
    count: u32,
    total: f64,
    worst: f64,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Recent {
    fn note(&mut self, seconds: f64, at: Instant) {
        let is_current = |began: Instant| at.saturating_duration_since(began) < MINUTE;
        if !self.minutes[0].began.is_some_and(is_current) {
            self.minutes.rotate_right(1);
            self.minutes[0] = Minute { began: Some(at), worst: seconds, ..Minute::default() };
        }
        let minute = &mut self.minutes[0];
        minute.count += 1;
        minute.total += seconds;
        minute.worst = minute.worst.max(seconds);
    }

    fn reading(&self, now: Instant) -> Option<Reading> {
        let span = MINUTE * MINUTES as u32;
        let is_recent =
            |minute: &&Minute| minute.began.is_some_and(|began| now.saturating_duration_since(began) < span);
        let recent: Vec<&Minute> = self.minutes.iter().filter(is_recent).collect();
        let count: u32 = recent.iter().map(|minute| minute.count).sum();
        let worst = recent.iter().map(|minute| minute.worst).reduce(f64::max)?;
        let total: f64 = recent.iter().map(|minute| minute.total).sum();
        Some(Reading { mean: total / f64::from(count), worst })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Detail, event::Webhook};

    fn event(timestamp: Timestamp) -> Event {
        let webhook = Webhook { name: String::new(), body: serde_json::Value::Null, id: None };
        Event::ours(timestamp, Detail::Webhook(webhook))
    }

    #[test]
    fn the_mean_and_the_worst_of_five_minutes_are_kept() {
        let begin = Instant::now();
        let at = |minute: u32| begin + MINUTE * minute;
        let mut recent = Recent::default();
        assert_eq!(recent.reading(begin), None);
        recent.note(9.0, at(0));
        for (minute, seconds) in [(1, 1.0), (2, 2.0), (2, 3.0)] {
            recent.note(seconds, at(minute));
        }
        assert_eq!(recent.reading(at(2)), Some(Reading { mean: 15.0 / 4.0, worst: 9.0 }));
        assert_eq!(recent.reading(at(5)), Some(Reading { mean: 2.0, worst: 3.0 }), "the first is over");
        assert_eq!(recent.reading(at(9)), None);
    }

    #[test]
    fn what_icinga_delays_is_not_ours() {
        let lag = Lag::default();
        let now = Timestamp::now();
        assert_eq!(lag.in_words(), "no events in the last 5 minutes");
        let late = event(now - Duration::from_secs(4));
        lag.read(&late, Instant::now(), now);
        assert!(!lag.is_timed(&Input::Event(event(now))), "another one");
        assert!(lag.is_timed(&Input::Event(late)));
        lag.judged();
        let upstream = lag.upstream()["watchbell"];
        assert!((upstream.worst - 4.0).abs() < 0.5, "{upstream:?}");
        let ours = lag.ours().expect("it was judged");
        assert!(ours.worst < upstream.worst, "{ours:?}");
        assert!(
            lag.in_words().contains("Icinga watchbell hands events over 4.0 s late"),
            "{}",
            lag.in_words()
        );
    }

    #[test]
    fn a_clock_that_is_ahead_is_said_to_be() {
        let lag = Lag::default();
        let now = Timestamp::now();
        lag.read(&event(now + Duration::from_secs(3)), Instant::now(), now);
        assert!(lag.in_words().contains("is 3.0 s ahead"), "{}", lag.in_words());
    }
}
