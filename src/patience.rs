//! Waiting for a time in which this process runs.
//!
//! Promises: a process that was stopped or starved does not take the time that it missed for the
//! silence of others. Never: waits longer than it was told to while it runs.

use std::time::Duration;
use tokio::time::{Instant, timeout};

/// In how many parts the time is measured: a part that lasts too long counts as one.
const PARTS: u32 = 30;
/// How often an [`Awake`] clock is to be looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The most that it goes on between two looks: one that comes a little late counts in full.
const MOST: Duration = Duration::from_secs(2);

/// How long one part of such a time is: so often what is waited for is looked at.
pub fn part(limit: Duration) -> Duration {
    limit / PARTS
}

/// What comes of this within a time; `None` if it does not come. As cancel-safe as what it waits for.
pub async fn within<F: Future>(limit: Duration, wanted: F) -> Option<F::Output> {
    let mut wanted = std::pin::pin!(wanted);
    for _ in 0..PARTS {
        if let Ok(come) = timeout(part(limit), &mut wanted).await {
            return Some(come);
        }
    }
    None
}

/// A clock that goes on only while this process runs, for whoever keeps many deadlines at once.
/// Pure; the time of the machine is an argument.
#[derive(Debug)]
pub struct Awake {
    shows: Instant,
    looked: Instant,
}

impl Awake {
    /// Shows the time of the machine at first.
    pub fn new(now: Instant) -> Awake {
        Awake { shows: now, looked: now }
    }

    /// What it shows when it is `now` for the machine.
    pub fn look(&mut self, now: Instant) -> Instant {
        self.shows += now.saturating_duration_since(self.looked).min(MOST);
        self.looked = now;
        self.shows
    }

    /// When to look again, by the time of the machine, so that what is due at `due` of this clock
    /// is not late.
    pub fn look_again(&self, due: Instant) -> Instant {
        self.looked + due.saturating_duration_since(self.shows).min(LOOK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, sleep};

    #[tokio::test(start_paused = true)]
    async fn it_waits_as_long_as_it_was_told_to() {
        let begun = Instant::now();
        assert_eq!(within(Duration::from_secs(30), sleep(Duration::from_secs(31))).await, None);
        assert_eq!(begun.elapsed().as_secs(), 30);
        assert_eq!(within(Duration::from_secs(30), sleep(Duration::from_secs(29))).await, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_in_which_nothing_runs_counts_as_a_part() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let waiting = tokio::spawn(within(Duration::from_secs(30), receiver));
        tokio::task::yield_now().await;
        advance(Duration::from_secs(600)).await;
        tokio::task::yield_now().await;
        assert_eq!(sender.send(7), Ok(()), "it waits on");
        assert_eq!(waiting.await.expect("it ends"), Some(Ok(7)));
    }

    #[test]
    fn a_clock_goes_on_while_the_process_runs_and_hardly_while_it_stands_still() {
        let begun = Instant::now();
        let (mut clock, mut now) = (Awake::new(begun), begun);
        let due = begun + Duration::from_millis(10_500);
        let mut looks = 0;
        while clock.look(now) < due {
            // Each look comes late, as on a busy machine.
            now = clock.look_again(due) + Duration::from_millis(300);
            looks += 1;
        }
        assert!(now - due < Duration::from_millis(301), "late by {:?}", now - due);
        assert!(looks < 12, "it looks no more often than it must: {looks}");
        let shown = clock.look(now);
        assert_eq!(clock.look(now + Duration::from_secs(3600)), shown + MOST);
        assert_eq!(clock.look(now), shown + MOST, "it never goes back");
    }
}
