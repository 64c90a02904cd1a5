//! `[[person.<name>.way]]` and the quiet hours of a person: how somebody is reached.

use super::targets::{check_address, usual};
use super::zone_or;
use crate::config::keys::WAY;
use crate::config::raw::{Section, suggestion};
use crate::config::reader::Written;
use crate::config::{Accounts, Quiet, Reach, Target, Way};
use crate::model::State;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a person may be known to a sink where a way says no address.
pub(super) struct Known<'a> {
    /// Their name.
    pub(super) name: &'a str,
    /// Their accounts.
    pub(super) irc: &'a Accounts,
    /// Their mail address.
    pub(super) mail: Option<&'a str>,
}

/// How a person is reached, and the targets that stand for each way. `zone`: that of
/// `[defaults]`.
pub(super) fn reach(
    section: &Section<'_>,
    person: &Known<'_>,
    sinks: &BTreeMap<String, &'static str>,
    zone: &TimeZone,
) -> (Reach, Vec<Target>) {
    let (mut ways, mut targets) = (Vec::new(), Vec::new());
    for written in section.list("way", &WAY) {
        let after = written.duration_or_none("after").flatten().unwrap_or(Duration::ZERO);
        let Some(target) = target(&written, person, sinks, &targets) else { continue };
        ways.push(Way { target: target.name.clone(), sink: target.sink.clone(), after });
        targets.push(target);
    }
    (Reach { ways, quiet: quiet(section, zone) }, targets)
}

fn target(
    section: &Section<'_>,
    person: &Known<'_>,
    sinks: &BTreeMap<String, &'static str>,
    before: &[Target],
) -> Option<Target> {
    let to = section.text("to");
    let Written { value: sink, spot } = section.text("sink")?;
    let Some(kind) = sinks.get(&sink).copied() else {
        let message = format!("names the sink `{sink}`, which is not configured");
        section.reader.fault(&spot, message, suggestion(&sink, sinks.keys().map(String::as_str)));
        return None;
    };
    let to = match to {
        Some(address) => {
            check_address(section, kind, &address);
            address.value
        }
        None => match kind {
            "irc" => match person.irc.on(&sink) {
                Some(account) => format!("account:{account}"),
                None => return missing(section, "`irc`, their account,"),
            },
            "email" => match person.mail {
                Some(mail) => mail.to_owned(),
                None => return missing(section, "`mail`, their address,"),
            },
            _ => String::new(),
        },
    };
    let same = before.iter().filter(|other| other.sink == sink).count();
    let number = if same == 0 { String::new() } else { format!("-{}", same + 1) };
    let name = format!("{}/{sink}{number}", person.name);
    Some(Target { name, sink, to: vec![to], per_minute: usual(Some(kind)), fallback: None })
}

fn missing(section: &Section<'_>, what: &str) -> Option<Target> {
    section.fault("says no address", format!("add `to`, or {what} to the person"));
    None
}

fn quiet(section: &Section<'_>, zone: &TimeZone) -> Option<Quiet> {
    let zone = zone_or(section, zone);
    let floor = floor(section);
    let Written { value: text, spot } = section.text("quiet")?;
    let Some((from, to)) = hours(&text) else {
        section.reader.fault(&spot, "are no hours", "write them like \"22:00-07:00\"");
        return None;
    };
    Some(Quiet { from, to, zone: zone?, floor: floor? })
}

fn hours(text: &str) -> Option<(Time, Time)> {
    let (from, to) = text.split_once('-')?;
    let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
    Some((time(from)?, time(to)?)).filter(|(from, to)| from != to)
}

fn floor(section: &Section<'_>) -> Option<State> {
    let Written { value: name, spot } = section.text("quiet_floor")?;
    let state = State::ALL.iter().copied().find(|state| state.name() == name && state.is_problem());
    if state.is_none() {
        let problems = State::ALL.iter().filter(|state| state.is_problem()).map(|state| state.name());
        section.reader.fault(&spot, "is no problem state", suggestion(&name, problems));
    }
    state
}
