//! Watchbell killed, stopped, told to end.

use crate::Campaign;
use crate::ears::Trap;
use crate::judge::Sink;
use crate::report::Verdict;
use crate::round::Round;
use crate::router::Manner;
use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::Signal;
use std::time::Duration;

/// How long a point may take to be reached.
const REACHED: Duration = Duration::from_secs(30);
/// Told to end, it has ended within this.
const END: Duration = Duration::from_secs(10);

/// The points that any load reaches, and how many passages go before at most.
const POINTS: &[(&str, u32)] = &[
    ("batch.judged", 3),
    ("batch.queued", 3),
    ("commit.inside", 80),
    ("commit.done", 80),
    ("delivery.due", 40),
    ("irc.said", 6),
    ("delivery.answered", 40),
    ("delivery.kept", 40),
    // A start behind a death passes these.
    ("fold.noted", 1),
    ("fold.emptied", 1),
];

/// What can be told at all.
pub(crate) async fn none(campaign: &mut Campaign) -> Verdict {
    let (rate, seed, seconds) = (campaign.rate(), campaign.seed(), campaign.pick(4.0, 60.0));
    let round = Round::begin(&mut campaign.ground, rate, seed).await;
    round.wait(seconds).await;
    Verdict::of(round.end().await)
}

/// `kill -9`, again and again.
pub(crate) async fn at_random(campaign: &mut Campaign) -> Verdict {
    let longest = campaign.pick(0.8, 5.0);
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    for cycle in 1..=campaign.times {
        round.wait(campaign.chance.random_range(0.2..longest)).await;
        round.kill();
        if campaign.chance.random_bool(0.2) {
            // Also while it starts.
            round.launch(&Manner::default());
            round.wait(campaign.chance.random_range(0.0..0.3)).await;
            round.kill();
        }
        round.start();
        campaign.progress.done(cycle, &mut round).await;
    }
    round.wait(0.5).await;
    Verdict::of(round.end().await)
}

/// Dies at each point under load.
pub(crate) async fn at_each_point(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut faults = Vec::new();
    round.kill();
    for cycle in 1..=times {
        for point in POINTS {
            let reached = dies_at(&mut round, point, &mut campaign.chance);
            faults.extend(reached.err());
        }
        if cycle < times {
            round.start();
            campaign.progress.done(cycle, &mut round).await;
            round.kill();
        }
    }
    round.start();
    round.wait(0.5).await;
    let points = format!("{} points, {times} each", POINTS.len());
    Verdict::of(round.end().await).and(points, faults)
}

fn dies_at(round: &mut Round<'_>, (point, most): &(&str, u32), chance: &mut StdRng) -> Result<(), String> {
    let passages = chance.random_range(0..*most);
    let failpoints = Some(format!("{point}={passages}*off->return"));
    round.launch(&Manner { failpoints, ..Manner::default() });
    round.catch_up();
    let ended = round.router.ended_within(REACHED);
    if ended.is_none() {
        round.router.kill();
    }
    round.died();
    ended.map(|_| ()).ok_or(format!("{point} was not reached"))
}

/// Dies when the far side has heard everything and has not answered.
pub(crate) async fn by_the_far_side(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut faults = Vec::new();
    for cycle in 0..2 * times {
        let sink = if cycle % 2 == 0 { Sink::Mail } else { Sink::Hook };
        round.ground.mail.set_slow(sink == Sink::Mail);
        let passes = campaign.chance.random_range(0..8);
        round.ground.ears.set_trap(Trap { sink, passes, process: round.router.id() });
        if round.router.ended_within(REACHED).is_none() {
            faults.push(format!("{} heard nothing", sink.name()));
            round.router.kill();
        }
        round.ground.mail.set_slow(false);
        round.died();
        round.start();
        campaign.progress.done(cycle.div_ceil(2), &mut round).await;
    }
    Verdict::of(round.end().await).and(String::new(), faults)
}

/// SIGTERM under load: it ends in order, and nothing comes twice.
pub(crate) async fn told_to_end(campaign: &mut Campaign) -> Verdict {
    let times = campaign.times;
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut faults = Vec::new();
    for cycle in 1..=times {
        round.wait(campaign.chance.random_range(0.2..1.0)).await;
        round.goes_deaf();
        round.router.signal(Signal::TERM);
        match round.router.ended_within(END) {
            Some(status) if status.success() => {}
            Some(status) => faults.push(format!("it ended with {status}")),
            None => {
                faults.push(format!("it did not end within {END:?}"));
                round.router.kill();
            }
        }
        round.start();
        campaign.progress.done(cycle, &mut round).await;
    }
    round.wait(0.5).await;
    Verdict::of(round.end().await).and(format!("{times} times"), faults)
}

/// SIGSTOP and SIGCONT: as if the machine slept.
pub(crate) async fn stopped(campaign: &mut Campaign) -> Verdict {
    let seconds = campaign.pick(4.0, 60.0);
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    for cycle in 1..=campaign.times {
        round.wait(1.0).await;
        round.router.signal(Signal::STOP);
        round.wait(seconds).await;
        round.router.signal(Signal::CONT);
        round.wait(1.0).await;
        campaign.progress.done(cycle, &mut round).await;
    }
    Verdict::of(round.end().await).and(format!("{} times for {seconds} s", campaign.times), Vec::new())
}
