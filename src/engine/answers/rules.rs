//! Answers about the rules: which are in force, reading them again, comparing others with them.

use super::asked::{Answer, Answered, Asked};
use crate::command::Request;
use crate::engine::costs::Costs;
use crate::engine::outcome::Question;
use crate::engine::ruleset::Ruleset;
use crate::engine::world::World;
use crate::model::words::counted;
use std::time::Duration;

/// How many slow rules are shown.
const SLOW_SHOWN: usize = 3;

/// Answers what is asked about rules; `None` if it is about something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let done = match request {
        Request::Rules => Ok(rules(asked.ruleset(), asked.world(), asked.costs())),
        Request::Reload { force } => reload(asked, *force),
        Request::Diff(length) => compare(asked, *length),
        _ => return None,
    };
    Some(done.map(Answer::Text))
}

fn reload(asked: &mut Asked<'_>, force: bool) -> Result<String, String> {
    asked.permit_beside_objects("a reload", 0, None)?;
    if force {
        asked.confirm("put rules in force whose own tests may fail", &[])?;
    }
    asked.ask(Question::Reload { force });
    Ok("reading rules and templates again".to_owned())
}

fn compare(asked: &mut Asked<'_>, length: Duration) -> Result<String, String> {
    asked.permit_beside_objects("a comparison of rules", 0, None)?;
    asked.ask(Question::Diff { length });
    Ok("comparing the candidate rules with those in force; the answer follows".to_owned())
}

/// `rules`: the rules in force, by file, what they remember, and which of them are slow.
fn rules(ruleset: &Ruleset, world: &World, costs: &Costs) -> String {
    let mut lines = vec![format!("ruleset {}: {} rules", ruleset.hash(), ruleset.rules().len())];
    for rule in ruleset.rules() {
        lines.push(format!("  {}", rule.at));
    }
    let (windows, values) = world.remembered();
    let messages = world.gathers_waiting();
    if windows + values + messages > 0 {
        let messages = counted(messages as u64, "message");
        let windows = counted(windows as u64, "window");
        let values = counted(values as u64, "value");
        lines.push(format!("they remember {windows} and {values}, and gather {messages}"));
    }
    for (number, cost) in costs.slow().into_iter().take(SLOW_SHOWN) {
        let at = &ruleset.rules()[number].at;
        lines.push(format!("slow: {at} takes {:.1} ms a call", cost.mean().as_secs_f64() * 1000.0));
    }
    lines.join("\n")
}
