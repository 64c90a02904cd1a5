//! Judging a round: what was driven, beside what was told.
//!
//! Pure, so that `tests/judging.rs` can show that it finds each kind of fault.

use std::collections::{BTreeMap, BTreeSet};

/// Seconds since 1970.
pub(crate) type Moment = f64;

/// A way out that the campaign listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sink {
    /// A channel of a real ngircd.
    Chat,
    /// A real mail server.
    Mail,
    /// An HTTP service.
    Hook,
}

impl Sink {
    /// All of them.
    pub(crate) const ALL: [Sink; 3] = [Sink::Chat, Sink::Mail, Sink::Hook];

    /// Its name in `watchbell.toml` and in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Sink::Chat => "chat",
            Sink::Mail => "mail",
            Sink::Hook => "hook",
        }
    }
}

/// One change of a state that the campaign brought about.
#[derive(Debug, Clone)]
pub(crate) struct Driven {
    /// Of its own; grows with each change of an object.
    pub(crate) number: u64,
    /// `host!service`.
    pub(crate) object: String,
    /// What Icinga was told: 0 is OK.
    pub(crate) state: u8,
    /// When Icinga was told first.
    pub(crate) began: Moment,
    /// When Icinga had said yes.
    pub(crate) ended: Moment,
}

/// One thing that a sink told.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) sink: Sink,
    /// `host!service`.
    pub(crate) object: String,
    /// The state that it told.
    pub(crate) state: u8,
    /// The number in what the check wrote; the end of a problem that was missed has none.
    pub(crate) number: Option<u64>,
    pub(crate) at: Moment,
}

/// The same, once it is clear which change it was.
#[derive(Clone, Copy)]
struct Known {
    number: u64,
    at: Moment,
}

/// A time in which Watchbell did not hear Icinga, from shortly before its last breath
/// to its having caught up. What began and ended in it is not promised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gap {
    pub(crate) from: Moment,
    pub(crate) to: Moment,
    /// When Icinga itself may have forgotten its last states: what was told before may
    /// truly hold again from then on, and is told again.
    pub(crate) forgot: Option<Moment>,
}

impl Gap {
    fn has_again(&self, told: &Known, change: &Driven) -> bool {
        self.forgot.is_some_and(|forgot| forgot <= told.at && told.at <= self.to && change.ended < forgot)
    }

    fn touches(&self, change: &Driven) -> bool {
        change.began <= self.to && change.ended >= self.from
    }
}

/// All gaps of a round. A long campaign has thousands of them, and asks for each change.
pub(crate) struct Gaps {
    /// By their begin.
    gaps: Vec<Gap>,
    /// The length of the longest.
    longest: f64,
}

impl Gaps {
    /// In any order; they may overlap.
    pub(crate) fn new(mut gaps: Vec<Gap>) -> Gaps {
        gaps.sort_by(|a, b| a.from.total_cmp(&b.from));
        let longest = gaps.iter().map(|gap| gap.to - gap.from).fold(0.0, f64::max);
        Gaps { gaps, longest }
    }

    fn touched<'a>(&'a self, change: &'a Driven) -> impl Iterator<Item = &'a Gap> {
        let first = self.gaps.partition_point(|gap| gap.from < change.began - self.longest);
        let begun = self.gaps[first..].iter().take_while(|gap| gap.from <= change.ended);
        begun.filter(|gap| gap.touches(change))
    }
}

/// What came of a round.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Changes that sinks should tell: each counts once for each of its sinks.
    pub(crate) driven: usize,
    /// How many of them were told.
    pub(crate) told: usize,
    /// Not told, but folded into a later message, which the database names.
    pub(crate) folded: usize,
    /// Not told, for they fell into a gap and ended in it.
    pub(crate) unpromised: usize,
    /// Not told, without excuse.
    pub(crate) lost: Vec<String>,
    /// Told again, by sink.
    pub(crate) twice: BTreeMap<Sink, usize>,
    /// Their names.
    pub(crate) again: Vec<String>,
    /// Told after a later change of the same object.
    pub(crate) inverted: Vec<String>,
    /// The longest time from a change, or from the end of the gap that it fell into,
    /// to its telling, in seconds.
    pub(crate) lag: f64,
}

/// What there is to judge.
pub(crate) struct Case<'a> {
    pub(crate) driven: &'a [Driven],
    /// In the order it was heard.
    pub(crate) told: &'a [Told],
    pub(crate) gaps: &'a Gaps,
    /// Changes that the database says were folded into a later message.
    pub(crate) folded: &'a BTreeSet<(Sink, u64)>,
    /// The states that Icinga itself has at the end; a killed one has forgotten some.
    pub(crate) truth: &'a BTreeMap<String, u8>,
    /// Whether a sink is to tell of an object.
    pub(crate) tells: fn(Sink, &str) -> bool,
}

/// Judges a round.
pub(crate) fn judge(case: &Case<'_>) -> Tally {
    let mut tally = Tally::default();
    let numbers: BTreeMap<u64, &Driven> = case.driven.iter().map(|change| (change.number, change)).collect();
    let mut objects: BTreeMap<&str, Vec<&Driven>> = BTreeMap::new();
    for change in numbers.values() {
        objects.entry(&change.object).or_default().push(change);
    }
    for sink in Sink::ALL {
        let mut first: BTreeMap<u64, Moment> = BTreeMap::new();
        let mut again = 0;
        let mut order = Vec::new();
        for told in &known(case, sink, &objects) {
            let before = *first.entry(told.number).or_insert(told.at);
            if is_true_again(case, told, numbers.get(&told.number).copied()) {
                continue;
            }
            order.push(told.number);
            if before < told.at {
                again += 1;
                let (number, after) = (told.number, told.at - before);
                tally.again.push(format!(
                    "{}: n={number} at {:.3}, {after:.3} s later",
                    sink.name(),
                    told.at
                ));
            }
        }
        tally.twice.insert(sink, again);
        inversions(sink, &objects, &order, &mut tally);
        for (object, changes) in objects.iter().filter(|(object, _)| (case.tells)(sink, object)) {
            tell_apart(case, sink, object, changes, &first, &mut tally);
        }
    }
    tally
}

/// Which changes a sink told, in the order it told them.
fn known(case: &Case<'_>, sink: Sink, objects: &BTreeMap<&str, Vec<&Driven>>) -> Vec<Known> {
    let all: Vec<&Told> = case.told.iter().filter(|told| told.sink == sink).collect();
    let mut last: BTreeMap<&str, &Driven> = BTreeMap::new();
    let mut known = Vec::new();
    for (place, told) in all.iter().enumerate() {
        let Some(changes) = objects.get(told.object.as_str()) else { continue };
        let before = last.get(told.object.as_str()).copied();
        let Some(change) = which(told, changes, before) else { continue };
        if told.number != Some(change.number) && went_back(case, before, told, change, &all[place + 1..]) {
            continue;
        }
        last.insert(&told.object, change);
        known.push(Known { number: change.number, at: told.at });
    }
    known
}

/// Whether a telling without a number is of an older change than it seems, which was true again
/// because Icinga forgot what came after: the next one that has a number is older, too.
fn went_back(
    case: &Case<'_>,
    before: Option<&Driven>,
    told: &Told,
    change: &Driven,
    later: &[&Told],
) -> bool {
    let since = before.map_or(0.0, |before| before.ended);
    let forgot = |gap: &Gap| gap.forgot.is_some_and(|forgot| since <= forgot && forgot <= told.at);
    let next = later.iter().filter(|later| later.object == told.object).find_map(|later| later.number);
    case.gaps.gaps.iter().any(forgot) && next.is_some_and(|next| next < change.number)
}

/// Icinga may answer a question with the state of one change and the output of the next,
/// so the number counts only where the state fits it. Without a number it is the last
/// one again, or the first after it of that state.
fn which<'a>(told: &Told, changes: &[&'a Driven], last: Option<&'a Driven>) -> Option<&'a Driven> {
    let fits = |change: &&&Driven| change.state == told.state && change.began <= told.at;
    let place = |number| changes.binary_search_by_key(&number, |change| change.number).ok();
    if let Some(numbered) = told.number.and_then(place).map(|at| &changes[at]).filter(fits) {
        return Some(numbered);
    }
    if let Some(again) = last.filter(|last| last.state == told.state) {
        return Some(again);
    }
    let after = last.map_or(0, |last| last.number);
    let behind = changes.partition_point(|change| change.number <= after);
    let next = changes[behind..].iter().find(fits);
    next.or(changes.iter().rfind(fits)).copied()
}

fn is_true_again(case: &Case<'_>, told: &Known, change: Option<&Driven>) -> bool {
    let mut amnesias = case.gaps.gaps.iter().filter(|gap| gap.forgot.is_some()).peekable();
    if amnesias.peek().is_none() {
        return false;
    }
    change.is_none_or(|change| amnesias.any(|gap| gap.has_again(told, change)))
}

fn inversions(sink: Sink, objects: &BTreeMap<&str, Vec<&Driven>>, order: &[u64], tally: &mut Tally) {
    let owners: BTreeMap<u64, &str> = objects
        .iter()
        .flat_map(|(object, changes)| changes.iter().map(|change| (change.number, *object)))
        .collect();
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    for number in order {
        let Some(object) = owners.get(number) else { continue };
        let newest = newest.entry(object).or_insert(*number);
        if number < newest {
            tally.inverted.push(format!("{} {object}: n={number} after n={newest}", sink.name()));
        }
        *newest = *number.max(newest);
    }
}

/// Which of an object's changes were told, what excuses the others, and whether the last
/// word is true.
fn tell_apart(
    case: &Case<'_>,
    sink: Sink,
    object: &str,
    changes: &[&Driven],
    first: &BTreeMap<u64, Moment>,
    tally: &mut Tally,
) {
    let of_object = |told: &&Told| told.sink == sink && told.object == object;
    let believed = case.told.iter().rev().find(of_object).map_or(0, |told| told.state);
    let truth = case.truth.get(object).copied().unwrap_or(0);
    if believed != truth {
        tally.lost.push(format!("{} {object}: Icinga says {truth}, told was {believed}", sink.name()));
    }
    // The state that was told last, and whether Icinga may have forgotten all that came after:
    // then that state is none that changes anything.
    let (mut held, mut is_forgotten) = (0, false);
    let mut before: Option<&Driven> = None;
    for change in changes {
        tally.driven += 1;
        let gaps = || case.gaps.touched(change);
        let gap_end = gaps().map(|gap| gap.to).reduce(f64::max);
        let is_none = is_forgotten && change.state == held;
        if let Some(at) = first.get(&change.number) {
            tally.told += 1;
            tally.lag = tally.lag.max(at - gap_end.unwrap_or(change.ended).max(change.ended));
            (held, is_forgotten) = (change.state, false);
        } else if case.folded.contains(&(sink, change.number)) {
            tally.folded += 1;
            (held, is_forgotten) = (change.state, false);
        } else if gap_end.is_some() {
            tally.unpromised += 1;
            is_forgotten = gaps().any(|gap| gap.forgot.is_some());
        } else if is_none || before.is_some_and(|before| is_taken_back(case, sink, before, change)) {
            tally.unpromised += 1;
        } else {
            let Driven { number, state, ended, .. } = change;
            tally.lost.push(format!("{} {object}: n={number} (state {state}, at {ended:.3})", sink.name()));
        }
        before = Some(change);
    }
}

/// Whether Icinga may have forgotten the change before this one, and the sink told so: then what
/// this one says is what people have heard already, and what Icinga had all the time.
fn is_taken_back(case: &Case<'_>, sink: Sink, before: &Driven, change: &Driven) -> bool {
    let of_object = |told: &&Told| told.sink == sink && told.object == change.object;
    let heard = case.told.iter().rev().filter(of_object).find(|told| told.at <= change.began);
    let is_forgotten = case.gaps.touched(before).any(|gap| gap.forgot.is_some());
    is_forgotten && heard.is_some_and(|told| told.state == change.state)
}
