//! `watchbell check`.

use super::print::{err, out, styled_errors};
use crate::config;
use crate::diagnostic::{self, Diagnostic};
use crate::load::{self, Set};
use crate::model::words::counted;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn check(path: &Path) -> anyhow::Result<ExitCode> {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(faults) => {
            let others = load::faults_in(faults.folders());
            return Ok(refuse(&[faults.diagnostics(), &others].concat()));
        }
    };
    match Set::load(&config) {
        Ok(set) => {
            let warnings = set.warnings(&config.rules);
            if !warnings.is_empty() {
                err(diagnostic::render(&warnings, styled_errors()).trim_end());
            }
            out(&format!(
                "{}: sound; ruleset {}: {} and {} for {}, {}, {}",
                path.display(),
                set.hash,
                counted(set.rules.rules().len() as u64, "rule"),
                counted(set.rules.commands().len() as u64, "command"),
                counted(set.rules.types().len() as u64, "event type"),
                counted(config.targets.len() as u64, "target"),
                counted(config.sinks.len() as u64, "sink"),
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(faults) => Ok(refuse(&faults)),
    }
}

fn refuse(faults: &[Diagnostic]) -> ExitCode {
    err(diagnostic::render(faults, styled_errors()).trim_end());
    ExitCode::FAILURE
}
