//! Icinga read again, frozen, killed.

use crate::Campaign;
use crate::common::icinga::Icinga;
use crate::common::wait_for;
use crate::common::watchbell::Site;
use crate::report::Verdict;
use crate::round::{Round, looks_kept};
use crate::router::{Manner, Router};
use std::time::{Duration, Instant};

/// How long it may take until Watchbell has caught up after a break.
const BACK: Duration = Duration::from_secs(120);

/// Reading all objects of a large site may take no longer, and no more mebibytes.
const READ_WITHIN: Duration = Duration::from_secs(30);
const MEBIBYTES: u64 = 512;
const SERVICES_OF_HOST: usize = 49;

/// A large site is read at the first start, and at the next one.
pub(crate) async fn many_objects(campaign: &mut Campaign) -> Verdict {
    let hosts = campaign.pick(40, 2000);
    let folder = campaign.ground.folder().await;
    let icinga = Icinga::start_hard(&folder, hosts, SERVICES_OF_HOST).await;
    let site = Site::new(&folder);
    site.configure(&[site.icinga(&icinga), site.console()]);
    let (mut notes, mut faults) = (vec![format!("{} objects", hosts * (SERVICES_OF_HOST + 1))], Vec::new());
    for what in ["first start", "next start"] {
        let store = site.path("watchbell.db");
        let before = if store.exists() { looks_kept(&store) } else { 0 };
        let mut router = Router::start(&site.path(""), &folder.join("log"), &Manner::default());
        assert!(router.ready().is_some(), "it does not start: {}", router.logged());
        wait_for("all objects to be kept", BACK, || (looks_kept(&store) > before).then_some(()));
        let (took, most) = (router.age(), router.most_mebibytes());
        notes.push(format!("{what}: judged and kept after {:.1} s, {most} MiB at most", took.as_secs_f64()));
        if took > READ_WITHIN || most > MEBIBYTES {
            faults.push(format!("{what}: {:.1} s and {most} MiB", took.as_secs_f64()));
        }
        router.kill();
    }
    Verdict::Measured { note: notes.join("; "), faults }
}

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
