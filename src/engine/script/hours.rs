//! Verbs that ask for the hour and the day: spans of the week and holidays. The time
//! is that at which the event or the command is judged, never a clock's.

use super::{Answer, error};
use crate::engine::holidays::Calendar;
use crate::engine::matcher::nearest;
use crate::engine::stage::{Stage, on_stage};
use crate::span::{self, Span};
use jiff::tz::TimeZone;
use rhai::Engine;
use std::collections::BTreeMap;

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("during", |span: &str| during(span, None));
    engine.register_fn("during", |span: &str, holidays: &str| during(span, Some(holidays)));
    engine.register_fn("holiday", |holidays: &str| holiday(holidays, None));
    engine.register_fn("holiday", |holidays: &str, zone: &str| {
        holiday(holidays, Some(span::zone(zone).map_err(error)?))
    });
}

fn during(span: &str, holidays: Option<&str>) -> Answer<bool> {
    let span = Span::parse(span).map_err(|wrong| error(wrong.to_string()))?;
    on_stage(|stage| {
        let off = holidays.map(|name| calendar(&stage.calendars, name)).transpose()?;
        let wall = wall(stage, span.zone());
        Ok(span.covers(wall, |date| off.is_some_and(|calendar| calendar.holds(date))))
    })
    .map_err(error)
}

fn holiday(name: &str, zone: Option<TimeZone>) -> Answer<bool> {
    on_stage(|stage| {
        let today = wall(stage, zone.as_ref()).date();
        Ok(calendar(&stage.calendars, name)?.holds(today))
    })
    .map_err(error)
}

/// The clock on the wall in a zone, or in that of the configuration.
fn wall(stage: &Stage, zone: Option<&TimeZone>) -> jiff::civil::DateTime {
    stage.run.now.to_zoned(zone.unwrap_or(&stage.settings.zone).clone()).datetime()
}

/// The calendar of this name; what to write if there is none.
pub(in crate::engine) fn calendar<'a>(
    calendars: &'a BTreeMap<String, Calendar>,
    name: &str,
) -> Result<&'a Calendar, String> {
    calendars.get(name).ok_or_else(|| match nearest(name, calendars.keys().cloned()) {
        Some(meant) => format!("there are no holidays `{name}`; did you mean `{meant}`?"),
        None => format!("there are no holidays `{name}`; declare them: holidays(\"{name}\", [\"12-25\"])"),
    })
}
