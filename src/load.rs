//! Rules and templates of one moment, read from their folders.
//!
//! Owns: which files belong to a set. Promises: a set is whole, or all its faults
//! are found at once. Never: keeps half of a set, changes a file.

mod files;

pub use files::rule_files;

use crate::config::{Config, Folders, Target};
use crate::diagnostic::Diagnostic;
use crate::engine::{Names, RuleFile, Ruleset};
use crate::router::Templates;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Reads both folders of a configuration. Rules may name the targets that it has.
    pub fn load(config: &Config) -> Result<Set, Vec<Diagnostic>> {
        Set::load_with(config, Some(config.targets.keys().cloned().collect()))
    }

    /// The same for rules that may name any target, as in a replay.
    pub fn load_for_any_target(config: &Config) -> Result<Set, Vec<Diagnostic>> {
        Set::load_with(config, None)
    }

    fn load_with(config: &Config, targets: Option<BTreeSet<String>>) -> Result<Set, Vec<Diagnostic>> {
        let (templates, mut wrong) = read_templates(&config.templates);
        wrong.extend(templates.iter().flat_map(|templates| unused_folders(templates, config)));
        let named = templates.as_ref().filter(|_| targets.is_some());
        let templates_of = named.map(|templates| named_templates(templates, config));
        let policies = targets.is_some().then(|| config.policies.keys().cloned().collect());
        let roles = Some(config.roles.keys().cloned().collect());
        let names = Names { templates: templates_of, targets, policies, roles };
        let (rules, mut faults) = read_rules(&config.rules, &names);
        faults.extend(wrong);
        Set::of(rules, templates, faults)
    }

    /// Reads both folders where there is no configuration: which sinks and targets there
    /// are is not known, so any of them are taken.
    pub fn from_folders(rules: &Path, templates: &Path) -> Result<Set, Vec<Diagnostic>> {
        let (rules, mut faults) = read_rules(rules, &Names::any());
        let (templates, wrong) = read_templates(templates);
        faults.extend(wrong);
        Set::of(rules, templates, faults)
    }

    /// What the rules say and probably do not mean, in the folder they were read from.
    pub fn warnings(&self, folder: &Path) -> Vec<Diagnostic> {
        self.rules.warnings().iter().map(|warning| in_folder(folder, warning.clone())).collect()
    }

    /// The set that is part of the program.
    pub fn shipped() -> Result<Set, Vec<Diagnostic>> {
        let (rules, mut faults) = compile(Path::new("rules"), &shipped_rules(), &Names::any());
        let (templates, wrong) = whole(Path::new("templates"), Templates::built_in());
        faults.extend(wrong);
        Set::of(rules, templates, faults)
    }

    /// The set, if both halves are there and nothing is wrong.
    fn of(
        rules: Option<Ruleset>,
        templates: Option<Templates>,
        faults: Vec<Diagnostic>,
    ) -> Result<Set, Vec<Diagnostic>> {
        let (Some(rules), Some(templates), true) = (rules, templates, faults.is_empty()) else {
            return Err(faults);
        };
        let digest = Sha256::digest(format!("{} {}", rules.hash(), templates.hash()));
        let hash: String = digest[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Set { rules: Arc::new(rules.with_hash(hash.clone())), templates: Arc::new(templates), hash })
    }
}

/// What is wrong in the folders that a faulty configuration names, as far as they are
/// there. Which sinks there are is not known, so templates for any of them are taken.
pub fn faults_in(folders: &Folders) -> Vec<Diagnostic> {
    let is_there = |folder: &&PathBuf| folder.is_dir();
    let rules = folders.rules.as_ref().filter(is_there).map(|folder| read_rules(folder, &Names::any()).1);
    let templates = folders.templates.as_ref().filter(is_there).map(|folder| read_templates(folder).1);
    rules.into_iter().chain(templates).flatten().collect()
}

fn read_rules(folder: &Path, names: &Names) -> (Option<Ruleset>, Vec<Diagnostic>) {
    let (files, mut unread) = rule_files(folder);
    let (rules, mut faults) = compile(folder, &files, names);
    // Where files are missing, so may be all rules.
    if unread.is_empty() {
        return (rules, faults);
    }
    faults.retain(|fault| fault.place.is_some());
    unread.extend(faults);
    unread.sort_by_key(Diagnostic::order);
    (None, unread)
}

fn read_templates(folder: &Path) -> (Option<Templates>, Vec<Diagnostic>) {
    whole(folder, Templates::load(folder))
}

/// Templates, or what is wrong in their folder.
fn whole(
    folder: &Path,
    templates: Result<Templates, Vec<Diagnostic>>,
) -> (Option<Templates>, Vec<Diagnostic>) {
    match templates {
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

/// The templates that rules may name for each target.
fn named_templates(templates: &Templates, config: &Config) -> BTreeMap<String, BTreeSet<String>> {
    let of_target = |target: &Target| {
        let sink = config.sinks.get(&target.sink);
        sink.map(|sink| templates.named(&sink.name, sink.kind.name())).unwrap_or_default()
    };
    let default = config.targets.get(&config.default_target).map(of_target).unwrap_or_default();
    let mut all: BTreeMap<_, _> =
        config.targets.iter().map(|(name, target)| (name.clone(), of_target(target))).collect();
    all.entry("default".to_owned()).or_insert(default);
    all
}

fn compile(folder: &Path, files: &[RuleFile], names: &Names) -> (Option<Ruleset>, Vec<Diagnostic>) {
    match Ruleset::compile_for(files, names) {
        // Without a rule nothing is asked for, and nobody would hear of anything.
        Ok(ruleset) if ruleset.rules().is_empty() => {
            let fault = Diagnostic::of_file(folder.display().to_string(), "there is no rule in this folder")
                .help("copy the shipped rules there (the folder `rules` of Watchbell's sources)");
            (None, vec![fault])
        }
        Ok(ruleset) => (Some(ruleset), Vec::new()),
        Err(faults) => (None, faults.iter().map(|fault| in_folder(folder, fault.drawn(files))).collect()),
    }
}

/// A fault with the folder before its file.
fn in_folder(folder: &Path, fault: Diagnostic) -> Diagnostic {
    Diagnostic { file: folder.join(&fault.file).display().to_string(), ..fault }
}

/// Folders of templates that serve more than one sink.
const SHARED_FOLDERS: [&str; 6] = ["default", "console", "irc", "email", "webhook", "exec"];

/// Folders that no sink will ever look into: a misspelt name.
fn unused_folders(templates: &Templates, config: &Config) -> Vec<Diagnostic> {
    let help =
        format!("a folder of templates is called {}, or as one of your sinks", SHARED_FOLDERS.join(", "));
    let folders = templates.folders();
    folders
        .filter(|folder| !SHARED_FOLDERS.contains(folder) && !config.sinks.contains_key(*folder))
        .map(|folder| {
            let path = config.templates.join(folder).display().to_string();
            Diagnostic::of_file(path, format!("`{folder}` is neither a kind of sink nor the name of one"))
                .help(&help)
        })
        .collect()
}
