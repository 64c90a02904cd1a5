//! The network between Watchbell and Icinga: cut, reset, half-open, slow.

use super::icinga::caught_up_again;
use crate::Campaign;
use crate::common::proxy::{BOTH, End, Way};
use crate::common::wait_for;
use crate::report::Verdict;
use crate::round::Round;
use std::time::Duration;

/// How long it may take until a dead line is noticed: a silence, a probe, and much more.
const NOTICED: Duration = Duration::from_secs(90);
/// How long what waited behind a slow line takes to come afterwards.
const BACKLOG: Duration = Duration::from_secs(6);
/// What Watchbell says when it has noticed.
const BROKEN: &str = "connects again";
/// A slow line carries so much in a second: less than the load needs.
const SLOW: u64 = 24 * 1024;

/// What may befall a line.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    /// All connections end with a FIN.
    Cut,
    /// They are reset when so many more bytes of Icinga's have come, in the middle of a line.
    Reset(u64),
    /// They stay open, and nothing passes these ways, until that was noticed.
    HalfOpen(&'static [Way]),
    /// Nothing that Watchbell says arrives for so long; what Icinga says does.
    Mute(Duration),
    /// They carry less than there is, for so long.
    Slow(Duration),
}

/// Brings a trouble about and waits until Watchbell has caught up.
pub(super) async fn befalls(round: &mut Round<'_>, trouble: Trouble) {
    let before = round.router.times_ready();
    let known = broken(round);
    round.goes_deaf();
    match trouble {
        Trouble::Cut => round.ground.line.end(End::Cut),
        Trouble::Reset(bytes) => round.ground.line.end_after(Way::ToClient, bytes, End::Reset),
        Trouble::HalfOpen(ways) => {
            round.ground.line.stall(ways);
            wait_for("the dead line to be noticed", NOTICED, || (broken(round) > known).then_some(()));
            round.ground.line.pass();
        }
        Trouble::Slow(time) => {
            round.ground.line.trickle(&BOTH, SLOW);
            round.wait(time.as_secs_f64()).await;
            round.ground.line.pass();
            assert_eq!(round.router.times_ready(), before, "a slow line was taken for a dead one");
            return never_broke(round).await;
        }
        Trouble::Mute(time) => {
            round.ground.line.stall(&[Way::ToServer]);
            round.wait(time.as_secs_f64()).await;
            round.ground.line.pass();
            // It is noticed only where Icinga says nothing for a time, so that it is asked.
            if broken(round) == known {
                return never_broke(round).await;
            }
        }
    }
    caught_up_again(round, before);
    round.hears_again();
}

/// How often Watchbell has noticed that a line is dead.
fn broken(round: &Round<'_>) -> usize {
    round.router.logged().matches(BROKEN).count()
}

/// All of it is told, also what waited.
async fn never_broke(round: &mut Round<'_>) {
    round.never_deaf();
    round.wait(BACKLOG.as_secs_f64()).await;
}

/// All of them, one after the other.
pub(crate) async fn faults(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let slow = Duration::from_secs(campaign.pick(4, 20));
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    round.icinga_forgets = false;
    let troubles = [
        Trouble::Cut,
        Trouble::Reset(30_001),
        Trouble::HalfOpen(&BOTH),
        Trouble::Slow(slow),
        Trouble::Mute(slow),
        Trouble::HalfOpen(&[Way::ToClient]),
    ];
    // One half-open line takes as long as all the rest.
    let troubles = if campaign.long { &troubles[..] } else { &troubles[..4] };
    for cycle in 1..=times {
        for trouble in troubles {
            round.wait(1.0).await;
            befalls(&mut round, *trouble).await;
        }
        campaign.progress.done(cycle, &mut round).await;
    }
    round.wait(1.0).await;
    Verdict::of(round.end().await).and(format!("{times} times each of {}", troubles.len()), Vec::new())
}
