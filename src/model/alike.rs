//! What many objects have alike, held once.
//!
//! Owns: the lists that were seen. Promises: objects with equal variables or groups share
//! them, as the services of one template do. Never: changes what an object says.

use super::Object;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Variables and groups of the objects that are taken in together.
#[derive(Debug, Default)]
pub struct Alike {
    vars: HashSet<Arc<Map<String, Value>>>,
    groups: HashSet<Arc<Vec<String>>>,
    sources: HashSet<Arc<str>>,
}

impl Alike {
    /// The name of a source, held once.
    pub fn source(&mut self, name: &str) -> Arc<str> {
        if let Some(seen) = self.sources.get(name) {
            return seen.clone();
        }
        let source: Arc<str> = Arc::from(name);
        self.sources.insert(source.clone());
        source
    }

    /// Gives the object the variables and groups of an earlier one that has the same.
    pub fn share(&mut self, object: &mut Object) {
        one_of(&mut self.vars, &mut object.vars);
        one_of(&mut self.groups, &mut object.groups);
    }
}

fn one_of<T: Hash + Eq>(seen: &mut HashSet<Arc<T>>, mine: &mut Arc<T>) {
    match seen.get(mine) {
        Some(first) => *mine = first.clone(),
        None => {
            seen.insert(mine.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectKey;

    #[test]
    fn equal_lists_are_held_once_and_others_stay_what_they_are() {
        let mut alike = Alike::default();
        let mut object = |team: &str| {
            let mut object = Object::bare(ObjectKey::from_name(&Arc::from("lab"), team));
            object.groups = Arc::new(vec![team.to_owned()]);
            object.vars = Arc::new([("team".to_owned(), Value::from(team))].into_iter().collect());
            alike.share(&mut object);
            object
        };
        let (first, second, other) = (object("a"), object("a"), object("b"));
        assert!(Arc::ptr_eq(&first.vars, &second.vars) && Arc::ptr_eq(&first.groups, &second.groups));
        assert_eq!((&other.vars["team"], other.groups[0].as_str()), (&Value::from("b"), "b"));
    }
}
