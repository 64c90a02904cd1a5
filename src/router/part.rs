//! The parts of a message, and what a template of one is for.

use crate::model::EventType;

/// One part of a message, and the ending of its template's file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Text,
    Subject,
    Html,
    Json,
}

impl Part {
    pub(super) const ALL: [Part; 4] = [Part::Text, Part::Subject, Part::Html, Part::Json];

    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Text => "text",
            Part::Subject => "subject",
            Part::Html => "html",
            Part::Json => "json",
        }
    }

    /// Whether a sink of this kind gets it.
    pub(super) fn is_used_by(self, sink_kind: &str) -> bool {
        match self {
            Part::Text => true,
            Part::Subject | Part::Html => sink_kind == "email",
            Part::Json => sink_kind == "webhook",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Part> {
        Part::ALL.into_iter().find(|part| part.name() == name)
    }
}

/// What a template is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Serves {
    /// All events of a type, unless a rule names another.
    Type(EventType),
    /// What a rule names it for.
    Named(String),
}
