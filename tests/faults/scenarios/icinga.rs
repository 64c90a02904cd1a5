//! Icinga read again, frozen, killed.

use crate::Campaign;
use crate::common::wait_for;
use crate::report::Verdict;
use crate::round::Round;
use std::time::{Duration, Instant};

/// How long it may take until Watchbell has caught up after a break.
const BACK: Duration = Duration::from_secs(120);

/// SIGHUP under load.
pub(crate) async fn reloads(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut longest = Duration::ZERO;
    for cycle in 1..=times {
        round.wait(1.0).await;
        let before = round.router.times_ready();
        let start = Instant::now();
        round.ground.icinga.reload();
        caught_up_again(&round, before);
        longest = longest.max(start.elapsed());
        campaign.progress.done(cycle, &mut round).await;
    }
    round.wait(1.0).await;
    let note = format!("{times} times, back after {:.1} s at most", longest.as_secs_f64());
    Verdict::of(round.end().await).and(note, Vec::new())
}

/// SIGSTOP and SIGCONT of all of Icinga. A short freeze breaks nothing; in a long one Watchbell
/// gives the connection up, and with it what Icinga had not handed over before.
pub(crate) async fn frozen(campaign: &mut Campaign) -> Verdict {
    let (seconds, breaks) = campaign.pick((4.0, false), (120.0, true));
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut longest = Duration::ZERO;
    for cycle in 1..=campaign.times {
        round.wait(1.0).await;
        let before = round.router.times_ready();
        if breaks {
            round.goes_deaf();
        }
        round.ground.icinga.freeze();
        round.wait(seconds).await;
        round.ground.icinga.thaw();
        let start = Instant::now();
        if breaks {
            caught_up_again(&round, before);
            round.hears_again();
            longest = longest.max(start.elapsed());
        }
        round.wait(2.0).await;
        campaign.progress.done(cycle, &mut round).await;
    }
    let back =
        if breaks { format!(", back after {:.1} s at most", longest.as_secs_f64()) } else { String::new() };
    Verdict::of(round.end().await).and(format!("{} times for {seconds} s{back}", campaign.times), Vec::new())
}

/// `kill -9` of Icinga under load: it comes back with states of before, and those are told.
pub(crate) async fn killed(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut wrong = Vec::new();
    for cycle in 1..=times {
        // It keeps its states when it reads its configuration again, so that those it
        // comes back with are not from before the round.
        let before = round.router.times_ready();
        round.ground.icinga.reload();
        caught_up_again(&round, before);
        round.wait(1.5).await;
        let before = round.router.times_ready();
        round.goes_deaf();
        round.ground.icinga.kill();
        round.ground.icinga.restart().await;
        caught_up_again(&round, before);
        wrong.extend(round.wake_icinga().await);
        campaign.progress.done(cycle, &mut round).await;
    }
    round.wait(1.5).await;
    Verdict::of(round.end().await).and(format!("{times} times"), wrong)
}

/// Waits until it has caught up oftener than `before`.
pub(super) fn caught_up_again(round: &Round<'_>, before: usize) {
    wait_for("watchbell to catch up again", BACK, || (round.router.times_ready() > before).then_some(()));
}
