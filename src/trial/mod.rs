//! Trials: all tests of a set are run, each in a small world of its own.
//!
//! Owns: the joint of engine, templates and the reading of recorded lines that a test
//! plays on, and how long a test may take. Promises: a test meets the very rules and
//! templates of its set and nothing else. Never: keeps or sends anything, nor writes
//! what rules log.

mod road;

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::engine::script::TestHandle;
use crate::engine::trial::Trial;
use crate::engine::{RuleFault, RuleTest, SCRIPT_STACK, Settings};
use crate::load::Set;
use crate::model::RuleRef;
use road::Joined;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The name of the Icinga in a trial, where the configuration names none.
const SOURCE: &str = "icinga";

/// Which targets rules and tests may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Targets {
    /// Those of the configuration.
    Configured,
    /// Any: there is no configuration, and what is told is told on the console.
    Any,
}

/// What came of the tests.
#[derive(Debug, Default)]
pub struct Report {
    /// Each test that was run, in the order of the files.
    pub results: Vec<TestResult>,
    /// The rules whose matchers held for something in one of them.
    pub touched: BTreeSet<RuleRef>,
}

/// What came of one test.
#[derive(Debug)]
pub struct TestResult {
    /// Where it stands and what it is called.
    pub at: RuleRef,
    /// Which expectation was not met, and what happened instead.
    pub failure: Option<Diagnostic>,
}

impl Report {
    /// All failures, as faults of the files the tests stand in.
    pub fn failures(self) -> Vec<Diagnostic> {
        self.results.into_iter().filter_map(|result| result.failure).collect()
    }
}

/// Runs the tests of a set that are wanted, one after the other.
///
/// # Errors
/// Where the system has no thread to run them on.
pub fn run(
    set: &Set,
    config: &Arc<Config>,
    targets: Targets,
    wanted: impl Fn(&RuleTest) -> bool + Send,
) -> io::Result<Report> {
    std::thread::scope(|scope| {
        let all = move || run_all(set, config, targets, wanted);
        let thread = std::thread::Builder::new()
            .name("tests".to_owned())
            .stack_size(SCRIPT_STACK)
            .spawn_scoped(scope, all)?;
        thread.join().map_err(|_| io::Error::other("the tests made Watchbell panic; please report it"))
    })
}

/// The failures of all tests of a set, under its configuration.
///
/// # Errors
/// As [`run`].
pub fn failures(set: &Set, config: &Arc<Config>) -> io::Result<Vec<Diagnostic>> {
    Ok(run(set, config, Targets::Configured, |_| true)?.failures())
}

fn run_all(set: &Set, config: &Arc<Config>, targets: Targets, wanted: impl Fn(&RuleTest) -> bool) -> Report {
    let any_target = targets == Targets::Any;
    let settings = Arc::new(Settings { any_target, bounds_commands: false, ..Settings::of(config) });
    let source: Arc<str> = config.icinga.first().map_or(SOURCE, |icinga| &icinga.name).into();
    let mut report = Report::default();
    for test in set.rules.tests().iter().filter(|test| wanted(test)) {
        let road = Joined::new(set, config, &settings, &source);
        let trial = Arc::new(Mutex::new(Trial::new(Box::new(road), &source)));
        let ended = set.rules.run_test(test, TestHandle { trial: trial.clone() });
        report.touched.extend(trial.lock().unwrap_or_else(PoisonError::into_inner).touched().iter().cloned());
        let failure = ended.err().map(|fault| diagnostic(&config.rules, test, fault));
        report.results.push(TestResult { at: test.at.clone(), failure });
    }
    report
}

fn diagnostic(folder: &Path, test: &RuleTest, fault: RuleFault) -> Diagnostic {
    let path = folder.join(&fault.file).display().to_string();
    let message = format!("the test `{}` failed: {}", test.at.name, fault.message);
    let drawn = Diagnostic::at_line_column(path, &test.text, fault.line, fault.column.max(1), message);
    if fault.help.is_empty() { drawn } else { drawn.help(fault.help) }
}
