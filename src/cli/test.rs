//! `watchbell test`: the tests that stand in rule files.

use super::TestArguments;
use super::print::{err, out, styled_errors};
use crate::config::{self, Config};
use crate::diagnostic::{self, Diagnostic};
use crate::engine::RuleTest;
use crate::load::Set;
use crate::model::words::counted;
use crate::trial::{self, Report, Targets};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn test(config: Option<&Path>, options: &TestArguments) -> anyhow::Result<ExitCode> {
    let (config, targets) = match configuration(config, options) {
        Ok(found) => found,
        Err(code) => return Ok(code),
    };
    let loaded = match targets {
        Targets::Configured => Set::load(&config),
        Targets::Any => Set::from_folders(&config.rules, &config.templates),
    };
    let set = match loaded {
        Ok(set) => set,
        Err(faults) => {
            err(diagnostic::render(&faults, styled_errors()).trim_end());
            return Ok(ExitCode::FAILURE);
        }
    };
    for part in &options.names {
        if !set.rules.tests().iter().any(|test| is_called(test, part)) {
            err(&format!("error: {}", no_test(part, set.rules.tests())));
            return Ok(ExitCode::FAILURE);
        }
    }
    let wanted =
        |test: &RuleTest| options.names.is_empty() || options.names.iter().any(|part| is_called(test, part));
    let report = trial::run(&set, &Arc::new(config.clone()), targets, wanted)?;
    Ok(tell(report, &config.rules, set.rules.rules().len()))
}

/// The configuration to test under. Rules of the command line stand for themselves
/// unless a configuration is named, too.
fn configuration(path: Option<&Path>, options: &TestArguments) -> Result<(Config, Targets), ExitCode> {
    let is_bare = path.is_none() && options.rules.is_some();
    if is_bare && Path::new(super::CONFIG).exists() {
        err("without --config watchbell.toml these rules may name any target, and times are UTC");
    }
    let (mut config, targets) = match is_bare {
        true => (bare(), Targets::Any),
        false => (super::load(&super::named(path))?, Targets::Configured),
    };
    if let Some(rules) = &options.rules {
        config.rules.clone_from(rules);
    }
    if let Some(templates) = &options.templates {
        config.templates.clone_from(templates);
    }
    Ok((config, targets))
}

/// What is told without a configuration is told to targets of any name, in UTC.
fn bare() -> Config {
    Config {
        zone: jiff::tz::TimeZone::UTC,
        default_target: "default".to_owned(),
        mirror_mutes: false,
        ..config::builtin("".into(), "".into())
    }
}

/// Whether a test has this in its name, however it is capitalised.
fn is_called(test: &RuleTest, part: &str) -> bool {
    test.at.name.to_lowercase().contains(&part.to_lowercase())
}

fn no_test(part: &str, tests: &[RuleTest]) -> String {
    match nearest(part, tests.iter().map(|test| &*test.at.name)) {
        Some(name) => format!("no test has `{part}` in its name; the nearest is `{name}`"),
        None => format!("no test has `{part}` in its name: these rules have no tests"),
    }
}

/// The name in which as many words, standing together, differ least from what was
/// written.
fn nearest<'a>(part: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let part = part.to_lowercase();
    let length = part.split_whitespace().count().max(1);
    names.min_by_key(|name| {
        let lower = name.to_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        let together = words.windows(length.min(words.len().max(1)));
        let distance = together.map(|words| strsim::damerau_levenshtein(&part, &words.join(" "))).min();
        distance.unwrap_or(usize::MAX)
    })
}

/// Says how each test ended, then what is wrong, then how many.
fn tell(report: Report, folder: &Path, rules: usize) -> ExitCode {
    for result in &report.results {
        let ended = if result.failure.is_some() { "FAILED" } else { "ok" };
        let file = folder.join(&*result.at.file);
        out(&format!("{}:{} {} ... {ended}", file.display(), result.at.line, result.at.name));
    }
    let (run, touched) = (report.results.len() as u64, report.touched.len());
    let failures: Vec<Diagnostic> = report.failures();
    if !failures.is_empty() {
        err(diagnostic::render(&failures, styled_errors()).trim_end());
    }
    let failed = failures.len();
    out(&format!(
        "{}, {failed} failed; {touched} of {} touched",
        counted(run, "test"),
        counted(rules as u64, "rule")
    ));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_test_is_the_one_with_the_nearest_words() {
        let names = ["a gold database pages the DBA", "soft states are silent", "mutes end"];
        for (part, wanted) in [
            ("databse pages", "a gold database pages the DBA"),
            ("sofft", "soft states are silent"),
            ("mute ends", "mutes end"),
            ("gold  Databases", "a gold database pages the DBA"),
        ] {
            assert_eq!(nearest(part, names.into_iter()), Some(wanted), "{part}");
        }
        assert_eq!(nearest("x", std::iter::empty()), None);
    }
}
