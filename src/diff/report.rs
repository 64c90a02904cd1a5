//! What came of a comparison.

use super::pairing::{Difference, Left};
use crate::model::Timestamp;
use std::collections::BTreeMap;

/// How many examples a group has at most.
const EXAMPLES: usize = 3;

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many inputs were compared.
    pub inputs: u64,
    /// When the first of them was taken in; `None` where there was none.
    pub begin: Option<Timestamp>,
    /// When the last of them was taken in.
    pub end: Option<Timestamp>,
    /// What the rules in force did.
    pub current: Tally,
    /// What the candidate did.
    pub candidate: Tally,
    /// What differs: what people would no longer hear stands first.
    pub groups: Vec<Group>,
}

/// What one set of rules did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many notifications it made.
    pub told: u64,
    /// How many events it dropped.
    pub dropped: u64,
    /// Rules that failed, by name.
    pub failed: BTreeMap<String, Failure>,
}

/// A rule that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How often.
    pub times: u64,
    /// The first error, with its place.
    pub first: String,
}

/// How something differs; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Only the rules in force tell it.
    Less,
    /// The candidate tells it to another target.
    Elsewhere,
    /// The candidate tells it at another time.
    Time,
    /// Only the candidate tells it.
    More,
}

/// What differs in the same way, by the same rule, for the same target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// How.
    pub kind: Kind,
    /// Which rule wants it, `file:line name`: the candidate's, or the current one where
    /// less is told.
    pub rule: String,
    /// Who hears it; `dba instead of ops` where it is told elsewhere.
    pub target: String,
    /// How often.
    pub times: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// When it is told.
    pub at: Timestamp,
    /// When the candidate tells it instead.
    pub instead: Option<Timestamp>,
    /// Icinga's full name of the object.
    pub object: String,
    /// The event in a few words; as it came from outside.
    pub text: String,
}

impl Report {
    /// Whether both sets tell the same, and fail alike.
    pub fn is_same(&self) -> bool {
        let failed = |tally: &Tally| -> Vec<(String, u64)> {
            tally.failed.iter().map(|(rule, failure)| (rule.clone(), failure.times)).collect()
        };
        self.groups.is_empty() && failed(&self.current) == failed(&self.candidate)
    }

    /// How often something differs in this way.
    pub fn times(&self, kind: Kind) -> u64 {
        self.groups.iter().filter(|group| group.kind == kind).map(|group| group.times).sum()
    }
}

/// The differences in groups: by kind, then the largest first.
pub(super) fn groups(differences: Vec<Difference>) -> Vec<Group> {
    let mut groups: BTreeMap<(Kind, String, String), (u64, Vec<Example>)> = BTreeMap::new();
    for difference in differences {
        let (kind, rule, target, example) = parts(difference);
        let (times, examples) = groups.entry((kind, rule, target)).or_default();
        *times += 1;
        examples.push(example);
    }
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|((kind, rule, target), (times, mut examples))| {
            examples.sort_by_key(|example| example.at);
            examples.truncate(EXAMPLES);
            Group { kind, rule, target, times, examples }
        })
        .collect();
    groups.sort_by_key(|group| (group.kind, std::cmp::Reverse(group.times)));
    groups
}

fn parts(difference: Difference) -> (Kind, String, String, Example) {
    let example = |left: Left, instead: Option<Timestamp>| Example {
        at: left.at,
        instead: instead.filter(|instead| *instead != left.at),
        object: left.object,
        text: left.text,
    };
    match difference {
        Difference::More(left) => (Kind::More, left.by.clone(), left.target.clone(), example(left, None)),
        Difference::Less(left) => (Kind::Less, left.by.clone(), left.target.clone(), example(left, None)),
        Difference::Time(before, after) => {
            (Kind::Time, after.by, after.target, example(before, Some(after.at)))
        }
        Difference::Elsewhere(before, after) => {
            let target = format!("{} instead of {}", after.target, before.target);
            (Kind::Elsewhere, after.by, target, example(before, Some(after.at)))
        }
    }
}
