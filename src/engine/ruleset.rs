//! Rulesets: all rule files of one moment, compiled.
//!
//! Owns: the compiled scripts and their limits. Promises: a set is whole or is not
//! made at all, and all faults of all files are found at once; a set never
//! changes once it is made. Never: reads a file, keeps state.

mod actions;
mod arguments;
mod bounded;
mod calendars;
mod calls;
mod captured;
mod collector;
mod deadline;
mod fault;
mod forms;
mod index;
mod literals;
mod loader;
mod loading;
mod mentions;
mod modules;
mod names;
mod parts;
mod rule_tests;
mod sandbox;
mod script;
mod suspicions;
mod syntax;
mod top_level;

pub use fault::RuleFault;
pub use mentions::Mentions;
pub use names::Names;
pub use rule_tests::RuleTest;

use super::holidays::Calendar;
use super::matcher::Matcher;
use super::script::{CommandHandle, EventHandle, TestHandle};
use crate::command::Right;
use crate::diagnostic::Diagnostic;
use crate::model::{EventType, RuleRef, Scene};
use collector::Collector;
use fault::sorted;
use index::Index;
use loader::Loader;
use modules::Modules;
use rhai::Engine;
use sandbox::Limits;
use script::Script;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// The stack that scripts need, in bytes: what a script has nested within its limits is
/// walked and dropped by calls inside calls.
pub const SCRIPT_STACK: usize = 16 << 20;

/// One rule file as read, or a module: a file whose name holds a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// Its name inside the rules folder; folders are divided by `/`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// One compiled rule.
pub struct Rule {
    /// Where it stands and what it is called.
    pub at: RuleRef,
    /// Which events it is about.
    pub matcher: Matcher,
    /// The targets it may tell, as far as its text says so.
    pub mentions: Mentions,
    action: Script,
}

/// One compiled command.
pub struct CustomCommand {
    /// Where it stands and what it is called.
    pub at: RuleRef,
    /// The role needed; `None` means anybody may.
    pub role: Option<String>,
    /// One line for `help`.
    pub help: String,
    action: Script,
}

impl CustomCommand {
    /// Who may use it.
    pub fn right(&self) -> Right<'_> {
        self.role.as_deref().map_or(Right::Reads, Right::Role)
    }
}

/// How the script language calls closures: this, and a number.
const CLOSURE: &str = "anon$";

/// All rules and commands of one moment.
pub struct Ruleset {
    engine: Engine,
    rules: Vec<Rule>,
    by_type: BTreeMap<EventType, Index>,
    commands: BTreeMap<String, CustomCommand>,
    calendars: Arc<BTreeMap<String, Calendar>>,
    tests: Vec<RuleTest>,
    /// Runs the tests, which may take longer than rules; made when the first one runs.
    tester: OnceLock<Engine>,
    hash: String,
    warnings: Vec<Diagnostic>,
}

impl Ruleset {
    /// Compiles rule files, in the order given, then the files that hold only tests
    /// (`*.test.rhai`), and the modules that either import; they may name any target and
    /// template, and the built-in roles. All faults of all of them, sorted by file and place, or a set. A module
    /// that nothing imports is not looked at.
    pub fn compile(files: &[RuleFile]) -> Result<Ruleset, Vec<RuleFault>> {
        Ruleset::compile_for(files, &Names { roles: Some(BTreeSet::new()), ..Names::any() })
    }

    /// The same for rule files that may name only what there is.
    pub fn compile_for(files: &[RuleFile], names: &Names) -> Result<Ruleset, Vec<RuleFault>> {
        let collector = Arc::new(Mutex::new(Collector::knowing(names)));
        let mut engine = sandbox::engine();
        collector::register(&mut engine, &collector);
        let mut modules = Modules::new(&mut engine, files);
        let verbs = calls::verb_names(&engine);
        let loader = Loader { engine: &engine, verbs: &verbs, names, collector: &collector };
        let (tests, rules): (Vec<&RuleFile>, Vec<&RuleFile>) = files
            .iter()
            .filter(|file| !modules::is_module(file))
            .partition(|file| rule_tests::holds_only_tests(&file.name));
        rules.into_iter().chain(tests).for_each(|file| loading::load(loader, file, &mut modules));
        let hash = hash(files.iter().filter(|file| modules.is_used(file)));
        let mut collected = std::mem::replace(
            &mut *collector.lock().unwrap_or_else(PoisonError::into_inner),
            Collector::closed(),
        );
        let calendars = Arc::new(collected.take_calendars());
        if !collected.faults.is_empty() {
            return Err(sorted(collected.faults));
        }
        let warnings = collected.warnings();
        let warnings = warnings.iter().map(|warning| warning.drawn(files).warning()).collect();
        let rules = collected.rules;
        let by_type = by_type(&rules);
        Ok(Ruleset {
            engine,
            rules,
            by_type,
            commands: collected.commands,
            calendars,
            tests: collected.tests,
            tester: OnceLock::new(),
            hash,
            warnings,
        })
    }

    /// The same rules under another hash: that of a set with its templates.
    pub fn with_hash(self, hash: String) -> Ruleset {
        Ruleset { hash, ..self }
    }

    /// Short hash: tells one set from another.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// All rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The commands that rule files define, by name.
    pub fn commands(&self) -> &BTreeMap<String, CustomCommand> {
        &self.commands
    }

    /// The holidays that rule files declare, by name.
    pub fn calendars(&self) -> &Arc<BTreeMap<String, Calendar>> {
        &self.calendars
    }

    /// What the rules say and probably do not mean, sorted by file and place; files
    /// are called as inside their folder.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The event types some rule asks for.
    pub fn types(&self) -> BTreeSet<EventType> {
        self.by_type.keys().copied().collect()
    }

    /// Whether some rule asks for this type.
    pub fn takes(&self, event_type: EventType) -> bool {
        self.by_type.contains_key(&event_type)
    }

    /// The rules that ask for a type, in order; empty if none does.
    pub fn rules_for(&self, event_type: EventType) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.matcher.takes(event_type))
    }

    /// The rules that an event may be about, in order: all whose matcher holds, and
    /// perhaps others. They are numbers for [`Ruleset::rules`].
    pub fn candidates(&self, scene: &Scene) -> Cow<'_, [usize]> {
        let index = self.by_type.get(&scene.event.event_type());
        index.map_or(Cow::Borrowed(&[]), |index| index.candidates(scene))
    }

    /// Runs a rule's action; also says how long that took.
    pub fn run(&self, rule: &Rule, event: EventHandle) -> (Result<(), RuleFault>, Duration) {
        let (done, took) = rule.action.run(Limits::of_a_call(&self.engine), &rule.at, (event,));
        (done.map(|_| ()), took)
    }

    /// Runs a command's action; the answer is its value if that is a text.
    pub fn run_command(
        &self,
        command: &CustomCommand,
        handle: CommandHandle,
    ) -> Result<Option<String>, RuleFault> {
        let (done, _) = command.action.run(Limits::of_a_call(&self.engine), &command.at, (handle,));
        Ok(done?.into_string().ok())
    }

    /// All tests, in the order of their files.
    pub fn tests(&self) -> &[RuleTest] {
        &self.tests
    }

    /// Runs a test in its trial. The error says which expectation was not met, and where.
    pub fn run_test(&self, test: &RuleTest, handle: TestHandle) -> Result<(), RuleFault> {
        let engine = self.tester.get_or_init(tester);
        let limits = Limits { engine, time: deadline::OF_A_TEST };
        let (done, _) = test.action.run(limits, &test.at, (handle,));
        done.map(|_| ())
    }
}

/// The engine of tests: what is declared inside of one is refused.
fn tester() -> Engine {
    let mut engine = sandbox::for_tests();
    collector::register(&mut engine, &Arc::new(Mutex::new(Collector::closed())));
    engine
}

fn by_type(rules: &[Rule]) -> BTreeMap<EventType, Index> {
    let of_type = |event_type: EventType| {
        let asking = rules.iter().enumerate().filter(|(_, rule)| rule.matcher.takes(event_type));
        let asking: Vec<_> = asking.map(|(number, rule)| (number, &rule.matcher)).collect();
        (!asking.is_empty()).then(|| (event_type, Index::new(asking.into_iter())))
    };
    EventType::ALL.iter().filter_map(|event_type| of_type(*event_type)).collect()
}

fn hash<'a>(files: impl Iterator<Item = &'a RuleFile>) -> String {
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.name.as_bytes());
        digest.update([0]);
        digest.update(file.text.as_bytes());
        digest.update([0]);
    }
    digest.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}
