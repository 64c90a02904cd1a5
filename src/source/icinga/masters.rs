//! The masters of one zone, read at the same time.
//!
//! Owns: which of them are read, and what they share. Promises: there is a gap only
//! where no stream was open that continues what the engine knows; one master at a time
//! is asked for all its objects; of what both tell, one passes; an object is gone only when
//! it is missing twice. Never: connects.

use super::known::Known;
use super::twins::Twins;
use crate::model::{Broken, Event, Snapshot, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How far one master may lie behind the other: what was told this long before a reading
/// began is newer than what is read.
const BEHIND: Duration = Duration::from_secs(10);

/// What the readers of one zone share.
#[derive(Debug)]
pub(super) struct Masters {
    shared: Mutex<Shared>,
    reading: tokio::sync::Mutex<()>,
}

/// One master among those of its zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) masters: &'a Masters,
    /// Its number, from 0.
    pub(super) master: usize,
}

#[derive(Debug)]
struct Shared {
    coverage: Coverage,
    twins: Twins,
    /// All objects that were there when they were last read, or in the run before.
    known: Arc<Known>,
    /// Whether they were read in this run.
    is_read: bool,
}

impl Masters {
    /// This many, none of them read yet; these objects were known before.
    pub(super) fn new(count: usize, known: Arc<Known>) -> Masters {
        let coverage = Coverage::new(count, Timestamp::now());
        let twins = Twins::new(count, Instant::now());
        Masters {
            shared: Mutex::new(Shared { coverage, twins, known, is_read: false }),
            reading: tokio::sync::Mutex::new(()),
        }
    }

    /// Waits until no other master is being asked for all its objects.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.reading.lock().await
    }

    /// A master's stream is open.
    pub(super) fn opened(&self, master: usize) {
        let mut shared = self.shared();
        shared.coverage.opened(master);
        shared.twins.joins(master);
    }

    /// The objects of the last reading.
    pub(super) fn known(&self) -> Arc<Known> {
        self.shared().known.clone()
    }

    /// A master's snapshot, whose reading began then, is about to be handed over: writes into
    /// it what it is to be compared with. `hole` is what was missing in that master's stream;
    /// it is one only where no other master was followed.
    pub(super) fn place(&self, master: usize, snapshot: &mut Snapshot, began: Instant, hole: Option<Broken>) {
        let mut shared = self.shared();
        let then = began.checked_sub(BEHIND).unwrap_or(began);
        snapshot.beside = shared.coverage.is_covered(master).then(|| shared.twins.moved_since(then));
        let hole = hole.filter(|_| !shared.coverage.is_another_followed(master));
        snapshot.broken = shared.coverage.caught_up().or(hole);
        snapshot.settled = shared.is_settled(snapshot);
    }

    /// Whether no other master has told this event before.
    pub(super) fn is_first(&self, master: usize, event: &Event) -> bool {
        self.shared().twins.is_first(master, event, Instant::now())
    }

    /// A master's stream ended, which told all until `heard`, or none could be opened. Gives
    /// since when none has been followed, once, when that is as long as `patience` and could
    /// not be mended at once.
    pub(super) fn ended(
        &self,
        master: usize,
        reason: &str,
        heard: Option<Timestamp>,
        patience: Duration,
    ) -> Option<Timestamp> {
        let now = Timestamp::now();
        self.shared().coverage.ended(master, reason, heard.unwrap_or(now), now, patience)
    }

    /// Whether any master is followed now.
    pub(super) fn is_any_followed(&self) -> bool {
        self.shared().coverage.is_any_followed()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("nothing panics while it is held")
    }
}

impl Shared {
    /// Whether all are there that were there the last time.
    fn is_settled(&mut self, snapshot: &Snapshot) -> bool {
        let before = std::mem::replace(&mut self.known, Arc::new(Known::of(snapshot)));
        !std::mem::replace(&mut self.is_read, true) || before.is_within(&self.known)
    }
}

/// How a master is read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Standing {
    Away,
    /// Its stream is open, but what was before it is not known.
    Open,
    /// Its stream continues what the engine knows.
    Followed,
}

/// Whether what happens reaches us by any of the masters.
#[derive(Debug)]
struct Coverage {
    standings: Vec<Standing>,
    /// Until when those that were followed have told all, as far as they have ended.
    heard: Option<Timestamp>,
    /// How the last followed stream ended, until a snapshot tells it.
    broken: Option<Broken>,
    /// Since when none is followed, until that is told.
    untold: Option<Timestamp>,
}

impl Coverage {
    fn new(count: usize, now: Timestamp) -> Coverage {
        Coverage { standings: vec![Standing::Away; count], heard: None, broken: None, untold: Some(now) }
    }

    fn is_any_followed(&self) -> bool {
        self.standings.contains(&Standing::Followed)
    }

    fn is_another_followed(&self, master: usize) -> bool {
        let others = self.standings.iter().enumerate().filter(|(other, _)| *other != master);
        others.into_iter().any(|(_, standing)| *standing == Standing::Followed)
    }

    fn is_covered(&self, master: usize) -> bool {
        self.standings[master] == Standing::Followed
    }

    fn opened(&mut self, master: usize) {
        self.standings[master] = if self.is_any_followed() { Standing::Followed } else { Standing::Open };
    }

    /// From a snapshot on, all open streams continue what is known. Gives how the last stream
    /// before it had ended.
    fn caught_up(&mut self) -> Option<Broken> {
        let open = self.standings.iter_mut().filter(|standing| **standing == Standing::Open);
        open.for_each(|standing| *standing = Standing::Followed);
        self.untold = None;
        self.broken.take()
    }

    fn ended(
        &mut self,
        master: usize,
        reason: &str,
        heard: Timestamp,
        now: Timestamp,
        patience: Duration,
    ) -> Option<Timestamp> {
        let before = std::mem::replace(&mut self.standings[master], Standing::Away);
        if before == Standing::Followed {
            // Each tells all, so whichever was heard the longest says where that ends.
            let heard = self.heard.map_or(heard, |other| other.max(heard)).min(now);
            self.heard = Some(heard);
            // What matters later is when and why events went missing, not why it took long to
            // be back. It may be noticed late, and mended at once: then there is nothing to wait for.
            if !self.is_any_followed() {
                self.broken = Some(Broken { reason: reason.to_owned(), at: heard });
                self.untold = Some(heard);
                return None;
            }
        }
        self.untold.take_if(|since| now.duration_since(*since).unsigned_abs() >= patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    fn two() -> Coverage {
        Coverage::new(2, at(0))
    }

    #[test]
    fn one_stream_that_ends_beside_another_is_no_gap() {
        let mut zone = two();
        zone.opened(0);
        assert!(!zone.is_covered(0));
        assert_eq!(zone.caught_up(), None);
        zone.opened(1);
        assert!(zone.is_covered(1), "the first tells what happens before the second is read");
        assert_eq!(zone.ended(0, "killed", at(10), at(10), Duration::ZERO), None);
        zone.opened(0);
        assert!(zone.is_covered(0), "the second told what happened meanwhile");
        assert_eq!(zone.caught_up(), None);
    }

    #[test]
    fn both_away_is_a_gap_from_the_end_of_the_last() {
        let mut zone = two();
        zone.opened(0);
        zone.opened(1);
        zone.caught_up();
        assert!(zone.is_covered(1), "it was open when the first was read");
        zone.ended(0, "first", at(10), at(10), PATIENCE);
        zone.ended(1, "last", at(20), at(20), PATIENCE);
        zone.ended(0, "still away", at(30), at(30), PATIENCE);
        zone.opened(0);
        assert!(!zone.is_covered(0));
        let broken = zone.caught_up().expect("there was a gap");
        assert_eq!((broken.reason.as_str(), broken.at), ("last", at(20)));
        zone.opened(1);
        assert!(zone.is_covered(1) && zone.caught_up().is_none(), "it is told once");
    }

    #[test]
    fn a_gap_begins_where_the_one_that_was_heard_last_fell_silent() {
        for (first, last, begins) in [(10, 5, 10), (5, 10, 10), (99, 5, 50)] {
            let mut zone = two();
            zone.opened(0);
            zone.opened(1);
            zone.caught_up();
            assert_eq!(zone.ended(0, "silent", at(first), at(50), PATIENCE), None);
            assert_eq!(zone.ended(1, "silent, too", at(last), at(60), PATIENCE), None);
            let told = zone.ended(0, "away", at(61), at(80), Duration::from_secs(20));
            assert_eq!(told, Some(at(begins)), "none was followed since then");
            zone.opened(0);
            assert_eq!(zone.caught_up().map(|broken| broken.at), Some(at(begins)));
        }
    }

    #[test]
    fn a_break_that_was_noticed_late_is_told_only_where_it_lasts() {
        let mut zone = two();
        zone.opened(0);
        zone.caught_up();
        assert_eq!(zone.ended(0, "we stood still", at(10), at(500), PATIENCE), None);
        zone.opened(0);
        assert_eq!(zone.caught_up().map(|broken| broken.at), Some(at(10)), "as a gap that is over");
        assert_eq!(zone.ended(0, "we stood still", at(510), at(900), PATIENCE), None);
        assert_eq!(zone.ended(0, "refused", at(901), at(901), PATIENCE), Some(at(510)));
    }

    #[test]
    fn a_stream_that_ends_before_its_objects_are_read_hides_no_gap() {
        let mut zone = two();
        zone.opened(0);
        zone.ended(0, "at once", at(1), at(1), PATIENCE);
        zone.opened(0);
        assert!(!zone.is_covered(0));
    }

    #[test]
    fn that_none_is_read_is_told_once() {
        let mut zone = two();
        assert_eq!(zone.ended(0, "refused", at(59), at(59), PATIENCE), None);
        assert_eq!(zone.ended(1, "refused", at(60), at(60), PATIENCE), Some(at(0)));
        assert_eq!(zone.ended(0, "refused", at(90), at(90), PATIENCE), None);
    }
}
