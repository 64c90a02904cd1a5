//! The objects of the last reading, which nearly all are as they were.
//!
//! Owns: which objects an Icinga had. Promises: an object that has not changed is the very one
//! of the reading before, so reading half a million of them again takes no second place in
//! memory for them. Never: changes what an object says.

use crate::model::{Object, ObjectKey, Snapshot};
use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The objects of one Icinga, by their names.
#[derive(Debug, Default)]
pub(super) struct Known {
    objects: HashSet<ByKey>,
}

#[derive(Debug)]
struct ByKey(Arc<Object>);

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &ByKey) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for ByKey {}

impl Borrow<ObjectKey> for ByKey {
    fn borrow(&self) -> &ObjectKey {
        &self.0.key
    }
}

impl Known {
    /// The objects of this reading.
    pub(super) fn of(snapshot: &Snapshot) -> Known {
        Known::new(snapshot.objects.iter().map(|found| found.object.clone()))
    }

    pub(super) fn new(objects: impl IntoIterator<Item = Arc<Object>>) -> Known {
        Known { objects: objects.into_iter().map(ByKey).collect() }
    }

    /// Puts the known object in the place of one that was just read, if it is the same but for
    /// its parents, which are read apart; else gives it the known parents.
    pub(super) fn share(&self, found: &mut Arc<Object>) {
        let Some(ByKey(known)) = self.objects.get(&found.key) else { return };
        Arc::make_mut(found).parents = known.parents.clone();
        if known == found {
            *found = known.clone();
        }
    }

    /// Whether all of these are among the others.
    pub(super) fn is_within(&self, others: &Known) -> bool {
        self.objects.iter().all(|known| others.objects.contains(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, notes: &str) -> Arc<Object> {
        let object = Object::bare(ObjectKey::from_name(&Arc::from("lab"), name));
        Arc::new(Object { notes: notes.to_owned(), ..object })
    }

    #[test]
    fn an_object_that_is_as_it_was_is_held_once() {
        let mut first = object("a", "in rack 7");
        Arc::make_mut(&mut first).parents = vec![object("router", "").key.clone()];
        let known = Known::new([first.clone()]);
        for (mut read, is_shared) in
            [(object("a", "in rack 7"), true), (object("a", "in rack 8"), false), (object("b", ""), false)]
        {
            let notes = read.notes.clone();
            known.share(&mut read);
            assert_eq!((Arc::ptr_eq(&read, &first), &read.notes), (is_shared, &notes));
        }
    }

    #[test]
    fn what_is_missing_is_noticed() {
        let (one, both) = (Known::new([object("a", "")]), Known::new([object("a", "x"), object("b", "")]));
        assert!(one.is_within(&both) && !both.is_within(&one) && one.is_within(&one));
    }
}
