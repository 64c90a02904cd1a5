//! `watchbell diff`: what other rules would have told.
//!
//! Owns its exit codes, which are those of diff(1): 0: no difference; 1: a difference;
//! 2: trouble.

use super::print::{err, out, styled_errors};
use super::{DiffArguments, replay};
use crate::config::{self, Config};
use crate::diagnostic::{self, Diagnostic};
use crate::diff::{Report, Trial, journal};
use crate::engine::{Settings, World};
use crate::load::Set;
use crate::model::words::counted;
use crate::model::{Input, Timestamp};
use crate::sink::plain;
use crate::source::replay::{Replay, Speed, read_objects};
use jiff::tz::TimeZone;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

const DIFFERENCE: u8 = 1;
const TROUBLE: u8 = 2;

/// How much of a line is shown, in characters.
const LONGEST_LINE: usize = 500;

pub(super) fn diff(config: Option<&Path>, options: &DiffArguments) -> ExitCode {
    super::log("warn");
    let result = configuration(config, options).and_then(|config| compared(&config, options));
    match result {
        Ok((report, zone)) => {
            report.lines(&zone).iter().for_each(|line| out(&harmless(line)));
            if report.is_same() { ExitCode::SUCCESS } else { DIFFERENCE.into() }
        }
        Err(Trouble::Said) => TROUBLE.into(),
        Err(Trouble::Error(error)) => {
            err(&format!("error: {}", super::in_words(&error)));
            TROUBLE.into()
        }
    }
}

/// A line that drives no terminal, as far from the edge as it was.
fn harmless(line: &str) -> String {
    let text = line.trim_start_matches(' ');
    let edge = line.len() - text.len();
    format!("{:edge$}{}", "", plain::one_line(text, LONGEST_LINE))
}

/// Why nothing was compared.
enum Trouble {
    /// It was said already.
    Said,
    Error(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        Trouble::Error(error.into())
    }
}

fn configuration(path: Option<&Path>, options: &DiffArguments) -> Result<Config, Trouble> {
    match (path, &options.file) {
        (None, Some(_)) => Ok(config::builtin("".into(), "".into())),
        (path, _) => super::load(&super::named(path)).map_err(|_| Trouble::Said),
    }
}

fn compared(config: &Config, options: &DiffArguments) -> Result<(Report, TimeZone), Trouble> {
    let current = replay::load_set(config).map_err(|faults| refuse(&faults))?;
    let mut other = config.clone();
    other.rules.clone_from(&options.rules);
    if let Some(templates) = &options.templates {
        other.templates.clone_from(templates);
    }
    // Without a configuration, every target exists.
    let load = if config.path.is_some() { Set::load } else { Set::load_for_any_target };
    let candidate = load(&other).map_err(|faults| refuse(&faults))?;
    let report = match &options.file {
        Some(file) => on_recording(config, file, options, (&current, &candidate))?,
        None => on_journal(config, options, (&current, &candidate))?,
    };
    Ok((report, config.zone.clone()))
}

fn refuse(faults: &[Diagnostic]) -> Trouble {
    err(diagnostic::render(faults, styled_errors()).trim_end());
    Trouble::Said
}

fn on_journal(config: &Config, options: &DiffArguments, sets: (&Set, &Set)) -> anyhow::Result<Report> {
    let since = Timestamp::now() - options.since;
    let on_journal = journal::compare(config, sets, since, || false)?;
    if let Some(begins) = on_journal.begins_late {
        err(&format!(
            "the journal goes back to {} only",
            begins.to_zoned(config.zone.clone()).strftime("%F %T")
        ));
    }
    replay::say_unread(on_journal.unread);
    Ok(on_journal.report)
}

fn on_recording(
    config: &Config,
    file: &Path,
    options: &DiffArguments,
    (current, candidate): (&Set, &Set),
) -> anyhow::Result<Report> {
    let source: Arc<str> = replay::source_name(config).into();
    let mut world = World::new(false);
    for path in &options.objects {
        let objects = read_objects(path, &source)?;
        objects.into_iter().for_each(|object| world.put_object(Arc::new(object)));
    }
    // Without a configuration, every target that a rule names exists.
    let settings = Settings { any_target: config.path.is_none(), ..Settings::of(config) };
    let trial = Trial {
        settings,
        current: current.rules.clone(),
        candidate: candidate.rules.clone(),
        since: Timestamp::MIN,
    };
    let mut bad_lines = 0;
    let events = Replay::new(file, &source, Speed::Max).events()?;
    let inputs = events.filter_map(|event| match event {
        Ok(event) => Some(Ok((event.timestamp, Input::Event(event)))),
        Err(bad) => {
            bad_lines += 1;
            err(&format!("{}:{}: skipped: {}", file.display(), bad.line, bad.reason));
            None
        }
    });
    let report = trial.run::<anyhow::Error>(&world, inputs, || false)?;
    if bad_lines > 0 {
        err(&format!("{} could not be read", counted(bad_lines, "line")));
    }
    Ok(report)
}
