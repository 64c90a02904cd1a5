//! Until when a connection is known to have told all that happened: there a gap begins.
//!
//! Promises: what Icinga says comes in order, so what is read proves all before it, and so does
//! the end of a stream that Icinga itself ended. That it lives, by an answer, is taken for a proof
//! where no canary gives a better one. A time in which this process stood still proves nothing:
//! what is read behind it may be as old as that. What was read and not handed over is not known.
//! Never: decides whether there is a gap.

use crate::clock::lived;
use crate::model::Timestamp;
use crate::patience;
use jiff::SignedDuration;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Two looks that lie no further apart than this are of a process that runs.
const AT_LEAST: Duration = Duration::from_secs(1);

/// What was heard over one connection. All times are those of the machine, asleep or awake, so
/// that a clock which is set changes nothing.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<Marks>);

impl Heard {
    /// The stream is open: from here on all is heard.
    pub(super) fn opened(&self) {
        let now = lived();
        *self.marks() = Marks { until: Some(now), looked: now, polled: now, ..Marks::default() };
    }

    /// What comes of reading the stream. Notes each look at it; `patience`: how long
    /// [`patience::within`] waits for it. As cancel-safe as what it waits for.
    pub(super) async fn watch<F: Future>(&self, patience: Duration, wanted: F) -> F::Output {
        let runs = AT_LEAST.max(2 * patience::part(patience));
        let mut wanted = std::pin::pin!(wanted);
        poll_fn(|context| {
            let polled = wanted.as_mut().poll(context);
            self.marks().look(lived(), runs);
            polled
        })
        .await
    }

    /// What the last look found was said by Icinga: a part of the stream, or its end in order.
    pub(super) fn came(&self) {
        let mut marks = self.marks();
        let proved = marks.proved;
        marks.known(proved);
    }

    /// When it was asked whether it lives, and then it answered.
    pub(super) fn lives(&self, asked: Duration) {
        self.marks().known(asked);
    }

    /// We end the connection ourselves, and nothing was amiss.
    pub(super) fn let_go(&self) {
        self.marks().known(lived());
    }

    /// A line was read that is to be handed over.
    pub(super) fn holds(&self) {
        self.marks().held.get_or_insert_with(lived);
    }

    /// A line that was read then is handed over; `is_last`: no other waits.
    pub(super) fn handed(&self, read: Instant, is_last: bool) {
        self.marks().held = (!is_last).then(|| lived().saturating_sub(read.elapsed()));
    }

    /// Until when all is known; `None` where no stream was opened.
    pub(super) fn until(&self) -> Option<Timestamp> {
        let known = self.marks().all_known()?;
        let ago = SignedDuration::try_from(lived().saturating_sub(known)).ok()?;
        Timestamp::now().checked_sub(ago).ok()
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

/// Moments in the life of one stream. Pure.
#[derive(Debug, Default)]
struct Marks {
    until: Option<Duration>,
    /// The last look in a time in which this process ran.
    looked: Duration,
    /// The last look of all.
    polled: Duration,
    /// When this process went on after it had stood still.
    went_on: Duration,
    /// Until when all had come that was to come, if the last look found something.
    proved: Duration,
    /// When the oldest line was read that is not handed over.
    held: Option<Duration>,
}

impl Marks {
    /// A look at the stream; two that are no further apart than `runs` are of one time. Behind
    /// another one it takes half of that until what came meanwhile is sure to be found.
    fn look(&mut self, now: Duration, runs: Duration) {
        self.proved = self.looked;
        if now.saturating_sub(self.polled) >= runs {
            self.went_on = now;
        } else if now.saturating_sub(self.went_on) >= runs / 2 {
            self.looked = now;
        }
        self.polled = now;
    }

    fn known(&mut self, moment: Duration) {
        self.until = self.until.map(|until| until.max(moment));
    }

    fn all_known(&self) -> Option<Duration> {
        self.until.map(|until| self.held.map_or(until, |held| held.min(until)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: Duration = Duration::from_secs(2);

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    /// Open since second 100, and looked at each second until `to`.
    fn looked_at(to: u64) -> Marks {
        let begun = second(100);
        let mut marks = Marks { until: Some(begun), looked: begun, polled: begun, ..Marks::default() };
        (101..=to).for_each(|number| marks.look(second(number), RUNS));
        marks
    }

    /// What a look found was said by Icinga.
    fn came(marks: &mut Marks, at: u64) {
        marks.look(second(at), RUNS);
        marks.known(marks.proved);
    }

    #[test]
    fn silence_proves_nothing_and_what_comes_proves_all_until_then() {
        let mut marks = looked_at(160);
        assert_eq!(marks.all_known(), Some(second(100)), "silence is no proof");
        came(&mut marks, 161);
        assert_eq!(marks.all_known(), Some(second(160)), "it came after that look");
    }

    #[test]
    fn a_silence_in_which_it_answered_is_known_until_it_was_asked() {
        let mut marks = looked_at(160);
        marks.known(second(150));
        assert_eq!(marks.all_known(), Some(second(150)));
        marks.known(second(120));
        assert_eq!(marks.all_known(), Some(second(150)), "what is known stays so");
    }

    #[test]
    fn what_is_read_behind_a_time_in_which_we_stood_still_may_be_as_old_as_that() {
        let mut marks = looked_at(110);
        marks.look(second(700), RUNS);
        came(&mut marks, 700);
        came(&mut marks, 700);
        assert_eq!(marks.all_known(), Some(second(110)), "the stream may have ended long ago");
        marks.look(second(701), RUNS);
        came(&mut marks, 702);
        assert_eq!(marks.all_known(), Some(second(701)), "it goes on");
    }

    #[test]
    fn what_was_read_and_not_handed_over_is_not_known() {
        let mut marks = looked_at(110);
        came(&mut marks, 111);
        marks.held = Some(second(105));
        assert_eq!(marks.all_known(), Some(second(105)));
    }
}
