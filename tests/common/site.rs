//! An installation whose database was filled by the real pipeline: what happened is
//! judged by rules on the disk, rendered and kept, with a clock that is moved by hand.

use super::cli::put;
use super::engine::SOURCE;
use super::happenings;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use watchbell::config::{self, Config};
use watchbell::engine::world::Restoring;
use watchbell::engine::{Ask, World};
use watchbell::load::Set;
use watchbell::model::time::parse_duration;
use watchbell::model::{
    Attempt, AttemptResult, Detail, Event, Input, Object, ObjectKey, Speaker, State, StateReport, Timestamp,
    Utterance,
};
use watchbell::pipeline::Pipeline;
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, Store};

/// Two targets on IRC, `ops` being the default one, and one by mail.
pub(crate) const CONFIG: &str = r##"rules = "rules"
templates = "templates"

[store]
path = "watchbell.db"

[sink.irc.net]
server = "irc.example.org:6697"
nick = "watchbell"

[target.ops]
sink = "net"
to = "#ops"

[target.dba]
sink = "net"
to = ["#dba", "carol"]

[target.night]
sink = "net"
to = "#night"

[defaults]
target = "ops"
zone = "UTC"
"##;

/// Beside the shipped rules: databases go to their admins, too.
const DATABASES: &str = r#"rule("databases to their admins", #{
    on: "StateChange", is_problem: true, "host.vars.role": "db", state: ["DOWN", "CRITICAL"],
}, |e| {
    e.set("worker " + e.host.name, "alice");
    e.notify("dba");
});

rule("the night hears of cores", #{ on: "StateChange", output: re("core") }, |e| e.notify("night"));
"#;

/// An installation, what is in its database, and its pipeline.
pub(crate) struct Site {
    folder: TempDir,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) config: Config,
    pipeline: Pipeline,
    pub(crate) now: Timestamp,
    /// What people asked that is answered outside of the engine.
    pub(crate) asks: Vec<Ask>,
}

impl Site {
    /// The shipped rules and one file more, at noon of 2026-11-22, a Sunday.
    pub(crate) fn new() -> Site {
        Site::with(&[("45-databases.rhai", DATABASES)])
    }

    /// The shipped rules and these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Site {
        Site::configured(CONFIG, files)
    }

    /// The same, under this configuration.
    pub(crate) fn configured(config: &str, files: &[(&str, &str)]) -> Site {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in watchbell::assets::rules() {
            put(folder.path(), &format!("rules/{name}"), &text);
        }
        for (name, text) in files {
            put(folder.path(), &format!("rules/{name}"), text);
        }
        std::fs::create_dir_all(folder.path().join("templates")).expect("it can be made");
        put(folder.path(), "watchbell.toml", config);
        let config = config::load(&folder.path().join("watchbell.toml")).expect("it is sound");
        let set = Set::load(&config).expect("the rules are sound");
        let store = Arc::new(SqliteStore::open(&config.store).expect("it opens"));
        Site {
            pipeline: Pipeline::new(config.clone(), set, World::new(true)),
            folder,
            store,
            config,
            now: "2026-11-22T12:00:00Z".parse().expect("a moment"),
            asks: Vec::new(),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program ends and starts again with what the store holds.
    pub(crate) fn restart(&mut self) {
        let set = Set::load(&self.config).expect("the rules are sound");
        let mut restoring = Restoring::new();
        self.store
            .each_state(&mut |kind, key, value| restoring.take(kind, key, value))
            .expect("it can be read");
        let world = restoring.finish().expect("what was written can be read");
        self.pipeline = Pipeline::new(self.config.clone(), set, world);
    }

    /// Takes one input in and keeps what comes of it.
    pub(crate) fn take(&mut self, input: Input) {
        let finished = self.pipeline.take(input, self.now);
        self.asks.extend(finished.asks);
        let batch = Batch {
            state: self.pipeline.take_writes(),
            deliveries: finished.deliveries,
            decisions: finished.decisions,
            ..Batch::default()
        };
        self.store.commit(&batch).expect("it is kept");
    }

    /// A host or service with custom variables.
    pub(crate) fn object(&mut self, name: &str, vars: serde_json::Value) {
        let mut object = Object::bare(key(name));
        object.vars = Arc::new(vars.as_object().expect("vars are a map").clone());
        self.take(Input::Objects(vec![object]));
    }

    /// A second later, this happens to an object.
    pub(crate) fn happens(&mut self, object: &str, detail: Detail) {
        self.now += std::time::Duration::from_secs(1);
        let event = Event {
            source: SOURCE.into(),
            timestamp: self.now,
            object: Some(key(object)),
            missed: false,
            withheld: None,
            detail,
        };
        self.take(Input::Event(event));
    }

    /// A second later, a check finds this state.
    pub(crate) fn state(&mut self, object: &str, state: &str, hard: bool) {
        self.reported(object, state, |report| report.hard = hard);
    }

    /// A second later, a check finds this hard state; `change` adds to the report.
    pub(crate) fn reported(&mut self, object: &str, state: &str, change: impl FnOnce(&mut StateReport)) {
        let state = State::from_name(state).expect("a state's name");
        let before = self.pipeline.engine().world().status(&key(object));
        let mut report = StateReport {
            previous: before.state.map(|state| (state, before.hard)),
            execution_end: Some(self.now),
            ..happenings::report(state)
        };
        change(&mut report);
        self.happens(object, Detail::StateChange(report));
    }

    /// Time passes, and the engine is woken whenever it asked for it.
    pub(crate) fn wait(&mut self, length: &str) {
        let end = self.now + parse_duration(length).expect("a length of time");
        while let Some(wake) = self.pipeline.engine().next_wake().filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            self.take(Input::Tick);
        }
        self.now = end;
    }

    /// The person at the terminal, who may all, writes a command.
    pub(crate) fn say(&mut self, text: &str) {
        self.speak(Speaker { nick: "alice".to_owned(), account: None, local: true }, text);
    }

    /// Somebody with this verified account writes a command.
    pub(crate) fn say_as(&mut self, account: &str, text: &str) {
        let account = account.to_owned();
        self.speak(Speaker { nick: account.clone(), account: Some(account), local: false }, text);
    }

    fn speak(&mut self, speaker: Speaker, text: &str) {
        self.now += std::time::Duration::from_secs(1);
        self.take(Input::Utterance(Utterance {
            sink: "net".to_owned(),
            room: "#ops".to_owned(),
            private: false,
            speaker,
            text: text.to_owned(),
            at: self.now,
        }));
    }

    /// All that waits is tried now, with this result.
    pub(crate) fn sent(&mut self, result: AttemptResult) {
        self.now += std::time::Duration::from_secs(1);
        let due = self.store.due("net", self.now, &[], 100).expect("it can be read");
        let attempt = |delivery| Attempt { delivery, at: self.now, result: result.clone() };
        let attempts = due.into_iter().map(attempt).collect();
        self.store.commit(&Batch { attempts, ..Batch::default() }).expect("it is kept");
    }

    /// The same, and all is accepted.
    pub(crate) fn accepted(&mut self) {
        self.sent(AttemptResult::Sent("echoed".to_owned()));
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::from_name(&SOURCE.into(), name)
}
