//! `watchbell replay`: a recording or the journal through the rules, without network.

use super::print::{err, out, styled_errors};
use super::{Format, ReplayArguments};
use crate::config::{self, Config};
use crate::diagnostic;
use crate::diff::journal;
use crate::load::Set;
use crate::model::words::counted;
use crate::model::{Delivery, Input, Timestamp, Verdict};
use crate::pipeline::{Finished, Pipeline};
use crate::sink::console;
use crate::source::replay::{Pace, Replay, Speed, read_objects};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// The name of the Icinga that a recording stands for, where no configuration
/// names one.
const SOURCE: &str = "icinga";

pub(super) fn replay(config: Option<&Path>, options: &ReplayArguments) -> anyhow::Result<ExitCode> {
    super::log("warn");
    let config = match configuration(config, options) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let set = match load_set(&config) {
        Ok(set) => set,
        Err(faults) => {
            err(diagnostic::render(&faults, styled_errors()).trim_end());
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut tally = Tally::new(options.format);
    match &options.file {
        Some(file) => play_recording(config, set, file, options, &mut tally)?,
        None => play_journal(config, set, options, &mut tally)?,
    }
    tally.summary();
    Ok(ExitCode::SUCCESS)
}

fn play_recording(
    config: Config,
    set: Set,
    file: &Path,
    options: &ReplayArguments,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let source: Arc<str> = source_name(&config).into();
    let mut pipeline = Pipeline::for_replay(config, set);
    for path in &options.objects {
        let objects = read_objects(path, &source)?;
        pipeline.take(Input::Objects(objects), Timestamp::UNIX_EPOCH);
    }
    let replay = Replay::new(file, &source, speed(options));
    let mut pace = replay.pace();
    for event in replay.events()? {
        match event {
            Ok(event) => {
                let now = event.timestamp;
                wait(&mut pace, now);
                take(&mut pipeline, Input::Event(event), now, |_, finished, pipeline| {
                    tally.add(finished, pipeline);
                });
                tally.events += 1;
            }
            Err(bad) => {
                tally.bad_lines += 1;
                err(&format!("{}:{}: skipped: {}", file.display(), bad.line, bad.reason));
            }
        }
    }
    Ok(())
}

/// What came in before `--since` is played silently.
fn play_journal(
    config: Config,
    set: Set,
    options: &ReplayArguments,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let since = Timestamp::now() - options.since;
    let (world, mut journal) = journal::open(&config, since)?;
    let mut pipeline = Pipeline::for_replay_from(world, config, set);
    let mut pace = Pace::new(speed(options));
    for input in journal.inputs.by_ref() {
        let (now, input) = input?;
        if now >= since {
            wait(&mut pace, now);
            tally.events += u64::from(matches!(input, Input::Event(_)));
        }
        take(&mut pipeline, input, now, |at, finished, pipeline| {
            if at >= since {
                tally.add(finished, pipeline);
            }
        });
    }
    say_unread(journal.inputs.unread());
    Ok(())
}

/// Takes an input in, after all that is due before.
fn take(
    pipeline: &mut Pipeline,
    input: Input,
    now: Timestamp,
    mut heard: impl FnMut(Timestamp, Finished, &Pipeline),
) {
    while let Some(wake) = pipeline.engine().next_wake().filter(|wake| *wake < now) {
        let finished = pipeline.take(Input::Tick, wake);
        heard(wake, finished, pipeline);
    }
    let finished = pipeline.take(input, now);
    heard(now, finished, pipeline);
}

fn speed(options: &ReplayArguments) -> Speed {
    match options.speed {
        super::Pace::Max => Speed::Max,
        super::Pace::Real => Speed::Real,
    }
}

fn wait(pace: &mut Pace, moment: Timestamp) {
    if let Some(due) = pace.due(moment) {
        std::thread::sleep(due.into_std().saturating_duration_since(Instant::now()));
    }
}

/// The name of the Icinga that a recording stands for.
pub(super) fn source_name(config: &Config) -> &str {
    config.icinga.first().map_or(SOURCE, |icinga| &icinga.name)
}

/// Says how many inputs of a journal were left out.
pub(super) fn say_unread(unread: u64) {
    if unread > 0 {
        err(&format!("{} of the journal left out: a newer Watchbell wrote them", counted(unread, "input")));
    }
}

/// The configuration named, or the built-in one; rules and templates of the command
/// line stand above either.
fn configuration(path: Option<&Path>, options: &ReplayArguments) -> Result<Config, ExitCode> {
    let mut config = match path {
        Some(path) => super::load(path)?,
        None if options.journal => super::load(&super::named(None))?,
        None => config::builtin("".into(), "".into()),
    };
    if let Some(rules) = &options.rules {
        config.rules.clone_from(rules);
    }
    if let Some(templates) = &options.templates {
        config.templates.clone_from(templates);
    }
    Ok(config)
}

/// The set of the folders that are named; the shipped rules where none is.
pub(super) fn load_set(config: &Config) -> Result<Set, Vec<diagnostic::Diagnostic>> {
    if config.rules.as_os_str().is_empty() && config.templates.as_os_str().is_empty() {
        return Set::shipped();
    }
    Set::load_for_any_target(config)
}

/// What was told, and what not.
struct Tally {
    format: Format,
    started: Instant,
    events: u64,
    bad_lines: u64,
    delivered: u64,
    dropped: BTreeMap<String, u64>,
}

impl Tally {
    fn new(format: Format) -> Tally {
        Tally {
            format,
            started: Instant::now(),
            events: 0,
            bad_lines: 0,
            delivered: 0,
            dropped: BTreeMap::new(),
        }
    }

    fn add(&mut self, finished: Finished, pipeline: &Pipeline) {
        finished.write_log();
        for delivery in &finished.deliveries {
            self.delivered += 1;
            match self.format {
                Format::Text => out(&text_line(delivery, pipeline.config())),
                Format::Json => out(&json_line(delivery)),
            }
        }
        for decision in finished.decisions {
            if let Verdict::Dropped(reason) = decision.verdict {
                *self.dropped.entry(reason).or_default() += 1;
            }
        }
    }

    fn summary(&self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let dropped: u64 = self.dropped.values().sum();
        let mut reasons: Vec<(&String, &u64)> = self.dropped.iter().collect();
        reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), (*reason).clone()));
        err(&format!("{} events, {} delivered, {dropped} dropped", self.events, self.delivered));
        for (reason, count) in reasons {
            err(&format!("  {count:>7} {reason}"));
        }
        if self.bad_lines > 0 {
            err(&format!("{} lines could not be read and were skipped", self.bad_lines));
        }
        let per_second = self.events as f64 / seconds.max(1e-9);
        err(&format!("{per_second:.0} events/s ({seconds:.2} s)"));
    }
}

/// The line a terminal shows; with its target in front where there are several.
fn text_line(delivery: &Delivery, config: &Config) -> String {
    let line = console::shown(delivery, &config.zone);
    if config.targets.len() > 1 { format!("[{}] {line}", delivery.target) } else { line }
}

/// One delivery as one line of JSON; the keys are part of the command's interface.
fn json_line(delivery: &Delivery) -> String {
    serde_json::json!({
        "at": delivery.at.to_string(),
        "target": delivery.target,
        "sink": delivery.sink,
        "to": delivery.recipient,
        "event": delivery.event,
        "object": delivery.object,
        "incident": delivery.incident,
        "rule": delivery.rule,
        "text": delivery.message.text,
    })
    .to_string()
}
