//! A case: what the engine knows now of an object and a target, for whoever has to say why
//! that target did not hear of the object.
//!
//! Promises: plain data, that can travel to where the audit is read. Never: decides.

use super::matcher::{Unmet, nearest};
use super::ruleset::Rule;
use super::world::World;
use super::{Ruleset, Settings};
use crate::model::{
    Decision, Detail, Event, EventType, Facts, Incident, IncidentId, Object, ObjectKey, RuleRef, Scene,
    State, StateReport, Status, Timestamp,
};
use std::fmt;
use std::sync::Arc;

/// What is known of an object and a target now.
#[derive(Clone)]
pub struct Case {
    /// Which object.
    pub object: ObjectKey,
    /// What is known of its state now.
    pub status: Arc<Status>,
    /// The target's own name.
    pub target: String,
    /// Whether it is the one that hears what no rule decides.
    pub is_default: bool,
    /// Since when the object's Icinga has been out of reach, and why.
    pub away: Option<(Timestamp, String)>,
    /// The mute that covers the object's problems now, in words.
    pub muted: Option<String>,
    configuration: Arc<Object>,
    host: Arc<Object>,
    ruleset: Arc<Ruleset>,
}

/// A rule that may tell the target, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NamingRule {
    /// Which rule.
    pub at: RuleRef,
    /// The conditions that did not hold, as far as what is kept says so.
    pub unmet: Vec<Unmet>,
}

impl Case {
    /// The case of an object and a target. Errors: there is no such target.
    pub fn of(
        world: &World,
        settings: &Settings,
        ruleset: &Arc<Ruleset>,
        object: &ObjectKey,
        target: &str,
        now: Timestamp,
    ) -> Result<Case, String> {
        let target = if target == "default" { &settings.default_target } else { target };
        if !settings.targets.contains(target) {
            return Err(no_target(target, settings.targets.iter()));
        }
        let mut case = Case {
            object: object.clone(),
            status: world.status(object),
            target: target.to_owned(),
            is_default: *target == settings.default_target,
            away: world.source(object.source()).away,
            muted: None,
            configuration: world.object(object),
            host: world.object(&object.host_key()),
            ruleset: ruleset.clone(),
        };
        let scene = case.scene(&case.facts_now(world), "", None, now);
        let mute = world.mutes().find(|mute| mute.covers(&scene)).map(|mute| &mute.mute);
        case.muted = mute.map(|mute| {
            let reason = if mute.reason.is_empty() { String::new() } else { format!(": {}", mute.reason) };
            format!("m{} by {} {}{reason}", mute.id, mute.owner, mute.when(&settings.zone))
        });
        Ok(case)
    }

    /// Short hash of the rules in force now.
    pub fn ruleset(&self) -> &str {
        self.ruleset.hash()
    }

    /// The rules in force now that may tell the target of a state: those that name it, each with what
    /// of its conditions the decided event did not meet. Custom variables and groups are
    /// taken as they are now.
    pub fn naming_rules(&self, decision: &Decision) -> Vec<NamingRule> {
        let scene = self.scene(&decision.facts, output_of(decision), decision.incident, decision.at);
        let rules = self.ruleset.rules_for(EventType::StateChange);
        let naming = rules.filter(|rule| self.names_target(rule));
        naming.map(|rule| NamingRule { at: rule.at.clone(), unmet: rule.matcher.unmet(&scene) }).collect()
    }

    /// The rules in force now that work out whom they tell.
    pub fn rules_that_work_it_out(&self) -> impl Iterator<Item = &RuleRef> {
        let rules = self.ruleset.rules_for(EventType::StateChange);
        rules.filter(|rule| rule.mentions.worked_out && !self.names_target(rule)).map(|rule| &rule.at)
    }

    fn names_target(&self, rule: &Rule) -> bool {
        let texts = &rule.mentions.texts;
        texts.contains(&self.target) || (self.is_default && texts.contains("default"))
    }

    fn facts_now(&self, world: &World) -> Facts {
        let status = &self.status;
        Facts {
            source: self.object.source().clone(),
            state: status.hard_state,
            hard: true,
            hard_state: status.hard_state,
            attempt: status.attempt,
            acknowledged: status.acknowledged,
            downtimes: status.downtime_depth,
            flapping: status.flapping,
            unreachable: !status.reachable,
            host_state: world.status(&self.object.host_key()).hard_state,
            ..Facts::default()
        }
    }

    /// The state change as it was judged, as far as it is kept.
    fn scene(&self, facts: &Facts, output: &str, incident: Option<u64>, at: Timestamp) -> Scene {
        let state = facts.state.or(self.status.state).unwrap_or(State::Unknown);
        let report = StateReport {
            state,
            hard: facts.hard,
            attempt: facts.attempt,
            previous: None,
            reachable: !facts.unreachable,
            output: output.to_owned(),
            performance_data: Vec::new(),
            exit_status: 0,
            check_source: String::new(),
            execution_end: None,
            downtime_depth: Some(facts.downtimes),
            acknowledgement: Some(facts.acknowledged),
            restated: None,
        };
        let event = Event {
            source: self.object.source().clone(),
            timestamp: at,
            object: Some(self.object.clone()),
            missed: facts.missed,
            withheld: facts.withheld.clone(),
            detail: Detail::StateChange(report),
        };
        let status = Arc::new(Status {
            state: facts.state,
            hard: facts.hard,
            hard_state: facts.hard_state,
            attempt: facts.attempt,
            output: Arc::from(output),
            reachable: !facts.unreachable,
            acknowledged: facts.acknowledged,
            downtime_depth: facts.downtimes,
            flapping: facts.flapping,
            withheld: facts.withheld.clone(),
            told: facts.told_state,
            ..Status::default()
        });
        let host_status = match self.object.is_host() {
            true => status.clone(),
            false => Arc::new(Status {
                state: facts.host_state,
                hard: true,
                hard_state: facts.host_state,
                ..Status::default()
            }),
        };
        let incident =
            incident.map(|number| Arc::new(Incident::new(IncidentId(number), self.object.clone(), at)));
        let service = (!self.object.is_host()).then(|| self.configuration.clone());
        Scene { event, now: at, host: Some(self.host.clone()), service, status, host_status, incident }
    }
}

/// The first line of what the check wrote: it stands behind the state in the summary.
fn output_of(decision: &Decision) -> &str {
    let output = decision.summary.split_once(": ").map_or("", |(_, output)| output);
    output.split(" (judged again; before: ").next().unwrap_or(output)
}

impl PartialEq for Case {
    /// The same object and target, whatever is known of them.
    fn eq(&self, other: &Case) -> bool {
        (&self.object, &self.target) == (&other.object, &other.target)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case({}, {})", self.object, self.target)
    }
}

/// What is answered to a name that no target has; `known` are those that there are.
pub fn no_target<'a>(target: &str, known: impl Iterator<Item = &'a String> + Clone) -> String {
    let meant = nearest(target, known.clone().cloned());
    let meant = meant.map_or(String::new(), |name| format!("did you mean `{name}`? "));
    let known: Vec<&str> = known.map(String::as_str).collect();
    format!("there is no target `{target}`; {meant}watchbell.toml has: {}", known.join(", "))
}
