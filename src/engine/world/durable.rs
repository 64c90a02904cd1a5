//! The world on its way to the store and back.
//!
//! Owns: the form in which each entry is kept. Promises: what [`World::take_writes`]
//! gives, [`World::restore`] understands; what a newer Watchbell has written beside that is
//! left alone.

use super::{EscalationKey, Record, World};
use crate::engine::mute::{ActiveMute, Mute};
use crate::engine::timers::{Pending, TimerKey};
use crate::engine::windows::Window;
use crate::model::state_write::Kept;
use crate::model::{Alike, Incident, IncidentId, Object, ObjectKey, StateKey, StateValue, StateWrite};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// One entry of the world, for the list of changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Entry {
    Object(ObjectKey),
    Record(ObjectKey),
    Incident(IncidentId),
    Mute(u64),
    Watch(String),
    Quiet(String),
    Told(String),
    Gather(String),
    Member(String, u64),
    Window(String),
    Kept(String),
    Timer(Box<TimerKey>),
    Escalation(EscalationKey),
    Extension(ObjectKey),
    Downtime(String),
    Comment(String),
    Source(Arc<str>),
    Post(String),
    Override(u64),
    Calendar(String),
    ToldGap(String),
    LastOverride,
    Code(String),
    Report(i64),
    NextIncident,
    NextMute,
}

/// What has changed since it was written last.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    /// Objects and records apart from the rest: after a first look they are many.
    objects: HashSet<ObjectKey>,
    records: HashSet<ObjectKey>,
    others: HashSet<Entry>,
}

impl Changes {
    pub(super) fn insert(&mut self, entry: Entry) {
        match entry {
            Entry::Object(key) => self.objects.insert(key),
            Entry::Record(key) => self.records.insert(key),
            other => self.others.insert(other),
        };
    }
}

/// Why kept state cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the kept {kind} `{key}`: {reason}")]
pub struct RestoreError {
    /// Which map.
    pub kind: String,
    /// Which entry.
    pub key: String,
    /// Why not.
    pub reason: String,
}

impl World {
    /// All entries changed since the last call, as they are now.
    pub fn take_writes(&mut self) -> Vec<StateWrite> {
        let Changes { objects, records, others } = std::mem::take(&mut self.changes);
        let mut writes = Vec::with_capacity(objects.len() + records.len() + others.len());
        writes.extend(objects.into_iter().map(|key| self.write(Entry::Object(key))));
        writes.extend(records.into_iter().map(|key| self.write(Entry::Record(key))));
        writes.extend(others.into_iter().map(|entry| self.write(entry)));
        writes
    }

    fn write(&self, entry: Entry) -> StateWrite {
        let text = StateKey::Text;
        let (kind, key, value) = match entry {
            Entry::Object(key) => {
                let value = shared(self.objects.get(&key));
                ("object", StateKey::Object(key), value)
            }
            Entry::Record(key) => {
                let value = shared(self.records.get(&key));
                ("record", StateKey::Object(key), value)
            }
            Entry::Incident(id) => ("incident", text(id.0.to_string()), shared(self.incidents.get(&id))),
            Entry::Mute(id) => {
                ("mute", text(id.to_string()), json(self.mutes.get(&id).map(|mute| &mute.mute)))
            }
            Entry::Watch(name) => {
                let value = json(self.watches.watch(&name));
                ("watch", text(name), value)
            }
            Entry::Quiet(who) => {
                let value = json(self.watches.quiet(&who));
                ("quiet", text(who), value)
            }
            Entry::Told(subject) => {
                let value = json(self.told.get(&subject));
                ("told", text(subject), value)
            }
            Entry::Gather(name) => {
                let value = json(self.gathers.head(&name));
                ("gather", text(name), value)
            }
            Entry::Member(name, number) => {
                let value = json(self.gathers.member(&name, number));
                ("member", text(format!("{name}\u{1f}{number}")), value)
            }
            Entry::Window(key) => {
                let value = json(self.windows.windows.get(&key));
                ("window", text(key), value)
            }
            Entry::Kept(key) => {
                let value = json(self.windows.kept.get(&key));
                ("kept", text(key), value)
            }
            Entry::Timer(key) => {
                let name = serde_json::to_string(&key).expect("plain data is always JSON");
                ("timer", text(name), json(self.timers.get(&key)))
            }
            Entry::Escalation(key) => {
                let value = json(self.escalations.get(&key));
                ("escalation", text(format!("{}\u{1f}{}", key.0.0, key.1)), value)
            }
            Entry::Extension(object) => {
                let value = json(self.extensions.get(&object));
                ("extension", StateKey::Object(object), value)
            }
            Entry::Downtime(name) => {
                let value = json(self.downtimes.get(&name));
                ("downtime", text(name), value)
            }
            Entry::Comment(name) => {
                let value = json(self.comments.get(&name));
                ("comment", text(name), value)
            }
            Entry::Source(name) => ("source", text(name.to_string()), json(self.sources.get(&name))),
            Entry::Post(post) => {
                let value = json(self.posts.until(&post));
                ("post", text(post), value)
            }
            Entry::Override(id) => ("override", text(id.to_string()), json(self.oncall.one(id))),
            Entry::Calendar(schedule) => {
                let value = json(self.oncall.calendar(&schedule));
                ("calendar", text(schedule), value)
            }
            Entry::ToldGap(schedule) => {
                let value = json(self.oncall.gap(&schedule));
                ("gap", text(schedule), value)
            }
            Entry::LastOverride => {
                ("next", text("override".to_owned()), json(Some(&self.oncall.last_override)))
            }
            Entry::Code(person) => {
                let value = json(self.codes.get(&person));
                ("code", text(person), value)
            }
            Entry::Report(number) => ("report", text(number.to_string()), json(self.reports.get(&number))),
            Entry::NextIncident => ("next", text("incident".to_owned()), json(Some(&self.next_incident))),
            Entry::NextMute => ("next", text("mute".to_owned()), json(Some(&self.next_mute))),
        };
        StateWrite { kind, key, value }
    }

    /// Makes a world of all that was written, see [`Restoring`].
    pub fn restore(
        entries: impl IntoIterator<Item = (String, String, String)>,
    ) -> Result<World, RestoreError> {
        let mut restoring = Restoring::new();
        entries.into_iter().for_each(|(kind, key, value)| restoring.take(&kind, &key, &value));
        restoring.finish()
    }

    /// How many entries of each kind the store holds that could not be read.
    pub fn unread(&self) -> &BTreeMap<String, usize> {
        &self.unread
    }

    fn restore_entry(&mut self, kind: &str, key: &str, value: &str, alike: &mut Alike) -> Result<(), String> {
        match kind {
            "object" => {
                let mut object: Object = parse(value)?;
                alike.share(&mut object);
                self.objects.insert(object.key.clone(), Arc::new(object));
            }
            "record" => {
                let object = self.object_of(key, alike)?;
                let record: Record = parse(value)?;
                if let Some(again_at) = record.marks().again_at {
                    self.again.insert((again_at, object.clone()));
                }
                self.records.insert(object, Arc::new(record));
            }
            "incident" => {
                let mut incident: Incident = parse(value)?;
                incident.object = self.known_key(incident.object);
                self.reminders
                    .extend(incident.reminding.iter().map(|reminding| (reminding.next, incident.id)));
                self.incidents.insert(incident.id, Arc::new(incident));
            }
            "mute" => {
                let mute: Mute = parse(value)?;
                self.mutes.insert(mute.id, ActiveMute::new(mute).map_err(|error| error.to_string())?);
            }
            "watch" => self.watches.put_watch(parse(value)?),
            "quiet" => self.watches.put_quiet(key, parse(value)?),
            "told" => {
                self.told.insert(key.to_owned(), parse(value)?);
            }
            "gather" => self.gathers.put_head(key, parse(value)?),
            "member" => {
                let (name, number) = key.rsplit_once('\u{1f}').ok_or("its key names no gather")?;
                let number = number.parse().map_err(|_| "its key has no number")?;
                self.gathers.put(name, number, parse(value)?);
            }
            "window" => {
                self.windows.windows.insert(key.to_owned(), parse::<Window>(value)?);
            }
            "kept" => {
                self.windows.kept.insert(key.to_owned(), parse(value)?);
            }
            "timer" => self.timers.set(parse::<Pending>(value)?)?,
            "escalation" => self.escalations.put(parse(value)?),
            "extension" => {
                let object = self.object_of(key, alike)?;
                self.extensions.insert(object, parse(value)?);
            }
            "downtime" => {
                self.downtimes.insert(key.to_owned(), parse(value)?);
            }
            "comment" => {
                self.comments.insert(key.to_owned(), parse(value)?);
            }
            "source" => {
                self.sources.insert(Arc::from(key), parse(value)?);
            }
            "code" => {
                self.codes.insert(key.to_owned(), parse(value)?);
            }
            "report" => self.restore_report(parse(value)?),
            "post" => self.posts.put(key, parse(value)?),
            "override" => self.oncall.restore_override(parse(value)?),
            "calendar" => self.oncall.restore_calendar(key, parse(value)?),
            "gap" => self.oncall.restore_gap(key, parse(value)?),
            "next" if key == "override" => self.oncall.last_override = parse(value)?,
            "next" if key == "incident" => self.next_incident = parse(value)?,
            "next" if key == "mute" => self.next_mute = parse(value)?,
            _ => return Err("this Watchbell knows no such entry".to_owned()),
        }
        Ok(())
    }
}

impl World {
    /// The object that a key of an entry names.
    fn object_of(&self, key: &str, alike: &mut Alike) -> Result<ObjectKey, String> {
        let (source, name) = key.split_once('\u{1f}').ok_or("its key names no source")?;
        Ok(self.known_key(ObjectKey::from_name(&alike.source(source), name)))
    }

    /// The key as an object has it, so that each name is held once.
    fn known_key(&self, key: ObjectKey) -> ObjectKey {
        self.objects.get(&key).map_or(key, |object| object.key.clone())
    }
}

/// A world that is being made of all that was written, entry by entry: what a large one holds
/// as text takes more room than the world itself.
///
/// What only a newer Watchbell can read stays in the store as it is, and is counted, see
/// [`World::unread`]; it is an error where that would forget who was told of what. Objects
/// come best before what is known of them, as the store gives them.
#[derive(Default)]
pub struct Restoring {
    world: World,
    alike: Alike,
    /// They need their gather.
    members: Vec<(String, String)>,
    failed: Option<RestoreError>,
}

impl Restoring {
    /// Nothing yet.
    pub fn new() -> Restoring {
        Restoring { world: World::new(true), ..Restoring::default() }
    }

    /// Takes in one entry.
    pub fn take(&mut self, kind: &str, key: &str, value: &str) {
        if kind == "member" {
            return self.members.push((key.to_owned(), value.to_owned()));
        }
        self.take_now(kind, key, value);
    }

    fn take_now(&mut self, kind: &str, key: &str, value: &str) {
        let Err(reason) = self.world.restore_entry(kind, key, value, &mut self.alike) else { return };
        if is_needed(kind, key) {
            let fault = RestoreError { kind: kind.to_owned(), key: key.to_owned(), reason };
            self.failed.get_or_insert(fault);
        } else {
            *self.world.unread.entry(kind.to_owned()).or_default() += 1;
        }
    }

    /// The world; the first error, if there was one.
    pub fn finish(mut self) -> Result<World, RestoreError> {
        for (key, value) in std::mem::take(&mut self.members) {
            self.take_now("member", &key, &value);
        }
        self.failed.map_or(Ok(()), Err)?;
        self.world.note_restored_uses();
        Ok(self.world)
    }
}

/// Whether there is no going on without an entry. What rules remember is not needed, nor
/// what this Watchbell does not know: a newer one may have written it before it was taken
/// back.
fn is_needed(kind: &str, key: &str) -> bool {
    match kind {
        "object" | "record" | "incident" | "mute" | "told" | "downtime" | "comment" | "source"
        | "escalation" | "override" | "code" => true,
        "next" => matches!(key, "incident" | "mute" | "override"),
        _ => false,
    }
}

fn json<T: Serialize>(value: Option<&T>) -> Option<StateValue> {
    let json = |value| serde_json::to_string(value).expect("plain data with text keys is always JSON");
    value.map(|value| StateValue::Json(json(value)))
}

/// What the writer makes JSON of.
fn shared<T: Kept + 'static>(value: Option<&Arc<T>>) -> Option<StateValue> {
    value.map(|value| StateValue::Shared(value.clone()))
}

fn parse<T: for<'a> Deserialize<'a>>(value: &str) -> Result<T, String> {
    serde_json::from_str(value).map_err(|error| error.to_string())
}
