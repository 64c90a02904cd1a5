//! Holes in a stream: lines that were skipped, and when Icinga is asked what they may
//! have said.
//!
//! Owns: the skipped lines since the last look at all objects. Promises: after a hole
//! there is a look, soon after the first one and less and less often where there are
//! ever more; one look heals all holes before it. Never: guesses what a line said.

use crate::model::words::counted;
use crate::model::{Broken, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// A look costs Icinga something, so that a check which writes nothing but skipped
/// lines gets no more than one in this time.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The holes of one stream.
#[derive(Debug)]
pub(super) struct Holes {
    first_wait: Duration,
    wait: Duration,
    open: Option<Hole>,
    looked: Option<Instant>,
}

/// Lines that were skipped, one or many.
#[derive(Debug)]
struct Hole {
    since: Timestamp,
    lines: u64,
    due: Instant,
}

impl Holes {
    /// None so far. `first_wait`: how long others may join the first one.
    pub(super) fn new(first_wait: Duration) -> Holes {
        Holes { first_wait, wait: first_wait, open: None, looked: None }
    }

    /// A line was skipped.
    pub(super) fn note(&mut self) {
        if let Some(hole) = &mut self.open {
            hole.lines += 1;
            return;
        }
        if self.looked.is_some_and(|at| at.elapsed() >= LONGEST_WAIT) {
            self.wait = self.first_wait;
        }
        self.open = Some(Hole { since: Timestamp::now(), lines: 1, due: Instant::now() + self.wait });
    }

    /// Waits until it is time for a look; for ever while there is no hole. Cancel-safe.
    pub(super) async fn due(&self) {
        match &self.open {
            Some(hole) => tokio::time::sleep_until(hole.due).await,
            None => std::future::pending().await,
        }
    }

    /// Closes the hole, because a look begins: since when what is missing, in words.
    pub(super) fn close(&mut self) -> Option<Broken> {
        let hole = self.open.take()?;
        self.looked = Some(Instant::now());
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        let lines = counted(hole.lines, "line");
        Some(Broken { reason: format!("{lines} of the event stream could not be read"), at: hole.since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How long a look after one more skipped line has to wait.
    async fn waited(holes: &mut Holes) -> Duration {
        let begun = Instant::now();
        holes.note();
        holes.due().await;
        assert!(holes.close().is_some() && holes.close().is_none(), "one look closes it");
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn looks_become_rare_and_soon_again_after_calm() {
        let mut holes = Holes::new(SECOND);
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600] {
            assert_eq!(waited(&mut holes).await.as_secs(), seconds);
        }
        tokio::time::sleep(LONGEST_WAIT).await;
        assert_eq!(waited(&mut holes).await.as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn lines_that_follow_join_the_first() {
        let mut holes = Holes::new(SECOND);
        assert!(tokio::time::timeout(SECOND, holes.due()).await.is_err(), "there is nothing to look for");
        for _ in 0..3 {
            holes.note();
        }
        let broken = holes.close().expect("there is a hole");
        assert_eq!(broken.reason, "3 lines of the event stream could not be read");
    }
}
