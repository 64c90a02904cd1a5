//! Rulesets: all rule files of one moment, compiled.
//!
//! Owns: the compiled scripts and their limits. Promises: a set is whole or is not
//! made at all, and all faults of all files are found at once; a set never
//! changes once it is made. Never: reads a file, keeps state.

mod bounded;
mod calendars;
mod calls;
mod deadline;
mod index;
mod literals;
mod mentions;
mod modules;
mod parts;
mod rule_tests;
mod sandbox;

pub use mentions::Mentions;
pub use rule_tests::RuleTest;

use super::holidays::Calendar;
use super::matcher::{Matcher, nearest};
use super::script::{CommandHandle, EventHandle, conditions, is_end};
use crate::command::permit;
use crate::model::{EventType, RuleRef, Scene};
use index::Index;
use modules::{Imports, Loader, Modules};
use rhai::{
    AST, Array, Dynamic, Engine, EvalAltResult, FnPtr, FuncArgs, Map, NativeCallContext, Position,
    ScriptFnMetadata,
};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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

/// How the script language calls closures: this, and a number.
const CLOSURE: &str = "anon$";

struct Script {
    function: FnPtr,
    ast: Arc<AST>,
    imports: Arc<Imports>,
}

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
}

impl Ruleset {
    /// Compiles rule files, in the order given, then the files that hold only tests
    /// (`*.test.rhai`), and the modules that either import. All faults of all of them, or
    /// a set. A module that nothing imports is not looked at.
    pub fn compile(files: &[RuleFile]) -> Result<Ruleset, Vec<RuleFault>> {
        let collector = Arc::new(Mutex::new(Collector::default()));
        let mut engine = sandbox::engine();
        register_collecting(&mut engine, &collector);
        let mut modules = Modules::new(&mut engine, files);
        let loader = Loader { engine: &engine, verbs: &calls::verb_names(&engine), collector: &collector };
        let (tests, rules): (Vec<&RuleFile>, Vec<&RuleFile>) = files
            .iter()
            .filter(|file| !modules::is_module(file))
            .partition(|file| rule_tests::holds_only_tests(&file.name));
        for file in rules.into_iter().chain(tests) {
            load_file(loader, file, &mut modules);
        }
        let hash = hash(files.iter().filter(|file| modules.is_used(file)));
        let mut collected = std::mem::replace(
            &mut *collector.lock().unwrap_or_else(PoisonError::into_inner),
            Collector { closed: true, ..Collector::default() },
        );
        let calendars = Arc::new(collected.take_calendars());
        if !collected.faults.is_empty() {
            return Err(collected.faults);
        }
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
        let (done, took) = self.call(Limits::of_a_call(&self.engine), &rule.at, &rule.action, (event,));
        (done.map(|_| ()), took)
    }

    /// Runs a command's action; the answer is its value if that is a text.
    pub fn run_command(
        &self,
        command: &CustomCommand,
        handle: CommandHandle,
    ) -> Result<Option<String>, RuleFault> {
        let (done, _) = self.call(Limits::of_a_call(&self.engine), &command.at, &command.action, (handle,));
        Ok(done?.into_string().ok())
    }

    fn call(
        &self,
        limits: Limits<'_>,
        at: &RuleRef,
        script: &Script,
        arguments: impl FuncArgs,
    ) -> (Result<Dynamic, RuleFault>, Duration) {
        // A panic inside a verb is our bug; it must cost this one call only.
        let call = || script.call(limits.engine, arguments);
        let guarded = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
        let (called, took) = deadline::within(limits.time, guarded);
        let result = match called {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if is_end(&error) => Ok(Dynamic::UNIT),
            Ok(Err(error)) => Err(runtime_fault(at, &script.ast, *error, limits)),
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

/// What runs a script, and for how long at most.
#[derive(Clone, Copy)]
struct Limits<'a> {
    engine: &'a Engine,
    time: Duration,
}

impl<'a> Limits<'a> {
    fn of_a_call(engine: &'a Engine) -> Limits<'a> {
        Limits { engine, time: deadline::OF_A_CALL }
    }
}

impl Script {
    /// Calls the function with the modules that its file imports: it runs without the
    /// top level of that file.
    fn call(&self, engine: &Engine, arguments: impl FuncArgs) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut global = engine.new_global_runtime_state();
        global.lib.push(self.ast.shared_lib().clone());
        self.imports.iter().for_each(|(name, module)| global.push_import(name.clone(), module.clone()));
        let context = (engine, self.function.fn_name(), None, &global, Position::NONE).into();
        self.function.call_within_context(&context, arguments)
    }
}

fn took_longer(time: Duration) -> String {
    format!("took longer than {} ms", time.as_millis())
}

/// What went wrong in a rule of this script, and where: in its file or in a module.
fn runtime_fault(at: &RuleRef, ast: &AST, mut error: EvalAltResult, limits: Limits<'_>) -> RuleFault {
    let mut position = error.take_position();
    let mut file = at.file.to_string();
    let mut came_back = false;
    while let EvalAltResult::ErrorInFunctionCall(name, source, inner, _) = error {
        // The script language names the module that was called last, even where this one
        // has called back a closure of the rule.
        let is_ours = |function: &ScriptFnMetadata<'_>| {
            function.name == name && (came_back || name.starts_with(CLOSURE))
        };
        let in_rule = source.is_empty() || ast.iter_functions().any(|function| is_ours(&function));
        came_back = in_rule && !source.is_empty();
        let called_in = if in_rule { at.file.to_string() } else { source };
        error = *inner;
        let inner_position = error.take_position();
        if !inner_position.is_none() {
            position = inner_position;
            file = called_in;
        }
    }
    let help = match &error {
        EvalAltResult::ErrorTooManyOperations(_) => {
            format!("it may take {} steps; look for a loop without an end", limits.engine.max_operations())
        }
        EvalAltResult::ErrorDataRace(..) => {
            "a closure uses what stands before the dot of its own line; keep the part before the dot in a `let`".to_owned()
        }
        EvalAltResult::ErrorTerminated(..) => {
            "look for a loop without an end, or much work on long texts".to_owned()
        }
        _ => String::new(),
    };
    let message = match error {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => rule_tests::not_found(&signature),
        EvalAltResult::ErrorTerminated(..) => took_longer(limits.time),
        other => other.to_string(),
    };
    let line = position.line().unwrap_or(at.line);
    RuleFault { file, line, column: position.position().unwrap_or(1), message, help }
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

/// What the top level of the rule files has called.
#[derive(Default)]
struct Collector {
    file: Arc<str>,
    ast: Arc<AST>,
    functions: mentions::Functions,
    imports: Arc<Imports>,
    rules: Vec<Rule>,
    /// Where the rule of each name stands among the rules.
    names: HashMap<Arc<str>, usize>,
    commands: BTreeMap<String, CustomCommand>,
    calendars: calendars::Calendars,
    tests: Vec<RuleTest>,
    faults: Vec<RuleFault>,
    /// The text of the file that is read.
    text: Arc<str>,
    /// Whether all files are read: what is declared now, inside of a script, is too late.
    closed: bool,
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

    fn script(&self, function: FnPtr) -> Script {
        Script { function, ast: self.ast.clone(), imports: self.imports.clone() }
    }

    fn at(&self, position: Position, name: &str) -> RuleRef {
        RuleRef { file: self.file.clone(), line: position.line().unwrap_or(0), name: Arc::from(name) }
    }

    fn rule(&mut self, position: Position, name: &str, matcher: Map, function: FnPtr) {
        if !self.takes(position, "rule", name) {
            return;
        }
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
                let mentions = self.functions.mentioned_by(function.fn_name());
                let action = self.script(function);
                self.names.insert(at.name.clone(), self.rules.len());
                self.rules.push(Rule { at, matcher, mentions, action });
            }
            Err(message) => self.fault(position, format!("rule `{name}`: {message}"), ""),
        }
    }

    fn command(&mut self, position: Position, name: &str, mut options: Map, function: FnPtr) {
        if !self.takes(position, "command", name) {
            return;
        }
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
        let action = self.script(function);
        self.commands.insert(name.to_owned(), CustomCommand { at, role, help, action });
    }
}

fn register_collecting(engine: &mut Engine, collector: &Arc<Mutex<Collector>>) {
    let all = collector.clone();
    engine.register_fn("rule", move |context: NativeCallContext, name: &str, matcher: Map, action: FnPtr| {
        declare(&all, |all| all.rule(context.call_position(), name, matcher, action))
    });
    let all = collector.clone();
    engine.register_fn(
        "command",
        move |context: NativeCallContext, name: &str, options: Map, action: FnPtr| {
            declare(&all, |all| all.command(context.call_position(), name, options, action))
        },
    );
    let all = collector.clone();
    engine.register_fn("holidays", move |context: NativeCallContext, name: &str, days: Array| {
        declare(&all, |all| all.holidays(context.call_position(), name, days))
    });
    let all = collector.clone();
    engine.register_fn("test", move |context: NativeCallContext, name: &str, action: FnPtr| {
        declare(&all, |all| all.test(context.call_position(), name, action))
    });
}

/// Takes a declaration in, while the files are read.
fn declare(all: &Mutex<Collector>, declare: impl FnOnce(&mut Collector)) -> Result<(), Box<EvalAltResult>> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if all.closed {
        let message = "rules, commands and tests are declared at the top level of a file, not inside of one";
        return Err(EvalAltResult::ErrorRuntime(message.into(), Position::NONE).into());
    }
    declare(&mut all);
    Ok(())
}

fn load_file(loader: Loader<'_>, file: &RuleFile, modules: &mut Modules<'_>) {
    loader.lock().file = Arc::from(file.name.as_str());
    loader.lock().text = Arc::from(file.text.as_str());
    let Some(ast) = parse(loader, &file.text) else { return };
    let imports = modules.import(loader, &ast);
    let unknown = calls::unknown_calls(&ast, loader.verbs);
    let sound = unknown.is_empty() && imports.is_some();
    for (position, message) in unknown {
        loader.lock().fault(position, message, "");
    }
    loader.lock().check_literals(&ast);
    loader.lock().functions = mentions::Functions::of(&ast);
    loader.lock().ast = Arc::new(ast.clone());
    loader.lock().imports = Arc::new(imports.unwrap_or_default());
    // A file with unknown calls runs all the same: its matchers may have faults, too.
    // What then fails is likely to follow from the calls.
    let (done, _) = deadline::within(deadline::OF_A_FILE, || loader.engine.eval_ast::<Dynamic>(&ast));
    if let Err(error) = done
        && sound
    {
        let (position, message) = failure(*error);
        loader.lock().fault(position, message, "");
    }
}

/// The script of a text; `None` if it has faults, which were told.
fn parse(loader: Loader<'_>, text: &str) -> Option<AST> {
    let told = |error: rhai::ParseError| {
        let is_eval = error.err_type().to_string().contains("eval");
        let help = if is_eval { "a rule runs no text as code" } else { "" };
        loader.lock().fault(error.position(), error.err_type().to_string(), help);
    };
    loader.engine.compile(text).map_err(told).ok()
}

/// What went wrong when the top level of a file ran, and where.
fn failure(mut error: EvalAltResult) -> (Position, String) {
    let position = error.take_position();
    let message = match error {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorTerminated(..) => took_longer(deadline::OF_A_FILE),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            format!("no such call: {signature}; write rule(name, #{{...}}, |e| ...)")
        }
        other => other.to_string(),
    };
    (position, message)
}
