//! The escalations under way, by incident and policy, and by when they are due.
//!
//! Promises: what is due here is what each of them says, whatever changes it. Never: reads a
//! clock.

use super::World;
use super::durable::Entry;
use crate::engine::escalation::Running;
use crate::model::{IncidentId, ObjectKey, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which one: the incident, and the policy's name.
pub type EscalationKey = (IncidentId, String);

/// All that are under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Escalations {
    running: BTreeMap<EscalationKey, Arc<Running>>,
    due: BTreeSet<(Timestamp, EscalationKey)>,
}

impl Escalations {
    pub(super) fn get(&self, key: &EscalationKey) -> Option<&Running> {
        self.running.get(key).map(Arc::as_ref)
    }

    pub(super) fn put(&mut self, running: Running) {
        let key = (running.incident, running.policy.clone());
        self.take(&key);
        self.due.extend(running.due().map(|at| (at, key.clone())));
        self.running.insert(key, Arc::new(running));
    }

    fn take(&mut self, key: &EscalationKey) -> Option<Arc<Running>> {
        let running = self.running.remove(key)?;
        if let Some(at) = running.due() {
            self.due.remove(&(at, key.clone()));
        }
        Some(running)
    }

    /// Forgets all but those of this incident.
    pub(super) fn leave_only(&mut self, id: Option<IncidentId>) {
        self.running.retain(|key, _| Some(key.0) == id);
        self.due.retain(|(_, key)| Some(key.0) == id);
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }
}

impl World {
    /// All escalations, by incident and policy.
    pub fn escalations(&self) -> impl Iterator<Item = &Running> {
        self.escalations.running.values().map(Arc::as_ref)
    }

    /// The escalations of an incident.
    pub fn escalations_of(&self, id: IncidentId) -> impl Iterator<Item = &Running> {
        let of_incident = (id, String::new())..(IncidentId(id.0 + 1), String::new());
        self.escalations.running.range(of_incident).map(|(_, running)| &**running)
    }

    /// One escalation.
    pub fn escalation(&self, key: &EscalationKey) -> Option<&Running> {
        self.escalations.get(key)
    }

    /// The one that is due first, if its time has come.
    pub fn due_escalation(&self, now: Timestamp) -> Option<EscalationKey> {
        self.escalations.due.first().filter(|(at, _)| *at <= now).map(|(_, key)| key.clone())
    }

    /// Begins an escalation; false if it is under way, or there is no such open incident.
    pub fn begin_escalation(&mut self, running: Running) -> bool {
        let key = (running.incident, running.policy.clone());
        let open = self.incident(key.0).is_some_and(|incident| incident.closed.is_none());
        if !open || self.escalations.running.contains_key(&key) {
            return false;
        }
        self.escalations.put(running);
        self.change(|| Entry::Escalation(key));
        true
    }

    /// Changes an escalation.
    pub fn change_escalation<T>(
        &mut self,
        key: &EscalationKey,
        change: impl FnOnce(&mut Running) -> T,
    ) -> Option<T> {
        let mut running = Arc::unwrap_or_clone(self.escalations.take(key)?);
        let result = change(&mut running);
        self.escalations.put(running);
        self.change(|| Entry::Escalation(key.clone()));
        Some(result)
    }

    /// Changes all escalations of an object's open incident.
    pub fn change_escalations_of(&mut self, object: &ObjectKey, mut change: impl FnMut(&mut Running)) {
        let Some(id) = self.incident_of(object).map(|incident| incident.id) else { return };
        for key in self.escalation_keys(id) {
            self.change_escalation(&key, &mut change);
        }
    }

    /// Ends all escalations of an incident.
    pub(super) fn end_escalations(&mut self, id: IncidentId) {
        for key in self.escalation_keys(id) {
            self.end_escalation(&key);
        }
    }

    /// Ends an escalation.
    pub fn end_escalation(&mut self, key: &EscalationKey) {
        if self.escalations.take(key).is_some() {
            self.change(|| Entry::Escalation(key.clone()));
        }
    }

    pub(super) fn set_back_escalations(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        let keys: Vec<EscalationKey> = self.escalations.running.keys().cloned().collect();
        for key in keys {
            self.change_escalation(&key, |running| running.set_back(&back));
        }
    }

    fn escalation_keys(&self, id: IncidentId) -> Vec<EscalationKey> {
        self.escalations_of(id).map(|running| (id, running.policy.clone())).collect()
    }
}
