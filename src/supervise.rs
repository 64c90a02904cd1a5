//! Tasks that are kept running: a panic in one is contained, and it is started again.
//!
//! Owns: when a task that panicked is started again. Promises: its siblings notice
//! nothing; the wait grows while it goes on panicking; that it does is told once, and
//! once more when it has run for a minute. Never: gives up, or restarts a task that
//! has ended by itself.

use crate::backoff::Backoff;
use crate::model::event::Trouble;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// So many panics within [`CALM`] are told.
const MANY: usize = 5;
/// Who has run for this long is well again; no wait is longer either.
const CALM: Duration = Duration::from_secs(60);

/// Runs a task until it ends by itself. What it needs is its `state`, which outlives its
/// panics: each run finds it as the last one left it.
///
/// `name` is what people read, such as `sink libera`. `tell` hears of a task that panics
/// again and again, and of its end; it must not wait. `stop` ends a wait between two runs;
/// a run is not ended by it.
pub async fn supervise<T, R>(
    name: &str,
    mut state: T,
    mut run: R,
    stop: &CancellationToken,
    tell: impl Fn(Trouble),
) where
    R: for<'a> FnMut(&'a mut T) -> BoxFuture<'a, ()>,
{
    let mut restarts = Restarts::new();
    while let Err(panic) = once(name, &mut state, &mut run, &mut restarts, &tell).await {
        let reason = panic_text(&*panic);
        let (wait, is_news) = restarts.panicked(Instant::now());
        tracing::error!(task = name, ?wait, "panicked, and is started again: {reason}");
        if is_news {
            tell(failing(name, reason));
        }
        if stop.run_until_cancelled(sleep(wait)).await.is_none() {
            return;
        }
    }
}

/// One run. `Err`: it panicked, with this.
async fn once<T, R>(
    name: &str,
    state: &mut T,
    run: &mut R,
    restarts: &mut Restarts,
    tell: &impl Fn(Trouble),
) -> Result<(), Box<dyn Any + Send>>
where
    R: for<'a> FnMut(&'a mut T) -> BoxFuture<'a, ()>,
{
    // What a panic left half done in `state` is seen by the next run only.
    let mut running = std::pin::pin!(AssertUnwindSafe(async { run(state).await }).catch_unwind());
    let calm = sleep(CALM);
    tokio::select! {
        ended = &mut running => return ended,
        () = calm => {}
    }
    if restarts.calmed_down() {
        tracing::info!(task = name, "runs again");
        tell(well_again(name));
    }
    running.await
}

fn failing(name: &str, reason: &str) -> Trouble {
    let text = format!(
        "it panicked {MANY} times within a minute and is started again and again, the last time by: {reason}; \
         this is a bug in Watchbell, please report it with the log"
    );
    Trouble { what: what(name), text, over: false }
}

fn well_again(name: &str) -> Trouble {
    Trouble { what: what(name), text: "it has run for a minute".to_owned(), over: true }
}

fn what(name: &str) -> String {
    format!("the task {name}")
}

/// What a panic says.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}

/// When a task panicked, and whether that was told.
struct Restarts {
    backoff: Backoff,
    recent: VecDeque<Instant>,
    told: bool,
}

impl Restarts {
    fn new() -> Restarts {
        Restarts { backoff: Backoff::new(CALM), recent: VecDeque::new(), told: false }
    }

    /// How long to wait now, and whether that is to be told.
    fn panicked(&mut self, now: Instant) -> (Duration, bool) {
        self.recent.push_back(now);
        self.recent.retain(|at| now.duration_since(*at) < CALM);
        let is_news = self.recent.len() >= MANY && !self.told;
        self.told |= is_news;
        (if self.told { CALM } else { self.backoff.next_wait() }, is_news)
    }

    /// Starts over; whether its end is to be told.
    fn calmed_down(&mut self) -> bool {
        self.backoff.reset();
        self.recent.clear();
        std::mem::take(&mut self.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A task that panics for the first so many runs, then works until it is stopped.
    struct Shaky {
        runs: usize,
        panics: usize,
        stop: CancellationToken,
    }

    impl Shaky {
        async fn run(&mut self) {
            self.runs += 1;
            assert!(self.runs > self.panics, "run {}", self.runs);
            self.stop.cancelled().await;
        }
    }

    /// What is told of a task that panics so often, and then runs for two minutes.
    async fn told(panics: usize) -> Vec<Trouble> {
        let (told, stop) = (Mutex::new(Vec::new()), CancellationToken::new());
        let shaky = Shaky { runs: 0, panics, stop: stop.clone() };
        let tell = |trouble| told.lock().expect("nobody panics with it").push(trouble);
        let watch = async {
            // The longest that the panics can take, and some calm behind them.
            sleep(CALM * u32::try_from(panics).expect("a small number") + CALM * 2).await;
            stop.cancel();
        };
        tokio::join!(supervise("shaky", shaky, |shaky| Box::pin(shaky.run()), &stop, tell), watch);
        told.into_inner().expect("nobody panics with it")
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_until_it_works() {
        assert_eq!(told(MANY - 1).await, [], "a few panics are for the log");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_again_and_again_is_told_once_and_once_when_it_is_over() {
        let told = told(MANY + 3).await;
        let shown: Vec<(&str, bool)> = told.iter().map(|trouble| (&*trouble.what, trouble.over)).collect();
        assert_eq!(shown, [("the task shaky", false), ("the task shaky", true)]);
        assert!(told[0].text.contains("run 5"), "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_between_two_runs_is_ended_by_the_end() {
        let stop = CancellationToken::new();
        let shaky = Shaky { runs: 0, panics: usize::MAX, stop: stop.clone() };
        let begun = Instant::now();
        let ends = async {
            sleep(CALM * 3).await;
            stop.cancel();
        };
        tokio::join!(supervise("shaky", shaky, |shaky| Box::pin(shaky.run()), &stop, |_| {}), ends);
        assert_eq!(begun.elapsed(), CALM * 3);
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_not_started_again() {
        let runs = AtomicUsize::new(0);
        let run_once = || -> BoxFuture<'static, ()> {
            runs.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {})
        };
        supervise("short", (), |()| run_once(), &CancellationToken::new(), |_| {}).await;
        assert_eq!(runs.into_inner(), 1);
    }
}
