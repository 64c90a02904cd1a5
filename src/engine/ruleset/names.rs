//! Names that exist outside of the rule files, for telling at load which are wrong.

use crate::command::right::ROLES;
use std::collections::{BTreeMap, BTreeSet};

/// The name that always stands for a target.
const DEFAULT: &str = "default";

/// What a rule may name. What is `None` is not known: any name is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The targets of the configuration, without `default`.
    pub targets: Option<BTreeSet<String>>,
    /// The escalations of the configuration.
    pub policies: Option<BTreeSet<String>>,
    /// The named templates of each target, `default` included: those that its sink
    /// would look into.
    pub templates: Option<BTreeMap<String, BTreeSet<String>>>,
    /// The roles of the configuration, besides the built-in ones.
    pub roles: Option<BTreeSet<String>>,
}

impl Names {
    /// Any name is taken, as in a replay.
    pub fn any() -> Names {
        Names::default()
    }

    /// Why there is no such role, and what would help.
    pub(super) fn role_fault(&self, name: &str) -> Option<(String, String)> {
        let known = ROLES.iter().copied().chain(self.roles.as_ref()?.iter().map(String::as_str));
        let known: Vec<&str> = known.collect();
        if known.contains(&name) {
            return None;
        }
        let meant = super::fault::meant(name, known.iter().copied());
        let help = "leave `role` out where anybody may; a new one is `[role.NAME]` in watchbell.toml";
        Some((format!("there is no role `{name}`{meant}"), help.to_owned()))
    }

    /// Why there is no such target, and what would help.
    pub(super) fn target_fault(&self, name: &str) -> Option<(String, String)> {
        let targets = self.targets.as_ref()?;
        if name == DEFAULT || targets.contains(name) {
            return None;
        }
        let known: Vec<&str> = std::iter::once(DEFAULT).chain(targets.iter().map(String::as_str)).collect();
        let message =
            format!("there is no target `{name}`{}", super::fault::meant(name, known.iter().copied()));
        let help = "; a new one is `[target.NAME]` there, and a restart";
        Some((message, format!("watchbell.toml has: {}{help}", known.join(", "))))
    }

    /// Why there is no such escalation, and what would help.
    pub(super) fn policy_fault(&self, name: &str) -> Option<(String, String)> {
        let policies = self.policies.as_ref()?;
        if policies.contains(name) {
            return None;
        }
        let known: Vec<&str> = policies.iter().map(String::as_str).collect();
        let message =
            format!("there is no escalation `{name}`{}", super::fault::meant(name, known.iter().copied()));
        let listed = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let help = "; a new one is `[escalation.NAME]` there, and a restart";
        Some((message, format!("watchbell.toml has: {listed}{help}")))
    }

    /// Why there is no such template for this target (`None`: for any), and what would
    /// help.
    pub(super) fn template_fault(&self, name: &str, target: Option<&str>) -> Option<(String, String)> {
        let templates = self.templates.as_ref()?;
        let all: BTreeSet<&str> = templates.values().flatten().map(String::as_str).collect();
        let known = match target {
            // A target that is not there has its own fault.
            Some(target) => templates.get(target)?.iter().map(String::as_str).collect(),
            None => all.clone(),
        };
        if known.contains(name) {
            return None;
        }
        let for_target = target.map_or(String::new(), |target| format!(" for the target `{target}`"));
        let help = match all.contains(name) {
            true => "it lies in a folder that only other sinks look into; put it into `default` for all",
            false => "a template of your own is a file such as `default/short.text`",
        };
        let meant = super::fault::meant(name, known.iter().copied());
        Some((format!("there is no template `{name}`{for_target}{meant}"), help.to_owned()))
    }
}
