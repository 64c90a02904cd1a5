//! The words of the domain, as plain values.
//!
//! Owns: what an event, an object, an incident, a delivery *is*. Promises: every
//! type here is data, can be cloned and sent between threads, and does no I/O.
//! Never: reads a clock, a file or the network, or imports another room.

pub mod action;
mod alike;
pub mod command;
pub mod decision;
pub mod delivery;
pub mod event;
pub mod event_type;
pub mod identity;
pub mod incident;
pub mod input;
pub mod mail;
pub mod message;
pub mod object;
pub mod posted;
pub mod scene;
pub mod state;
pub mod state_write;
pub mod time;
pub mod words;

pub use action::{Action, ActionId, ActionKind, ActionResult};
pub use alike::Alike;
pub use command::{CommandEnd, Commanded, Reply, Speaker, Utterance};
pub use decision::{About, Decision, Facts, RuleRef, Step, Verdict};
pub use delivery::{Attempt, AttemptResult, Brief, DRILL, Delivery, DeliveryId, Tells};
pub use event::{Detail, Event, StateReport};
pub use event_type::EventType;
pub use incident::{Hold, Incident, IncidentId, Reminding};
pub use input::{Broken, Input, Snapshot, SnapshotObject};
pub use mail::{MailAnswer, MailRefused, Subject};
pub use message::Message;
pub use object::{Object, ObjectKey};
pub use posted::{API, Completing, PostedAnswer, PostedCommand, PostedEnd};
pub use scene::{Scene, Status};
pub use state::State;
pub use state_write::{StateKey, StateValue, StateWrite};
pub use time::Timestamp;
