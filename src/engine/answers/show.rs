//! Answers that show: states, problems, mutes, rules, help.

use crate::command::{Caller, VERBS, VerbHelp, permit, verbs};
use crate::engine::costs::Costs;
use crate::engine::ruleset::Ruleset;
use crate::engine::stage::Stage;
use crate::engine::world::{Record, World};
use crate::model::time::short_length;
use crate::model::words::{self, counted};
use crate::model::{Object, ObjectKey, State, Status, Timestamp};

/// How many lines of a list are shown.
const SHOWN: usize = 8;
/// How many slow rules are shown.
const SLOW_SHOWN: usize = 3;

fn ago(since: Option<Timestamp>, now: Timestamp) -> String {
    since.map_or(String::new(), |since| {
        format!(" for {}", short_length(now.duration_since(since).as_secs_f64()))
    })
}

fn first_line(text: &str) -> String {
    let line = words::first_line(text, 160);
    if line.is_empty() { String::new() } else { format!(": {line}") }
}

/// What is known beside the state, in brackets.
fn marks(status: &Status) -> String {
    let mut marks = Vec::new();
    if status.acknowledged {
        marks.push("acknowledged");
    }
    if status.downtime_depth > 0 {
        marks.push("in downtime");
    }
    if status.flapping {
        marks.push("flapping");
    }
    if !status.reachable {
        marks.push("unreachable");
    }
    if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(", ")) }
}

fn number(record: &Record) -> String {
    match record.marks().incident {
        Some(id) if record.status.hard_state.is_some_and(State::is_problem) => format!("{id} "),
        _ => String::new(),
    }
}

fn state_words(status: &Status, now: Timestamp) -> String {
    let Some(state) = status.state else { return "not checked yet".to_owned() };
    let soft = if status.hard { "" } else { " (soft)" };
    format!("{state}{soft}{}", ago(status.since, now))
}

/// `host` and `service`: one object, and a host's services in trouble.
pub(super) fn object(world: &World, key: &ObjectKey, now: Timestamp) -> String {
    let object = world.object(key);
    let record = world.record(key).cloned().unwrap_or_default();
    let status = &record.status;
    let mut lines = vec![format!(
        "{}{key} is {}{}{}",
        number(&record),
        state_words(status, now),
        marks(status),
        first_line(&status.output)
    )];
    lines.extend(facts(&object));
    if key.is_host() {
        lines.extend(services_in_trouble(world, key, now));
    }
    lines.join("\n")
}

fn facts(object: &Object) -> Option<String> {
    let mut facts = Vec::new();
    if object.display_name != object.key.service().unwrap_or(object.key.host()) {
        facts.push(object.display_name.clone());
    }
    if !object.address.is_empty() {
        facts.push(format!("address {}", object.address));
    }
    if !object.groups.is_empty() {
        facts.push(format!("groups {}", object.groups.join(", ")));
    }
    facts.extend([&object.notes, &object.notes_url].into_iter().filter(|text| !text.is_empty()).cloned());
    if facts.is_empty() { None } else { Some(format!("  {}", facts.join("; "))) }
}

fn services_in_trouble(world: &World, host: &ObjectKey, now: Timestamp) -> Vec<String> {
    let mut services: Vec<(&ObjectKey, &Record)> = world
        .records()
        .filter(|(key, record)| {
            !key.is_host()
                && key.source() == host.source()
                && key.host() == host.host()
                && record.status.hard_state.is_some_and(State::is_problem)
        })
        .collect();
    services.sort_by_key(|(key, record)| (std::cmp::Reverse(severity(record)), (*key).clone()));
    let lines = services.iter().map(|(key, record)| problem_line(key, record, now)).collect();
    capped(lines, "services in trouble")
}

fn severity(record: &Record) -> u8 {
    record.status.hard_state.map_or(0, State::severity)
}

fn problem_line(key: &ObjectKey, record: &Record, now: Timestamp) -> String {
    let status = &record.status;
    let state = status.hard_state.map_or("", State::name);
    format!(
        "  {}{state} {key}{}{}{}",
        number(record),
        ago(status.since, now),
        marks(status),
        first_line(&status.output)
    )
}

fn capped(mut lines: Vec<String>, of_what: &str) -> Vec<String> {
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if more > 0 {
        lines.push(format!("  and {more} more {of_what}"));
    }
    lines
}

/// What is shown may be old: which Icingas are out of reach.
fn away(world: &World, now: Timestamp) -> String {
    let mut away: Vec<String> = world
        .sources()
        .filter_map(|(name, source)| Some((name, source.away.as_ref()?)))
        .map(|(name, (since, reason))| {
            format!("Icinga {name} has been out of reach{}: {reason}\n", ago(Some(*since), now))
        })
        .collect();
    away.sort();
    away.concat()
}

/// `problems`: what is broken, what nobody handles first, worst first.
pub(super) fn problems(world: &World, part: Option<&str>, now: Timestamp) -> String {
    let part = part.unwrap_or("").to_lowercase();
    let mut problems: Vec<(&ObjectKey, &Record)> = world
        .records()
        .filter(|(key, record)| {
            record.status.hard_state.is_some_and(State::is_problem)
                && key.name().to_lowercase().contains(&part)
        })
        .collect();
    if problems.is_empty() {
        let nothing_known = world.object_keys().next().is_none();
        let words =
            if nothing_known { "nothing is known yet: no Icinga has been read" } else { "no problems" };
        return away(world, now) + words;
    }
    let unhandled = problems.iter().filter(|(_, record)| !is_handled(&record.status)).count();
    problems.sort_by_key(|(key, record)| {
        (is_handled(&record.status), std::cmp::Reverse(severity(record)), record.status.since, (*key).clone())
    });
    let lines = problems.iter().map(|(key, record)| problem_line(key, record, now)).collect();
    let problems = counted(problems.len() as u64, "problem");
    let head = format!("{}{problems}, {unhandled} not handled:", away(world, now));
    std::iter::once(head).chain(capped(lines, "problems")).collect::<Vec<_>>().join("\n")
}

fn is_handled(status: &Status) -> bool {
    status.acknowledged || status.downtime_depth > 0 || !status.reachable
}

/// `i2status`: counts, and what is not handled.
pub(super) fn status(world: &World, now: Timestamp) -> String {
    let mut counts = [0_usize; 6];
    let (mut unreachable, mut unhandled, mut pending) = (0, 0, 0);
    for key in world.object_keys() {
        let status = world.status(key);
        let Some(state) = status.state else {
            pending += 1;
            continue;
        };
        counts[State::ALL.iter().position(|known| *known == state).unwrap_or(0)] += 1;
        if state.is_problem() {
            unreachable += usize::from(!status.reachable);
            unhandled += usize::from(status.hard && !is_handled(&status));
        }
    }
    let [ok, up, warning, unknown, critical, down] = counts;
    let away = away(world, now);
    let forgotten = world.forgotten().in_words().map_or(String::new(), |words| format!("\n{words}"));
    format!(
        "{away}hosts: {up} up, {down} down\nservices: {ok} ok, {warning} warning, {critical} critical, {unknown} unknown\n\
         {unhandled} not handled, {unreachable} unreachable, {pending} not checked yet{forgotten}"
    )
}

/// `mutes`: all of them, the one that ends first on top.
pub(super) fn mutes(stage: &Stage, now: Timestamp) -> String {
    let mut mutes: Vec<_> = stage.world.mutes().map(|mute| &mute.mute).collect();
    if mutes.is_empty() {
        return "nothing is muted".to_owned();
    }
    mutes.sort_by_key(|mute| mute.until);
    let lines = mutes
        .iter()
        .map(|mute| {
            let left = short_length(mute.until.duration_since(now).as_secs_f64());
            let reason = if mute.reason.is_empty() { String::new() } else { format!(": {}", mute.reason) };
            format!(
                "  m{} {} for {left} more, by {}{reason} ({})",
                mute.id,
                mute.what,
                mute.owner,
                mute.kept_quiet()
            )
        })
        .collect();
    let head = format!("{} muted:", mutes.len());
    std::iter::once(head).chain(capped(lines, "mutes")).collect::<Vec<_>>().join("\n")
}

/// `rules`: the rules in force, by file, what they remember, and which of them are slow.
pub(super) fn rules(ruleset: &Ruleset, world: &World, costs: &Costs) -> String {
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

/// `help`: what the caller may use, or one command in full.
pub(super) fn help(topic: Option<&str>, caller: &Caller, ruleset: &Ruleset, prefix: &str) -> String {
    if let Some(topic) = topic {
        let topic = topic.trim_start_matches(prefix);
        if let Some(verb) = verbs::find(topic) {
            return full(verb, prefix);
        }
        if let Some(command) = ruleset.commands().get(topic) {
            return format!("{prefix}{topic} - {} ({})", command.help, command.at.file);
        }
        return format!("there is no command `{topic}`; `{prefix}help` lists them");
    }
    let may_change = caller.needs(permit::OPERATOR).is_ok();
    let own = VERBS.iter().filter(|verb| may_change || !verb.changes).map(|verb| verb.name);
    let custom = ruleset
        .commands()
        .iter()
        .filter(|(_, command)| command.role.as_ref().is_none_or(|role| caller.needs(role).is_ok()))
        .map(|(name, _)| name.as_str());
    let names: Vec<&str> = own.chain(custom).collect();
    let note = if may_change { "" } else { " (more for operators: see whoami)" };
    format!("{}{note}; `{prefix}help COMMAND` says more", names.join(", "))
}

fn full(verb: &VerbHelp, prefix: &str) -> String {
    let right = if verb.changes { "; needs the role operator" } else { "" };
    let form = if verb.form.is_empty() { String::new() } else { format!(" {}", verb.form) };
    format!("{prefix}{}{form} - {}{right}", verb.name, verb.help)
}

/// `whoami`: who the caller is, and what that allows.
pub(super) fn whoami(caller: &Caller) -> String {
    let author = caller.author.as_ref().map_or("nobody".to_owned(), |author| format!("`{author}`"));
    let roles = if caller.roles.is_empty() { "none".to_owned() } else { caller.roles.join(", ") };
    format!("{}; Icinga hears {author}; roles: {roles}", caller.standing)
}
