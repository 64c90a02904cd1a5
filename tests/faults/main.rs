//! The fault campaign: a real Icinga, real sinks and a real Watchbell under load, faults of
//! every kind, and a ledger of what was told.
//!
//! `tests/faults/run [--long] [--cycles N] [--seed N] [--only NAME] [--list]`. A word without
//! dashes chooses scenarios by a part of their name, as in other tests. The exit code is 1
//! where anything was lost, inverted, given up or panicked, or came twice beyond what was on
//! its way.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the ledger and its progress are printed")]

mod arguments;
#[path = "../common/mod.rs"]
mod common;
mod digest;
mod ears;
mod far_side;
mod ground;
mod judge;
mod lanes;
mod load;
mod report;
mod round;
mod router;
mod scenarios;
mod witness;

use arguments::Arguments;
use ground::Ground;
use rand::RngExt;
use rand::rngs::StdRng;
use report::Progress;
use std::process::ExitCode;

/// How many changes a second, unless a scenario has a reason for others.
const SHORT_RATE: f64 = 60.0;
const LONG_RATE: f64 = 200.0;

/// What a scenario works with.
pub(crate) struct Campaign {
    pub(crate) ground: Ground,
    pub(crate) long: bool,
    /// How often its fault is to come.
    pub(crate) times: usize,
    pub(crate) chance: StdRng,
    pub(crate) progress: Progress,
}

impl Campaign {
    /// A figure of the short or of the long campaign.
    pub(crate) fn pick<T>(&self, short: T, long: T) -> T {
        if self.long { long } else { short }
    }

    /// Changes a second.
    pub(crate) fn rate(&self) -> f64 {
        self.pick(SHORT_RATE, LONG_RATE)
    }

    /// A seed for a round.
    pub(crate) fn seed(&mut self) -> u64 {
        self.chance.random()
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(reason) => {
            println!("{reason}");
            return ExitCode::from(2);
        }
    };
    let scenarios = arguments.chosen();
    if arguments.list || scenarios.is_empty() {
        for scenario in scenarios {
            println!(
                "{:<30} {:>4} times, about {}",
                scenario.name,
                arguments.times(scenario),
                report::duration(arguments.seconds(scenario))
            );
        }
        return ExitCode::SUCCESS;
    }
    report::head(arguments.long, arguments.seed);
    if lanes::run(scenarios, &arguments) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
