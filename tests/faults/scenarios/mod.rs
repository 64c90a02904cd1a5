//! The scenarios, in the order they run.

mod disk;
mod icinga;
mod kills;
mod moments;
mod sinks;
mod storm;

use crate::Campaign;
use crate::report::Verdict;
use futures_util::future::LocalBoxFuture;

/// A scenario: brings faults about, and says what came of it.
pub(crate) type Scenario = for<'a> fn(&'a mut Campaign) -> LocalBoxFuture<'a, Verdict>;

/// All, by name.
pub(crate) const ALL: &[(&str, Scenario)] = &[
    ("no fault", |campaign| Box::pin(kills::none(campaign))),
    ("killed at random", |campaign| Box::pin(kills::at_random(campaign))),
    ("killed at each point", |campaign| Box::pin(kills::at_each_point(campaign))),
    ("killed by the far side", |campaign| Box::pin(kills::by_the_far_side(campaign))),
    ("killed in a checkpoint", |campaign| Box::pin(moments::in_a_checkpoint(campaign))),
    ("killed in a swap of rules", |campaign| Box::pin(moments::in_a_swap_of_rules(campaign))),
    ("killed in a migration", |campaign| Box::pin(moments::in_a_migration(campaign))),
    ("killed around a command", |campaign| Box::pin(moments::around_a_command(campaign))),
    ("told to end", |campaign| Box::pin(kills::told_to_end(campaign))),
    ("stopped and continued", |campaign| Box::pin(kills::stopped(campaign))),
    ("icinga reloads", |campaign| Box::pin(icinga::reloads(campaign))),
    ("icinga frozen", |campaign| Box::pin(icinga::frozen(campaign))),
    ("icinga killed", |campaign| Box::pin(icinga::killed(campaign))),
    ("ircd killed", |campaign| Box::pin(sinks::ircd_killed(campaign))),
    ("mail server killed and full", |campaign| Box::pin(sinks::mail_server_killed_and_full(campaign))),
    ("all sinks down", |campaign| Box::pin(sinks::all_down(campaign))),
    ("100,000 wait at the start", |campaign| Box::pin(sinks::much_waits(campaign))),
    ("storm", |campaign| Box::pin(storm::storm(campaign))),
    ("flapping link", |campaign| Box::pin(storm::flapping_link(campaign))),
    ("disk full", |campaign| Box::pin(disk::full(campaign))),
    ("fsync fails", |campaign| Box::pin(disk::fsync_fails(campaign))),
];
