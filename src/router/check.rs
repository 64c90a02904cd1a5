//! Finding what is wrong with templates before they are used.
//!
//! Owns: the faults. Promises: all faults of a set at once, each with its place.

use super::complaint::{innermost, place, words};
use super::part::{Part, Serves};
use super::render::{Draft, Failure, NOTHING};
use super::samples::Sample;
use super::value::{is_name, no_such_field};
use super::{Templates, samples};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::model::EventType;
use std::ops::Range;

/// What a file in the templates folder is.
pub(super) enum FileName {
    /// `_name.part`, for others to take in.
    Partial,
    /// `<EventType>.<part>`, or `<name>.<part>` for rules to name.
    Template {
        /// Name of a sink, of a kind of sinks, or `default`.
        folder: String,
        serves: Serves,
        part: Part,
    },
}

/// Reads a path inside the templates folder.
pub(super) fn file_name(path: &str) -> Result<FileName, Diagnostic> {
    let fault = |message: String| Diagnostic::of_file(path, message);
    let Some((folder, file)) = path.split_once('/').filter(|(_, file)| !file.contains('/')) else {
        return Err(fault("a template lies in one folder, as in `irc/StateChange.text`".to_owned()));
    };
    let Some((stem, ending)) = file.rsplit_once('.') else {
        return Err(fault(format!("the file name has no ending; take {}", list(&Part::ALL.map(Part::name)))));
    };
    let Some(part) = Part::from_name(ending) else {
        let nearest = nearest(ending, Part::ALL.into_iter().map(Part::name));
        return Err(fault(format!("`{ending}` is no part of a message{nearest}")));
    };
    if stem.starts_with('_') {
        return Ok(FileName::Partial);
    }
    let template = |serves| Ok(FileName::Template { folder: folder.to_owned(), serves, part });
    match EventType::from_name(stem) {
        Some(event_type) => template(Serves::Type(event_type)),
        None if is_own_name(stem) => template(Serves::Named(stem.to_owned())),
        None => {
            let nearest = nearest(stem, EventType::ALL.iter().map(|event_type| event_type.name()));
            Err(fault(format!("`{stem}` is no event type{nearest}")))
        }
    }
}

/// Whether a template for rules to name can be called so: it begins with a small
/// letter, as no event type does, and is none that was written small by mistake.
fn is_own_name(stem: &str) -> bool {
    let is_type = EventType::ALL.iter().any(|event_type| event_type.name().eq_ignore_ascii_case(stem));
    stem.starts_with(|first: char| first.is_lowercase()) && !is_type
}

fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    match did_you_mean(wrong, names.clone()) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; there are {}", list(&names.collect::<Vec<_>>())),
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// All names that are no fields, also where no sample leads. A template that
/// extends another may use names from there: only the samples check that one.
pub(super) fn names(templates: &Templates) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    for (path, _, _) in templates.all() {
        let Ok(template) = templates.environment.get_template(path) else { continue };
        let text = template.source();
        if text.contains("extends") {
            continue;
        }
        for name in template.undeclared_variables(true) {
            if !is_name(&name) {
                faults.push(Diagnostic::at_range(path, text, find(text, &name), no_such_field(&name)));
            }
        }
    }
    faults
}

/// Where a name stands inside `{{ }}` or `{% %}`; the start if nowhere.
fn find(text: &str, name: &str) -> Range<usize> {
    let in_word = |character: char| character.is_alphanumeric() || character == '_';
    let stands = |start: &usize| {
        let (before, after) = (&text[..*start], &text[start + name.len()..]);
        let opened = before.rfind("{{").max(before.rfind("{%"));
        let closed = before.rfind("}}").max(before.rfind("%}"));
        opened > closed
            && !before.ends_with(|last| in_word(last) || last == '.')
            && !after.starts_with(in_word)
    };
    let start = text.match_indices(name).map(|(start, _)| start).find(stands);
    start.map_or(0..0, |start| start..start + name.len())
}

/// What fails when every template is rendered against each sample of its type;
/// each fault once, with the first sample that shows it.
pub(super) fn samples(templates: &Templates) -> Vec<Diagnostic> {
    let samples = samples::all();
    let mut faults: Vec<(String, Diagnostic)> = Vec::new();
    for (path, serves, part) in templates.all() {
        let is_for = |sample: &&Sample| match serves {
            Serves::Type(event_type) => sample.scene.event.event_type() == *event_type,
            Serves::Named(_) => true,
        };
        for sample in samples.iter().filter(is_for) {
            let draft = Draft::of_sample(sample);
            let Err(failure) = draft.write(templates, path, part) else { continue };
            // A rule knows what it names a template for; it need not speak of all else.
            if matches!((serves, &failure), (Serves::Named(_), Failure::Nothing)) {
                continue;
            }
            let (mut fault, message) = located(templates, path, &failure);
            let known =
                faults.iter().any(|(words, known)| *words == message && known.order() == fault.order());
            if !known {
                fault.message = format!("{message} (seen with the sample `{}`)", sample.name);
                faults.push((message, fault));
            }
        }
    }
    faults.into_iter().map(|(_, fault)| fault).collect()
}

fn located(templates: &Templates, path: &str, failure: &Failure) -> (Diagnostic, String) {
    let error = match failure {
        Failure::Engine(error) => innermost(error),
        Failure::Result(reason) => {
            return (Diagnostic::of_file(path, reason.clone()), reason.clone());
        }
        Failure::Nothing => {
            return (Diagnostic::of_file(path, NOTHING), NOTHING.to_owned());
        }
    };
    let file = error.name().unwrap_or(path);
    let template = templates.environment.get_template(file);
    let text = template.as_ref().map_or("", |template| template.source());
    (Diagnostic::at_range(file, text, place(text, error), ""), words(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_it_is_used() {
        let text = "status: {{ mystatus }}\n{{ host.status }}{{ status|upper }}";
        let used = text.find("status|upper").expect("it is in the text");
        assert_eq!(find(text, "status"), used..used + "status".len());
        assert_eq!(find("{{ x }}", "y"), 0..0);
    }

    #[test]
    fn a_wrong_file_name_gets_an_answer_that_helps() {
        for (path, word) in [
            ("irc/Statechange.text", "did you mean `StateChange`"),
            ("irc/StateChange.txt", "did you mean `text`"),
            ("irc/Nonsense.text", "there are `CheckResult`"),
            ("irc/StateChange", "no ending"),
            ("StateChange.text", "in one folder"),
            ("a/b/StateChange.text", "in one folder"),
        ] {
            let message = file_name(path).err().map(|fault| fault.message).unwrap_or_default();
            assert!(message.contains(word), "{path}: {message}");
        }
    }
}
