//! The stage: what a rule can reach while it runs.
//!
//! Owns: the world while a script runs, and the outcome that the script builds.
//! Scripts ask, the host acts: every verb adds to [`Run`] or to the world's
//! windows, and nothing else happens until the script has ended.

use super::Settings;
use super::gather::{self, Plan, Plans};
use super::holidays::Calendar;
use super::mirror;
use super::mute::{Ending, Mute};
use super::outcome::{By, Notification};
use super::world::World;
use crate::model::event::MuteEnding;
use crate::model::{Action, Detail, Event, IncidentId, RuleRef, Scene, Timestamp};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The engine's state and the run under way.
pub struct Stage {
    /// All state.
    pub world: World,
    /// What the configuration says that rules need.
    pub settings: Arc<Settings>,
    /// The holidays that the rules in force declare, by name.
    pub calendars: Arc<BTreeMap<String, Calendar>>,
    /// What is being judged, and what came of it so far.
    pub run: Run,
}

/// What is being judged, and what came of it so far.
#[derive(Default)]
pub struct Run {
    /// The rule that runs; `None` between rules.
    pub rule: Option<RuleRef>,
    /// What the rule did, for the audit.
    pub did: Vec<String>,
    /// Whom to tell.
    pub notifications: Vec<Notification>,
    /// What to ask of Icinga.
    pub actions: Vec<Action>,
    /// The mute that a rule asked about and that covers the event.
    pub muted_by: Option<u64>,
    /// Set by `drop`: no further rule runs.
    pub dropped: Option<Dropped>,
    /// Whether a target was left out because it has heard the state already.
    pub heard: bool,
    /// Set by `stop`: no further rule runs.
    pub stopped: bool,
    /// Whether the command that runs may change nothing: nobody vouches for who asked, or their
    /// role has bounds that a script cannot be held to.
    pub only_reads: bool,
    /// Lines for the log.
    pub log: Vec<String>,
    /// Made by `mute` and `unmute`: events to be judged next.
    pub follow_ups: Vec<Event>,
    /// When the input is judged.
    pub now: Timestamp,
    /// What is to be gathered.
    pub plans: Plans,
}

/// How many lines, and how many bytes, rules may write to the log on one event.
const LOG_LINES: usize = 100;
const LOG_BYTES: usize = 1 << 17;

impl Run {
    /// Writes a line to the log, while there is room.
    pub fn write_log(&mut self, line: &str) {
        let written: usize = self.log.iter().map(String::len).sum();
        if self.log.len() < LOG_LINES && written + line.len() <= LOG_BYTES {
            self.log.push(line.to_owned());
        }
    }
}

/// How a notification is worded, where it is not by the template of its type.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// Said instead of any template.
    pub text: Option<String>,
    /// The template of this name instead.
    pub template: Option<String>,
}

/// A rule wants nobody to hear of it.
pub struct Dropped {
    /// Why, in the rule's words.
    pub reason: String,
    /// When the object's state is to be judged again, if it is still owed.
    pub again: Option<std::time::Duration>,
}

thread_local! {
    /// Where a running script finds the stage; empty between runs. Scripts run on the
    /// thread of their engine, so engines on other threads do not meet here, not even
    /// under the same ruleset.
    static LENT: RefCell<Option<Box<Stage>>> = const { RefCell::new(None) };
}

/// Lends the stage to the scripts that `call` runs.
pub(super) fn lend<T>(stage: Box<Stage>, call: impl FnOnce() -> T) -> (Box<Stage>, T) {
    LENT.set(Some(stage));
    let result = call();
    let stage = LENT.take().expect("what was lent is taken back here only");
    (stage, result)
}

/// Does something on the stage that was lent. An error text if no rule runs, as when
/// a rule file calls a verb while it is being loaded.
pub(super) fn on_stage<T>(act: impl FnOnce(&mut Stage) -> Result<T, String>) -> Result<T, String> {
    // A verb that panicked has left the stage whole enough: each verb's change is small.
    LENT.with_borrow_mut(|stage| match stage {
        Some(stage) => act(stage),
        None => Err("this can only be called inside a rule or command".to_owned()),
    })
}

impl Stage {
    /// The configured target of this name; `default` is the default one.
    pub fn target(&self, name: &str) -> Result<String, String> {
        if name == "default" {
            return Ok(self.settings.default_target.clone());
        }
        if self.settings.any_target || self.settings.targets.contains(name) {
            return Ok(name.to_owned());
        }
        let known: Vec<&str> = self.settings.targets.iter().map(String::as_str).collect();
        Err(format!("there is no target `{name}`; watchbell.toml has: default, {}", known.join(", ")))
    }

    /// Notes for the audit what the rule that runs looked at or did; not twice in a row.
    pub fn note(&mut self, words: String) {
        if self.run.did.last() != Some(&words) {
            self.run.did.push(words);
        }
    }

    /// Adds a notification, once per target.
    pub fn notify(&mut self, scene: &Arc<Scene>, target: &str, words: Words) -> Result<(), String> {
        let plan = self.run.plans.from_here.clone();
        self.tell(scene, target, words, plan)
    }

    /// Adds a notification, once per target; gathered if there is a plan.
    pub fn tell(
        &mut self,
        scene: &Arc<Scene>,
        target: &str,
        words: Words,
        plan: Option<Arc<Plan>>,
    ) -> Result<(), String> {
        let target = self.target(target)?;
        if has_heard(scene, &target) {
            self.run.heard = true;
            self.run.did.push(format!("{target} has heard this state"));
            return Ok(());
        }
        let did = gather::in_words(&self.world, &self.settings.zone, scene, &target, plan.as_ref());
        self.run.did.push(did);
        if self.run.notifications.iter().any(|notification| notification.target == target) {
            return Ok(());
        }
        if let Some(plan) = plan {
            self.run.plans.of_target.insert(target.clone(), plan);
        }
        let by = self.run.rule.clone().map_or(By::Default, By::Rule);
        let scene = scene.clone();
        self.run.notifications.push(Notification {
            target,
            scene,
            by,
            text: words.text,
            template: words.template,
            note: None,
        });
        Ok(())
    }

    /// Notifies all targets that were told of what the event continues: of the
    /// incident, of the downtime's start, of the flapping's start. How many.
    pub fn tell_those_told(&mut self, scene: &Arc<Scene>) -> Result<i64, String> {
        let targets = self.told_targets(scene);
        for target in &targets {
            // A target that is no longer configured cannot be told; the rest can.
            if self.settings.any_target || self.settings.targets.contains(target) {
                self.notify(scene, target, Words::default())?;
            }
        }
        if targets.is_empty() {
            self.run.did.push("tell_those_told: nobody was told".to_owned());
        }
        Ok(targets.len() as i64)
    }

    fn told_targets(&self, scene: &Scene) -> BTreeSet<String> {
        match subject(scene) {
            Subject::Incident(id) => {
                let incident = self.world.incident(id);
                let ends = scene.is_recovery();
                let told = incident.into_iter().flat_map(|incident| &incident.told);
                let owed = told.filter(|(_, state)| !ends || state.is_problem());
                owed.map(|(target, _)| target.clone()).collect()
            }
            Subject::Other(subject) => self.world.told_of(&subject).cloned().unwrap_or_default(),
            Subject::None => BTreeSet::new(),
        }
    }

    /// The name of the rule that runs; empty in a command.
    pub fn rule_name(&self) -> &str {
        self.run.rule.as_ref().map_or("", |rule| &rule.name)
    }

    /// Adds a mute. What was said of it.
    pub fn add_mute(&mut self, mute: Mute) -> Result<String, String> {
        let words = format!("{} muted {}", mute.what, mute.when(&self.settings.zone));
        let id = self.put_mute(mute)?;
        Ok(format!("m{id}: {words}"))
    }

    /// Adds a mute. Its number.
    pub fn put_mute(&mut self, mute: Mute) -> Result<u64, String> {
        let id = self.world.add_mute(mute.clone()).map_err(|error| error.to_string())?;
        self.run.actions.extend(mirror::wanted(&Mute { id, ..mute }));
        Ok(id)
    }

    /// Takes a mute away. What was said of it.
    pub fn unmute(&mut self, id: u64, by: &str) -> Result<String, String> {
        let mute = self
            .world
            .remove_mute(id)
            .ok_or_else(|| format!("there is no mute m{id}; `mutes` lists them"))?;
        let words = format!("m{id}: {}: no longer muted, {}", mute.what, mute.kept_quiet());
        let removals = mirror::removals(&self.world, &mute);
        self.run.actions.extend(removals);
        self.run.follow_ups.push(mute_ending(mute, Ending::Removed, by, self.run.now));
        Ok(words)
    }

    /// The mute that covers the event, if any, in words.
    pub fn muted_by(&mut self, scene: &Scene) -> Option<String> {
        let Some(mute) = self.world.mutes().find(|mute| mute.covers(scene)).map(|mute| &mute.mute) else {
            self.note("muted: no".to_owned());
            return None;
        };
        let seen = format!("muted: m{} {}", mute.id, mute.when(&self.settings.zone));
        self.run.muted_by = Some(mute.id);
        let reason = if mute.reason.is_empty() { String::new() } else { format!(": {}", mute.reason) };
        let words = format!("muted by {}{reason}", mute.owner);
        self.note(seen);
        Some(words)
    }
}

/// Whether a state that is judged again, as it was kept from somebody, is no news to this
/// target.
fn has_heard(scene: &Scene, target: &str) -> bool {
    let told = scene.incident.as_ref().and_then(|incident| incident.told.get(target));
    scene.event.withheld.is_some() && told.is_some() && told.copied() == scene.state()
}

/// What an event continues, as far as people may have been told of it.
pub enum Subject {
    /// A problem.
    Incident(IncidentId),
    /// A downtime or flapping, by a name of its own.
    Other(String),
    /// Nothing.
    None,
}

/// The subject of an event.
pub fn subject(scene: &Scene) -> Subject {
    if let Some(downtime) = scene.event.downtime() {
        return Subject::Other(format!("downtime {}", downtime.name));
    }
    match (&scene.event.detail, &scene.event.object, &scene.incident) {
        (Detail::Flapping(_), Some(object), _) => {
            Subject::Other(format!("flapping {} {}", object.source(), object.name()))
        }
        (_, _, Some(incident)) => Subject::Incident(incident.id),
        _ => Subject::None,
    }
}

/// The event that says that a mute is over. `by` is who removed it; else empty.
pub fn mute_ending(mute: Mute, how: Ending, by: &str, now: Timestamp) -> Event {
    let ending = MuteEnding {
        what: mute.what,
        owner: mute.owner,
        reason: mute.reason,
        muted_events: mute.events,
        how: how.name().to_owned(),
        removed_by: by.to_owned(),
    };
    Event::ours(now, Detail::MuteEnding(ending))
}
