//! Who watches which object, and who wants quiet.
//!
//! Promises: bounded; a watch ends with its object, a quiet time by itself. Never: reads a clock.

use super::World;
use super::durable::Entry;
use crate::engine::bounds;
use crate::engine::watch::Watch;
use crate::model::{ObjectKey, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// All watches, and until when who wants quiet.
#[derive(Debug, Clone, Default)]
pub(super) struct Watches {
    watches: BTreeMap<String, Watch>,
    /// The names of the watches of each object: every event asks for them.
    by_object: HashMap<ObjectKey, BTreeSet<String>>,
    quiet: BTreeMap<String, Timestamp>,
}

impl Watches {
    pub(super) fn watch(&self, name: &str) -> Option<&Watch> {
        self.watches.get(name)
    }

    pub(super) fn put_watch(&mut self, watch: Watch) {
        let name = watch.name();
        self.by_object.entry(watch.object.clone()).or_default().insert(name.clone());
        self.watches.insert(name, watch);
    }

    fn take_watch(&mut self, name: &str) -> Option<Watch> {
        let watch = self.watches.remove(name)?;
        if let Some(names) = self.by_object.get_mut(&watch.object) {
            names.remove(name);
            if names.is_empty() {
                self.by_object.remove(&watch.object);
            }
        }
        Some(watch)
    }

    pub(super) fn quiet(&self, who: &str) -> Option<&Timestamp> {
        self.quiet.get(who)
    }

    pub(super) fn put_quiet(&mut self, who: &str, until: Timestamp) {
        self.quiet.insert(who.to_owned(), until);
    }
}

impl World {
    /// Has somebody hear of an object; `false` if they do already. `Err` says why not.
    pub fn watch(&mut self, watch: Watch) -> Result<bool, String> {
        let name = watch.name();
        let is_new = self.watches.watch(&name).is_none();
        let own = self.watches.watches.values().filter(|other| other.who == watch.who).count();
        if is_new && own >= bounds::WATCHES_OF_ONE {
            return Err(format!("you watch {own} objects already; `unwatch` some first"));
        }
        if is_new && self.watches.watches.len() >= bounds::WATCHES {
            return Err(format!("{} objects are watched already; no more can be", bounds::WATCHES));
        }
        // Who asks anew is told where they are now.
        self.watches.put_watch(watch);
        self.change(|| Entry::Watch(name));
        Ok(is_new)
    }

    /// The watches of an object.
    pub fn watches_of(&self, object: &ObjectKey) -> Vec<Watch> {
        let names = self.watches.by_object.get(object).into_iter().flatten();
        names.filter_map(|name| self.watches.watch(name)).cloned().collect()
    }

    /// What somebody watches.
    pub fn watched_by(&self, who: &str) -> Vec<Watch> {
        self.watches.watches.values().filter(|watch| watch.who == who).cloned().collect()
    }

    /// Ends a watch.
    pub fn unwatch(&mut self, watch: &Watch) {
        let name = watch.name();
        if self.watches.take_watch(&name).is_some() {
            self.change(|| Entry::Watch(name));
        }
    }

    /// Gives somebody quiet until then, or no longer.
    pub fn set_quiet(&mut self, who: &str, until: Option<Timestamp>) {
        match until {
            Some(until) => self.watches.put_quiet(who, until),
            None => drop(self.watches.quiet.remove(who)),
        }
        self.change(|| Entry::Quiet(who.to_owned()));
    }

    /// Until when somebody wants to hear nothing in private but of what is CRITICAL or DOWN.
    pub fn quiet_until(&self, who: &str, now: Timestamp) -> Option<Timestamp> {
        self.watches.quiet(who).copied().filter(|until| *until > now)
    }

    pub(super) fn forget_quiet(&mut self, now: Timestamp) {
        let quiet = self.watches.quiet.iter();
        let over: Vec<String> =
            quiet.filter(|(_, until)| **until <= now).map(|(who, _)| who.clone()).collect();
        over.iter().for_each(|who| self.set_quiet(who, None));
    }

    pub(super) fn set_back_watches(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        let quiet: Vec<(String, Timestamp)> =
            self.watches.quiet.iter().map(|(who, until)| (who.clone(), back(*until))).collect();
        quiet.iter().for_each(|(who, until)| self.set_quiet(who, Some(*until)));
    }
}
