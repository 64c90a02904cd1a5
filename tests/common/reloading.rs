//! The real reloader on real folders, without the rest of the program.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use watchbell::config::{Config, builtin};
use watchbell::load::Set;
use watchbell::model::Input;
use watchbell::model::event::RulesetChanged;
use watchbell::reload::{Reloader, Request};

/// How long a change may take to be seen; far more than it needs.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Folders, and a reloader that reads them.
pub(crate) struct Reloading {
    /// The set that was in force first.
    pub(crate) first: Set,
    /// The configuration that names the folders.
    pub(crate) config: Config,
    /// Sets put in force.
    pub(crate) sets: mpsc::Receiver<Set>,
    told: mpsc::Receiver<Input>,
    requests: mpsc::Sender<Request>,
    base: TempDir,
    _task: AbortOnDropHandle<()>,
}

/// A folder with a `rules` and a `templates` inside, and this one rule file.
pub(crate) fn prepare(base: &Path, rules: &str) {
    for name in ["rules", "templates/default"] {
        fs::create_dir_all(base.join(name)).expect("the folder is ours");
    }
    fs::write(base.join("rules/10-own.rhai"), rules).expect("the folder is ours");
}

impl Reloading {
    /// One rule file in force.
    pub(crate) fn start(rules: &str) -> Reloading {
        Reloading::start_in(Path::new(""), |base| prepare(base, rules))
    }

    /// The folders stand in `above`, a path inside of the test's folder; `prepare` makes
    /// all there is.
    pub(crate) fn start_in(above: &Path, prepare: impl FnOnce(&Path)) -> Reloading {
        let base = tempfile::tempdir().expect("there is room for a folder");
        prepare(base.path());
        let within = base.path().join(above);
        let config = Config {
            zone: jiff::tz::TimeZone::UTC,
            ..builtin(within.join("rules"), within.join("templates"))
        };
        let first = Set::load(&config).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let (sets_to, sets) = mpsc::channel(1024);
        let (inputs, told) = mpsc::channel(1024);
        let (requests, asked) = mpsc::channel(16);
        let mut reloader = Reloader {
            force: false,
            config: Arc::new(config.clone()),
            set: first.clone(),
            sets: sets_to,
            inputs,
            types: watch::channel(first.rules.types()).0,
            in_force: watch::channel(first.clone()).0,
            requests: asked,
            refused: false,
            stop: CancellationToken::new(),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(async move { reloader.run().await }));
        Reloading { first, config, sets, told, requests, base, _task: task }
    }

    /// A path in the test's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("the folder is ours");
    }

    /// Points a link elsewhere in one step.
    pub(crate) fn swap(&self, link: &str, to: &str) {
        let new = self.path(&format!("{link}.new"));
        symlink(to, &new).expect("it is new");
        fs::rename(new, self.path(link)).expect("both are in one folder");
    }

    /// What is told next.
    pub(crate) async fn told(&mut self) -> RulesetChanged {
        let told = tokio::time::timeout(PATIENCE, self.told.recv()).await;
        match told.expect("the reloader says something").expect("the reloader runs") {
            Input::RulesetChanged(changed) => changed,
            other => panic!("{other:?}"),
        }
    }

    /// Somebody asks to read the folders now: what is told.
    pub(crate) async fn asked(&mut self) -> RulesetChanged {
        self.requests.send(Request { force: false }).await.expect("the reloader runs");
        self.told().await
    }
}
