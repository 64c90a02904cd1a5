//! Rules and templates of one moment, read from their folders.
//!
//! Owns: which files belong to a set. Promises: a set is whole, or all its faults
//! are found at once. Never: keeps half of a set, changes a file.

use crate::config::{Config, Folders};
use crate::diagnostic::Diagnostic;
use crate::engine::{RuleFault, RuleFile, Ruleset};
use crate::router::Templates;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A rule file larger than this is a mistake, in bytes.
const LARGEST_RULE_FILE: u64 = 1 << 20;
/// Modules lie in folders this deep at most; the reloader looks as deep.
const DEEPEST_FOLDER: usize = 4;

/// All rules and templates of one moment.
#[derive(Clone)]
pub struct Set {
    /// The rules.
    pub rules: Arc<Ruleset>,
    /// The templates.
    pub templates: Arc<Templates>,
    /// Short hash of both: tells one set from another.
    pub hash: String,
}

impl Set {
    /// Reads both folders of a configuration.
    pub fn load(config: &Config) -> Result<Set, Vec<Diagnostic>> {
        let (rules, mut faults) = read_rules(&config.rules);
        let (templates, wrong) = read_templates(&config.templates);
        faults.extend(wrong);
        faults.extend(templates.iter().flat_map(|templates| unused_folders(templates, config)));
        match (rules, templates) {
            (Some(rules), Some(templates)) if faults.is_empty() => Ok(Set::of(rules, templates)),
            _ => Err(faults),
        }
    }

    /// Reads both folders where there is no configuration: which sinks there are is not
    /// known, so templates for any of them are taken.
    pub fn from_folders(rules: &Path, templates: &Path) -> Result<Set, Vec<Diagnostic>> {
        let (rules, mut faults) = read_rules(rules);
        let (templates, wrong) = read_templates(templates);
        faults.extend(wrong);
        match (rules, templates) {
            (Some(rules), Some(templates)) if faults.is_empty() => Ok(Set::of(rules, templates)),
            _ => Err(faults),
        }
    }

    /// The set that is part of the program.
    pub fn shipped() -> Result<Set, Vec<Diagnostic>> {
        let (rules, mut faults) = compile(Path::new("rules"), &shipped_rules());
        match (rules, Templates::built_in()) {
            (Some(rules), Ok(templates)) => Ok(Set::of(rules, templates)),
            (_, Ok(_)) => Err(faults),
            (_, Err(wrong)) => {
                faults.extend(wrong.into_iter().map(|fault| in_folder(Path::new("templates"), fault)));
                Err(faults)
            }
        }
    }

    fn of(rules: Ruleset, templates: Templates) -> Set {
        let digest = Sha256::digest(format!("{} {}", rules.hash(), templates.hash()));
        let hash: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        Set { rules: Arc::new(rules.with_hash(hash.clone())), templates: Arc::new(templates), hash }
    }
}

/// What is wrong in the folders that a faulty configuration names, as far as they are
/// there. Which sinks there are is not known, so templates for any of them are taken.
pub fn faults_in(folders: &Folders) -> Vec<Diagnostic> {
    let is_there = |folder: &&PathBuf| folder.is_dir();
    let rules = folders.rules.as_ref().filter(is_there).map(|folder| read_rules(folder).1);
    let templates = folders.templates.as_ref().filter(is_there).map(|folder| read_templates(folder).1);
    rules.into_iter().chain(templates).flatten().collect()
}

fn read_rules(folder: &Path) -> (Option<Ruleset>, Vec<Diagnostic>) {
    match rule_files(folder) {
        Ok(files) => compile(folder, &files),
        Err(fault) => (None, vec![fault]),
    }
}

fn read_templates(folder: &Path) -> (Option<Templates>, Vec<Diagnostic>) {
    match Templates::load(folder) {
        Ok(templates) => (Some(templates), Vec::new()),
        Err(wrong) => (None, wrong.into_iter().map(|fault| in_folder(folder, fault)).collect()),
    }
}

/// The rule files that are part of the program.
pub fn shipped_rules() -> Vec<RuleFile> {
    crate::assets::rules()
        .into_iter()
        .filter(|(name, _)| name.ends_with(".rhai"))
        .map(|(name, text)| RuleFile { name, text })
        .collect()
}

/// The rule files of a folder: `*.rhai`, but no hidden ones, in the order of
/// their names; behind them the modules, the same in the folders inside of it.
pub fn rule_files(folder: &Path) -> Result<Vec<RuleFile>, Diagnostic> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for (name, path) in entries(folder)? {
        match path.is_dir() {
            true => folders.push((name, path)),
            false if name.ends_with(".rhai") => files.push(RuleFile { text: read(&path)?, name }),
            false => {}
        }
    }
    for (name, path) in folders {
        add_modules(&mut files, &name, &path, 1);
    }
    Ok(files)
}

/// Adds the modules of a folder. What cannot be read is left out: whatever imports it
/// is told that it is missing, and if nothing does, it is none of this set's matter.
fn add_modules(files: &mut Vec<RuleFile>, name: &str, folder: &Path, depth: usize) {
    let left_out = |fault: Diagnostic| tracing::warn!("no module: {} {}", fault.file, fault.message);
    for (inside, path) in entries(folder).map_err(left_out).unwrap_or_default() {
        let name = format!("{name}/{inside}");
        if path.is_dir() {
            if depth < DEEPEST_FOLDER {
                add_modules(files, &name, &path, depth + 1);
            }
        } else if name.ends_with(".rhai")
            && let Ok(text) = read(&path).map_err(left_out)
        {
            files.push(RuleFile { name, text });
        }
    }
}

/// What is in a folder and not hidden, in the order of the names.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, Diagnostic> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.'));
        found.extend(name.map(str::to_owned).map(|name| (name, path.clone())));
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String, Diagnostic> {
    let size = std::fs::metadata(path).map_err(|error| unreadable(path, error))?.len();
    if size > LARGEST_RULE_FILE {
        let message = format!("is {size} bytes large; a rule file has at most {LARGEST_RULE_FILE}");
        return Err(Diagnostic::of_file(path.display().to_string(), message));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: std::io::Error) -> Diagnostic {
    Diagnostic::of_file(path.display().to_string(), format!("cannot be read: {error}"))
}

fn compile(folder: &Path, files: &[RuleFile]) -> (Option<Ruleset>, Vec<Diagnostic>) {
    match Ruleset::compile(files) {
        // Without a rule nothing is asked for, and nobody would hear of anything.
        Ok(ruleset) if ruleset.rules().is_empty() => {
            let fault = Diagnostic::of_file(folder.display().to_string(), "there is no rule in this folder")
                .help("copy the shipped rules there (the folder `rules` of Watchbell's sources)");
            (None, vec![fault])
        }
        Ok(ruleset) => (Some(ruleset), Vec::new()),
        Err(faults) => {
            (None, faults.into_iter().map(|fault| rule_diagnostic(folder, files, fault)).collect())
        }
    }
}

fn rule_diagnostic(folder: &Path, files: &[RuleFile], fault: RuleFault) -> Diagnostic {
    let path = folder.join(&fault.file).display().to_string();
    let text = files.iter().find(|file| file.name == fault.file).map_or("", |file| &file.text);
    let diagnostic = if fault.line == 0 {
        Diagnostic::of_file(path, fault.message)
    } else {
        Diagnostic::at_line_column(path, text, fault.line, fault.column.max(1), fault.message)
    };
    if fault.help.is_empty() { diagnostic } else { diagnostic.help(fault.help) }
}

/// The fault of a template, with the folder before its file.
fn in_folder(folder: &Path, fault: Diagnostic) -> Diagnostic {
    Diagnostic { file: folder.join(&fault.file).display().to_string(), ..fault }
}

/// Folders that no sink will ever look into: a misspelt name.
fn unused_folders(templates: &Templates, config: &Config) -> Vec<Diagnostic> {
    const KINDS: [&str; 6] = ["default", "console", "irc", "email", "webhook", "exec"];
    let folders = templates.folders();
    folders
        .filter(|folder| !KINDS.contains(folder) && !config.sinks.contains_key(*folder))
        .map(|folder| {
            let path = config.templates.join(folder).display().to_string();
            Diagnostic::of_file(path, format!("`{folder}` is neither a kind of sink nor the name of one"))
                .help("a folder of templates is called default, console, irc, email, webhook, exec, or as one of your sinks")
        })
        .collect()
}
