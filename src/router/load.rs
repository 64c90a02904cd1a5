//! Templates as one immutable set: which there are, and which serves whom.
//!
//! Owns: the layout of the templates folder, `<folder>/<EventType>.<part>` and
//! `<folder>/<name>.<part>`, and the look-up in it: the sink's name, the sink's kind, `default`. Promises: a set in
//! hand has been rendered against every sample. Never: changes after it was made.

use super::part::{Part, Serves};
use super::{check, complaint, filters};
use crate::assets;
use crate::diagnostic::Diagnostic;
use crate::model::identity::digest;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

/// How many instructions one part of a message may take; the longest shipped
/// template takes under 2,000.
const FUEL: u64 = 100_000;

/// Names of the templates of one folder, by what they are for.
type Folder = BTreeMap<(Serves, Part), String>;

/// All templates of one moment.
pub struct Templates {
    pub(super) environment: Environment<'static>,
    folders: BTreeMap<String, Folder>,
    hash: String,
    reported: Mutex<BTreeSet<String>>,
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Templates").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Templates {
    /// The shipped templates. Errors: none in a released program; a test sees to that.
    pub fn built_in() -> Result<Templates, Vec<Diagnostic>> {
        Templates::from_files(assets::templates())
    }

    /// The templates of a folder, above the shipped ones: a file there replaces
    /// the shipped one of the same path. A folder that does not exist holds none.
    /// Errors: every fault of every file.
    pub fn load(folder: &Path) -> Result<Templates, Vec<Diagnostic>> {
        let mut files: BTreeMap<String, String> = assets::templates().into_iter().collect();
        let mut unread = Vec::new();
        read_folder(folder, "", &mut files, &mut unread);
        let loaded = Templates::from_files(files);
        if unread.is_empty() {
            return loaded;
        }
        let mut faults = loaded.err().unwrap_or_default();
        faults.extend(unread);
        faults.sort_by_key(Diagnostic::order);
        Err(faults)
    }

    /// Just these templates: path inside the templates folder, and text.
    /// Errors: every fault of every file, sorted by file and place.
    pub fn from_files(
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Templates, Vec<Diagnostic>> {
        let files: BTreeMap<String, String> = files.into_iter().collect();
        let mut templates = Templates {
            environment: environment(),
            folders: BTreeMap::new(),
            hash: digest(&files.iter().flat_map(|(path, text)| [path, text]).collect::<Vec<_>>()),
            reported: Mutex::new(BTreeSet::new()),
        };
        let mut faults = Vec::new();
        for (path, text) in files {
            faults.extend(templates.add(path, text).err());
        }
        faults.extend(check::names(&templates));
        if faults.is_empty() {
            faults = check::samples(&templates);
        }
        if faults.is_empty() {
            return Ok(templates);
        }
        faults.sort_by_key(Diagnostic::order);
        Err(faults)
    }

    /// SHA-256 of all of them, as 64 hex digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The folders there are; each should be `default`, a sink's kind or a sink's name.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.folders.keys().map(String::as_str)
    }

    /// The templates that a rule may name for a sink with this name and of this kind.
    pub fn named(&self, sink_name: &str, sink_kind: &str) -> BTreeSet<String> {
        let folders = [sink_name, sink_kind, "default"];
        let inside =
            folders.into_iter().filter_map(|folder| self.folders.get(folder)).flat_map(BTreeMap::keys);
        let used = inside.filter(|(_, part)| part.is_used_by(sink_kind));
        let named = used.filter_map(|(serves, _)| match serves {
            Serves::Named(name) => Some(name.clone()),
            Serves::Type(_) => None,
        });
        named.collect()
    }

    /// The name of the template for this, or `None` if there is none.
    pub(super) fn find(&self, folders: [&str; 3], serves: &Serves, part: Part) -> Option<&str> {
        let wanted = (serves.clone(), part);
        let inside = |folder| self.folders.get(folder)?.get(&wanted);
        folders.into_iter().find_map(inside).map(String::as_str)
    }

    /// Every template but the partials, with what it is for.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Serves, Part)> {
        let templates = self.folders.values().flatten();
        templates.map(|((serves, part), name)| (name.as_str(), serves, *part))
    }

    /// Logs a failure of a template, the first time only.
    pub(super) fn report(&self, name: &str, reason: &str) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.insert(name.to_owned()) {
            tracing::error!(
                template = name,
                reason,
                "a template cannot be used; another or the plain line is sent instead"
            );
        }
    }

    fn add(&mut self, path: String, text: String) -> Result<(), Diagnostic> {
        let name = check::file_name(&path)?;
        let added = self.environment.add_template_owned(path.clone(), text.clone());
        added.map_err(|error| complaint::syntax_fault(&path, &text, &error))?;
        if let check::FileName::Template { folder, serves, part } = name {
            self.folders.entry(folder).or_default().insert((serves, part), path);
        }
        Ok(())
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters are valid"));
    environment.set_debug(false);
    environment.set_fuel(Some(FUEL));
    // A field that an event has not is undefined and prints as nothing; a name
    // that is no field at all is refused by the value that templates see.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_path_join_callback(inner_path);
    environment.set_auto_escape_callback(|name| match part_of(name) {
        Some(Part::Html) => AutoEscape::Html,
        Some(Part::Json) => AutoEscape::Json,
        _ => AutoEscape::Custom(Cow::Borrowed(filters::LINE)),
    });
    filters::install(&mut environment);
    environment
}

fn part_of(name: &str) -> Option<Part> {
    Part::from_name(name.rsplit('.').next()?)
}

/// A name without a folder is one beside the template that says it. A template
/// takes in only its own part: a text inside HTML would stay unescaped.
fn inner_path<'a>(name: &'a str, from: &'a str) -> Cow<'a, str> {
    let escaping = |name| part_of(name).map(|part| if part == Part::Subject { Part::Text } else { part });
    if escaping(name) != escaping(from) {
        return Cow::Owned(format!("{name} (only a file of the same ending can be taken in)"));
    }
    match (name.contains('/'), from.rsplit_once('/')) {
        (false, Some((folder, _))) => Cow::Owned(format!("{folder}/{name}")),
        _ => Cow::Borrowed(name),
    }
}

/// Reads all files below `folder`; `inside` is the path so far, empty or ended by `/`.
fn read_folder(
    folder: &Path,
    inside: &str,
    files: &mut BTreeMap<String, String>,
    faults: &mut Vec<Diagnostic>,
) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound && inside.is_empty() => return,
        Err(error) => {
            let path = folder.display().to_string();
            return faults.push(Diagnostic::of_file(&path, format!("cannot be read: {error}")));
        }
    };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let name = format!("{inside}{}", entry.file_name().to_string_lossy());
        if is_ignored(&entry.file_name().to_string_lossy()) {
            continue;
        }
        if path.is_dir() && inside.is_empty() {
            read_folder(&path, &format!("{name}/"), files, faults);
            continue;
        }
        match fs::read_to_string(&path) {
            // Some editors put a mark before a text, which is none of it.
            Ok(text) => drop(files.insert(name, text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())),
            Err(error) => faults.push(Diagnostic::of_file(&name, format!("cannot be read: {error}"))),
        }
    }
}

/// What editors and people leave beside templates.
fn is_ignored(file_name: &str) -> bool {
    file_name.starts_with(['.', '#']) || file_name.ends_with('~') || file_name.ends_with(".md")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_takes_in_only_its_own_part() {
        assert_eq!(inner_path("_object.text", "default/StateChange.text"), "default/_object.text");
        assert_eq!(inner_path("default/_object.text", "irc/StateChange.text"), "default/_object.text");
        assert_eq!(inner_path("_object.text", "email/StateChange.subject"), "email/_object.text");
        assert!(inner_path("_object.text", "email/StateChange.html").contains("same ending"));
        assert!(inner_path("_x.html", "webhook/StateChange.json").contains("same ending"));
        assert!(inner_path("../../etc/passwd", "irc/StateChange.text").contains("same ending"));
    }

    #[test]
    fn leftovers_of_editors_are_no_templates() {
        for name in
            [".StateChange.text.swp", "#StateChange.text#", "StateChange.text~", "README.md", "..data"]
        {
            assert!(is_ignored(name), "{name}");
        }
        assert!(!is_ignored("StateChange.text"));
    }
}
