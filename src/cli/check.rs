//! `watchbell check`.

use super::print::{err, out, styled_errors};
use super::schedules::Schedules;
use crate::config::{self, Config, Folders};
use crate::diagnostic::{self, Diagnostic};
use crate::engine::rights;
use crate::load::{self, Set};
use crate::model::words::counted;
use crate::model::{RuleRef, Timestamp};
use crate::store::sqlite::SqliteReader;
use crate::trial::{self, Targets};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// How far the audit is looked back for rules that some event touched, in days.
const AUDIT_DAYS: i64 = 7;

pub(super) fn check(path: &Path, coverage: bool) -> anyhow::Result<ExitCode> {
    let config = match config::load(path) {
        Ok(config) => Arc::new(config),
        Err(faults) => {
            let mut others = load::faults_in(faults.folders());
            if others.is_empty() {
                others = failing_tests(faults.folders())?;
            }
            return Ok(refuse(&[faults.diagnostics(), &others].concat()));
        }
    };
    let set = match Set::load(&config) {
        Ok(set) => set,
        Err(faults) => return Ok(refuse(&faults)),
    };
    let unknown = unknown_commands(path, &config, &set);
    if !unknown.is_empty() {
        return Ok(refuse(&unknown));
    }
    let now = Timestamp::now();
    let schedules = Schedules::read(&config, now)?;
    if !schedules.faults().is_empty() {
        return Ok(refuse(schedules.faults()));
    }
    let mut warnings = set.warnings(&config.rules);
    warnings.extend(schedules.doubts(&config, now));
    if !warnings.is_empty() {
        err(diagnostic::render(&warnings, styled_errors()).trim_end());
    }
    let report = trial::run(&set, &config, Targets::Configured, |_| true)?;
    let touched = report.touched.clone();
    let failures = report.failures();
    let code = if failures.is_empty() {
        out(&sound(path, &config, &set));
        ExitCode::SUCCESS
    } else {
        refuse(&failures)
    };
    if coverage {
        tell_coverage(&config, &set, &touched)?;
    }
    Ok(code)
}

/// The commands that roles name and that are neither built in nor in a rule file.
fn unknown_commands(path: &Path, config: &Config, set: &Set) -> Vec<Diagnostic> {
    let unknown = rights::unknown_commands(&config.roles, &set.rules).into_iter();
    let fault = |(role, name, meant): (String, String, Option<String>)| {
        let message = format!("`role.{role}.commands` has `{name}`, and there is no such command");
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`help` in chat lists them; \"*\" is all of them".to_owned(),
        };
        Diagnostic::of_file(path.display().to_string(), message).help(help)
    };
    unknown.map(fault).collect()
}

/// The tests that fail in the folders that a faulty configuration names. Which targets
/// there are is not known, so any is taken.
fn failing_tests(folders: &Folders) -> anyhow::Result<Vec<Diagnostic>> {
    let (Some(rules), Some(templates)) = (&folders.rules, &folders.templates) else { return Ok(Vec::new()) };
    let Ok(set) = Set::from_folders(rules, templates) else { return Ok(Vec::new()) };
    let config = Arc::new(config::builtin(rules.clone(), templates.clone()));
    Ok(trial::run(&set, &config, Targets::Any, |_| true)?.failures())
}

fn sound(path: &Path, config: &Config, set: &Set) -> String {
    let mut words = format!(
        "{}: sound; ruleset {}: {} and {} for {}, {}, {}",
        path.display(),
        set.hash,
        counted(set.rules.rules().len() as u64, "rule"),
        counted(set.rules.commands().len() as u64, "command"),
        counted(set.rules.types().len() as u64, "event type"),
        counted(config.targets.len() as u64, "target"),
        counted(config.sinks.len() as u64, "sink"),
    );
    if !set.rules.tests().is_empty() {
        words += &format!(", {} passed", counted(set.rules.tests().len() as u64, "test"));
    }
    words
}

/// Names the rules that no test touched, and whether any event of late did.
fn tell_coverage(config: &Config, set: &Set, touched: &BTreeSet<RuleRef>) -> anyhow::Result<()> {
    let rules = set.rules.rules().iter().map(|rule| &rule.at);
    let untouched: Vec<&RuleRef> = rules.filter(|rule| !touched.contains(rule)).collect();
    let all = counted(set.rules.rules().len() as u64, "rule");
    if untouched.is_empty() {
        out(&format!("coverage: the tests touch all of {all}"));
        return Ok(());
    }
    let by_events = touched_by_events(config)?;
    out(&format!("coverage: {} of {all} touched by no test:", untouched.len()));
    for rule in untouched {
        let of_late = match &by_events {
            None => String::new(),
            Some(names) if names.contains(&*rule.name) => {
                format!(" (events of the last {AUDIT_DAYS} days did)")
            }
            Some(_) => format!(" (nor by any event of the last {AUDIT_DAYS} days)"),
        };
        let file = config.rules.join(&*rule.file);
        out(&format!("  {}:{} {}{of_late}", file.display(), rule.line, rule.name));
    }
    Ok(())
}

/// Names of the rules that judged an event of late; `None` where there is no database.
fn touched_by_events(config: &Config) -> anyhow::Result<Option<BTreeSet<String>>> {
    if !config.store.exists() {
        return Ok(None);
    }
    let since = Timestamp::now() - jiff::SignedDuration::from_hours(24 * AUDIT_DAYS);
    Ok(Some(SqliteReader::open(&config.store)?.rules_touched(since)?))
}

fn refuse(faults: &[Diagnostic]) -> ExitCode {
    err(diagnostic::render(faults, styled_errors()).trim_end());
    ExitCode::FAILURE
}
