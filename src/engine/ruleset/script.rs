//! Compiled functions of rule files, ready to be called.
//!
//! Promises: a call ends in time, and a panic inside of it costs this one call only.

use super::deadline;
use super::fault::{RuleFault, runtime_fault};
use super::modules::Imports;
use super::sandbox::Limits;
use crate::engine::script::is_end;
use crate::model::RuleRef;
use rhai::{AST, Dynamic, Engine, EvalAltResult, FnPtr, FuncArgs, Position};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// The function of a rule, command or test.
pub(super) struct Script {
    pub(super) function: FnPtr,
    pub(super) ast: Arc<AST>,
    pub(super) imports: Arc<Imports>,
}

impl Script {
    /// Calls the function; also says how long that took.
    pub(super) fn run(
        &self,
        limits: Limits<'_>,
        at: &RuleRef,
        arguments: impl FuncArgs,
    ) -> (Result<Dynamic, RuleFault>, Duration) {
        // A panic inside a verb is our bug; it must cost this one call only.
        let call = || catch_unwind(AssertUnwindSafe(|| self.call(limits.engine, arguments)));
        let (called, took) = deadline::within(limits.time, call);
        let result = match called {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if is_end(&error) => Ok(Dynamic::UNIT),
            Ok(Err(error)) => Err(runtime_fault(at, &self.ast, *error, limits)),
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
