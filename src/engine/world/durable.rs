//! The world on its way to the store and back.
//!
//! Owns: the form in which each entry is kept. Promises: what [`World::take_writes`]
//! gives, [`World::restore`] understands; what a newer Watchbell has written beside that is
//! left alone.

use super::{Record, World};
use crate::engine::mute::{ActiveMute, Mute};
use crate::engine::timers::{Pending, TimerKey};
use crate::engine::windows::Window;
use crate::model::{Alike, Incident, IncidentId, Object, ObjectKey, StateWrite};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One entry of the world, for the list of changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Entry {
    Object(ObjectKey),
    Record(ObjectKey),
    Incident(IncidentId),
    Mute(u64),
    Told(String),
    Gather(String),
    Member(String, u64),
    Window(String),
    Kept(String),
    Timer(TimerKey),
    Downtime(String),
    Comment(String),
    Source(Arc<str>),
    Post(String),
    NextIncident,
    NextMute,
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
        let changes = std::mem::take(&mut self.changes);
        changes.into_iter().map(|entry| self.write(entry)).collect()
    }

    fn write(&self, entry: Entry) -> StateWrite {
        let (kind, key, value) = match entry {
            Entry::Object(key) => ("object", path(&key), json(self.objects.get(&key))),
            Entry::Record(key) => ("record", path(&key), json(self.records.get(&key))),
            Entry::Incident(id) => ("incident", id.0.to_string(), json(self.incidents.get(&id))),
            Entry::Mute(id) => ("mute", id.to_string(), json(self.mutes.get(&id).map(|mute| &mute.mute))),
            Entry::Told(subject) => {
                let value = json(self.told.get(&subject));
                ("told", subject, value)
            }
            Entry::Gather(name) => {
                let value = json(self.gathers.head(&name));
                ("gather", name, value)
            }
            Entry::Member(name, number) => {
                let value = json(self.gathers.member(&name, number));
                ("member", format!("{name}\u{1f}{number}"), value)
            }
            Entry::Window(key) => {
                let value = json(self.windows.windows.get(&key));
                ("window", key, value)
            }
            Entry::Kept(key) => {
                let value = json(self.windows.kept.get(&key));
                ("kept", key, value)
            }
            Entry::Timer(key) => {
                let name = serde_json::to_string(&key).expect("plain data is always JSON");
                ("timer", name, json(self.timers.get(&key)))
            }
            Entry::Downtime(name) => {
                let value = json(self.downtimes.get(&name));
                ("downtime", name, value)
            }
            Entry::Comment(name) => {
                let value = json(self.comments.get(&name));
                ("comment", name, value)
            }
            Entry::Source(name) => ("source", name.to_string(), json(self.sources.get(&name))),
            Entry::Post(post) => {
                let value = json(self.posts.until(&post));
                ("post", post, value)
            }
            Entry::NextIncident => ("next", "incident".to_owned(), json(Some(&self.next_incident))),
            Entry::NextMute => ("next", "mute".to_owned(), json(Some(&self.next_mute))),
        };
        StateWrite { kind, key, value }
    }

    /// Makes a world of all that was written. What only a newer Watchbell can read stays
    /// in the store as it is, and is counted, see [`World::unread`]; an error where that
    /// would forget who was told of what.
    pub fn restore(entries: Vec<(String, String, String)>) -> Result<World, RestoreError> {
        let mut world = World::new(true);
        let mut alike = Alike::default();
        // Members need their gather.
        let (members, others): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(kind, _, _)| kind == "member");
        for (kind, key, value) in others.into_iter().chain(members) {
            match world.restore_entry(&kind, &key, &value, &mut alike) {
                Ok(()) => {}
                Err(reason) if is_needed(&kind, &key) => return Err(RestoreError { kind, key, reason }),
                Err(_) => *world.unread.entry(kind).or_default() += 1,
            }
        }
        world.note_restored_uses();
        Ok(world)
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
                let (source, name) = key.split_once('\u{1f}').ok_or("its key names no source")?;
                let object = ObjectKey::from_name(&Arc::from(source), name);
                let record: Record = parse(value)?;
                if let Some(again_at) = record.again_at {
                    self.again.insert((again_at, object.clone()));
                }
                self.records.insert(object, record);
            }
            "incident" => {
                let incident: Incident = parse(value)?;
                self.reminders
                    .extend(incident.reminding.iter().map(|reminding| (reminding.next, incident.id)));
                self.incidents.insert(incident.id, Arc::new(incident));
            }
            "mute" => {
                let mute: Mute = parse(value)?;
                self.mutes.insert(mute.id, ActiveMute::new(mute).map_err(|error| error.to_string())?);
            }
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
            "downtime" => {
                self.downtimes.insert(key.to_owned(), parse(value)?);
            }
            "comment" => {
                self.comments.insert(key.to_owned(), parse(value)?);
            }
            "source" => {
                self.sources.insert(Arc::from(key), parse(value)?);
            }
            "post" => self.posts.put(key, parse(value)?),
            "next" if key == "incident" => self.next_incident = parse(value)?,
            "next" if key == "mute" => self.next_mute = parse(value)?,
            _ => return Err("this Watchbell knows no such entry".to_owned()),
        }
        Ok(())
    }
}

/// Whether there is no going on without an entry. What rules remember is not needed, nor
/// what this Watchbell does not know: a newer one may have written it before it was taken
/// back.
fn is_needed(kind: &str, key: &str) -> bool {
    match kind {
        "object" | "record" | "incident" | "mute" | "told" | "downtime" | "comment" | "source" => true,
        "next" => matches!(key, "incident" | "mute"),
        _ => false,
    }
}

/// The key under which what is known of an object is kept.
fn path(key: &ObjectKey) -> String {
    format!("{}\u{1f}{}", key.source(), key.name())
}

fn json<T: Serialize>(value: Option<&T>) -> Option<String> {
    value.map(|value| serde_json::to_string(value).expect("plain data with text keys is always JSON"))
}

fn parse<T: for<'a> Deserialize<'a>>(value: &str) -> Result<T, String> {
    serde_json::from_str(value).map_err(|error| error.to_string())
}
