//! Faults of all kinds, mixed at random, against one database for a long time.
//!
//! A sink that is down stays so while the next fault comes. In the second half Watchbell
//! itself is not ended, so that what it holds in memory and open files can be compared.

use super::disk::{self, Disk};
use super::icinga::caught_up_again;
use super::network::{Trouble, befalls};
use crate::Campaign;
use crate::common::proxy::BOTH;
use crate::report::Verdict;
use crate::round::Round;
use crate::router::Weight;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rustix::process::Signal;
use std::time::Duration;

/// Told to end, it has ended within this.
const END: Duration = Duration::from_secs(10);
/// How long Watchbell stands still, and the disk is full, in seconds.
const STILL: f64 = 3.0;
/// So much more it may hold at the end: what a database and a load of minutes need.
const MOST_GROWN: Weight = Weight { mebibytes: 64, files: 32 };

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Killed,
    ToldToEnd,
    Stopped,
    IcingaReloads,
    IcingaKilled,
    IcingaFrozen,
    IrcdKilled,
    MailKilled,
    MailBusy,
    HookBusy,
    LineCut,
    LineReset,
    LineHalfOpen,
    RulesSwapped,
    DiskFull,
}

use Fault::{
    DiskFull, HookBusy, IcingaFrozen, IcingaKilled, IcingaReloads, IrcdKilled, Killed, LineCut, LineHalfOpen,
    LineReset, MailBusy, MailKilled, RulesSwapped, Stopped, ToldToEnd,
};

const ALL: [Fault; 15] = [
    Killed,
    ToldToEnd,
    Stopped,
    IcingaReloads,
    IcingaKilled,
    IcingaFrozen,
    IrcdKilled,
    MailKilled,
    MailBusy,
    HookBusy,
    LineCut,
    LineReset,
    LineHalfOpen,
    RulesSwapped,
    DiskFull,
];

/// All faults in a new order, again and again.
struct Deck(Vec<Fault>);

impl Deck {
    fn draw(&mut self, chance: &mut StdRng, may: impl Fn(Fault) -> bool) -> Fault {
        loop {
            if self.0.is_empty() {
                self.0 = ALL.to_vec();
                self.0.shuffle(chance);
            }
            if let Some(fault) = self.0.pop().filter(|fault| may(*fault)) {
                return fault;
            }
        }
    }
}

/// A round with all that a fault may need.
struct Soak<'a> {
    round: Round<'a>,
    /// `None` where none may be mounted.
    disk: Option<Disk>,
    /// A sink that is down.
    down: Option<Fault>,
    swaps: usize,
}

/// Runs it.
pub(crate) async fn soak(campaign: &mut Campaign) -> Verdict {
    let (times, longest) = (campaign.times, campaign.pick(1.5, 9.0));
    let (rate, seed) = (campaign.rate(), campaign.seed());
    let folder = campaign.ground.folder().await;
    let disk = Disk::mount(&folder, campaign.pick(64, 2048));
    let store = disk.as_ref().map_or_else(|| folder.join("watchbell.db"), Disk::store);
    let round = Round::begin_at(&mut campaign.ground, folder, store, rate, seed);
    let mut soak = Soak { round, disk, down: None, swaps: 0 };
    let mut deck = Deck(Vec::new());
    let mut begin = None;
    for cycle in 1..=times {
        if cycle > times / 2 && begin.is_none() {
            begin = Some(soak.round.router.weight());
        }
        let has_disk = soak.disk.is_some();
        let fault = deck.draw(&mut campaign.chance, |fault| {
            let ends_it = matches!(fault, Killed | ToldToEnd);
            (has_disk || fault != DiskFull) && !(ends_it && begin.is_some())
        });
        soak.happens(fault, &mut campaign.chance).await;
        soak.round.wait(campaign.chance.random_range(0.5..longest)).await;
        if soak.down.is_none() {
            campaign.progress.done(cycle, &mut soak.round).await;
        }
    }
    soak.heal();
    let (begin, end) = (begin.unwrap_or_default(), soak.round.router.weight());
    let note = format!("{times} faults; Watchbell from {begin} to {end} in the second half");
    let faults = end.outgrows(&begin, &MOST_GROWN).then(|| "it holds more and more".to_owned());
    Verdict::of(soak.round.end().await).and(note, faults.into_iter().collect())
}

impl Soak<'_> {
    async fn happens(&mut self, fault: Fault, chance: &mut StdRng) {
        let before = self.down;
        match fault {
            Killed => {
                self.round.kill();
                self.round.start();
            }
            ToldToEnd => self.told_to_end(),
            Stopped => {
                self.round.router.signal(Signal::STOP);
                self.round.wait(STILL).await;
                self.round.router.signal(Signal::CONT);
            }
            IcingaReloads => {
                let before = self.round.router.times_ready();
                self.round.ground.icinga.reload();
                caught_up_again(&self.round, before);
            }
            IcingaKilled => self.icinga_killed().await,
            IcingaFrozen => {
                self.round.ground.icinga.freeze();
                self.round.wait(STILL).await;
                self.round.ground.icinga.thaw();
            }
            IrcdKilled | MailKilled | MailBusy | HookBusy => {
                self.heal();
                self.goes_down(fault);
                return;
            }
            LineCut => befalls(&mut self.round, Trouble::Cut).await,
            LineReset => befalls(&mut self.round, Trouble::Reset(chance.random_range(1..40_000))).await,
            LineHalfOpen => befalls(&mut self.round, Trouble::HalfOpen(&BOTH)).await,
            RulesSwapped => {
                self.swaps += 1;
                let rules = self.round.site.read("rules/campaign.rhai");
                self.round.site.replace("rules/campaign.rhai", &format!("{rules}\n// {}\n", self.swaps));
            }
            DiskFull => self.disk_full().await,
        }
        if before.is_some() {
            self.heal();
        }
    }

    fn told_to_end(&mut self) {
        self.round.goes_deaf();
        self.round.router.signal(Signal::TERM);
        assert!(self.round.router.ended_within(END).is_some(), "it did not end within {END:?}");
        self.round.leaves_unkept();
        self.round.start();
    }

    /// It keeps its states when it reads its configuration again, so that those it comes
    /// back with are not from before the round.
    async fn icinga_killed(&mut self) {
        self.heal();
        for kills in [false, true] {
            let before = self.round.router.times_ready();
            if kills {
                self.round.wait(1.5).await;
                self.round.goes_deaf();
                self.round.ground.icinga.kill();
                self.round.ground.icinga.restart().await;
            } else {
                self.round.ground.icinga.reload();
            }
            caught_up_again(&self.round, before);
        }
        self.round.wake_icinga().await;
    }

    async fn disk_full(&mut self) {
        let Some(disk) = &self.disk else { return };
        disk::fill_until_noticed(disk, &self.round);
        self.round.wait(STILL).await;
        disk.free();
    }

    fn goes_down(&mut self, fault: Fault) {
        let ground = &mut self.round.ground;
        match fault {
            IrcdKilled => ground.chat.kill(),
            MailKilled => ground.mail.kill(),
            MailBusy => ground.mail.refuse(Some("451 4.7.1 come back later")),
            _ => ground.hook.answer(503),
        }
        // What was said and not yet proved is said again.
        self.round.sink_died();
        self.down = Some(fault);
    }

    fn heal(&mut self) {
        let ground = &mut self.round.ground;
        match self.down.take() {
            None => {}
            Some(IrcdKilled) => ground.chat.restart(),
            Some(MailKilled) => ground.mail.restart(),
            Some(MailBusy) => ground.mail.refuse(None),
            Some(_) => ground.hook.answer(200),
        }
    }
}
