//! The parts of a message.

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

    pub(super) fn from_name(name: &str) -> Option<Part> {
        Part::ALL.into_iter().find(|part| part.name() == name)
    }
}
