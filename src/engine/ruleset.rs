//! Rulesets: all rule files of one moment, compiled.
//!
//! Owns: the compiled scripts and their limits. Promises: a set is whole or is not
//! made at all, and all faults of all files are found at once; a set never
//! changes once it is made. Never: reads a file, keeps state.

mod bounded;
mod calls;
mod deadline;
mod index;
mod parts;
mod sandbox;

use super::matcher::{Matcher, nearest};
use super::script::{CommandHandle, EventHandle, conditions};
use crate::command::permit;
use crate::model::{EventType, RuleRef, Scene};
use index::Index;
use rhai::{AST, Dynamic, Engine, EvalAltResult, FnPtr, Map, NativeCallContext, Position};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The stack that scripts need, in bytes: what a script has nested within its limits is
/// walked and dropped by calls inside calls.
pub const SCRIPT_STACK: usize = 16 << 20;

/// One rule file as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// Its name inside the rules folder.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What is wrong in a rule file, or went wrong in a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    /// Name of the file.
    pub file: String,
    /// Line, from 1; 0 where it is unknown.
    pub line: usize,
    /// Column in characters, from 1; 0 where it is unknown.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// How to mend it; may be empty.
    pub help: String,
}

impl std::fmt::Display for RuleFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, " ({})", self.help) }
    }
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
    by_type: BTreeMap<EventType, Index>,
    commands: BTreeMap<String, CustomCommand>,
    hash: String,
}

impl Ruleset {
    /// Compiles rule files, in the order given. All faults of all files, or a set.
    pub fn compile(files: &[RuleFile]) -> Result<Ruleset, Vec<RuleFault>> {
        let collector = Arc::new(Mutex::new(Collector::default()));
        let mut engine = sandbox::engine();
        register_collecting(&mut engine, &collector);
        let verbs = calls::verb_names(&engine);
        for file in files {
            load_file(&engine, file, &verbs, &collector);
        }
        let collected = std::mem::take(&mut *collector.lock().unwrap_or_else(PoisonError::into_inner));
        if !collected.faults.is_empty() {
            return Err(collected.faults);
        }
        let rules = collected.rules;
        let by_type = by_type(&rules);
        Ok(Ruleset { engine, rules, by_type, commands: collected.commands, hash: hash(files) })
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

    /// The event types some rule asks for.
    pub fn types(&self) -> BTreeSet<EventType> {
        self.by_type.keys().copied().collect()
    }

    /// Whether some rule asks for this type.
    pub fn takes(&self, event_type: EventType) -> bool {
        self.by_type.contains_key(&event_type)
    }

    /// The rules that an event may be about, in order: all whose matcher holds, and
    /// perhaps others. They are numbers for [`Ruleset::rules`].
    pub fn candidates(&self, scene: &Scene) -> Cow<'_, [usize]> {
        let index = self.by_type.get(&scene.event.event_type());
        index.map_or(Cow::Borrowed(&[]), |index| index.candidates(scene))
    }

    /// Runs a rule's action; also says how long that took.
    pub fn run(&self, rule: &Rule, event: EventHandle) -> (Result<(), RuleFault>, Duration) {
        let (done, took) = self.call(&rule.at, &rule.action, (event,));
        (done.map(|_| ()), took)
    }

    /// Runs a command's action; the answer is its value if that is a text.
    pub fn run_command(
        &self,
        command: &CustomCommand,
        handle: CommandHandle,
    ) -> Result<Option<String>, RuleFault> {
        let (done, _) = self.call(&command.at, &command.action, (handle,));
        Ok(done?.into_string().ok())
    }

    fn call(
        &self,
        at: &RuleRef,
        script: &Script,
        arguments: impl rhai::FuncArgs,
    ) -> (Result<Dynamic, RuleFault>, Duration) {
        // A panic inside a verb is our bug; it must cost this one call only.
        let call = || script.function.call::<Dynamic>(&self.engine, &script.ast, arguments);
        let guarded = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
        let (called, took) = deadline::within(deadline::OF_A_CALL, guarded);
        let result = match called {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(runtime_fault(at, *error)),
            Err(_) => Err(RuleFault {
                file: at.file.to_string(),
                line: at.line,
                column: 1,
                message: "the rule made Watchbell panic".to_owned(),
                help: "this is a bug in Watchbell; please report it".to_owned(),
            }),
        };
        (result, took)
    }
}

fn took_longer(time: Duration) -> String {
    format!("took longer than {} ms", time.as_millis())
}

fn runtime_fault(at: &RuleRef, mut error: EvalAltResult) -> RuleFault {
    let mut position = error.take_position();
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) =
        error
    {
        error = *inner;
        let inner_position = error.take_position();
        if !inner_position.is_none() {
            position = inner_position;
        }
    }
    let help = match &error {
        EvalAltResult::ErrorTooManyOperations(_) => {
            format!("a rule may take {} steps; look for a loop without an end", sandbox::MAX_OPERATIONS)
        }
        EvalAltResult::ErrorTerminated(..) => {
            "look for a loop without an end, or much work on long texts".to_owned()
        }
        _ => String::new(),
    };
    let message = match error {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorTerminated(..) => took_longer(deadline::OF_A_CALL),
        other => other.to_string(),
    };
    let line = position.line().unwrap_or(at.line);
    RuleFault { file: at.file.to_string(), line, column: position.position().unwrap_or(1), message, help }
}

fn by_type(rules: &[Rule]) -> BTreeMap<EventType, Index> {
    let of_type = |event_type: EventType| {
        let asking = rules.iter().enumerate().filter(|(_, rule)| rule.matcher.takes(event_type));
        let asking: Vec<_> = asking.map(|(number, rule)| (number, &rule.matcher)).collect();
        (!asking.is_empty()).then(|| (event_type, Index::new(asking.into_iter())))
    };
    EventType::ALL.iter().filter_map(|event_type| of_type(*event_type)).collect()
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
    rules: Vec<Rule>,
    /// Where the rule of each name stands among the rules.
    names: HashMap<Arc<str>, usize>,
    commands: BTreeMap<String, CustomCommand>,
    faults: Vec<RuleFault>,
}

impl Collector {
    fn fault(&mut self, position: Position, message: String, help: &str) {
        self.faults.push(RuleFault {
            file: self.file.to_string(),
            line: position.line().unwrap_or(0),
            column: position.position().unwrap_or(0),
            message,
            help: help.to_owned(),
        });
    }

    fn at(&self, position: Position, name: &str) -> RuleRef {
        RuleRef { file: self.file.clone(), line: position.line().unwrap_or(0), name: Arc::from(name) }
    }

    fn rule(&mut self, position: Position, name: &str, matcher: Map, function: FnPtr) {
        if let Some(other) = self.names.get(name).map(|place| &self.rules[*place]) {
            let message = format!("the rule `{name}` stands already in {}:{}", other.at.file, other.at.line);
            self.fault(
                position,
                message,
                "give each rule a name of its own: what a rule remembers belongs to its name",
            );
            return;
        }
        let compiled =
            conditions(matcher).and_then(|map| Matcher::compile(&map).map_err(|error| error.to_string()));
        match compiled {
            Ok(matcher) => {
                let at = self.at(position, name);
                let action = Script { function, ast: self.ast.clone() };
                self.names.insert(at.name.clone(), self.rules.len());
                self.rules.push(Rule { at, matcher, action });
            }
            Err(message) => self.fault(position, format!("rule `{name}`: {message}"), ""),
        }
    }

    fn command(&mut self, position: Position, name: &str, mut options: Map, function: FnPtr) {
        let role = options.remove("role").map(|role| role.to_string());
        let help = options.remove("help").map(|help| help.to_string()).unwrap_or_default();
        if let Some(unknown) = options.keys().next() {
            let message = format!("command `{name}` knows no option `{unknown}`");
            self.fault(position, message, "it knows: role, help");
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
            let meant = nearest(unknown, permit::ROLES.iter().map(|role| (*role).to_owned()))
                .map_or(String::new(), |role| format!("; did you mean `{role}`?"));
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

fn load_file(engine: &Engine, file: &RuleFile, verbs: &BTreeSet<String>, collector: &Arc<Mutex<Collector>>) {
    let lock = || collector.lock().unwrap_or_else(PoisonError::into_inner);
    lock().file = Arc::from(file.name.as_str());
    let ast = match engine.compile(&file.text) {
        Ok(ast) => Arc::new(ast),
        Err(error) => {
            let help = if error.err_type().to_string().contains("eval") {
                "a rule runs no text as code"
            } else {
                ""
            };
            lock().fault(error.position(), error.err_type().to_string(), help);
            return;
        }
    };
    let unknown = calls::unknown_calls(&ast, verbs);
    let sound = unknown.is_empty();
    for (position, message) in unknown {
        lock().fault(position, message, "");
    }
    lock().ast = ast.clone();
    // A file with unknown calls runs all the same: its matchers may have faults, too.
    // What then fails is likely to follow from the calls.
    let (done, _) = deadline::within(deadline::OF_A_FILE, || engine.eval_ast::<Dynamic>(&ast));
    if let Err(mut error) = done
        && sound
    {
        let position = error.take_position();
        let message = match *error {
            EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
            EvalAltResult::ErrorTerminated(..) => took_longer(deadline::OF_A_FILE),
            EvalAltResult::ErrorFunctionNotFound(signature, _) => {
                format!("no such call: {signature}; write rule(name, #{{...}}, |e| ...)")
            }
            other => other.to_string(),
        };
        lock().fault(position, message, "");
    }
}
