//! Scenarios side by side: each lane has an Icinga and sinks of its own, so that no
//! scenario disturbs another. Most of a scenario's time is waiting.
//!
//! What a scenario chooses by chance hangs on the seed and its name, not on its lane.

use crate::Campaign;
use crate::arguments::Arguments;
use crate::ground::Ground;
use crate::report::{self, Progress};
use crate::scenarios::Scenario;
use futures_util::FutureExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};

/// In the short campaign; the long one loads the machine with one.
const LANES: usize = 3;

type Waiting = Mutex<VecDeque<&'static Scenario>>;

/// Runs these; true if nothing was wrong in any.
pub(crate) fn run(scenarios: Vec<&'static Scenario>, arguments: &Arguments) -> bool {
    let lanes = if arguments.long { 1 } else { LANES.min(scenarios.len()) };
    let waiting = Mutex::new(VecDeque::from(scenarios));
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(|| lane(&waiting, arguments))).collect();
        let wells: Vec<bool> = lanes.into_iter().map(|lane| lane.join().unwrap_or(false)).collect();
        wells.into_iter().all(|well| well)
    })
}

fn lane(waiting: &Waiting, arguments: &Arguments) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime can be started").block_on(async {
        let mut all_well = true;
        let mut ground = None;
        while let Some(scenario) = next(waiting) {
            let mut campaign = Campaign {
                ground: match ground.take() {
                    Some(ground) => ground,
                    None => Ground::start().await,
                },
                long: arguments.long,
                times: arguments.times(scenario),
                chance: StdRng::seed_from_u64(arguments.seed ^ mark(scenario.name)),
                progress: Progress::of(scenario.name, arguments.times(scenario)),
            };
            // A ground on which a scenario broke off is given up.
            match AssertUnwindSafe((scenario.run)(&mut campaign)).catch_unwind().await {
                Ok(verdict) => {
                    all_well &= report::row(scenario.name, &verdict);
                    ground = Some(campaign.ground);
                }
                Err(panic) => {
                    all_well = false;
                    report::broken_off(scenario.name, panic.as_ref());
                }
            }
        }
        all_well
    })
}

fn next(waiting: &Waiting) -> Option<&'static Scenario> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// A number of a name's own (FNV-1a).
fn mark(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |mark, byte| (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
