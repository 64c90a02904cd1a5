//! Telling what was gathered, when it is due.
//!
//! Promises: the sums add up; the worst comes first; what waited for a target that is
//! gone goes to the default one.

use crate::engine::outcome::{By, Notification, Outcome};
use crate::engine::world::gathers::{Due, Member};
use crate::engine::{Engine, Settings};
use crate::model::event::Digest;
use crate::model::words::counted;
use crate::model::{Decision, Detail, Event, Facts, Scene, State, Status, Step, Timestamp, Verdict};
use std::cmp::Reverse;
use std::sync::Arc;

/// How many members get a line; a mail with all of them stays below the cut at 64 KB.
const LINES: usize = 400;

/// Longest line, in characters.
const LONGEST_LINE: usize = 140;

impl Engine {
    /// Tells what is due, oldest first, and keeps why.
    pub(in crate::engine) fn tell_gathered(&mut self, now: Timestamp, outcome: &mut Outcome) {
        let ruleset = self.ruleset.clone();
        let stage = self.stage();
        for due in stage.world.due_gathers(now) {
            let mut decision = decision(&due, now, ruleset.hash());
            let notification = notification(&stage.settings, due, now);
            decision.verdict = Verdict::Told(vec![notification.target.clone()]);
            outcome.decisions.push(decision);
            outcome.notifications.push(notification);
        }
    }
}

/// What a target hears of a gather: of a single event just what it would have heard at
/// once, else a digest. After a restart the event itself is gone, and its line is told.
fn notification(settings: &Settings, due: Due, now: Timestamp) -> Notification {
    let by = By::Rule(due.gather.rule.clone());
    let target = due.gather.target.clone();
    let mut notification = match due.only {
        Some(only) => only,
        None => {
            let scene = Arc::new(scene(due, now));
            Notification { target: target.clone(), scene, by, text: None, template: None, note: None }
        }
    };
    if !settings.has_target(&target) {
        notification.target = settings.default_target.clone();
        notification.note = Some(format!("[gathered for `{target}`, which is no longer a target]"));
    }
    notification
}

fn scene(due: Due, now: Timestamp) -> Scene {
    let at = due.gather.due;
    let event = Event::ours(at, Detail::Digest(digest(due)));
    let status = Arc::<Status>::default();
    let host_status = status.clone();
    Scene { event, now, host: None, service: None, status, host_status, incident: None }
}

fn digest(due: Due) -> Digest {
    let mut members = due.members;
    members.sort_by_key(|member| (Reverse(severity(member)), member.at));
    let ended = |problem: bool| {
        members.iter().filter(|member| member.state.is_some_and(|s| s.is_problem() == problem)).count() as u64
    };
    let lines: Vec<String> = members.iter().take(LINES).map(line).collect();
    Digest {
        key: due.gather.key,
        rule: due.gather.rule.to_string(),
        since: due.gather.since.unwrap_or(due.gather.due),
        problems: ended(true),
        recoveries: ended(false),
        worst: members.first().and_then(|member| member.state).filter(|state| state.is_problem()),
        more: (members.len() - lines.len()) as u64 + due.gather.beyond,
        lines,
        changes: 0,
        states: String::new(),
        more_groups: 0,
    }
}

fn severity(member: &Member) -> u8 {
    member.state.map_or(0, State::severity)
}

/// `db1!load CRITICAL: load 17`, `db1 UP again (was DOWN)`, `db1 acknowledged by ...`.
fn line(member: &Member) -> String {
    let mut line = member.object.as_ref().map_or("", |object| object.name()).to_owned();
    if let Some(state) = member.state {
        let again = if state.is_problem() { "" } else { " again" };
        line.push_str(&format!(" {state}{again}"));
        if let Some(was) = member.was.filter(|was| *was != state) {
            line.push_str(&format!(" (was {was})"));
        }
    }
    if !member.words.is_empty() && member.state.is_none_or(State::is_problem) {
        let between = if member.state.is_some() { ": " } else { " " };
        line.push_str(&format!("{between}{}", member.words));
    }
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.trim().to_owned(),
    }
}

fn decision(due: &Due, now: Timestamp, ruleset: &str) -> Decision {
    let gather = &due.gather;
    let count = due.members.len() as u64 + gather.beyond;
    let object = match due.members.as_slice() {
        [member] => member.object.as_ref().map_or("", |object| object.name()),
        _ => "",
    };
    let did = format!("told what was gathered for {} ({})", gather.target, gather.key);
    Decision {
        at: now,
        event: "Digest".to_owned(),
        object: object.to_owned(),
        incident: None,
        summary: format!("{} gathered under {}", counted(count, "message"), gather.key),
        verdict: Verdict::Unmatched,
        steps: vec![Step { rule: gather.rule.clone(), did: vec![did] }],
        facts: Facts::default(),
        ruleset: ruleset.to_owned(),
    }
}
