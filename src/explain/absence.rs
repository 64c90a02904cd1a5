//! Why a target did not hear of the newest problem of an object.

use super::words::{event, fate, moment, short, silencer};
use crate::engine::Case;
use crate::engine::case::NamingRule;
use crate::engine::matcher::Unmet;
use crate::model::{Decision, State, Step, Verdict};
use crate::store::{Past, PastDelivery};
use jiff::tz::TimeZone;

/// How many lines are told in chat.
const TOLD_IN_CHAT: usize = 4;
/// How long a line in chat may grow, in characters.
const LONGEST_LINE: usize = 350;
/// How much of a value is shown, in characters.
const LONGEST_VALUE: usize = 80;

/// Why, in lines; the first one says what happened.
pub fn absence(case: &Case, past: &Past, zone: &TimeZone) -> Vec<String> {
    let problems = problems(past);
    let Some(newest) = problems.first() else { return unheard(case, past, zone) };
    if let Some(decision) = problems.iter().find(|decision| names(case, decision)) {
        return told(case, decision, past, zone);
    }
    if let Some(state) = newest.facts.told.get(&case.target) {
        let what = problem(newest, zone);
        return vec![format!(
            "{} was told {state} of {what} before; that decision is no longer kept",
            case.target
        )];
    }
    // What passed and went to others says more than a repeat that was dropped.
    let passed = problems.iter().find(|decision| !matches!(decision.verdict, Verdict::Dropped(_)));
    not_told(case, passed.unwrap_or(newest), zone)
}

/// The same in a few lines of chat.
pub fn brief_absence(case: &Case, past: &Past, zone: &TimeZone) -> String {
    let lines = absence(case, past, zone).into_iter().take(TOLD_IN_CHAT);
    let indented = |line: String| match line.starts_with(' ') {
        true => format!("  {}", short(&line, LONGEST_LINE)),
        false => short(&line, LONGEST_LINE),
    };
    lines.map(indented).collect::<Vec<_>>().join("\n")
}

/// The decisions on the newest problem, newest first: of its incident, or the one soft
/// state alone.
fn problems(past: &Past) -> Vec<&Decision> {
    let is_problem = |decision: &&Decision| {
        decision.event == "StateChange" && decision.facts.state.is_some_and(State::is_problem)
    };
    let mut problems = past.decisions.iter().filter(is_problem);
    let Some(newest) = problems.next() else { return Vec::new() };
    let same = |decision: &&Decision| newest.incident.is_some() && decision.incident == newest.incident;
    std::iter::once(newest).chain(problems.filter(same)).collect()
}

/// Whether the target was among those told.
fn names(case: &Case, decision: &Decision) -> bool {
    match &decision.verdict {
        Verdict::Told(targets) => targets.contains(&case.target),
        Verdict::Dropped(_) => false,
        Verdict::Unmatched => case.is_default,
    }
}

/// `db1 CRITICAL (#1, 2026-11-22 12:00:01)`.
fn problem(decision: &Decision, zone: &TimeZone) -> String {
    let state = decision.facts.state.map_or("", State::name);
    let soft = if decision.facts.hard { "" } else { " soft" };
    let incident = decision.incident.map_or(String::new(), |number| format!("#{number}, "));
    format!("{} {state}{soft} ({incident}{})", decision.object, moment(decision.at, zone))
}

/// No problem is known to the audit.
fn unheard(case: &Case, past: &Past, zone: &TimeZone) -> Vec<String> {
    let mut lines = vec![match case.status.state {
        Some(state) if state.is_problem() => format!(
            "{} is {state}, but no problem of it was judged as far back as is kept: it was so when Watchbell first looked, or no rule asks for it",
            case.object
        ),
        Some(state) => {
            format!("{} is {state}, and no problem of it was judged as far back as is kept", case.object)
        }
        None => format!("nothing was heard of {}: no state is known", case.object),
    }];
    if let Some(newest) = past.decisions.first() {
        lines.push(format!("  the last that was judged: {} {}", moment(newest.at, zone), event(newest)));
    }
    lines.extend(now(case, zone));
    lines
}

/// It was told.
fn told(case: &Case, decision: &Decision, past: &Past, zone: &TimeZone) -> Vec<String> {
    let mine = |past: &&PastDelivery| {
        past.delivery.target == case.target
            && past.delivery.at == decision.at
            && past.delivery.event == decision.event
    };
    let deliveries: Vec<&PastDelivery> = past.deliveries.iter().filter(mine).collect();
    let accepted = deliveries.iter().any(|past| past.status == "sent");
    let what = problem(decision, zone);
    if let (true, Some(gathered)) = (deliveries.is_empty(), gathered(decision, &case.target)) {
        return vec![format!("{} was to be told of {what}", case.target), gathered];
    }
    let head = match (deliveries.is_empty(), accepted) {
        (true, _) => format!("{} was to be told of {what}, but no delivery of it is kept", case.target),
        (_, true) => format!("{} was told of {what}", case.target),
        (_, false) => format!("{} was to be told of {what}, but nothing was accepted yet", case.target),
    };
    let to = |past: &PastDelivery| match past.delivery.recipient.as_str() {
        "" => String::new(),
        recipient => format!(" to {}", short(recipient, LONGEST_VALUE)),
    };
    let lines = deliveries.iter().map(|past| {
        format!("  d{}{} by {}: {}", past.delivery.id, to(past), past.delivery.sink, fate(past, zone))
    });
    std::iter::once(head).chain(lines).collect()
}

/// Which rule had it gathered for the target, and until when.
fn gathered(decision: &Decision, target: &str) -> Option<String> {
    let begin = format!("gathered for {target} (");
    decision.steps.iter().find_map(|step| {
        let did = step.did.iter().find(|did| did.starts_with(&begin))?;
        Some(format!("  {}: {}", step.rule, short(did, LONGEST_LINE)))
    })
}

/// It was not told.
fn not_told(case: &Case, decision: &Decision, zone: &TimeZone) -> Vec<String> {
    let target = &case.target;
    let mut lines = vec![format!("{target} did not hear of {}", problem(decision, zone))];
    lines.push(match &decision.verdict {
        Verdict::Dropped(reason) => {
            let by = silencer(decision).map_or("a rule".to_owned(), |step| step.rule.to_string());
            format!("  {by} kept it from everybody: {}", short(reason, LONGEST_LINE))
        }
        Verdict::Told(others) => format!("  the rules told {} only", others.join(" and ")),
        Verdict::Unmatched => "  no rule decided, so only the default target was told".to_owned(),
    });
    let naming = case.naming_rules(decision);
    if naming.is_empty() {
        lines.push(format!("  no rule for StateChange names {target}"));
    }
    lines.extend(naming.iter().map(|rule| format!("  {} → {}", rule.at, silence_of(rule, decision, target))));
    let work_it_out: Vec<String> = case.rules_that_work_it_out().map(ToString::to_string).collect();
    if !work_it_out.is_empty() {
        lines.push(format!("  these rules work out whom they tell: {}", work_it_out.join(", ")));
    }
    if decision.ruleset != case.ruleset() {
        lines.push(format!(
            "  the rules have changed since: then {}, now {}; what they name and want is said as of now",
            decision.ruleset,
            case.ruleset()
        ));
    }
    lines.extend(now(case, zone));
    lines
}

/// Why a rule that names the target did not tell it.
fn silence_of(rule: &NamingRule, decision: &Decision, target: &str) -> String {
    let ran = |step: &&Step| step.rule.name == rule.at.name;
    if let Some(step) = decision.steps.iter().find(ran) {
        let did = if step.did.is_empty() { "it said nothing".to_owned() } else { step.did.join("; ") };
        return format!("names {target} and ran, but did not tell it: {}", short(&did, LONGEST_LINE));
    }
    let (certain, uncertain): (Vec<&Unmet>, Vec<&Unmet>) =
        rule.unmet.iter().partition(|unmet| is_kept(&unmet.field));
    if !certain.is_empty() {
        let unmet: Vec<String> = certain.iter().map(|unmet| unmet_words(unmet)).collect();
        return format!("names {target}, but {}", unmet.join("; "));
    }
    if !uncertain.is_empty() {
        let fields: Vec<String> = uncertain.iter().map(|unmet| format!("`{}`", unmet.field)).collect();
        let fields = fields.join(", ");
        return format!("names {target}, and did not run: it looks at {fields}, of which not all is kept");
    }
    match silencer(decision) {
        Some(_) => format!("names {target}, and was not reached"),
        None => format!("names {target}, and would take it now"),
    }
}

fn unmet_words(unmet: &Unmet) -> String {
    let wanted = short(&unmet.wanted, LONGEST_VALUE);
    format!("`{}` was {}, it wants {wanted}", unmet.field, short(&unmet.found, LONGEST_VALUE))
}

/// Whether the field's value at that time is kept, or belongs to the configuration.
fn is_kept(field: &str) -> bool {
    const KEPT: &[&str] = &[
        "on",
        "type",
        "source",
        "object",
        "is_host",
        "state",
        "hard",
        "hard_state",
        "told_state",
        "told",
        "is_problem",
        "is_recovery",
        "attempt",
        "reachable",
        "acknowledged",
        "in_downtime",
        "downtime_depth",
        "flapping",
        "missed",
        "withheld",
        "incident",
        "host.state",
        "host.hard_state",
        "host.is_problem",
    ];
    const OF_THE_MOMENT: &[&str] = &["acknowledged", "in_downtime", "flapping", "reachable"];
    let of_object = field.strip_prefix("host.").or_else(|| field.strip_prefix("service."));
    KEPT.contains(&field) || of_object.is_some_and(|name| !OF_THE_MOMENT.contains(&name))
}

/// What holds now and may keep the next problem away as well.
fn now(case: &Case, zone: &TimeZone) -> Vec<String> {
    let muted = case.muted.as_ref().map(|mute| format!("  it is muted now: {}", short(mute, LONGEST_LINE)));
    let away = case.away.as_ref().map(|(since, reason)| {
        let source = case.object.source();
        format!(
            "  Icinga {source} has been out of reach since {}: {}",
            moment(*since, zone),
            short(reason, LONGEST_LINE)
        )
    });
    muted.into_iter().chain(away).collect()
}
