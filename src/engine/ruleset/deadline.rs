//! How long one call of a script may take, and how long it took.
//!
//! Owns: the one clock that the engine reads. It never reaches a rule or an outcome but
//! by stopping a call that would hold up all events behind it; what a call says within its
//! time is the same in a replay. Promises: a call is stopped soon after its time is over,
//! wherever it is: also inside of closures that a native function calls.
//! Never: says what time it is.

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
    ends: Instant,
    steps: u32,
    is_over: bool,
}

/// Runs a script for at most so long; also says how long it took.
pub(super) fn within<T>(time: Duration, call: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    // A test calls rules: its own time runs on.
    let outer = CALL.replace(Some(Call { ends: began + time, steps: 0, is_over: false }));
    let result = call();
    CALL.set(outer);
    (result, began.elapsed())
}

/// Counts a step of the call under way; whether its time is over.
pub(super) fn step_is_over() -> bool {
    let Some(mut call) = CALL.get() else { return false };
    call.steps += 1;
    if call.steps.is_multiple_of(LOOK_EVERY) {
        call.is_over |= Instant::now() >= call.ends;
    }
    CALL.set(Some(call));
    call.is_over
}
