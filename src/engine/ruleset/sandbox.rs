//! The script engine that rules run in: what it offers, forbids and limits.
//!
//! Owns: the limits of every call. Promises: a script ends within its time, stays small,
//! and reaches no file, network or clock. Never: knows a rule.
//!
//! Steps bound what a script does, sizes what one step does, and the time of a call what
//! both leave open. For the time a clock is read, the only one in the engine (`deadline.rs`):
//! a script cannot ask it, and only feels it when it is stopped.

use super::{bounded, deadline};
use crate::engine::script;
use crate::engine::stage::on_stage;
use rhai::{Dynamic, Engine, EvalAltResult, OptimizationLevel, Position};
use std::time::Duration;

/// Limits of every call. A plain rule needs about 100 operations.
const MAX_OPERATIONS: u64 = 200_000;
const MAX_CALL_DEPTH: usize = 32;
const MAX_EXPRESSION_DEPTH: usize = 64;
/// Twice the longest text that a field gives: `deadline.rs` looks at the clock between
/// steps, and the slowest step on such a text (`split`) takes about 20 ms.
const MAX_TEXT_BYTES: usize = 1 << 17;
const MAX_ITEMS: usize = 10_000;
/// How many modules one file may import.
const MAX_MODULES: usize = 100;

/// Functions of the script language that a rule must not have, and why.
pub(super) const FORBIDDEN: &[(&str, &str)] = &[
    ("eval", "a rule runs no text as code"),
    (
        "sleep",
        "a rule never waits; `e.after(\"10m\", NAME)` has it judged later, `e.hold(\"10m\")` tells what lasts",
    ),
    ("timestamp", "use `e.now`, which also holds in a replay"),
];

/// The limit of a test, which may do many things; its verbs end with its time besides.
const MAX_OPERATIONS_OF_TEST: u64 = 2_000_000;

/// A script engine for tests: the same, but for what a test may take.
pub(super) fn for_tests() -> Engine {
    let mut engine = engine();
    engine.set_max_operations(MAX_OPERATIONS_OF_TEST);
    engine
}

/// A script engine with all limits and verbs.
pub(super) fn engine() -> Engine {
    let mut engine = Engine::new();
    engine
        .set_optimization_level(OptimizationLevel::None)
        .set_strict_variables(true)
        .set_max_operations(MAX_OPERATIONS)
        .set_max_call_levels(MAX_CALL_DEPTH)
        .set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH)
        .set_max_string_size(MAX_TEXT_BYTES)
        .set_max_array_size(MAX_ITEMS)
        .set_max_map_size(MAX_ITEMS)
        .set_max_modules(MAX_MODULES)
        .set_module_resolver(rhai::module_resolvers::DummyModuleResolver::new())
        .disable_symbol("eval")
        // Bits that are shifted out would be lost without a word.
        .disable_symbol("<<")
        .disable_symbol(">>")
        .disable_symbol("<<=")
        .disable_symbol(">>=");
    engine.on_print(write_log);
    engine.on_debug(|text, _, _| write_log(text));
    engine.on_progress(|_| deadline::step_is_over().then_some(Dynamic::UNIT));
    forbid(&mut engine);
    bounded::register(&mut engine, MAX_TEXT_BYTES);
    script::register(&mut engine);
    engine
}

/// Replaces what could be reached by a function pointer past the check at load.
fn forbid(engine: &mut Engine) {
    fn refuse(name: &str) -> Box<EvalAltResult> {
        EvalAltResult::ErrorRuntime(format!("`{name}` cannot be called in a rule").into(), Position::NONE)
            .into()
    }
    engine.register_fn("sleep", |_: i64| -> Result<(), Box<EvalAltResult>> { Err(refuse("sleep")) });
    engine.register_fn("sleep", |_: f64| -> Result<(), Box<EvalAltResult>> { Err(refuse("sleep")) });
    engine.register_fn("timestamp", || -> Result<Dynamic, Box<EvalAltResult>> { Err(refuse("timestamp")) });
}

/// What a script prints goes to the log; outside of a rule there is none.
fn write_log(text: &str) {
    let _ = on_stage(|stage| {
        stage.run.write_log(text);
        Ok(())
    });
}

/// What runs a script, and for how long at most.
#[derive(Clone, Copy)]
pub(super) struct Limits<'a> {
    pub(super) engine: &'a Engine,
    pub(super) time: Duration,
}

impl<'a> Limits<'a> {
    pub(super) fn of_a_call(engine: &'a Engine) -> Limits<'a> {
        Limits { engine, time: deadline::OF_A_CALL }
    }
}

/// What to say of a call whose time is over.
pub(super) fn took_longer(time: Duration) -> String {
    format!("took longer than {} ms", time.as_millis())
}
