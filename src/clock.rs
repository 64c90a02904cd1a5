//! What time it is, for all that is due at a time.
//!
//! Owns: whether the wall clock is believed. It is compared with the time that the machine
//! has lived, asleep or awake (`CLOCK_BOOTTIME`). Promises: a jump ahead is believed only
//! when it has lasted for a minute, until when time goes on as before; so a clock that is
//! set wrong and put right at once sets nothing off. A jump back is believed at once;
//! whoever keeps deadlines moves them along. Never: sleeps.

use crate::model::Timestamp;
use jiff::SignedDuration;
use rustix::time::{ClockId, clock_gettime};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What two looks may differ by without being a jump.
pub const MOST_DRIFT: SignedDuration = SignedDuration::from_secs(5);
/// How long a jump ahead must last to be believed.
const CONFIRM: Duration = Duration::from_secs(60);
/// Both clocks are read within this, or read again.
const AT_ONCE: Duration = Duration::from_millis(100);

/// The one clock of the process.
static GUARD: Mutex<Guard> = Mutex::new(Guard::new());

/// The time that is believed.
pub fn now() -> Timestamp {
    let (wall, lived) = read();
    GUARD.lock().unwrap_or_else(PoisonError::into_inner).look(wall, lived)
}

/// What happened to the clock since the last call, in order. For one caller.
pub fn take_jumps() -> Vec<Jump> {
    std::mem::take(&mut GUARD.lock().unwrap_or_else(PoisonError::into_inner).jumps)
}

/// What happened to the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// It jumped ahead by this, which is not believed yet.
    Ahead(SignedDuration),
    /// A jump ahead has lasted, and is believed.
    Believed,
    /// A jump ahead was taken back before it was believed.
    TakenBack,
    /// It was set back by this.
    Back(SignedDuration),
}

/// Both clocks at one moment.
fn read() -> (Timestamp, Duration) {
    loop {
        let before = lived();
        let wall = Timestamp::now();
        let after = lived();
        // Who is stopped between the two looks would see a jump.
        if after.saturating_sub(before) < AT_ONCE {
            return (wall, after);
        }
    }
}

/// How long the machine has lived, asleep or awake. Nobody can set it.
pub fn lived() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

/// What was seen of both clocks. Pure.
#[derive(Debug)]
struct Guard {
    last: Option<(Timestamp, Duration)>,
    /// By how much the wall is ahead of what is believed, and since when.
    ahead: Option<(SignedDuration, Duration)>,
    jumps: Vec<Jump>,
}

impl Guard {
    const fn new() -> Guard {
        Guard { last: None, ahead: None, jumps: Vec::new() }
    }

    /// The time that is believed, when the clocks say this.
    fn look(&mut self, wall: Timestamp, lived: Duration) -> Timestamp {
        let drift = self.last.map_or(SignedDuration::ZERO, |(last_wall, last_lived)| {
            let passed = SignedDuration::try_from(lived.saturating_sub(last_lived)).unwrap_or_default();
            wall.duration_since(last_wall) - passed
        });
        self.last = Some((wall, lived));
        if drift.abs() > MOST_DRIFT {
            self.jumped(drift, lived);
        }
        if let Some((_, since)) = self.ahead
            && lived.saturating_sub(since) >= CONFIRM
        {
            self.ahead = None;
            self.jumps.push(Jump::Believed);
        }
        let ahead = self.ahead.map_or(SignedDuration::ZERO, |(by, _)| by);
        wall.checked_sub(ahead).unwrap_or(wall)
    }

    fn jumped(&mut self, drift: SignedDuration, lived: Duration) {
        let before = self.ahead.map_or(SignedDuration::ZERO, |(by, _)| by);
        let by = before + drift;
        if by > MOST_DRIFT {
            self.ahead = Some((by, lived));
            self.jumps.push(Jump::Ahead(by));
            return;
        }
        if self.ahead.take().is_some() {
            self.jumps.push(Jump::TakenBack);
        }
        if by < -MOST_DRIFT {
            self.jumps.push(Jump::Back(by.abs()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    const YEARS: i64 = 10 * 365 * 24 * HOUR;

    /// What is believed at each look, in seconds since the first, and the jumps. A look is
    /// seconds lived since the one before, and how far the wall is set then.
    fn looks(looks: &[(u64, i64)]) -> (Vec<i64>, Vec<Jump>) {
        let begin = 1_800_000_000;
        let (mut guard, mut lived, mut wall) = (Guard::new(), 1000, begin);
        let mut believed = Vec::new();
        for (passed, set) in looks {
            lived += passed;
            wall += i64::try_from(*passed).expect("a small number") + set;
            let wall = Timestamp::from_second(wall).expect("a moment");
            believed.push(guard.look(wall, Duration::from_secs(lived)).as_second() - begin);
        }
        (believed, guard.jumps)
    }

    fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    #[test]
    fn a_clock_that_is_let_alone_is_believed_also_behind_a_long_sleep() {
        let even = looks(&[(0, 0), (1, 0), (7 * 24 * 3600, 0), (1, 4), (1, -4)]);
        assert_eq!(even, (vec![0, 1, 604_801, 604_806, 604_803], vec![]));
    }

    #[test]
    fn a_jump_ahead_is_believed_when_it_has_lasted() {
        for jump in [HOUR, YEARS] {
            let (believed, jumps) = looks(&[(0, 0), (1, jump), (30, 0), (29, 0), (1, 0)]);
            assert_eq!(believed, [0, 1, 31, 60, 61 + jump]);
            assert_eq!(jumps, [Jump::Ahead(seconds(jump)), Jump::Believed]);
        }
    }

    #[test]
    fn a_jump_ahead_that_is_taken_back_was_never_there() {
        let (believed, jumps) = looks(&[(0, 0), (1, HOUR), (30, -HOUR), (60, 0)]);
        assert_eq!(believed, [0, 1, 31, 91]);
        assert_eq!(jumps, [Jump::Ahead(seconds(HOUR)), Jump::TakenBack]);
    }

    #[test]
    fn a_second_jump_ahead_must_last_as_well() {
        let (believed, jumps) = looks(&[(0, 0), (1, HOUR), (59, HOUR), (59, 0), (1, 0)]);
        assert_eq!(believed, [0, 1, 60, 119, 120 + 2 * HOUR]);
        let ahead = |hours: i64| Jump::Ahead(seconds(hours * HOUR));
        assert_eq!(jumps, [ahead(1), ahead(2), Jump::Believed]);
    }

    #[test]
    fn a_jump_back_is_believed_at_once() {
        let (believed, jumps) = looks(&[(0, 0), (1, -HOUR), (1, 0), (1, HOUR), (60, 0)]);
        assert_eq!(believed, [0, 1 - HOUR, 2 - HOUR, 3 - HOUR, 63]);
        assert_eq!(jumps, [Jump::Back(seconds(HOUR)), Jump::Ahead(seconds(HOUR)), Jump::Believed]);
    }

    #[test]
    fn a_jump_ahead_and_further_back_is_a_jump_back() {
        let (believed, jumps) = looks(&[(0, 0), (1, HOUR), (1, -3 * HOUR)]);
        assert_eq!(believed, [0, 1, 2 - 2 * HOUR]);
        assert_eq!(jumps[1..], [Jump::TakenBack, Jump::Back(seconds(2 * HOUR))]);
    }

    #[test]
    fn the_clock_of_this_machine_goes_on() {
        let first = now();
        assert!(now() >= first);
    }
}
