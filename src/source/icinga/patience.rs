//! Waiting for a time in which this process runs.
//!
//! Promises: a process that was stopped or starved does not take the time that it missed for the
//! silence of others. Never: waits longer than it was told to while it runs.

use std::time::Duration;
use tokio::time::timeout;

/// In how many parts the time is measured: a part that lasts too long counts as one.
const PARTS: u32 = 30;

/// What comes of this within a time; `None` if it does not come. As cancel-safe as what it waits for.
pub(super) async fn within<F: Future>(limit: Duration, wanted: F) -> Option<F::Output> {
    let mut wanted = std::pin::pin!(wanted);
    for _ in 0..PARTS {
        if let Ok(come) = timeout(limit / PARTS, &mut wanted).await {
            return Some(come);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, advance, sleep};

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
}
