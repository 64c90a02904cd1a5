//! The types of events: Icinga's fifteen, and ours.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident $origin:ident,)*) => {
        /// What kind of thing happened. Icinga's types keep Icinga's names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum EventType {
            $($(#[$doc])* $name,)*
        }

        impl EventType {
            /// All types, Icinga's first.
            pub const ALL: &'static [EventType] = &[$(EventType::$name,)*];

            /// The name, as rules, templates and Icinga write it.
            pub fn name(self) -> &'static str {
                match self {
                    $(EventType::$name => stringify!($name),)*
                }
            }

            /// Whether it comes from Icinga's event stream.
            pub fn is_icinga(self) -> bool {
                match self {
                    $(EventType::$name => event_types!(@$origin),)*
                }
            }
        }
    };
    (@icinga) => { true };
    (@ours) => { false };
}

event_types! {
    /// A check ended, whatever it found.
    CheckResult icinga,
    /// A check found another state than before, or a soft problem again.
    StateChange icinga,
    /// Icinga sent a notification of its own.
    Notification icinga,
    /// Icinga found that an object began or ceased to flap.
    Flapping icinga,
    /// Somebody acknowledged a problem.
    AcknowledgementSet icinga,
    /// An acknowledgement was removed, expired, or ended with its problem.
    AcknowledgementCleared icinga,
    /// A comment was added.
    CommentAdded icinga,
    /// A comment was removed.
    CommentRemoved icinga,
    /// A downtime was scheduled.
    DowntimeAdded icinga,
    /// A downtime ended or was cancelled.
    DowntimeRemoved icinga,
    /// A fixed downtime began.
    DowntimeStarted icinga,
    /// A downtime took effect.
    DowntimeTriggered icinga,
    /// A configuration object was created at run time.
    ObjectCreated icinga,
    /// A configuration object was changed at run time.
    ObjectModified icinga,
    /// A configuration object was deleted at run time.
    ObjectDeleted icinga,
    /// The stream of an Icinga has been away for a minute, or was away and is back.
    Gap ours,
    /// A mute came to its end.
    MuteEnding ours,
    /// A delivery was given up.
    DeliveryFailed ours,
    /// A sink takes no deliveries, or takes them again.
    SinkOutage ours,
    /// The rules and templates were changed, or a change was refused.
    RulesetChanged ours,
    /// Something is wrong with Watchbell itself, or is over.
    Trouble ours,
    /// Nobody is on call by a schedule, now or within a day.
    ScheduleGap ours,
    /// Somebody sent JSON to Watchbell.
    Webhook ours,
    /// A time that a rule had set has come.
    Timer ours,
    /// A problem still lasts, and a rule wanted people to be reminded.
    Reminder ours,
    /// Somebody is called because nobody has acknowledged a problem.
    Escalation ours,
    /// A person calls people.
    Page ours,
    /// What was gathered for a target is told as one message.
    Digest ours,
}

impl EventType {
    /// Whether rules judge it. A digest is told only: what is in it was judged before.
    pub fn is_judged(self) -> bool {
        self != EventType::Digest
    }

    /// Finds the type with this name.
    pub fn from_name(name: &str) -> Option<EventType> {
        EventType::ALL.iter().copied().find(|event_type| event_type.name() == name)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
