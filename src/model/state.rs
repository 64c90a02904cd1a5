//! The state of a host or service, in Icinga's own words.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a check found, as Icinga names it.
///
/// Hosts are `UP` or `DOWN`, services `OK`, `WARNING`, `CRITICAL` or `UNKNOWN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// A service works (Icinga service state 0).
    Ok,
    /// A host answers (Icinga host state 0).
    Up,
    /// A service is impaired (Icinga service state 1).
    Warning,
    /// A check could not tell (Icinga service state 3).
    Unknown,
    /// A service is broken (Icinga service state 2).
    Critical,
    /// A host does not answer (Icinga host state 1).
    Down,
}

impl State {
    /// All states, mildest first.
    pub const ALL: [State; 6] =
        [State::Ok, State::Up, State::Warning, State::Unknown, State::Critical, State::Down];

    /// Reads a host's `state` (0 is up, all else is down).
    ///
    /// Inside a `check_result` Icinga uses the service scale even for hosts
    /// (0 and 1 are up, 2 and 3 down): use [`State::of_host_result`] there.
    pub fn of_host(number: i64) -> State {
        if number == 0 { State::Up } else { State::Down }
    }

    /// Reads the `state` inside a host's `check_result` (service scale 0 to 3).
    pub fn of_host_result(number: i64) -> State {
        if number <= 1 { State::Up } else { State::Down }
    }

    /// Reads a service's `state`; numbers outside 0 to 3 mean unknown.
    pub fn of_service(number: i64) -> State {
        match number {
            0 => State::Ok,
            1 => State::Warning,
            2 => State::Critical,
            _ => State::Unknown,
        }
    }

    /// Icinga's word for it, in upper case.
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "OK",
            State::Up => "UP",
            State::Warning => "WARNING",
            State::Unknown => "UNKNOWN",
            State::Critical => "CRITICAL",
            State::Down => "DOWN",
        }
    }

    /// Finds the state with this name, in upper case as Icinga writes it.
    pub fn from_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether somebody should worry: everything but `OK` and `UP`.
    pub fn is_problem(self) -> bool {
        !matches!(self, State::Ok | State::Up)
    }

    /// How bad it is, for sorting: 0 for good, 4 for a host that is down.
    pub fn severity(self) -> u8 {
        match self {
            State::Ok | State::Up => 0,
            State::Warning => 1,
            State::Unknown => 2,
            State::Critical => 3,
            State::Down => 4,
        }
    }
}

/// Whether a check did not come to its own end, because Icinga or the system it runs on was
/// going down: what it says of the object is nothing.
///
/// Icinga then writes exit status 128 and `<Terminated by signal 15 (Terminated).>` behind the
/// output (`lib/base/process.cpp`). A check that took too long or crashed is a problem of its own.
pub fn is_cut_off(exit_status: i64, output: &str) -> bool {
    const ENDED: [&str; 4] = ["1", "2", "9", "15"];
    let signal = output.rsplit_once("<Terminated by signal ").map(|(_, rest)| rest);
    let number = signal.and_then(|rest| rest.split([' ', '.']).next());
    exit_status >= 128
        && number.is_some_and(|number| ENDED.contains(&number))
        && !output.contains("<Timeout exceeded.>")
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_cut_off_only_by_what_ends_programs_on_purpose() {
        for (exit_status, output, cut_off) in [
            (128, "<Terminated by signal 15 (Terminated).>", true),
            (128, "PING <Terminated by signal 9 (Killed).>", true),
            (143, "<Terminated by signal 15.>", true),
            (128, "<Timeout exceeded.><Terminated by signal 9 (Killed).>", false),
            (128, "<Terminated by signal 11 (Segmentation fault).>", false),
            (2, "<Terminated by signal 15 (Terminated).>", false),
            (128, "", false),
        ] {
            assert_eq!(is_cut_off(exit_status, output), cut_off, "{output}");
        }
    }
}
