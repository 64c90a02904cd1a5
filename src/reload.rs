//! Hot reload: rules and templates are read again when their folders change.
//!
//! Owns: the watch on both folders, and the hash of what was last read. Promises: a
//! set is read and compiled whole before it is put in force, a bad one leaves the
//! old one in force, and either is told. Events of the file system are only hints:
//! what counts is whether the content differs, and that is looked at every
//! [`LOOK_EVERY`] even where no events arrive. Never: changes a file.

use crate::config::Config;
use crate::diagnostic::{self, Diagnostic};
use crate::load::Set;
use crate::model::event::RulesetChanged;
use crate::model::{EventType, Input};
use crate::trial;
use notify::{EventKind, RecursiveMode, Watcher};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

/// How long the folders must be still before they are read: an editor writes in
/// several steps.
const STILL_FOR: Duration = Duration::from_millis(150);
/// A folder that never comes to rest is read after this all the same.
const AT_LATEST: Duration = Duration::from_secs(2);
/// How often the content is looked at without any hint.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How often what changes meanwhile is read before it is given up.
const MOST_READS: usize = 10;

/// How many faults people are told; the log has all of them.
const MOST_TOLD: usize = 3;

/// What helps where tests fail.
const BY_FORCE: &str = "mend the rules, or the tests if something else is wanted now; the command `reload force` takes all as it is";

/// A person wants the folders to be read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Whether a set is taken whose own tests fail.
    pub force: bool,
}

/// A set with its tests that fail, or its faults; `Err` where the reading panicked.
type Loaded = Result<Result<(Set, Vec<Diagnostic>), Vec<Diagnostic>>, tokio::task::JoinError>;

/// Reads rules and templates again when they change.
pub struct Reloader {
    /// Which folders.
    pub config: Arc<Config>,
    /// The set in force.
    pub set: Set,
    /// Where a new set is handed over.
    pub sets: mpsc::Sender<Set>,
    /// Where the change is told.
    pub inputs: mpsc::Sender<Input>,
    /// What the sources subscribe to.
    pub types: watch::Sender<BTreeSet<EventType>>,
    /// The set in force, for whoever writes outside of the engine.
    pub in_force: watch::Sender<Set>,
    /// Requests of people to look now.
    pub requests: mpsc::Receiver<Request>,
    /// Whether what was last read was refused: then its return to what is in force is
    /// news.
    pub refused: bool,
    /// Whether every set is taken whose own tests fail.
    pub force: bool,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Reloader {
    /// Runs until stopped.
    pub async fn run(&mut self) {
        if !self.refused && self.test_first().await.is_err() {
            return;
        }
        let hint = Arc::new(Notify::new());
        let mut watching = Watching::start(&self.config, hint.clone());
        // What changed since the set in force was read is found by a first look. After a
        // refusal, that would only tell it again.
        let mut seen = if self.refused { content(&self.config).await } else { Vec::new() };
        hint.notify_one();
        loop {
            let asked = tokio::select! {
                () = self.stop.cancelled() => return,
                () = settled(&hint) => None,
                () = tokio::time::sleep(LOOK_EVERY) => None,
                Some(request) = self.requests.recv() => Some(request),
            };
            watching.renew();
            if content(&self.config).await == seen && asked.is_none() {
                continue;
            }
            let (read, loaded) = self.read(asked).await;
            seen = read;
            if self.look(loaded, asked.is_some()).await.is_err() {
                return;
            }
        }
    }

    /// Runs the tests of the set that is in force from the start, and tells what fails.
    /// `Err`: nobody listens.
    async fn test_first(&self) -> Result<(), mpsc::error::SendError<Input>> {
        let (set, config) = (self.set.clone(), self.config.clone());
        let tested = tokio::task::spawn_blocking(move || test(&set, &config)).await;
        let failures = tested.unwrap_or_default();
        if failures.is_empty() {
            return Ok(());
        }
        self.inputs
            .send(Input::RulesetChanged(taken(&self.set, &failures, self.set.rules.warnings().len())))
            .await
    }

    /// Reads the set and runs its tests, and the digest of what it was read from. What
    /// changes while it is read is read again, so that rules and templates are those of
    /// one moment.
    async fn read(&self, asked: Option<Request>) -> (Vec<u8>, Loaded) {
        let force = self.force || asked.is_some_and(|request| request.force);
        let asked = asked.is_some();
        let mut before = content(&self.config).await;
        for _ in 0..MOST_READS {
            let (config, in_force) = (self.config.clone(), self.set.hash.clone());
            let candidate = move || candidate(&config, &in_force, asked, force);
            let loaded = tokio::task::spawn_blocking(candidate).await;
            let after = content(&self.config).await;
            if after == before {
                return (after, loaded);
            }
            before = after;
        }
        let folder = self.config.rules.display().to_string();
        let fault = Diagnostic::of_file(folder, "it or the folder of templates changes whenever it is read")
            .help("write all files elsewhere, and swap the folders by a link");
        (before, Ok(Err(vec![fault])))
    }

    /// Puts what was read in force, or says why not. `Err`: nobody listens.
    async fn look(&mut self, loaded: Loaded, asked: bool) -> Result<(), mpsc::error::SendError<Input>> {
        let changed = match loaded {
            Ok(Ok((set, _))) if set.hash == self.set.hash && !asked && !self.refused => return Ok(()),
            Ok(Ok((set, failures))) => {
                self.types.send_if_modified(|types| {
                    let wanted = set.rules.types();
                    let differs = *types != wanted;
                    *types = wanted;
                    differs
                });
                self.set = set.clone();
                self.in_force.send_replace(set.clone());
                if self.sets.send(set).await.is_err() {
                    return Ok(());
                }
                tracing::info!(hash = %self.set.hash, rules = self.set.rules.rules().len(), "rules and templates are in force");
                let warnings = warn_of(&self.set, &self.config);
                taken(&self.set, &failures, warnings)
            }
            Ok(Err(faults)) => self.refused(&faults),
            Err(_) => {
                self.changed(false, "reading the rules made Watchbell panic; please report it".to_owned())
            }
        };
        self.refused = !changed.accepted;
        self.inputs.send(Input::RulesetChanged(changed)).await
    }

    fn refused(&self, faults: &[Diagnostic]) -> RulesetChanged {
        let all = diagnostic::render(faults, false);
        tracing::error!("the rules and templates are not taken, those in force stay:\n{}", all.trim_end());
        self.changed(false, told(faults))
    }

    fn changed(&self, accepted: bool, error: String) -> RulesetChanged {
        let rules = self.set.rules.rules().len();
        RulesetChanged { accepted, hash: self.set.hash.clone(), rules, error, warnings: 0 }
    }
}

/// Reads the set, and runs its tests if it may come into force. By force, or where the
/// same set is in force already, what fails does not keep it from being taken.
fn candidate(
    config: &Arc<Config>,
    in_force: &str,
    asked: bool,
    force: bool,
) -> Result<(Set, Vec<Diagnostic>), Vec<Diagnostic>> {
    let set = Set::load(config)?;
    if set.hash == in_force && !asked {
        return Ok((set, Vec::new()));
    }
    let failures = test(&set, config);
    if force || set.hash == in_force {
        return Ok((set, failures));
    }
    let mut failures = failures.into_iter();
    match failures.next() {
        Some(first) => Err(std::iter::once(first.help(BY_FORCE)).chain(failures).collect()),
        None => Ok((set, Vec::new())),
    }
}

/// Faults as people are told them: the first ones whole, the others counted.
pub fn told(faults: &[Diagnostic]) -> String {
    let (first, others) = faults.split_at(faults.len().min(MOST_TOLD));
    let mut text = diagnostic::render(first, false).trim_end().to_owned();
    if !others.is_empty() {
        text += &format!("\n\nand {} more: the log and `watchbell check` have all", others.len());
    }
    text
}

/// Runs the tests of a set: what fails.
fn test(set: &Set, config: &Arc<Config>) -> Vec<Diagnostic> {
    trial::failures(set, config).unwrap_or_else(|error| {
        vec![Diagnostic::of_file(
            config.rules.display().to_string(),
            format!("the tests cannot be run: {error}"),
        )]
    })
}

/// The news that a set is in force, with so many warnings, and although these tests of it
/// fail.
fn taken(set: &Set, failures: &[Diagnostic], warnings: usize) -> RulesetChanged {
    if !failures.is_empty() {
        let all = diagnostic::render(failures, false);
        tracing::error!("rules and templates are in force although their tests fail:\n{}", all.trim_end());
    }
    RulesetChanged {
        accepted: true,
        hash: set.hash.clone(),
        rules: set.rules.rules().len(),
        error: told(failures),
        warnings,
    }
}

/// Logs what the rules of a set say and probably do not mean: how many warnings.
pub fn warn_of(set: &Set, config: &Config) -> usize {
    let warnings = set.warnings(&config.rules);
    if !warnings.is_empty() {
        let drawn = diagnostic::render(&warnings, false);
        tracing::warn!("the rules are taken, but look at this:\n{}", drawn.trim_end());
    }
    warnings.len()
}

/// Waits for a hint, and then until there has been none for a moment.
async fn settled(hint: &Notify) {
    hint.notified().await;
    let rest = async { while tokio::time::timeout(STILL_FOR, hint.notified()).await.is_ok() {} };
    let _ = tokio::time::timeout(AT_LATEST, rest).await;
}

/// A digest of all that is in both folders: names and bytes.
async fn content(config: &Arc<Config>) -> Vec<u8> {
    let folders = [config.rules.clone(), config.templates.clone()];
    let read = tokio::task::spawn_blocking(move || {
        let mut digest = Sha256::new();
        folders.iter().for_each(|folder| add_folder(&mut digest, folder, 0));
        digest.finalize().to_vec()
    });
    read.await.unwrap_or_default()
}

fn add_folder(digest: &mut Sha256, folder: &Path, depth: usize) {
    const DEEPEST: usize = 4;
    let Ok(entries) = std::fs::read_dir(folder) else {
        digest.update(b"unreadable");
        return;
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        digest.update(path.as_os_str().as_encoded_bytes());
        if path.is_dir() && depth < DEEPEST {
            add_folder(digest, &path, depth + 1);
        } else {
            digest.update(std::fs::read(&path).unwrap_or_default());
        }
    }
}

/// The watch on both folders. It watches folders, never files: an editor replaces
/// files, and a watch on a replaced file is dead.
struct Watching {
    watcher: Option<notify::RecommendedWatcher>,
    folders: Vec<PathBuf>,
}

impl Watching {
    fn start(config: &Config, hint: Arc<Notify>) -> Watching {
        let folders = vec![config.rules.clone(), config.templates.clone()];
        let ours = folders.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if is_hint(&event, &ours) {
                hint.notify_one();
            }
        });
        let watcher = watcher
            .inspect_err(|error| tracing::warn!(%error, "no events for changed files; looking every {LOOK_EVERY:?} instead"))
            .ok();
        let mut watching = Watching { watcher, folders };
        watching.renew();
        watching
    }

    /// Watches again what may have been replaced: the folders, what they link to,
    /// where they stand, and where the links on the way to them stand.
    fn renew(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for folder in &self.folders {
            let target = folder.canonicalize().ok();
            let links = folder.ancestors().skip(1).filter(|above| above.is_symlink());
            for parent in
                links.chain([folder.as_path()]).filter_map(Path::parent).filter(|parent| parent.is_dir())
            {
                let _ = watcher.watch(parent, RecursiveMode::NonRecursive);
            }
            for path in [Some(folder.clone()), target].into_iter().flatten() {
                // A folder that is away is found again by the next look.
                let _ = watcher.watch(&path, RecursiveMode::Recursive);
            }
        }
    }
}

/// Whether something may have changed. Our own reading makes access events; what
/// else happens beside a folder, such as writing the database, is none of ours.
/// Errors and lost events count: something may have changed unseen.
fn is_hint(event: &notify::Result<notify::Event>, folders: &[PathBuf]) -> bool {
    let Ok(event) = event else { return true };
    if matches!(event.kind, EventKind::Access(_)) {
        return false;
    }
    let concerns = |path: &PathBuf| {
        folders.iter().any(|folder| {
            path.starts_with(folder)
                || folder.starts_with(path)
                || path.file_name() == folder.file_name()
                || folder.canonicalize().is_ok_and(|target| path.starts_with(target))
        })
    };
    event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(concerns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_the_first_faults_and_how_many_more_there_are() {
        let faults: Vec<Diagnostic> =
            (1..=5).map(|number| Diagnostic::of_file("50-route.rhai", format!("fault {number}"))).collect();
        insta::assert_snapshot!(told(&faults), @r"
        error: 50-route.rhai: fault 1

        error: 50-route.rhai: fault 2

        error: 50-route.rhai: fault 3

        and 2 more: the log and `watchbell check` have all
        ");
        assert!(!told(&faults[..3]).contains("more"));
        assert_eq!(told(&[]), "");
    }
}
