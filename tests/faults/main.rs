//! The fault campaign: a real Icinga, real sinks and a real Watchbell under load, faults of
//! every kind, and a ledger of what was told.
//!
//! `tests/faults/run [--long] [--seed N] [--only NAME] [--list]`. A word without dashes
//! chooses scenarios by a part of their name, as in other tests. The exit code is 1 where
//! anything was lost, inverted, given up or panicked, or came twice beyond what was on its way.

#![expect(clippy::print_stdout, reason = "the ledger is printed")]

#[path = "../common/mod.rs"]
mod common;
mod ears;
mod far_side;
mod ground;
mod judge;
mod load;
mod report;
mod round;
mod router;
mod scenarios;

use ground::Ground;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::process::ExitCode;

/// How many changes a second, unless a scenario has a reason for others.
const SHORT_RATE: f64 = 60.0;
const LONG_RATE: f64 = 200.0;

/// What the scenarios work with.
pub(crate) struct Campaign {
    pub(crate) ground: Ground,
    pub(crate) long: bool,
    pub(crate) chance: StdRng,
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

/// What was asked for.
struct Arguments {
    long: bool,
    list: bool,
    seed: u64,
    only: Vec<String>,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments =
        Arguments { long: false, list: false, seed: rand::random_range(0..100_000), only: Vec::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--long" => arguments.long = true,
            "--list" => arguments.list = true,
            "--seed" => arguments.seed = value()?.parse().map_err(|error| format!("--seed: {error}"))?,
            "--only" => arguments.only.push(value()?),
            name if !name.starts_with('-') => arguments.only.push(name.to_owned()),
            other => {
                return Err(format!("{other} is not known; there are --long, --seed N, --only NAME, --list"));
            }
        }
    }
    Ok(arguments)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(reason) => {
            println!("{reason}");
            return ExitCode::from(2);
        }
    };
    let chosen = |name: &str| {
        arguments.only.is_empty() || arguments.only.iter().any(|part| name.contains(part.as_str()))
    };
    let scenarios: Vec<_> = scenarios::ALL.iter().filter(|(name, _)| chosen(name)).collect();
    if arguments.list || scenarios.is_empty() {
        scenarios.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let all_well = runtime.expect("a runtime can be started").block_on(async {
        report::head(arguments.long, arguments.seed);
        let chance = StdRng::seed_from_u64(arguments.seed);
        let mut campaign = Campaign { ground: Ground::start().await, long: arguments.long, chance };
        let mut all_well = true;
        for (name, scenario) in scenarios {
            let verdict = scenario(&mut campaign).await;
            all_well &= report::row(name, &verdict);
        }
        all_well
    });
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
