//! `[schedule.<name>]`: who is on call when.

use super::{check_name, zone_or};
use crate::config::keys::{LAYER, SCHEDULE};
use crate::config::raw::{Section, suggestion};
use crate::config::reader::Written;
use crate::config::values::no_url;
use crate::config::{Handover, LayerSettings, Rotation, ScheduleSettings, ScheduleSource};
use crate::span::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use std::collections::{BTreeMap, BTreeSet};

/// The keys that name a calendar; one of them at most.
const CALENDARS: [&str; 4] = ["ical_file", "ical_url", "ical_url_file", "ical_url_env"];

/// All schedules that are right. `persons`: all that are written; `usual`: the zone of
/// those that name none.
pub(super) fn schedules(
    root: &Section<'_>,
    persons: &BTreeSet<&str>,
    usual: &TimeZone,
) -> BTreeMap<String, ScheduleSettings> {
    let mut schedules = BTreeMap::new();
    for (name, section) in root.named("schedule", &SCHEDULE) {
        check_name(&section, &name);
        let zone = zone_or(&section, usual);
        let source = source(&section, persons);
        let gaps = gaps_are_meant(&section);
        if let (Some(zone), Some(source), Some(gaps_are_meant)) = (zone, source, gaps) {
            let name = name.value;
            schedules.insert(name.clone(), ScheduleSettings { name, zone, source, gaps_are_meant });
        }
    }
    schedules
}

fn gaps_are_meant(section: &Section<'_>) -> Option<bool> {
    let Written { value, spot } = section.text("gaps")?;
    match value.as_str() {
        "meant" => Some(true),
        "told" => Some(false),
        _ => {
            let help = "write `\"meant\"` if hours without anybody on call are meant, else `\"told\"`";
            section.reader.fault(&spot, "is not understood", help);
            None
        }
    }
}

fn source(section: &Section<'_>, persons: &BTreeSet<&str>) -> Option<ScheduleSource> {
    section.hide("ical_url");
    let written = section.list("layer", &LAYER);
    let layers: Vec<Option<LayerSettings>> =
        written.iter().map(|layer| self::layer(layer, persons)).collect();
    let calendars: Vec<&str> = CALENDARS.into_iter().filter(|key| section.has(key)).collect();
    let sources = calendars.len() + usize::from(section.has("layer"));
    if sources > 1 {
        let help = format!("keep one of `{}` and `{}`", LAYER.header, CALENDARS.join("`, `"));
        section.fault("takes its turns from more than one place", help);
    }
    // Each is read, so that all faults are told at once.
    let file = section.path_to("ical_file");
    let (url, ca_file) = (url(section), section.certificate_file("ical_ca_file"));
    if section.has("ical_ca_file") && !calendars.iter().any(|key| key.starts_with("ical_url")) {
        section.fault("has `ical_ca_file`, and no calendar on a server", "remove `ical_ca_file`");
    }
    match calendars.first() {
        Some(&"ical_file") => file.map(|file| ScheduleSource::IcalFile(file.value)),
        Some(_) => url.map(|url| ScheduleSource::IcalUrl { url, ca_file }),
        None if layers.is_empty() => {
            let help = format!("add a layer of persons, `{}`, or a calendar, `ical_file`", LAYER.header);
            section.fault("has nobody in it", help);
            None
        }
        None => layers.into_iter().collect::<Option<Vec<_>>>().map(ScheduleSource::Layers),
    }
}

/// The address of a calendar; it may hold a token, so no word of it goes into a fault.
fn url(section: &Section<'_>) -> Option<SecretString> {
    let Written { value, spot } = if section.has("ical_url") {
        let Written { value, spot } = section.text("ical_url")?;
        Written { value: SecretString::from(value), spot }
    } else {
        section.secret("ical_url_file", "ical_url_env")?
    };
    let help = "write it like `https://cloud.example.org/dba.ics`";
    match url::Url::parse(value.expose_secret()) {
        Err(cause) => section.reader.fault(&spot, no_url(cause), help),
        Ok(url) if url.scheme() != "https" => {
            section.reader.fault(&spot, "does not begin with `https://`", help);
        }
        Ok(_) => return Some(value),
    }
    None
}

fn layer(section: &Section<'_>, persons: &BTreeSet<&str>) -> Option<LayerSettings> {
    let members = members(section, persons);
    let rotate = read(section, "rotate", "is no length of a turn", Rotation::parse);
    let handover = read(section, "handover", "is no time of hand-over", Handover::parse);
    let day = |text: &str| text.parse::<Date>().ok();
    let from = read(section, "from", "is no day", day);
    let until = read(section, "until", "is no day", day);
    let during = section.text("during").map(|Written { value, spot }| {
        let fault = |error: crate::span::SpanError| {
            section.reader.fault(&spot, "cannot be read", error.to_string());
        };
        Span::parse(&value).map_err(fault).ok()
    });
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        let spot = section.text("until")?.spot;
        section.reader.fault(
            &spot,
            format!("is before {from}, when the layer begins"),
            "correct one of the two",
        );
    }
    Some(LayerSettings {
        persons: members?,
        rotate: rotate?,
        handover: handover?,
        from: from?,
        until,
        // One that is faulty has been told.
        during: during.flatten(),
    })
}

fn members(section: &Section<'_>, persons: &BTreeSet<&str>) -> Option<Vec<String>> {
    let members = section.texts("persons")?;
    if members.value.is_empty() {
        section.reader.fault(&members.spot, "is empty", "name at least one person");
    }
    for member in members.value.iter().filter(|member| !persons.contains(member.value.as_str())) {
        let message = format!("names the person `{}`, who is not configured", member.value);
        let help = if persons.is_empty() {
            format!("add `[person.{}]`", member.value)
        } else {
            suggestion(&member.value, persons.iter().copied())
        };
        section.reader.fault(&member.spot, message, help);
    }
    Some(members.value.into_iter().map(|member| member.value).collect())
}

/// What a text means; a fault where it means nothing.
fn read<T>(section: &Section<'_>, key: &str, wrong: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    let Written { value, spot } = section.text(key)?;
    let meant = parse(&value);
    if meant.is_none() {
        let like = LAYER.key(key).map_or("", |key| key.example);
        section.reader.fault(&spot, wrong, format!("write it like `{key} = {like}`"));
    }
    meant
}
