//! `fallback` of targets: each names another target, and no chain of them is a circle.

use crate::config::raw::suggestion;
use crate::config::reader::{Reader, Written};
use std::collections::{BTreeMap, BTreeSet};

/// Notes what is wrong with the fallbacks, by the names of the targets that have them;
/// `names`: all targets that are written.
pub(super) fn check(
    reader: &Reader,
    fallbacks: &BTreeMap<String, Written<String>>,
    names: &BTreeSet<String>,
) {
    for (target, fallback) in fallbacks {
        let named = &fallback.value;
        if !names.contains(named) {
            let message = format!("names the target `{named}`, which is not configured");
            reader.fault(&fallback.spot, message, suggestion(named, names.iter().map(String::as_str)));
        }
        if let Some(circle) = circle(target, fallbacks)
            // Told once, where its first target by name stands.
            && circle.iter().min() == Some(&target.as_str())
        {
            let message = format!("leads back to where it began: {} -> {target}", circle.join(" -> "));
            reader.fault(&fallback.spot, message, "let the last of them have no fallback");
        }
    }
}

/// The targets on the way from this one back to it, if the way leads back.
fn circle<'a>(from: &'a str, fallbacks: &'a BTreeMap<String, Written<String>>) -> Option<Vec<&'a str>> {
    let mut way = vec![from];
    let mut at = from;
    while let Some(next) = fallbacks.get(at).map(|fallback| fallback.value.as_str()) {
        if next == from {
            return Some(way);
        }
        if way.contains(&next) {
            return None;
        }
        way.push(next);
        at = next;
    }
    None
}
