//! Bounds of what rules may fill: how much is kept at most, and what had to be forgotten.
//!
//! Owns: the limits, the order in which things were used, and the count of what went.
//! Promises: never above a limit; the newest stays; a rule that keeps too much loses
//! its own first. Never: an all-over search for what is oldest.

use crate::model::words::counted;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How many windows one rule keeps at most.
pub const WINDOWS_OF_RULE: usize = 100_000;
/// How many windows all rules keep at most.
pub const WINDOWS: usize = 1_000_000;
/// How many values rules keep at most.
pub const VALUES: usize = 100_000;
/// Largest value a rule may keep, in bytes of JSON.
pub const VALUE_BYTES: usize = 64 * 1024;
/// How many mutes there are at most.
pub const MUTES: usize = 10_000;
/// How many objects are watched at most.
pub const WATCHES: usize = 10_000;
/// How many objects one person watches at most.
pub const WATCHES_OF_ONE: usize = 100;
/// How many gathers there are at most, those that rest included.
pub const GATHERS: usize = 10_000;
/// How many members all gathers hold at most; more are only counted.
pub const GATHERED: usize = 1_000_000;
/// How many members a gather holds before what is no object's state is only counted.
pub const GATHERED_LINES: usize = 1_000;
/// How many posts of webhooks are known at most, in case they are sent again.
pub const POSTS: usize = 100_000;
/// How many incidents that ended within the last day are known at most.
pub const ENDED_INCIDENTS: usize = 100_000;
/// For how long it is kept who was told of something, if nothing ends it before.
pub const TOLD: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);

/// What went for want of room, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Windows that were forgotten before their time.
    pub windows: u64,
    /// Values that were forgotten before their time.
    pub values: u64,
    /// Mutes that were refused.
    pub mutes: u64,
    /// Messages that were told at once, as nothing more could be gathered.
    pub gathers: u64,
    /// Posts of webhooks that would count twice if they were sent again.
    pub posts: u64,
    /// Ended incidents that were forgotten within a day.
    pub incidents: u64,
}

impl Forgotten {
    /// All of it in words; `None` if nothing went.
    pub fn in_words(&self) -> Option<String> {
        let parts = [
            (self.windows, "window", "forgotten"),
            (self.values, "value", "forgotten"),
            (self.mutes, "mute", "refused"),
            (self.gathers, "message", "not gathered but told at once"),
            (self.posts, "webhook", "no longer known if sent again"),
            (self.incidents, "ended incident", "forgotten"),
        ];
        let words: Vec<String> = parts
            .into_iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, thing, fate)| format!("{} {fate}", counted(number, thing)))
            .collect();
        if words.is_empty() { None } else { Some(format!("for want of room: {}", words.join(", "))) }
    }
}

/// In which order keys were used, by owner.
#[derive(Debug, Clone)]
pub struct Recency {
    /// For each owner its keys, the one unused longest first.
    owners: HashMap<String, BTreeMap<u64, Arc<str>>>,
    /// Where each key stands: its owner, and when it was used.
    places: HashMap<Arc<str>, (String, u64)>,
    uses: u64,
    of_owner: usize,
    of_all: usize,
}

impl Recency {
    /// Room for `of_owner` keys of each owner and `of_all` in all; each at least 1.
    pub fn new(of_owner: usize, of_all: usize) -> Recency {
        Recency { owners: HashMap::new(), places: HashMap::new(), uses: 0, of_owner, of_all }
    }

    /// Notes that a key is used now, by its owner if it is new. The key that has to go
    /// for it, if any: the one unused longest, of this owner if that has too many, else
    /// of the owner with the most.
    #[must_use]
    pub fn used(&mut self, owner: &str, key: &str) -> Option<String> {
        self.uses += 1;
        if let Some((owner, at)) = self.places.get_mut(key) {
            let keys = self.owners.get_mut(owner)?;
            let key = keys.remove(at)?;
            *at = self.uses;
            keys.insert(self.uses, key);
            return None;
        }
        let key: Arc<str> = Arc::from(key);
        let keys = self.owners.entry(owner.to_owned()).or_default();
        keys.insert(self.uses, key.clone());
        let too_many = keys.len() > self.of_owner;
        self.places.insert(key, (owner.to_owned(), self.uses));
        if too_many {
            return self.oldest_of(owner);
        }
        if self.places.len() <= self.of_all {
            return None;
        }
        // As many owners as there are rules: few beside the keys.
        let most = self.owners.iter().max_by_key(|(name, keys)| (keys.len(), *name))?.0.clone();
        self.oldest_of(&most)
    }

    fn oldest_of(&mut self, owner: &str) -> Option<String> {
        let key = self.owners.get(owner)?.first_key_value()?.1.to_string();
        self.forget(&key);
        Some(key)
    }

    /// Forgets a key.
    pub fn forget(&mut self, key: &str) {
        let Some((owner, at)) = self.places.remove(key) else { return };
        let Some(keys) = self.owners.get_mut(&owner) else { return };
        keys.remove(&at);
        if keys.is_empty() {
            self.owners.remove(&owner);
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_above_the_limit_and_the_newest_stay(
            uses in proptest::collection::vec((0_u8..4, 0_u8..40), 1..400),
        ) {
            let mut recency = Recency::new(5, 12);
            let mut kept: Vec<(u8, String)> = Vec::new();
            for (owner, key) in uses {
                let key = format!("{owner} {key}");
                kept.retain(|(_, known)| *known != key);
                kept.push((owner, key.clone()));
                let gone = recency.used(&owner.to_string(), &key);
                prop_assert_ne!(gone.as_ref(), Some(&key), "the newest went");
                if let Some(gone) = gone {
                    let place = kept.iter().position(|(_, known)| *known == gone).expect("it was kept");
                    let (loser, _) = kept.remove(place);
                    let of = |owner: u8| kept.iter().filter(|(known, _)| *known == owner).count();
                    prop_assert!(kept[..place].iter().all(|(known, _)| *known != loser), "not its oldest");
                    let most = (0..4).map(of).max();
                    prop_assert!(loser == owner && of(owner) == 5 || Some(of(loser) + 1) >= most);
                }
                prop_assert_eq!(recency.len(), kept.len());
                prop_assert!(kept.len() <= 12);
                prop_assert!((0..4).all(|owner| kept.iter().filter(|(known, _)| *known == owner).count() <= 5));
            }
        }
    }

    #[test]
    fn a_rule_with_many_keys_pushes_out_its_own() {
        let mut recency = Recency::new(10, 12);
        assert_eq!(recency.used("quiet", "q"), None);
        for number in 0..1000 {
            let gone = recency.used("busy", &format!("b{number}"));
            assert_ne!(gone.as_deref(), Some("q"));
        }
        assert_eq!(recency.len(), 11);
        recency.forget("q");
        assert_eq!(recency.len(), 10);
    }

    #[test]
    fn what_went_is_said_and_nothing_is_not() {
        assert_eq!(Forgotten::default().in_words(), None);
        let some = Forgotten { windows: 2, gathers: 1, ..Forgotten::default() };
        let words = "for want of room: 2 windows forgotten, 1 message not gathered but told at once";
        assert_eq!(some.in_words().as_deref(), Some(words));
    }
}
