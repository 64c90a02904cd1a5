//! A small world of hosts and services around the engine, with a clock that is moved
//! by hand: it says what happened, and expects what people hear.

use crate::common::happenings;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use watchbell::config::{Accounts, Config, Person, builtin};
use watchbell::engine::outcome::By;
use watchbell::engine::{self, Ask, Engine, Notification, Outcome, RuleFile, Ruleset, Settings};
use watchbell::load::shipped_rules;
use watchbell::model::time::parse_duration;
use watchbell::model::{
    Action, Commanded, Decision, Detail, Event, Input, Object, ObjectKey, PostedAnswer, Reply, Snapshot,
    Speaker, State, StateReport, Timestamp, Utterance,
};

/// The name of the one Icinga.
pub(crate) const SOURCE: &str = "lab";

/// Everything that a test can see of the engine.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) now: Timestamp,
    /// What people heard, not yet expected.
    told: Vec<String>,
    /// All decisions so far.
    pub(crate) decisions: Vec<Decision>,
    /// All commands of the audit so far.
    pub(crate) commands: Vec<Commanded>,
    /// All that was asked of Icinga so far.
    pub(crate) actions: Vec<Action>,
    /// All lines that rules wrote to the log.
    pub(crate) log: Vec<String>,
    /// What people asked that is answered outside of the engine.
    pub(crate) asks: Vec<Ask>,
    /// What the configuration says that the engine needs.
    settings: Settings,
    /// What was said in rooms since the last look.
    said: Vec<String>,
    /// What was answered at the listening socket since the last look.
    answers: Vec<PostedAnswer>,
    /// What a store would hold.
    kept: BTreeMap<(String, String), String>,
}

thread_local! {
    /// The shipped rules, compiled once for each test: laws are tried on many worlds.
    static SHIPPED: Arc<Ruleset> = match Ruleset::compile(&shipped_rules()) {
        Ok(ruleset) => Arc::new(ruleset),
        Err(faults) => panic!("the shipped rules are not sound: {faults:#?}"),
    };
}

/// Compiles one rule file called `test.rhai`.
#[track_caller]
pub(crate) fn compiled(rules: &str) -> Arc<Ruleset> {
    compiled_files(&[("test.rhai", rules)])
}

/// Compiles several rule files, in this order.
#[track_caller]
pub(crate) fn compiled_files(files: &[(&str, &str)]) -> Arc<Ruleset> {
    let files: Vec<RuleFile> = files
        .iter()
        .map(|(name, text)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() })
        .collect();
    match Ruleset::compile(&files) {
        Ok(ruleset) => Arc::new(ruleset),
        Err(faults) => panic!("these rules are not sound: {faults:#?}"),
    }
}

pub(crate) fn key(name: &str) -> ObjectKey {
    ObjectKey::from_name(&Arc::from(SOURCE), name)
}

/// Two targets, `ops` being the default one, and three people: alice is an operator,
/// bob is known and may nothing, root may all.
fn settings() -> Settings {
    let person = |name: &str, roles: &[&str]| {
        let person = Person {
            name: name.to_owned(),
            icinga_author: format!("{name}@icinga"),
            irc: Accounts::Everywhere(name.to_owned()),
            mail: Some(format!("{name}@example.org")),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            code: None,
        };
        (name.to_owned(), person)
    };
    Settings {
        targets: BTreeSet::from(["ops".to_owned(), "dba".to_owned()]),
        places: BTreeMap::from([("ops".to_owned(), ("irc".to_owned(), vec!["#ops".to_owned()]))]),
        default_target: "ops".to_owned(),
        mirror_mutes: false,
        zone: jiff::tz::TimeZone::UTC,
        bounds_commands: false,
        persons: BTreeMap::from([
            person("alice", &["operator"]),
            person("bob", &[]),
            person("root", &["admin"]),
        ]),
        ..Settings::of(&builtin("".into(), "".into()))
    }
}

impl World {
    /// A world with one rule file, at noon of 2026-11-22, a Sunday.
    #[track_caller]
    pub(crate) fn new(rules: &str) -> World {
        World::with(compiled(rules))
    }

    /// A world with the rules that are shipped.
    pub(crate) fn shipped() -> World {
        SHIPPED.with(|ruleset| World::with(ruleset.clone()))
    }

    /// A world with this set.
    pub(crate) fn with(ruleset: Arc<Ruleset>) -> World {
        World::of(settings(), ruleset)
    }

    /// A world with one rule file and this configuration.
    pub(crate) fn configured(rules: &str, config: &Config) -> World {
        World::of(Settings::of(config), compiled(rules))
    }

    fn of(settings: Settings, ruleset: Arc<Ruleset>) -> World {
        World {
            engine: Engine::new(engine::World::new(true), settings.clone(), ruleset),
            settings,
            now: "2026-11-22T12:00:00Z".parse().expect("a moment"),
            told: Vec::new(),
            decisions: Vec::new(),
            commands: Vec::new(),
            actions: Vec::new(),
            log: Vec::new(),
            asks: Vec::new(),
            answers: Vec::new(),
            said: Vec::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Takes one input in, and keeps what the engine wants kept.
    pub(crate) fn step(&mut self, input: Input) -> Vec<Reply> {
        let outcome = self.engine.step(input, self.now);
        self.keep();
        self.note(outcome)
    }

    fn keep(&mut self) {
        for write in self.engine.world_mut().take_writes() {
            let entry = (write.kind.to_owned(), write.key.text().into_owned());
            match write.value {
                Some(value) => self.kept.insert(entry, value.json().expect("it is JSON").into_owned()),
                None => self.kept.remove(&entry),
            };
        }
    }

    fn note(&mut self, outcome: Outcome) -> Vec<Reply> {
        self.told.extend(outcome.notifications.iter().map(in_words));
        self.decisions.extend(outcome.decisions);
        self.commands.extend(outcome.commands);
        self.actions.extend(outcome.actions);
        self.log.extend(outcome.log);
        self.asks.extend(outcome.asks);
        self.answers.extend(outcome.answers);
        self.said.extend(outcome.replies.iter().map(|reply| format!("{}: {}", reply.room, reply.text)));
        outcome.replies
    }

    // What there is.

    /// An object of Icinga's configuration; `change` fills it.
    pub(crate) fn object(&mut self, name: &str, change: impl FnOnce(&mut Object)) {
        let mut object = Object::bare(key(name));
        change(&mut object);
        self.step(Input::Objects(vec![object]));
    }

    /// An object with custom variables.
    pub(crate) fn object_with_vars(&mut self, name: &str, vars: serde_json::Value) {
        self.object(name, |object| object.vars = Arc::new(vars.as_object().expect("vars are a map").clone()));
    }

    /// A host behind other hosts.
    pub(crate) fn host_behind(&mut self, name: &str, parents: &[&str]) {
        self.object(name, |object| object.parents = parents.iter().map(|parent| key(parent)).collect());
    }

    // What happens.

    /// Time passes, and the engine is woken whenever it asked for it.
    pub(crate) fn wait(&mut self, length: &str) {
        let end = self.now + parse_duration(length).expect("a length of time");
        while let Some(wake) = self.engine.next_wake().filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            self.step(Input::Tick);
        }
        self.now = end;
    }

    /// A second later, this happens to an object.
    pub(crate) fn happens(&mut self, object: &str, detail: Detail) {
        self.now += std::time::Duration::from_secs(1);
        self.step(Input::Event(self.event(object, detail)));
    }

    /// The event that Icinga would send now.
    pub(crate) fn event(&self, object: &str, detail: Detail) -> Event {
        Event {
            source: Arc::from(SOURCE),
            timestamp: self.now,
            object: Some(key(object)),
            missed: false,
            withheld: None,
            detail,
        }
    }

    /// A second later, a check finds this hard state.
    pub(crate) fn state(&mut self, object: &str, state: &str) {
        self.reported(object, state, |_| {});
    }

    /// A second later, a check finds this soft state.
    pub(crate) fn soft(&mut self, object: &str, state: &str) {
        self.reported(object, state, |report| report.hard = false);
    }

    /// A second later, a check finds this hard state; `change` adds to the report.
    pub(crate) fn reported(&mut self, object: &str, state: &str, change: impl FnOnce(&mut StateReport)) {
        self.now += std::time::Duration::from_secs(1);
        let mut report = self.report(object, state);
        change(&mut report);
        self.step(Input::Event(self.event(object, Detail::StateChange(report))));
    }

    /// A hard state as a check that ends now would report it.
    pub(crate) fn report(&self, object: &str, state: &str) -> StateReport {
        let before = self.engine.world().status(&key(object));
        let state = State::from_name(state).expect("a state's name");
        StateReport {
            previous: before.state.map(|state| (state, before.hard)),
            execution_end: Some(self.now),
            ..happenings::report(state)
        }
    }

    /// The whole truth of Icinga is read.
    pub(crate) fn looks(&mut self, snapshot: Snapshot) {
        self.step(Input::Snapshot(Arc::new(snapshot)));
    }

    /// Somebody with a verified account of this name writes in the channel: the
    /// answers.
    pub(crate) fn say(&mut self, nick: &str, text: &str) -> String {
        self.utter(nick, Some(nick), false, text)
    }

    /// The same in private.
    pub(crate) fn whisper(&mut self, nick: &str, text: &str) -> String {
        self.utter(nick, Some(nick), true, text)
    }

    /// Somebody writes; `account` is what the network vouches for.
    pub(crate) fn utter(&mut self, nick: &str, account: Option<&str>, private: bool, text: &str) -> String {
        self.now += std::time::Duration::from_secs(1);
        let speaker = Speaker { nick: nick.to_owned(), account: account.map(str::to_owned), local: false };
        let room = if private { nick } else { "#ops" };
        let utterance = Utterance {
            sink: "irc".to_owned(),
            room: room.to_owned(),
            private,
            speaker,
            text: text.to_owned(),
            at: self.now,
        };
        let replies = self.step(Input::Utterance(utterance));
        assert!(replies.iter().all(|reply| reply.room == room && reply.sink == "irc"), "{replies:?}");
        replies.into_iter().map(|reply| reply.text).collect::<Vec<_>>().join("\n")
    }

    /// The program ends and starts again with what the store holds.
    pub(crate) fn restart(&mut self) {
        self.restart_with(|_| {});
    }

    /// The same, with another configuration.
    pub(crate) fn restart_with(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings.clone();
        change(&mut settings);
        let entries = self.kept.iter().map(|((kind, key), value)| (kind.clone(), key.clone(), value.clone()));
        let restored = engine::World::restore(entries).expect("what was written can be read");
        self.engine = Engine::new(restored, settings, self.engine.ruleset().clone());
    }

    /// The store holds this entry, whoever wrote it.
    pub(crate) fn holds(&mut self, kind: &str, key: &str, value: &str) {
        self.kept.insert((kind.to_owned(), key.to_owned()), value.to_owned());
    }

    /// All that the store holds.
    pub(crate) fn all_held(&self) -> BTreeMap<(String, String), String> {
        self.kept.clone()
    }

    /// All entries of a kind that the store holds, by their keys.
    pub(crate) fn held(&self, kind: &str) -> Vec<(&str, &str)> {
        let of_kind = self.kept.iter().filter(|((held, _), _)| held == kind);
        of_kind.map(|((_, key), value)| (key.as_str(), value.as_str())).collect()
    }

    // What people hear.

    /// Takes what was said in rooms since the last look, answers among it: `room: text`.
    pub(crate) fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// Takes what was answered at the listening socket since the last look.
    pub(crate) fn answers(&mut self) -> Vec<PostedAnswer> {
        std::mem::take(&mut self.answers)
    }

    /// Takes what was told since the last look.
    pub(crate) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    /// Just this was told since the last look, in this order.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &[&str]) {
        let told = self.told();
        assert_eq!(told, expected, "the last decision: {:#?}", self.decisions.last());
    }

    /// Nobody was told anything since the last look.
    #[track_caller]
    pub(crate) fn expect_silence(&mut self) {
        self.expect(&[]);
    }

    /// Nobody was told, and this is why the last event was dropped.
    #[track_caller]
    pub(crate) fn expect_dropped(&mut self, reason: &str) {
        self.expect_silence();
        let verdict = self.decisions.last().map(|decision| decision.verdict.clone());
        assert_eq!(verdict, Some(watchbell::model::Verdict::Dropped(reason.to_owned())));
    }
}

/// A notification as `target: Type object STATE`, with a rule's own text, what
/// stands behind it, and why it comes late.
fn in_words(notification: &Notification) -> String {
    let scene = &notification.scene;
    let undecided = notification.by == By::Default && notification.note.is_none();
    let by_default = if undecided { " by default" } else { "" };
    let mut words = format!("{}{by_default}: {}", notification.target, scene.event.event_type());
    if let Some(object) = &scene.event.object {
        words.push_str(&format!(" {object}"));
    }
    if let Some(state) = scene.state() {
        words.push_str(&format!(" {state}"));
    }
    if let Some(reason) = &scene.event.withheld {
        words.push_str(&format!(" (was: {reason})"));
    }
    if scene.event.missed {
        words.push_str(" (missed)");
    }
    if let Detail::Escalation(call) = &scene.event.detail {
        words.push_str(&format!(" {}.{}/{}", call.round, call.step, call.steps));
        for reason in [&call.why, &call.nobody].into_iter().filter(|reason| !reason.is_empty()) {
            words.push_str(&format!(" ({reason})"));
        }
    }
    if let Detail::Digest(digest) = &scene.event.detail {
        words.push_str(&format!(" {}: {}", digest.key, digest.lines.join("; ")));
        if digest.more > 0 {
            words.push_str(&format!("; and {} more", digest.more));
        }
    }
    if let Some(text) = &notification.text {
        words.push_str(&format!(" \"{text}\""));
    }
    if let Some(note) = &notification.note {
        words.push_str(&format!(" {note}"));
    }
    words
}
