//! Rulesets: all rule files of one moment, compiled.
//!
//! Owns: the compiled scripts and their limits. Promises: a set is whole or is not
//! made at all, and all faults of all files are found at once; a set never
//! changes once it is made. Never: reads a file, keeps state.

mod actions;
mod arguments;
mod calls;
mod fault;
mod forms;
mod names;
mod sandbox;
mod suspicions;
mod syntax;
mod top_level;

pub use fault::RuleFault;
pub use names::Names;

use fault::{runtime_fault, sorted};
use suspicions::{Conditions, Passed};

use super::matcher::{Matcher, Pattern, nearest};
use super::script::{CommandHandle, EventHandle, pattern};
use crate::command::permit;
use crate::diagnostic::Diagnostic;
use crate::model::{EventType, RuleRef};
use rhai::{AST, Dynamic, Engine, FnPtr, Map, NativeCallContext, Position};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// One rule file as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// Its name inside the rules folder.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Something a check found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    position: Position,
    message: String,
    /// How to mend it; may be empty.
    help: String,
}

impl Finding {
    fn in_file(self, file: &str) -> RuleFault {
        RuleFault {
            file: file.to_owned(),
            line: self.position.line().unwrap_or(0),
            column: self.position.position().unwrap_or(0),
            message: self.message,
            help: self.help,
        }
    }

    fn new(position: Position, message: String) -> Finding {
        Finding { position, message, help: String::new() }
    }
}

/// The name that was probably meant, as words behind a fault; empty if none is near.
fn meant<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    nearest(written, candidates.map(str::to_owned))
        .map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// One compiled rule.
pub struct Rule {
    /// Where it stands and what it is called.
    pub at: RuleRef,
    /// Which events it is about.
    pub matcher: Matcher,
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

struct Script {
    function: FnPtr,
    ast: Arc<AST>,
}

/// All rules and commands of one moment.
pub struct Ruleset {
    engine: Engine,
    rules: Vec<Rule>,
    by_type: BTreeMap<EventType, Vec<usize>>,
    commands: BTreeMap<String, CustomCommand>,
    hash: String,
    warnings: Vec<Diagnostic>,
}

impl Ruleset {
    /// Compiles rule files, in the order given, which may name any target and
    /// template. All faults of all files, sorted by file and place, or a set.
    pub fn compile(files: &[RuleFile]) -> Result<Ruleset, Vec<RuleFault>> {
        Ruleset::compile_for(files, &Names::any())
    }

    /// The same for rule files that may name only what there is.
    pub fn compile_for(files: &[RuleFile], names: &Names) -> Result<Ruleset, Vec<RuleFault>> {
        let collector = Arc::new(Mutex::new(Collector::default()));
        let mut engine = sandbox::engine();
        register_collecting(&mut engine, &collector);
        let verbs = calls::verb_names(&engine);
        for file in files {
            load_file(&engine, file, &verbs, names, &collector);
        }
        let collected = std::mem::take(&mut *collector.lock().unwrap_or_else(PoisonError::into_inner));
        if !collected.faults.is_empty() {
            return Err(sorted(collected.faults));
        }
        let warnings = collected.warnings();
        let warnings = warnings.iter().map(|warning| warning.drawn(files).warning()).collect();
        let rules = collected.rules;
        let mut by_type: BTreeMap<EventType, Vec<usize>> = BTreeMap::new();
        for (index, rule) in rules.iter().enumerate() {
            for event_type in EventType::ALL.iter().filter(|event_type| rule.matcher.takes(**event_type)) {
                by_type.entry(*event_type).or_default().push(index);
            }
        }
        Ok(Ruleset { engine, rules, by_type, commands: collected.commands, hash: hash(files), warnings })
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

    /// What the rules say and probably do not mean, sorted by file and place; files
    /// are called as inside their folder.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The commands that rule files define, by name.
    pub fn commands(&self) -> &BTreeMap<String, CustomCommand> {
        &self.commands
    }

    /// The event types some rule asks for.
    pub fn types(&self) -> BTreeSet<EventType> {
        self.by_type.keys().copied().collect()
    }

    /// The rules that ask for a type, in order; empty if none does.
    pub fn rules_for(&self, event_type: EventType) -> impl Iterator<Item = &Rule> {
        self.by_type.get(&event_type).into_iter().flatten().map(|index| &self.rules[*index])
    }

    /// Runs a rule's action.
    pub fn run(&self, rule: &Rule, event: EventHandle) -> Result<(), RuleFault> {
        self.call(&rule.at, &rule.action, (event,)).map(|_| ())
    }

    /// Runs a command's action; the answer is its value if that is a text.
    pub fn run_command(
        &self,
        command: &CustomCommand,
        handle: CommandHandle,
    ) -> Result<Option<String>, RuleFault> {
        let value = self.call(&command.at, &command.action, (handle,))?;
        Ok(value.into_string().ok())
    }

    fn call(
        &self,
        at: &RuleRef,
        script: &Script,
        arguments: impl rhai::FuncArgs,
    ) -> Result<Dynamic, RuleFault> {
        // A panic inside a verb is our bug; it must cost this one call only.
        let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            script.function.call::<Dynamic>(&self.engine, &script.ast, arguments)
        }));
        match called {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(runtime_fault(at, *error)),
            Err(_) => Err(RuleFault {
                file: at.file.to_string(),
                line: at.line,
                column: 1,
                message: "the rule made Watchbell panic".to_owned(),
                help: "this is a bug in Watchbell; please report it".to_owned(),
            }),
        }
    }
}

fn hash(files: &[RuleFile]) -> String {
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.name.as_bytes());
        digest.update([0]);
        digest.update(file.text.as_bytes());
        digest.update([0]);
    }
    digest.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the top level of the rule files has called.
#[derive(Default)]
struct Collector {
    file: Arc<str>,
    ast: Arc<AST>,
    /// Where the keys of the matchers stand that are written out, by the place of
    /// their `rule`.
    keys: BTreeMap<Position, BTreeMap<String, Position>>,
    /// The functions of the file that end the judging whatever the event is.
    endings: BTreeSet<String>,
    rules: Vec<Rule>,
    /// The same rules, as far as warnings ask for them.
    passed: Vec<Passed>,
    commands: BTreeMap<String, CustomCommand>,
    faults: Vec<RuleFault>,
    /// Conditions that can never hold.
    suspicions: Vec<RuleFault>,
}

impl Collector {
    fn fault(&mut self, position: Position, message: String, help: &str) {
        let finding = Finding { position, message, help: help.to_owned() };
        self.faults.push(finding.in_file(&self.file));
    }

    fn add(&mut self, finding: Finding) {
        self.fault(finding.position, finding.message, &finding.help);
    }

    fn at(&self, position: Position, name: &str) -> RuleRef {
        RuleRef { file: self.file.clone(), line: position.line().unwrap_or(0), name: Arc::from(name) }
    }

    fn rule(&mut self, position: Position, name: &str, matcher: Map, function: FnPtr) {
        if let Some(other) = self.rules.iter().find(|rule| &*rule.at.name == name) {
            let message = format!("the rule `{name}` stands already in {}:{}", other.at.file, other.at.line);
            self.fault(
                position,
                message,
                "give each rule a name of its own: what a rule remembers belongs to its name",
            );
            return;
        }
        let Some(conditions) = self.conditions(position, name, matcher) else { return };
        // Each condition has been tried on its own.
        if let Ok(matcher) = Matcher::compile(&conditions) {
            let at = self.at(position, name);
            let ends = self.endings.contains(function.fn_name());
            let action = Script { function, ast: self.ast.clone() };
            self.suspect(position, &conditions, &matcher);
            self.passed.push(Passed {
                at: at.clone(),
                position,
                types: matcher.types().cloned(),
                conditions,
                ends,
            });
            self.rules.push(Rule { at, matcher, action });
        }
    }

    fn suspect(&mut self, position: Position, conditions: &Conditions, matcher: &Matcher) {
        for (key, message) in suspicions::of_conditions(conditions, matcher.types()) {
            let place = self.key(position, &key);
            self.suspicions.push(Finding::new(place, message).in_file(&self.file));
        }
    }

    /// Where a key of a declaration stands; the declaration itself where its map is not
    /// written out.
    fn key(&self, position: Position, key: &str) -> Position {
        self.keys.get(&position).and_then(|keys| keys.get(key)).copied().unwrap_or(position)
    }

    fn warnings(&self) -> Vec<RuleFault> {
        let unreachable = suspicions::unreachable(&self.passed).into_iter();
        let unreachable = unreachable.map(|(at, finding)| finding.in_file(&at.file));
        sorted(self.suspicions.iter().cloned().chain(unreachable).collect())
    }

    /// The conditions of a matcher, or all its faults, each at its key.
    fn conditions(&mut self, position: Position, name: &str, matcher: Map) -> Option<Conditions> {
        let before = self.faults.len();
        let mut conditions = BTreeMap::new();
        for (key, value) in matcher {
            let place = self.key(position, &key);
            match pattern(value) {
                Ok(pattern) => {
                    for wrong in condition_faults(&key, &pattern) {
                        self.fault(place, format!("rule `{name}`: {wrong}"), "");
                    }
                    conditions.insert(key.to_string(), pattern);
                }
                Err(wrong) => self.fault(place, format!("rule `{name}`: {wrong}"), ""),
            }
        }
        (self.faults.len() == before).then_some(conditions)
    }

    fn command(&mut self, position: Position, name: &str, mut options: Map, function: FnPtr) {
        let role = options.remove("role").map(|role| role.to_string());
        let help = options.remove("help").map(|help| help.to_string()).unwrap_or_default();
        if !options.is_empty() {
            // Options that are written out have been checked where they stand.
            let written = self.keys.get(&position).cloned().unwrap_or_default();
            for unknown in options.keys().filter(|key| !written.contains_key(key.as_str())) {
                let message = format!("command `{name}` knows no option `{unknown}`");
                self.fault(position, message, "it knows: role, help");
            }
            return;
        }
        if crate::command::verbs::find(name).is_some() {
            self.fault(position, format!("the command `{name}` is built in"), "choose another name");
            return;
        }
        if let Some(other) = self.commands.get(name) {
            let message =
                format!("the command `{name}` stands already in {}:{}", other.at.file, other.at.line);
            self.fault(position, message, "give each command a name of its own");
            return;
        }
        if let Some(unknown) = role.as_deref().filter(|role| !permit::ROLES.contains(role)) {
            let meant = meant(unknown, permit::ROLES.iter().copied());
            let message = format!("command `{name}`: there is no role `{unknown}`{meant}");
            self.fault(position, message, "leave `role` out where anybody may");
            return;
        }
        let at = self.at(position, name);
        let action = Script { function, ast: self.ast.clone() };
        self.commands.insert(name.to_owned(), CustomCommand { at, role, help, action });
    }
}

fn register_collecting(engine: &mut Engine, collector: &Arc<Mutex<Collector>>) {
    let rules = collector.clone();
    engine.register_fn("rule", move |context: NativeCallContext, name: &str, matcher: Map, action: FnPtr| {
        let mut rules = rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.rule(context.call_position(), name, matcher, action);
    });
    let commands = collector.clone();
    engine.register_fn(
        "command",
        move |context: NativeCallContext, name: &str, options: Map, action: FnPtr| {
            let mut commands = commands.lock().unwrap_or_else(PoisonError::into_inner);
            commands.command(context.call_position(), name, options, action);
        },
    );
}

/// All faults of one condition: a list of values may have several.
fn condition_faults(key: &str, pattern: &Pattern) -> Vec<String> {
    let one = |pattern: &Pattern| {
        let alone = BTreeMap::from([(key.to_owned(), pattern.clone())]);
        Matcher::compile(&alone).err().map(|error| error.to_string())
    };
    let mut faults: Vec<String> = match pattern {
        Pattern::Any(patterns) => patterns.iter().filter_map(one).collect(),
        pattern => one(pattern).into_iter().collect(),
    };
    faults.dedup();
    faults
}

fn load_file(
    engine: &Engine,
    file: &RuleFile,
    verbs: &BTreeSet<String>,
    names: &Names,
    collector: &Arc<Mutex<Collector>>,
) {
    let lock = || collector.lock().unwrap_or_else(PoisonError::into_inner);
    lock().file = Arc::from(file.name.as_str());
    let (parsed, mut findings) = top_level::parse(engine, &file.text);
    if let Some(parsed) = parsed {
        let ast = &parsed.0;
        findings.extend(calls::unknown_calls(ast, verbs));
        findings.extend(actions::faults(ast, verbs, names));
        lock().ast = Arc::new(ast.clone());
        lock().keys = top_level::keys(ast);
        lock().endings = suspicions::endings(ast);
        // A file with such faults runs all the same: its matchers may have faults, too.
        let failed = top_level::run(engine, &parsed, &findings);
        findings.extend(failed);
    }
    findings.into_iter().for_each(|finding| lock().add(finding));
}
