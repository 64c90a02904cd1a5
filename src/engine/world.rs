//! The world as the engine knows it: all state, and what of it has changed.
//!
//! Owns: every map that outlives one step. Promises: whatever is changed through
//! a method here is written by the next [`World::take_writes`], and
//! [`World::restore`] makes the same world of what was written.
//! Never: decides anything, reads a clock.

mod codes;
mod drill;
mod due;
mod durable;
mod escalations;
mod extensions;
pub mod gathers;
mod memory;
mod mutes;
mod oncall;
mod posts;
mod record;
mod reports;
mod set_back;
pub mod talks;
mod watches;

pub use durable::{RestoreError, Restoring};
pub use escalations::EscalationKey;
pub use mutes::DueMutes;
pub use oncall::KeptCalendar;
pub use record::Record;
pub use reports::AwaitedReport;

use super::bounds::{self, Forgotten};
use super::matcher::MatcherError;
use super::mute::ActiveMute;
use super::timers::Timers;
use super::windows::Windows;
use crate::command::code::Used;
use crate::model::event::{Comment, Downtime};
use crate::model::{Hold, Incident, IncidentId, Object, ObjectKey, State, Status, Timestamp};
use durable::{Changes, Entry};
use escalations::Escalations;
use extensions::Extension;
use gathers::Gathers;
use memory::{Told, Uses};
use oncall::OnCall;
use posts::Posts;
use reports::Reports;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use talks::Talks;
use watches::Watches;

/// What is known of one Icinga.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// The newest `timestamp` of its events.
    pub last_event: Option<Timestamp>,
    /// Whether its whole truth was read before.
    pub known: bool,
    /// When that was last.
    #[serde(default)]
    pub read_at: Option<Timestamp>,
    /// Since when it has been out of reach, and why; `None` while it is read.
    #[serde(default)]
    pub away: Option<(Timestamp, String)>,
}

/// Why there is no mute.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MuteError {
    /// There are as many as there may be.
    #[error("there are {} mutes already; take one away first, `mutes` lists them", bounds::MUTES)]
    TooMany,
    /// What it is to cover cannot be matched.
    #[error(transparent)]
    Matcher(#[from] MatcherError),
}

/// All state of the engine.
#[derive(Clone, Default)]
pub struct World {
    objects: HashMap<ObjectKey, Arc<Object>>,
    records: HashMap<ObjectKey, Arc<Record>>,
    incidents: BTreeMap<IncidentId, Arc<Incident>>,
    next_incident: u64,
    mutes: BTreeMap<u64, ActiveMute>,
    next_mute: u64,
    /// Whether a problem ended since [`World::take_recovered`].
    recovered: bool,
    watches: Watches,
    told: HashMap<String, Told>,
    /// Windows and kept values; change them by [`World::windows`].
    windows: Windows,
    downtimes: HashMap<String, (ObjectKey, Downtime)>,
    comments: HashMap<String, (ObjectKey, Comment)>,
    sources: HashMap<Arc<str>, SourceRecord>,
    /// The objects that are judged again, by when.
    again: BTreeSet<(Timestamp, ObjectKey)>,
    /// The incidents that people are reminded of, by when.
    reminders: BTreeSet<(Timestamp, IncidentId)>,
    /// When a check of an object was last asked for, if lately. Not kept: asked once more
    /// after a restart, it does no harm.
    checks_asked: HashMap<ObjectKey, Timestamp>,
    /// Timers of rules; change them by [`World::set_timer`].
    timers: Timers,
    escalations: Escalations,
    /// Acknowledgements that are to get another end.
    extensions: BTreeMap<ObjectKey, Extension>,
    gathers: Gathers,
    /// Posts taken in lately; see [`World::take_post`].
    posts: Posts,
    oncall: OnCall,
    /// Reports that are waited for; see [`World::await_reports`].
    reports: Reports,
    /// What was made of one-time codes, by person; see [`World::take_code`].
    codes: BTreeMap<String, Used>,
    uses: Uses,
    /// What was said lately. Not kept.
    talks: Talks,
    /// What went for want of room.
    pub(super) forgotten: Forgotten,
    changes: Changes,
    /// How many entries of each kind could not be read.
    unread: BTreeMap<String, usize>,
    /// Whether changes are to be kept; a replay keeps none.
    durable: bool,
}

impl World {
    /// An empty world. `durable`: whether its changes will be asked for.
    pub fn new(durable: bool) -> World {
        World { durable, next_incident: 1, next_mute: 1, recovered: true, ..World::default() }
    }

    /// A copy to try things on: its changes are not kept, no gaps of schedules are looked
    /// for, and nobody waits for a report. Objects and states are shared until they change.
    pub fn for_trial(&self) -> World {
        let mut trial = World {
            changes: Changes::default(),
            reports: Reports::default(),
            durable: false,
            ..self.clone()
        };
        trial.look_again();
        trial
    }

    fn change(&mut self, entry: impl FnOnce() -> Entry) {
        if self.durable {
            self.changes.insert(entry());
        }
    }

    // Objects: configuration only. It is read anew at each start, and kept for what is
    // judged before that.

    /// Takes in an object's configuration.
    pub fn put_object(&mut self, object: Arc<Object>) {
        if self.objects.get(&object.key).is_some_and(|known| *known == object) {
            return;
        }
        self.change(|| Entry::Object(object.key.clone()));
        self.objects.insert(object.key.clone(), object);
    }

    /// Forgets an object and all that is known of it.
    pub fn remove_object(&mut self, key: &ObjectKey) {
        self.recovered = true;
        self.watches_of(key).iter().for_each(|watch| self.unwatch(watch));
        if self.objects.remove(key).is_some() {
            self.change(|| Entry::Object(key.clone()));
        }
        if let Some(record) = self.records.remove(key) {
            if let Some(again_at) = record.marks().again_at {
                self.again.remove(&(again_at, key.clone()));
            }
            if let Some(incident) = record.marks().incident {
                self.stop_reminding(incident);
                self.end_escalations(incident);
                self.incidents.remove(&incident);
                self.change(|| Entry::Incident(incident));
            }
            self.change(|| Entry::Record(key.clone()));
        }
        for name in names_of(&self.downtimes, key) {
            self.remove_downtime(&name);
            self.forget_told_of(&format!("downtime {name}"));
        }
        self.forget_told_of(&format!("flapping {} {}", key.source(), key.name()));
        names_of(&self.comments, key).iter().for_each(|name| self.remove_comment(name));
        self.remove_timers_of(key);
        if self.extensions.remove(key).is_some() {
            self.change(|| Entry::Extension(key.clone()));
        }
    }

    /// An object's configuration; a bare one where none is known.
    pub fn object(&self, key: &ObjectKey) -> Arc<Object> {
        self.objects.get(key).cloned().unwrap_or_else(|| Arc::new(Object::bare(key.clone())))
    }

    /// The configuration of all objects that have one, in no order.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values()
    }

    /// All objects known by configuration or by an event, in no order.
    pub fn object_keys(&self) -> impl Iterator<Item = &ObjectKey> {
        let unconfigured = self.records.keys().filter(|key| !self.objects.contains_key(*key));
        self.objects.keys().chain(unconfigured)
    }

    // Records.

    /// What is known of an object; an empty record if nothing is.
    pub fn record(&self, key: &ObjectKey) -> Option<&Record> {
        self.records.get(key).map(Arc::as_ref)
    }

    /// All records, in no order.
    pub fn records(&self) -> impl Iterator<Item = (&ObjectKey, &Record)> {
        self.records.iter().map(|(key, record)| (key, &**record))
    }

    /// An object's state; an empty one if none is known.
    pub fn status(&self, key: &ObjectKey) -> Arc<Status> {
        self.records.get(key).map(|record| record.status.clone()).unwrap_or_default()
    }

    /// Changes what is known of an object.
    pub fn change_record(&mut self, key: &ObjectKey, change: impl FnOnce(&mut Record)) {
        match self.records.get_mut(key) {
            Some(record) => change(Arc::make_mut(record)),
            None => {
                let mut record = Record::default();
                change(&mut record);
                self.records.insert(key.clone(), Arc::new(record));
            }
        }
        self.change(|| Entry::Record(key.clone()));
    }

    /// Changes an object's state.
    pub fn change_status(&mut self, key: &ObjectKey, change: impl FnOnce(&mut Status)) {
        self.change_record(key, |record| change(Arc::make_mut(&mut record.status)));
    }

    // Incidents.

    /// An incident by its number; ended ones stay for a while.
    pub fn incident(&self, id: IncidentId) -> Option<&Arc<Incident>> {
        self.incidents.get(&id)
    }

    /// All incidents, by number.
    pub fn incidents(&self) -> impl Iterator<Item = &Arc<Incident>> {
        self.incidents.values()
    }

    /// The incident of an object: open, or closed with its end still owed.
    pub fn incident_of(&self, key: &ObjectKey) -> Option<&Arc<Incident>> {
        self.incidents.get(&self.records.get(key)?.marks().incident?)
    }

    /// Whether people have not heard of this hard state: a problem other than the one
    /// they were told, or the end of it.
    pub fn is_untold(&self, key: &ObjectKey, state: State) -> bool {
        if state.is_problem() {
            return self.status(key).told != Some(state);
        }
        self.incident_of(key).is_some_and(|incident| incident.told.values().any(|told| told.is_problem()))
    }

    /// Opens an incident, or opens again the one whose end nobody was told yet.
    pub fn open_incident(&mut self, key: &ObjectKey, at: Timestamp) {
        if let Some(id) = self.records.get(key).and_then(|record| record.marks().incident) {
            self.change_incident(id, |incident| incident.closed = None);
            return;
        }
        let id = IncidentId(self.next_incident);
        self.next_incident += 1;
        let incident = Incident::new(id, key.clone(), at);
        self.incidents.insert(id, Arc::new(incident));
        self.change(|| Entry::Incident(id));
        self.change(|| Entry::NextIncident);
        self.change_record(key, |record| record.marks_mut().incident = Some(id));
    }

    /// Marks an object's incident as ended. It stays the object's until
    /// [`World::part_incident`].
    pub fn close_incident(&mut self, key: &ObjectKey, at: Timestamp) {
        self.recovered = true;
        if let Some(id) = self.records.get(key).and_then(|record| record.marks().incident) {
            self.stop_reminding(id);
            self.end_escalations(id);
            self.change_incident(id, |incident| {
                incident.closed = Some(at);
                incident.holds.clear();
            });
        }
    }

    /// Parts an object from its ended incident: nobody is owed its end any more.
    pub fn part_incident(&mut self, key: &ObjectKey) {
        self.change_record(key, |record| record.marks_mut().incident = None);
        self.change_status(key, |status| {
            status.told = None;
            status.withheld = None;
        });
    }

    /// Notes that a target was told a state of an incident.
    pub fn note_told(&mut self, id: IncidentId, target: &str, state: State) {
        self.change_incident(id, |incident| {
            incident.told.insert(target.to_owned(), state);
        });
    }

    /// Notes how long a rule holds a problem back.
    pub fn hold(&mut self, id: IncidentId, rule: &str, hold: Hold) {
        self.change_incident(id, |incident| {
            incident.holds.insert(rule.to_owned(), hold);
        });
    }

    fn change_incident(&mut self, id: IncidentId, change: impl FnOnce(&mut Incident)) {
        if let Some(incident) = self.incidents.get_mut(&id) {
            change(Arc::make_mut(incident));
            self.change(|| Entry::Incident(id));
        }
    }

    // Downtimes and comments, for the comparison after a gap.

    /// The known downtimes, by full name.
    pub fn downtimes(&self) -> &HashMap<String, (ObjectKey, Downtime)> {
        &self.downtimes
    }

    /// Takes in a downtime.
    pub fn put_downtime(&mut self, key: &ObjectKey, downtime: &Downtime) {
        self.downtimes.insert(downtime.name.clone(), (key.clone(), downtime.clone()));
        self.change(|| Entry::Downtime(downtime.name.clone()));
    }

    /// Forgets a downtime.
    pub fn remove_downtime(&mut self, name: &str) {
        if self.downtimes.remove(name).is_some() {
            self.change(|| Entry::Downtime(name.to_owned()));
        }
    }

    /// The known comments, by full name.
    pub fn comments(&self) -> &HashMap<String, (ObjectKey, Comment)> {
        &self.comments
    }

    /// The comment that was made with the acknowledgement an object has, as far as we may read it.
    pub fn acknowledged_by(&self, key: &ObjectKey) -> Option<&Comment> {
        let of_object = self.comments.values().filter(|(object, _)| object == key);
        let comments =
            of_object.map(|(_, comment)| comment).filter(|comment| comment.is_of_acknowledgement());
        comments.max_by_key(|comment| (comment.entry_time, &comment.name))
    }

    /// Takes in a comment.
    pub fn put_comment(&mut self, key: &ObjectKey, comment: &Comment) {
        self.comments.insert(comment.name.clone(), (key.clone(), comment.clone()));
        self.change(|| Entry::Comment(comment.name.clone()));
    }

    /// Forgets a comment.
    pub fn remove_comment(&mut self, name: &str) {
        if self.comments.remove(name).is_some() {
            self.change(|| Entry::Comment(name.to_owned()));
        }
    }

    // Sources.

    /// What is known of a source.
    pub fn source(&self, name: &str) -> SourceRecord {
        self.sources.get(name).cloned().unwrap_or_default()
    }

    /// Names of all sources heard of, in no order.
    pub fn sources(&self) -> impl Iterator<Item = (&Arc<str>, &SourceRecord)> {
        self.sources.iter()
    }

    /// Changes what is known of a source.
    pub fn change_source(&mut self, name: &Arc<str>, change: impl FnOnce(&mut SourceRecord)) {
        match self.sources.get_mut(name) {
            Some(record) => change(record),
            None => change(self.sources.entry(name.clone()).or_default()),
        }
        self.change(|| Entry::Source(name.clone()));
    }
}

/// Names of the comments or downtimes of an object.
fn names_of<T>(all: &HashMap<String, (ObjectKey, T)>, key: &ObjectKey) -> Vec<String> {
    all.iter().filter(|(_, (object, _))| object == key).map(|(name, _)| name.clone()).collect()
}
