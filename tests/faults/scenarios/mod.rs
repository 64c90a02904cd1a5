//! The scenarios, in the order they begin.

mod disk;
mod icinga;
mod kills;
mod moments;
mod network;
mod sinks;
mod soak;
mod storm;

use crate::Campaign;
use crate::report::Verdict;
use futures_util::future::LocalBoxFuture;

/// How long a Watchbell takes to begin, and all that was driven to be told at the end, in
/// seconds.
pub(crate) const START_AND_END: f64 = 8.0;

/// Brings faults about, and says what came of it.
pub(crate) type Run = for<'a> fn(&'a mut Campaign) -> LocalBoxFuture<'a, Verdict>;

/// One kind of fault, or a mixture.
pub(crate) struct Scenario {
    /// What it is called.
    pub(crate) name: &'static str,
    /// How often the fault comes, in the short and in the long campaign.
    pub(crate) times: (usize, usize),
    /// About how long each time takes, in seconds, in the short and in the long campaign.
    pub(crate) each: (f64, f64),
    /// How it runs.
    pub(crate) run: Run,
}

macro_rules! scenario {
    ($name:literal, $times:expr, $each:expr, $run:path) => {
        Scenario { name: $name, times: $times, each: $each, run: |campaign| Box::pin($run(campaign)) }
    };
}

/// All; those that take longest begin first.
pub(crate) const ALL: &[Scenario] = &[
    scenario!("no fault", (1, 1), (4.0, 60.0), kills::none),
    scenario!("soak", (12, 100), (6.5, 12.0), soak::soak),
    scenario!("network faults", (1, 10), (38.0, 130.0), network::faults),
    scenario!("killed at random", (20, 1000), (0.8, 3.6), kills::at_random),
    scenario!("killed at each point", (1, 50), (6.0, 16.0), kills::at_each_point),
    scenario!("killed by the far side", (2, 50), (2.0, 4.0), kills::by_the_far_side),
    scenario!("killed in a checkpoint", (2, 50), (3.0, 4.0), moments::in_a_checkpoint),
    scenario!("killed in a swap of rules", (1, 50), (1.5, 3.0), moments::in_a_swap_of_rules),
    scenario!("killed in a migration", (1, 10), (2.0, 4.0), moments::in_a_migration),
    scenario!("killed around a command", (1, 50), (4.0, 6.0), moments::around_a_command),
    scenario!("told to end", (4, 100), (1.2, 2.0), kills::told_to_end),
    scenario!("stopped and continued", (1, 5), (6.0, 62.0), kills::stopped),
    scenario!("many objects", (1, 1), (10.0, 90.0), icinga::many_objects),
    scenario!("icinga reloads", (2, 20), (3.0, 5.0), icinga::reloads),
    scenario!("icinga frozen", (1, 5), (6.0, 140.0), icinga::frozen),
    scenario!("icinga killed", (1, 20), (22.0, 25.0), icinga::killed),
    scenario!("ircd killed", (2, 20), (2.6, 3.0), sinks::ircd_killed),
    scenario!("inspircd killed", (2, 20), (2.6, 3.0), sinks::inspircd_killed),
    scenario!("mail server killed and full", (1, 20), (5.0, 5.0), sinks::mail_server_killed_and_full),
    scenario!("all sinks down", (1, 1), (12.0, 660.0), sinks::all_down),
    scenario!("100,000 wait at the start", (1, 1), (10.0, 10.0), sinks::much_waits),
    scenario!("storm", (1, 1), (30.0, 140.0), storm::storm),
    scenario!("flapping link", (1, 1), (30.0, 620.0), storm::flapping_link),
    scenario!("disk full", (1, 20), (8.0, 15.0), disk::full),
    scenario!("fsync fails", (1, 20), (12.0, 12.0), disk::fsync_fails),
];
