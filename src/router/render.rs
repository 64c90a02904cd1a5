//! From a judged event to a finished message.
//!
//! Owns: which parts a kind of sink gets. Promises: rendering never fails and never
//! yields an empty text; a template that fails is replaced by a plain line that
//! names it. Never: runs longer than the fuel lasts, nor writes more than 64 KB a
//! part.

use super::complaint::{innermost, words};
use super::load::Templates;
use super::part::{Part, Serves};
use super::samples::Sample;
use super::value::View;
use super::{escape, plain};
use crate::model::{Message, Scene};
use jiff::tz::TimeZone;
use minijinja::value::Value;
use std::io;
use std::sync::Arc;

/// Longest part of a message, in bytes. A longer text is cut; HTML and JSON
/// cannot be cut and fail.
const MAX_PART: usize = 64 * 1024;

/// Longest subject, in characters.
const MAX_SUBJECT: usize = 200;

impl Templates {
    /// Renders the message that a sink's recipients get for an event: the text
    /// always, subject and HTML for `email`, JSON for `webhook`; times in `zone`.
    ///
    /// Never fails: see the module.
    pub fn render(&self, scene: &Arc<Scene>, sink_name: &str, sink_kind: &str, zone: &TimeZone) -> Message {
        self.render_as(None, scene, sink_name, sink_kind, zone)
    }

    /// The same with a template of its own instead of the type's. Parts that it has not
    /// are those of the type, but for HTML, which would say something else than the text.
    pub fn render_as(
        &self,
        template: Option<&str>,
        scene: &Arc<Scene>,
        sink_name: &str,
        sink_kind: &str,
        zone: &TimeZone,
    ) -> Message {
        let own = template.filter(|name| {
            let is_there = self.named(sink_name, sink_kind).contains(*name);
            if !is_there {
                self.report(name, &format!("there is no such template for the sink {sink_name}; that of the event's type is taken"));
            }
            is_there
        });
        let mut draft = Draft {
            scene: scene.clone(),
            zone: zone.clone(),
            own: own.map(|name| Serves::Named(name.to_owned())),
            text: None,
            failures: String::new(),
        };
        let folders = [sink_name, sink_kind, "default"];
        let text = draft.part(self, folders, Part::Text).unwrap_or_else(|| plain::plain_line(scene));
        draft.text = Some(text);
        let mut message = Message {
            thread: Some(plain::thread(scene)),
            severity: plain::severity(scene),
            ..Message::default()
        };
        match sink_kind {
            "email" => {
                let subject = draft.part(self, folders, Part::Subject);
                message.subject = Some(subject.unwrap_or_else(|| plain::plain_line(scene)));
                message.html = draft.part(self, folders, Part::Html);
            }
            "webhook" => {
                let json = draft.part(self, folders, Part::Json);
                message.json = Some(json.unwrap_or_else(|| plain::plain_json(scene, &draft.failures)));
            }
            _ => {}
        }
        message.text = draft.whole_text();
        message
    }
}

/// What is wrong with a template that writes nothing.
pub(super) const NOTHING: &str = "it says nothing; to keep quiet is a rule's matter";

/// Why a part of a message failed.
pub(super) enum Failure {
    /// The template engine gave up.
    Engine(minijinja::Error),
    /// What it wrote cannot be used.
    Result(String),
    /// It wrote nothing.
    Nothing,
}

impl Failure {
    fn in_a_line(&self, template: &str) -> String {
        let error = match self {
            Failure::Engine(error) => innermost(error),
            Failure::Result(reason) => return reason.clone(),
            Failure::Nothing => return NOTHING.to_owned(),
        };
        let line = error.line().unwrap_or_default();
        match error.name() {
            Some(name) if name != template => format!("{} ({name} line {line})", words(error)),
            _ => format!("{} (line {line})", words(error)),
        }
    }
}

/// A message in the making.
pub(super) struct Draft {
    scene: Arc<Scene>,
    zone: TimeZone,
    /// The template that a rule named.
    own: Option<Serves>,
    text: Option<String>,
    failures: String,
}

impl Draft {
    /// A draft whose text is written, for trying any template.
    pub(super) fn of_sample(sample: &Sample) -> Draft {
        let text = Some(plain::plain_line(&sample.scene));
        Draft { scene: sample.scene.clone(), zone: TimeZone::UTC, own: None, text, failures: String::new() }
    }

    fn whole_text(&self) -> String {
        format!("{}{}", self.text.as_deref().unwrap_or_default(), self.failures)
    }

    /// `None` if there is no template for it, or it failed; that is then noted.
    fn part(&mut self, templates: &Templates, folders: [&str; 3], part: Part) -> Option<String> {
        if let Some(own) = self.own.clone() {
            let written = self.part_of(&own, templates, folders, part);
            if written.is_some() || part == Part::Html {
                return written;
            }
        }
        self.part_of(&Serves::Type(self.scene.event.event_type()), templates, folders, part)
    }

    fn part_of(
        &mut self,
        serves: &Serves,
        templates: &Templates,
        folders: [&str; 3],
        part: Part,
    ) -> Option<String> {
        let name = templates.find(folders, serves, part)?;
        match self.write(templates, name, part) {
            Ok(text) => Some(text),
            Err(failure) => {
                let reason = failure.in_a_line(name);
                templates.report(name, &reason);
                let reason = escape::one_line(&reason);
                self.failures += &format!(" [template {name} failed: {}]", escape::short(&reason, 300));
                None
            }
        }
    }

    /// Renders one template and makes what it wrote fit its part.
    pub(super) fn write(&self, templates: &Templates, name: &str, part: Part) -> Result<String, Failure> {
        let template = templates.environment.get_template(name).map_err(Failure::Engine)?;
        let text = if part == Part::Text { None } else { self.text.clone() };
        let view = View { scene: self.scene.clone(), zone: self.zone.clone(), text };
        let mut out = Capped::default();
        let rendered = template.render_captured_to(Value::from_object(view), &mut out).map(drop);
        match rendered {
            Err(error) if !out.full => Err(Failure::Engine(error)),
            _ => finish(part, out),
        }
    }
}

fn finish(part: Part, out: Capped) -> Result<String, Failure> {
    let full = out.full;
    let mut raw = String::from_utf8_lossy(&out.bytes).into_owned();
    if full && matches!(part, Part::Html | Part::Json) {
        return Err(Failure::Result(format!("longer than {MAX_PART} bytes")));
    }
    if full {
        raw.push('…');
    }
    let finished = match part {
        Part::Text => escape::lines(&raw).trim().to_owned(),
        Part::Subject => escape::short(escape::one_line(&raw).trim(), MAX_SUBJECT).into_owned(),
        Part::Html => escape::lines(&raw).into_owned(),
        Part::Json => raw,
    };
    if finished.trim().is_empty() {
        return Err(Failure::Nothing);
    }
    if part == Part::Json
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&finished)
    {
        return Err(Failure::Result(format!("what it wrote is no JSON: {error}")));
    }
    Ok(finished)
}

/// Takes [`MAX_PART`] bytes and refuses the rest.
#[derive(Default)]
struct Capped {
    bytes: Vec<u8>,
    full: bool,
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = MAX_PART - self.bytes.len();
        if room < bytes.len() {
            self.bytes.extend_from_slice(&bytes[..room]);
            self.full = true;
            return Err(io::Error::other("the part is full"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
