//! Watchbell killed, stopped, told to end.

use crate::Campaign;
use crate::ears::Trap;
use crate::judge::Sink;
use crate::report::Verdict;
use crate::round::Round;
use crate::router::Manner;
use rand::RngExt;
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
    let (cycles, longest) = (campaign.pick(20, 1000), campaign.pick(0.8, 5.0));
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    for _ in 0..cycles {
        round.wait(campaign.chance.random_range(0.2..longest)).await;
        round.kill();
        if campaign.chance.random_bool(0.2) {
            // Also while it starts.
            round.launch(&Manner::default());
            round.wait(campaign.chance.random_range(0.0..0.3)).await;
            round.kill();
        }
        round.start();
    }
    round.wait(0.5).await;
    Verdict::of(round.end().await)
}

/// Dies at each point under load.
pub(crate) async fn at_each_point(campaign: &mut Campaign) -> Verdict {
    let times = campaign.pick(1, 50);
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut faults = Vec::new();
    round.kill();
    for (point, most) in POINTS.iter().flat_map(|point| std::iter::repeat_n(point, times)) {
        let passages = campaign.chance.random_range(0..*most);
        let failpoints = Some(format!("{point}={passages}*off->return"));
        round.launch(&Manner { failpoints, ..Manner::default() });
        round.catch_up();
        if round.router.ended_within(REACHED).is_none() {
            faults.push(format!("{point} was not reached"));
            round.router.kill();
        }
        round.died();
    }
    round.start();
    round.wait(0.5).await;
    let points = format!("{} points, {times} each", POINTS.len());
    Verdict::of(round.end().await).and(points, faults)
}

/// Dies when the far side has heard everything and has not answered.
pub(crate) async fn by_the_far_side(campaign: &mut Campaign) -> Verdict {
    let times = campaign.pick(2, 50);
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut faults = Vec::new();
    for sink in [Sink::Mail, Sink::Hook].into_iter().flat_map(|sink| std::iter::repeat_n(sink, times)) {
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
    }
    Verdict::of(round.end().await).and(String::new(), faults)
}

/// SIGTERM under load: it ends in order, and nothing comes twice.
pub(crate) async fn told_to_end(campaign: &mut Campaign) -> Verdict {
    let times = campaign.pick(4, 100);
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let mut round = Round::begin(&mut campaign.ground, rate, seed).await;
    let mut faults = Vec::new();
    for _ in 0..times {
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
    }
    round.wait(0.5).await;
    Verdict::of(round.end().await).and(format!("{times} times"), faults)
}

/// SIGSTOP and SIGCONT: as if the machine slept.
pub(crate) async fn stopped(campaign: &mut Campaign) -> Verdict {
    let seconds = campaign.pick(4.0, 60.0);
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let round = Round::begin(&mut campaign.ground, rate, seed).await;
    round.wait(1.0).await;
    round.router.signal(Signal::STOP);
    round.wait(seconds).await;
    round.router.signal(Signal::CONT);
    round.wait(1.0).await;
    Verdict::of(round.end().await).and(format!("for {seconds} s"), Vec::new())
}
