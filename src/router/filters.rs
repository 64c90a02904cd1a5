//! The filters templates have besides minijinja's own.
//!
//! Owns: how moments, lengths and foreign texts are written. Promises: a missing
//! value gives an empty text, never an error; so `{{ expiry|time }}` needs no `if`.

use super::escape;
use super::value::Zone;
use crate::model::Timestamp;
use crate::model::time::{from_unix_seconds, long_length, short_length};
use jiff::tz::TimeZone;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, HtmlEscape, Output, State, escape_formatter};
use std::borrow::Cow;

/// Name of the escaping of texts and subjects, in which a value is one line.
pub(super) const LINE: &str = "line";

/// Adds all filters, and how values are written.
pub(super) fn install(environment: &mut Environment<'_>) {
    environment.set_formatter(write_value);
    environment.add_filter("first_line", |value: &Value| escape::first_line(&text(value)).into_owned());
    environment.add_filter("one_line", |value: &Value| escape::one_line(&text(value)).into_owned());
    environment.add_filter("all_lines", all_lines);
    environment
        .add_filter("short", |value: &Value, limit: usize| escape::short(&text(value), limit).into_owned());
    environment.add_filter("safe_url", |value: &Value| escape::safe_url(&text(value)));
    environment.add_filter("long_length", |value: &Value| number(value).map(|n| n.map(long_length)));
    environment.add_filter("short_length", |value: &Value| number(value).map(|n| n.map(short_length)));
    environment.add_filter("time", time);
    environment.add_filter("ago", ago);
    environment.add_filter("rfc3339", rfc3339);
}

/// Writes a value: missing ones as nothing, and in texts and subjects on one
/// line, so that no foreign text can pose as a line of ours.
fn write_value(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match state.auto_escape() {
        AutoEscape::Custom(_) if is_missing(value) => Ok(()),
        AutoEscape::Custom(_) => match value.as_str() {
            Some(text) if value.is_safe() => Ok(out.write_str(text)?),
            Some(text) => Ok(out.write_str(&escape::one_line(text))?),
            None => Ok(out.write_str(&escape::one_line(&value.to_string()))?),
        },
        AutoEscape::Html if is_missing(value) => Ok(()),
        _ => escape_formatter(out, state, value),
    }
}

fn is_missing(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

fn text(value: &Value) -> Cow<'_, str> {
    match value.as_str() {
        Some(text) => Cow::Borrowed(text),
        None if is_missing(value) => Cow::Borrowed(""),
        None => Cow::Owned(value.to_string()),
    }
}

fn number(value: &Value) -> Result<Option<f64>, Error> {
    if is_missing(value) {
        return Ok(None);
    }
    f64::try_from(value.clone()).map(Some)
}

/// All lines as they are, the further ones behind `margin`. In a text, this is
/// the way to print more than one line of a value.
fn all_lines(state: &State<'_, '_>, value: &Value, margin: Option<&str>) -> Value {
    let text = text(value);
    let clean = escape::lines(&text);
    let joined = clean.trim_end().replace('\n', &format!("\n{}", margin.unwrap_or_default()));
    match state.auto_escape() {
        AutoEscape::Html => Value::from_safe_string(HtmlEscape(&joined).to_string()),
        AutoEscape::Custom(_) => Value::from_safe_string(joined),
        _ => Value::from(joined),
    }
}

/// The clock in the reader's zone, with the date if that is not today's.
fn time(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let Some(moment) = moment(value)? else { return Ok(String::new()) };
    let zone = zone(state)?;
    let (moment, today) = (moment.to_zoned(zone.clone()), now(state)?.to_zoned(zone));
    let format = if moment.date() == today.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    Ok(moment.strftime(format).to_string())
}

/// How long ago it was when the event was judged.
fn ago(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let Some(moment) = moment(value)? else { return Ok(String::new()) };
    Ok(short_length(now(state)?.duration_since(moment).as_secs_f64()))
}

/// RFC 3339 in UTC with milliseconds, for programs; none where missing.
fn rfc3339(value: &Value) -> Result<Option<String>, Error> {
    Ok(moment(value)?.map(|moment| format!("{moment:.3}")))
}

fn moment(value: &Value) -> Result<Option<Timestamp>, Error> {
    let Some(seconds) = number(value)? else { return Ok(None) };
    let none = || Error::new(ErrorKind::InvalidOperation, format!("{seconds} is no moment in Unix seconds"));
    from_unix_seconds(seconds).ok_or_else(none).map(Some)
}

fn now(state: &State<'_, '_>) -> Result<Timestamp, Error> {
    let now = state.lookup("now").unwrap_or_default();
    moment(&now)?.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "`now` was set to nothing"))
}

fn zone(state: &State<'_, '_>) -> Result<TimeZone, Error> {
    let zone = state.lookup("zone").and_then(|zone| zone.downcast_object::<Zone>());
    let replaced = || Error::new(ErrorKind::InvalidOperation, "`zone` was set to something else");
    zone.map(|zone| zone.0.clone()).ok_or_else(replaced)
}
