//! Measuring in turns: what is compared takes turns, so that whatever else the machine
//! does slows all of it, and the ratios hold.

use std::time::{Duration, Instant};

/// How often each takes its turn.
const TURNS: usize = 31;

/// How long each of these takes, in their order: the median of all turns.
pub(crate) fn medians<const N: usize>(mut all: [&mut dyn FnMut(); N]) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..TURNS {
        for (run, times) in all.iter_mut().zip(&mut times) {
            let began = Instant::now();
            run();
            times.push(began.elapsed());
        }
    }
    times.map(|mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    })
}
