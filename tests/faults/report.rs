//! The ledger as it is printed: one row for each scenario, and below it what went wrong.

use crate::judge::Sink;
use crate::round::{Outcome, Round};
use std::any::Any;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How many faults of a kind are named; the others are counted.
const MOST_NAMED: usize = 10;

/// How often it is said how far a scenario is.
const SAID: Duration = Duration::from_secs(30);
/// How often there is a ledger before the end.
const LEDGER: Duration = Duration::from_secs(300);

/// How many deliveries may be on the way at once, and so come twice after a death.
fn window(sink: Sink) -> usize {
    match sink {
        Sink::Chat => 1,
        Sink::Mail => 4,
        Sink::Hook => 16,
    }
}

/// What came of a scenario.
pub(crate) enum Verdict {
    /// It ran.
    Ran {
        /// What was counted.
        outcome: Box<Outcome>,
        /// Figures of its own.
        note: String,
        /// What else went wrong.
        faults: Vec<String>,
    },
    /// It had figures of its own to take, and no load.
    Measured { note: String, faults: Vec<String> },
    /// It cannot run here, and why.
    Skipped(String),
}

impl Verdict {
    /// A scenario with nothing more to say.
    pub(crate) fn of(outcome: Outcome) -> Verdict {
        Verdict::Ran { outcome: Box::new(outcome), note: String::new(), faults: Vec::new() }
    }

    /// The same with more to say.
    pub(crate) fn and(self, words: String, more: Vec<String>) -> Verdict {
        match self {
            Verdict::Ran { outcome, .. } => Verdict::Ran { outcome, note: words, faults: more },
            other => other,
        }
    }
}

/// How far a scenario is. Who ends it early has what was counted until then.
pub(crate) struct Progress {
    name: &'static str,
    times: usize,
    begun: Instant,
    said: Instant,
    ledger: Instant,
}

impl Progress {
    /// Of a scenario whose fault comes so many times.
    pub(crate) fn of(name: &'static str, times: usize) -> Progress {
        let now = Instant::now();
        Progress { name, times, begun: now, said: now, ledger: now }
    }

    /// The fault came so many times, and all works again.
    pub(crate) async fn done(&mut self, times: usize, round: &mut Round<'_>) {
        if self.said.elapsed() >= SAID {
            self.said = Instant::now();
            eprintln!("{}: {times} of {} after {:.0?}", self.name, self.times, self.begun.elapsed());
        }
        if self.ledger.elapsed() >= LEDGER && times < self.times {
            let outcome = round.so_far().await;
            row(&format!("{}, {times} of {}", self.name, self.times), &Verdict::of(outcome));
            self.ledger = Instant::now();
        }
    }
}

/// Prints that a scenario ended in the middle, and why.
pub(crate) fn broken_off(name: &str, panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let reason = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
    println!(
        "| {name} | | | | | | | | | | | | | BROKEN OFF: {} |",
        reason.lines().next().unwrap_or_default()
    );
}

/// A time in words.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        ..90.0 => format!("{seconds:.0} s"),
        ..5400.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

/// Prints what stands above the rows.
pub(crate) fn head(long: bool, seed: u64) {
    let kind = if long { "long" } else { "short" };
    println!("watchbell {}, {kind} campaign, seed {seed}\n", env!("CARGO_PKG_VERSION"));
    println!(
        "| Scenario | Deaths | Driven | Told | Folded | In gaps | Lost | Twice (may) | Inverted | Dead | Panics \
         | Lag | Ready | |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|");
}

/// Prints a row, and what is wrong. True if nothing is.
pub(crate) fn row(name: &str, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Skipped(reason) => {
            println!("| {name} | | | | | | | | | | | | | not run: {reason} |");
            true
        }
        Verdict::Measured { note, faults } => {
            println!("| {name} | | | | | | | | | | | | | {note} |");
            named(faults, "");
            faults.is_empty()
        }
        Verdict::Ran { outcome, note, faults } => ran(name, outcome, note, faults),
    }
}

fn ran(name: &str, outcome: &Outcome, note: &str, faults: &[String]) -> bool {
    let (tally, may_repeat) = (&outcome.tally, outcome.may_repeat);
    let twice: usize = tally.twice.values().sum();
    let may_all: usize = Sink::ALL.into_iter().map(|sink| window(sink) * may_repeat).sum();
    let ready = outcome.ready.iter().max().map_or(0.0, Duration::as_secs_f64);
    println!(
        "| {name} | {} | {} | {} | {} | {} | {} | {twice} ({may_all}) | {} | {} | {} | {:.1} s | {ready:.1} s | {note} |",
        outcome.deaths,
        tally.driven,
        tally.told,
        tally.folded,
        tally.unpromised,
        tally.lost.len(),
        tally.inverted.len(),
        outcome.dead,
        outcome.panics,
        tally.lag,
    );
    let mut all = faults.to_vec();
    for (sink, count) in &tally.twice {
        let may = window(*sink) * may_repeat;
        if *count > may {
            named(&tally.again, "twice: ");
            all.push(format!("{} told {count} twice, which may be {may}", sink.name()));
        }
    }
    if outcome.dead > 0 {
        all.push(format!("{} deliveries were given up", outcome.dead));
    }
    if outcome.panics > 0 {
        all.push(format!("{} panics", outcome.panics));
    }
    named(&tally.lost, "lost: ");
    named(&tally.inverted, "inverted: ");
    named(&all, "");
    let well = tally.lost.is_empty() && tally.inverted.is_empty() && all.is_empty();
    if !well {
        println!("  its log: {}", keep(name, &outcome.log).display());
    }
    well
}

fn named(faults: &[String], kind: &str) {
    faults.iter().take(MOST_NAMED).for_each(|fault| println!("  {kind}{fault}"));
    if faults.len() > MOST_NAMED {
        println!("  {kind}and {} more", faults.len() - MOST_NAMED);
    }
}

/// Keeps the log and the database of a round that went wrong, for the folder goes with the campaign.
fn keep(name: &str, log: &std::path::Path) -> PathBuf {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("faults").join(name.replace([' ', ','], "-"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    let from = log.parent().expect("it lies in a folder");
    for entry in fs::read_dir(from).expect("it can be listed").flatten() {
        if entry.path().is_file() {
            let _ = fs::copy(entry.path(), folder.join(entry.file_name()));
        }
    }
    folder.join("log")
}
