//! `watchbell replay`: a recording through the rules, without network or database.

use super::print::{err, out, styled_errors};
use super::{Format, Pace, ReplayArguments};
use crate::config::{self, Config};
use crate::diagnostic;
use crate::load::Set;
use crate::model::{Delivery, Input, Timestamp, Verdict};
use crate::pipeline::{Finished, Pipeline};
use crate::sink::console;
use crate::source::replay::{Replay, Speed, read_objects};
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
    let source: Arc<str> = config.icinga.first().map_or(SOURCE, |icinga| icinga.name.as_str()).into();
    let mut pipeline = Pipeline::for_replay(config, set);
    let mut tally = Tally::new(options.format);
    for path in &options.objects {
        let objects = read_objects(path, &source)?;
        pipeline.take(Input::Objects(objects), Timestamp::UNIX_EPOCH);
    }
    let speed = match options.speed {
        Pace::Max => Speed::Max,
        Pace::Real => Speed::Real,
    };
    let replay = Replay::new(&options.file, &source, speed);
    let mut pace = replay.pace();
    for event in replay.events()? {
        match event {
            Ok(event) => {
                let now = event.timestamp;
                if let Some(due) = pace.due(now) {
                    std::thread::sleep(due.into_std().saturating_duration_since(Instant::now()));
                }
                while let Some(wake) = pipeline.engine().next_wake().filter(|wake| *wake < now) {
                    let finished = pipeline.take(Input::Tick, wake);
                    tally.add(finished, &pipeline);
                }
                tally.events += 1;
                let finished = pipeline.take(Input::Event(event), now);
                tally.add(finished, &pipeline);
            }
            Err(bad) => {
                tally.bad_lines += 1;
                err(&format!("{}:{}: skipped: {}", options.file.display(), bad.line, bad.reason));
            }
        }
    }
    tally.summary();
    Ok(ExitCode::SUCCESS)
}

/// The configuration named, or the built-in one; rules and templates of the command
/// line stand above either.
fn configuration(path: Option<&Path>, options: &ReplayArguments) -> Result<Config, ExitCode> {
    let mut config = match path {
        Some(path) => super::load(path)?,
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
fn load_set(config: &Config) -> Result<Set, Vec<diagnostic::Diagnostic>> {
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
