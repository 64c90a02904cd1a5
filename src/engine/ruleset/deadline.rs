//! How long one call of a script may take, and how long it took.
//!
//! Owns: the one clock that the engine reads. It never reaches a rule or an outcome but
//! by stopping a call that would hold up all events behind it; what a call says within its
//! time is the same in a replay. Promises: a call is stopped soon after its time is over,
//! wherever it is: also inside of closures that a native function calls.
//! Never: says what time it is.

use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// The time of one call of a rule or command.
pub(super) const OF_A_CALL: Duration = Duration::from_millis(50);

/// The time of one test: it has many events judged.
pub(super) const OF_A_TEST: Duration = Duration::from_secs(5);

/// The time of one rule file at its top level: it may define thousands of rules.
pub(super) const OF_A_FILE: Duration = Duration::from_secs(5);

/// How many steps pass between two looks at the clock. A look costs about as much as a
/// step; a single step may take a millisecond where it works on long texts.
const LOOK_EVERY: u32 = 32;

thread_local! {
    /// The call under way on this thread. Rhai's own count of steps forgets those inside
    /// of closures that native functions call.
    static CALL: Cell<Option<Call>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Call {
    /// Half of the time it may take.
    half: Duration,
    /// When the first half is over.
    look_at: Instant,
    /// What this thread had worked by then. The second half is time it works: a call
    /// that the machine let wait is not stopped for that.
    worked: Option<Duration>,
    steps: u32,
    is_over: bool,
}

impl Call {
    fn lasting(time: Duration, began: Instant) -> Call {
        let half = time / 2;
        Call { half, look_at: began + half, worked: None, steps: 0, is_over: false }
    }

    fn look(&mut self) {
        if Instant::now() < self.look_at {
            return;
        }
        let worked = time_worked();
        self.is_over |= worked.saturating_sub(*self.worked.get_or_insert(worked)) >= self.half;
    }
}

/// How long this thread has worked so far.
fn time_worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Runs a script for at most so long; also says how long it took.
pub(super) fn within<T>(time: Duration, call: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    // A test calls rules: its own time runs on.
    let outer = CALL.replace(Some(Call::lasting(time, began)));
    let result = call();
    CALL.set(outer);
    (result, began.elapsed())
}

/// Counts a step of the call under way; whether its time is over.
pub(super) fn step_is_over() -> bool {
    let Some(mut call) = CALL.get() else { return false };
    call.steps += 1;
    if call.steps.is_multiple_of(LOOK_EVERY) {
        call.look();
    }
    CALL.set(Some(call));
    call.is_over
}
