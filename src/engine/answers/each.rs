//! One command over several objects: one answer, and one action of Icinga for each.
//!
//! Promises: what is wide or dangerous, or whose objects nobody has named, waits for a `yes`.

use super::asked::{Answer, Answered, Asked};
use super::select::how_many;
use crate::engine::world::World;
use crate::model::{ActionKind, ObjectKey};

/// A command about more objects than this waits for a `yes`.
pub(super) const WIDE: usize = 5;
/// How many reasons are said why objects were left out.
const REASONS: usize = 3;

/// What a command asks of Icinga for each of its objects.
pub(super) struct Plan<'a> {
    /// What is done, such as `acknowledge`.
    pub(super) verb: &'a str,
    /// Until when and how, behind the objects; may be empty.
    pub(super) how: String,
    /// What else it hits, so that it waits for a `yes` even for one object.
    pub(super) danger: Option<String>,
    /// Whether it can be done to an object that a matcher found.
    pub(super) fits: &'a dyn Fn(&World, &ObjectKey) -> bool,
    /// What is asked for an object. `Err` says why nothing is.
    pub(super) kind: &'a dyn Fn(&World, &ObjectKey) -> Result<ActionKind, String>,
}

/// A plan without more words, and without danger.
pub(super) fn plan<'a>(
    verb: &'a str,
    fits: &'a dyn Fn(&World, &ObjectKey) -> bool,
    kind: &'a dyn Fn(&World, &ObjectKey) -> Result<ActionKind, String>,
) -> Plan<'a> {
    Plan { verb, how: String::new(), danger: None, fits, kind }
}

/// Asks Icinga for each object of a selection. One object: the answer is Icinga's. Several:
/// one answer says how many and which, and Icinga's is told only where it refuses.
pub(super) fn each(asked: &mut Asked<'_>, objects: &str, plan: &Plan<'_>) -> Answered {
    let selection = asked.select(objects, plan.fits)?;
    let (mut wanted, mut left_out) = (Vec::new(), Vec::new());
    for key in &selection.objects {
        match (plan.kind)(asked.world(), key) {
            Ok(kind) => wanted.push((key.clone(), kind)),
            Err(reason) => left_out.push(reason),
        }
    }
    let left_out = reasons(&left_out);
    if wanted.is_empty() {
        return Err(left_out);
    }
    asked.permit_all(&wanted)?;
    let keys: Vec<ObjectKey> = wanted.iter().map(|(key, _)| key.clone()).collect();
    let words = format!("{} {}{}", plan.verb, how_many(&keys), plan.how);
    if keys.len() > WIDE || selection.by_matcher || plan.danger.is_some() {
        let danger = plan.danger.as_ref().map_or(String::new(), |danger| format!(", {danger}"));
        asked.confirm(&format!("{words}{danger}"), &keys)?;
    }
    if selection.objects.len() == 1 {
        wanted.into_iter().try_for_each(|(key, kind)| asked.ask_icinga(key, kind, false))?;
        return Ok(Answer::Later);
    }
    wanted.into_iter().try_for_each(|(key, kind)| asked.ask_icinga(key, kind, true))?;
    let left_out = if left_out.is_empty() { left_out } else { format!("; left out: {left_out}") };
    Ok(Answer::Text(format!("Icinga is asked to {words}{left_out}")))
}

fn reasons(left_out: &[String]) -> String {
    let said = left_out.iter().take(REASONS).cloned().collect::<Vec<_>>().join("; ");
    let more = left_out.len().saturating_sub(REASONS);
    if more > 0 { format!("{said}; and {more} more") } else { said }
}
