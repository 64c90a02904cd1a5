//! What `tests/faults/run` was asked for.

use crate::scenarios::{self, Scenario};

/// All that can be asked for.
const KNOWN: &str = "--long, --cycles N, --seed N, --only NAME, --list";

/// What was asked for.
pub(crate) struct Arguments {
    /// The full figures.
    pub(crate) long: bool,
    /// Only the names and how long each takes.
    pub(crate) list: bool,
    /// How often each fault comes, in place of the campaign's own figure.
    pub(crate) cycles: Option<usize>,
    /// What is chosen by chance hangs on it.
    pub(crate) seed: u64,
    only: Vec<String>,
}

impl Arguments {
    /// Those of this process; an error is in words.
    pub(crate) fn read() -> Result<Arguments, String> {
        let seed = rand::random_range(0..100_000);
        let mut arguments = Arguments { long: false, list: false, cycles: None, seed, only: Vec::new() };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--long" => arguments.long = true,
                "--list" => arguments.list = true,
                "--cycles" => arguments.cycles = Some(number(&word, &value()?)?),
                "--seed" => arguments.seed = number(&word, &value()?)?,
                "--only" => arguments.only.push(value()?),
                name if !name.starts_with('-') => arguments.only.push(name.to_owned()),
                other => return Err(format!("{other} is not known; there are {KNOWN}")),
            }
        }
        Ok(arguments)
    }

    /// The scenarios that were chosen, in their order.
    pub(crate) fn chosen(&self) -> Vec<&'static Scenario> {
        let is_chosen =
            |name: &str| self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()));
        scenarios::ALL.iter().filter(|scenario| is_chosen(scenario.name)).collect()
    }

    /// How often a scenario's fault comes.
    pub(crate) fn times(&self, scenario: &Scenario) -> usize {
        let (short, long) = scenario.times;
        self.cycles.unwrap_or(if self.long { long } else { short })
    }

    /// About how long a scenario takes, in seconds.
    pub(crate) fn seconds(&self, scenario: &Scenario) -> f64 {
        let (short, long) = scenario.each;
        scenarios::START_AND_END + self.times(scenario) as f64 * if self.long { long } else { short }
    }
}

fn number<T: std::str::FromStr<Err = std::num::ParseIntError>>(word: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{word}: {error}"))
}
