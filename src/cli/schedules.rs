//! The schedules of the configuration as they are now: with the overrides and the calendars
//! that the database holds, and calendars of files that no run has read yet.

use crate::config::{Config, ScheduleSource};
use crate::diagnostic::Diagnostic;
use crate::engine::{Settings, World};
use crate::model::Timestamp;
use crate::model::time::{in_full, later};
use crate::model::words::counted;
use crate::oncall::{Calendar, Override, People};
use crate::store::sqlite::SqliteReader;
use anyhow::Context;
use std::time::Duration;

/// How far gaps are looked for, in seconds.
const AHEAD: Duration = Duration::from_secs(30 * 86_400);
/// Kinds of kept state that schedules need.
const KINDS: [&str; 3] = ["override", "calendar", "next"];

/// All schedules.
pub(super) struct Schedules {
    pub(super) settings: Settings,
    pub(super) overrides: Vec<Override>,
    faults: Vec<Diagnostic>,
    doubts: Vec<Diagnostic>,
}

impl Schedules {
    /// Reads them; `around`: the moment that is asked about.
    ///
    /// Errors: the database cannot be read.
    pub(super) fn read(config: &Config, around: Timestamp) -> anyhow::Result<Schedules> {
        let mut schedules = Schedules {
            settings: Settings::of(config),
            overrides: Vec::new(),
            faults: Vec::new(),
            doubts: Vec::new(),
        };
        if config.schedules.is_empty() {
            return Ok(schedules);
        }
        let world = world(config)?;
        schedules.overrides = world.overrides().to_vec();
        for (name, settings) in &config.schedules {
            let kept = world.calendar(name).text;
            match &settings.source {
                ScheduleSource::Layers(_) => {}
                ScheduleSource::IcalFile(file) => match std::fs::read_to_string(file) {
                    Ok(text) => schedules.take(name, &file.display().to_string(), &text, &kept, around),
                    Err(error) => {
                        let message = format!("cannot read the calendar of the schedule `{name}`: {error}");
                        schedules.faults.push(Diagnostic::of_file(file.display().to_string(), message));
                        schedules.take(name, "the database", &kept, "", around);
                    }
                },
                ScheduleSource::IcalUrl { .. } if kept.is_empty() => {
                    let message = format!("the calendar of the schedule `{name}` was not read yet");
                    let file =
                        config.path.as_deref().map_or(String::new(), |path| path.display().to_string());
                    let doubt = Diagnostic::of_file(file, message).warning();
                    schedules.doubts.push(doubt.help("`watchbell run` reads it at its start"));
                }
                ScheduleSource::IcalUrl { .. } => schedules.take(name, "the database", &kept, "", around),
            }
        }
        Ok(schedules)
    }

    /// Takes the turns of a schedule from a calendar; from the one before it if it is broken.
    fn take(&mut self, name: &str, file: &str, text: &str, before: &str, around: Timestamp) {
        let people = People::of(&self.settings.persons);
        let Some(schedule) = self.settings.schedules.get_mut(name) else { return };
        match Calendar::read(text, schedule.zone(), &people, around) {
            Ok(calendar) => {
                let nameless: Vec<String> =
                    calendar.nameless().iter().map(|title| format!("`{title}`")).collect();
                if !nameless.is_empty() {
                    let shown = nameless.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
                    let more = nameless.len().saturating_sub(3);
                    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                    let message = format!("events name nobody of watchbell.toml: {shown}{more}");
                    let help = "write the name of a `[person.NAME]` into the title, or invite their address";
                    self.doubts.push(Diagnostic::of_file(file, message).warning().help(help));
                }
                schedule.put_calendar(calendar);
            }
            Err(error) => {
                let message =
                    format!("the calendar of the schedule `{name}` cannot be understood: {}", error.wrong);
                self.faults.push(Diagnostic::at_line_column(file, text, error.line, 1, message));
                if let Ok(calendar) = Calendar::read(before, schedule.zone(), &people, around) {
                    schedule.put_calendar(calendar);
                }
            }
        }
    }

    /// Calendars that cannot be read.
    pub(super) fn faults(&self) -> &[Diagnostic] {
        &self.faults
    }

    /// What is likely not meant: calendars that name nobody, and gaps within the next 30 days.
    pub(super) fn doubts(&self, config: &Config, now: Timestamp) -> Vec<Diagnostic> {
        let file = config.path.as_deref().map_or(String::new(), |path| path.display().to_string());
        let known = self.settings.schedules.values();
        let readable = known.filter(|schedule| !schedule.is_calendar() || schedule.calendar().is_some());
        let gaps = readable.filter_map(|schedule| {
            let gaps = schedule.gaps(now, later(now, AHEAD), &self.overrides);
            let first = gaps.first()?;
            let from = in_full(first.from, schedule.zone());
            let until = match first.to < later(now, AHEAD) {
                true => format!(" until {}", in_full(first.to, schedule.zone())),
                false => String::new(),
            };
            let more = match gaps.len() - 1 {
                0 => String::new(),
                more => format!(", and {} within 30 days", counted(more as u64, "more gap")),
            };
            let name = schedule.name();
            let message = format!("nobody is on call by the schedule `{name}` from {from}{until}{more}");
            let help = match schedule.are_gaps_meant() {
                false => {
                    "add a layer below that names somebody always, or `gaps = \"meant\"` as for office hours"
                }
                true => "its turns have run out: add some, or remove the schedule",
            };
            Some(Diagnostic::of_file(file.clone(), message).warning().help(help))
        });
        self.doubts.iter().cloned().chain(gaps).collect()
    }
}

/// What the database knows of schedules; nothing without one.
fn world(config: &Config) -> anyhow::Result<World> {
    if !config.store.exists() {
        return Ok(World::new(false));
    }
    let entries = SqliteReader::open(&config.store)?.load_state()?;
    let ours = entries.into_iter().filter(|(kind, ..)| KINDS.contains(&kind.as_str()));
    World::restore(ours).context("the database holds state that this Watchbell cannot use")
}
