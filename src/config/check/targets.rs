//! `[target.<name>]`: named places to tell.

use super::sinks::is_nick;
use super::{check_name, fallbacks};
use crate::config::keys::TARGET;
use crate::config::raw::{Section, suggestion};
use crate::config::reader::Written;
use crate::config::{Fallback, Target};
use std::collections::{BTreeMap, BTreeSet};

/// Names that Watchbell itself gives a meaning.
const RESERVED: &[&str] = &["default", "reply"];

/// One message alone, and one digest.
const LEAST_PER_MINUTE: u32 = 2;

/// How much a recipient is told in a minute where nothing else is written.
pub(super) fn usual(kind: Option<&str>) -> Option<u32> {
    match kind {
        Some("irc") => Some(30),
        Some("email") => Some(3),
        _ => None,
    }
}
/// How many tries may fail before the fallback is told.
const TRIES: std::ops::RangeInclusive<u32> = 1..=100;

/// All targets that are right, and the names of all that are written.
pub(super) fn targets(
    root: &Section<'_>,
    sinks: &BTreeMap<String, &'static str>,
) -> (BTreeMap<String, Target>, BTreeSet<String>) {
    let mut targets = BTreeMap::new();
    let mut names = BTreeSet::new();
    let mut fallbacks = BTreeMap::new();
    for (name, section) in root.named("target", &TARGET) {
        check_name(&section, &name);
        if RESERVED.contains(&name.value.as_str()) {
            section.reader.fault(
                &name.spot,
                "has a name that Watchbell keeps for itself",
                "give it another name",
            );
        }
        names.insert(name.value.clone());
        let own_name = name.value.clone();
        let fallback = section.text("fallback");
        let after = section.integer("fallback_after", TRIES);
        if let Some(mut target) = target(&section, &name.value, sinks) {
            let named = fallback.as_ref().map(|written| written.value.clone());
            target.fallback = named.zip(after).map(|(target, after)| Fallback { target, after });
            targets.insert(name.value, target);
        }
        fallbacks.extend(fallback.map(|fallback| (own_name, fallback)));
    }
    fallbacks::check(root.reader, &fallbacks, &names);
    (targets, names)
}

fn target(section: &Section<'_>, name: &str, sinks: &BTreeMap<String, &'static str>) -> Option<Target> {
    let sink = section.text("sink");
    let kind = sink.as_ref().and_then(|sink| kind_of(section, sink, sinks));
    let to = section.texts("to");
    match kind {
        Some(kind @ ("irc" | "email")) => {
            section.require("to");
            for address in to.iter().flat_map(|to| &to.value) {
                check_address(section, kind, address);
            }
        }
        Some("console") if section.has("to") => {
            section.fault("goes to the console, which has no addresses", "remove `to`");
        }
        _ => {}
    }
    let to = match to {
        None => vec![String::new()],
        Some(to) => {
            if to.value.is_empty() {
                section.reader.fault(&to.spot, "is empty", "name at least one address");
            }
            to.value.into_iter().map(|address| address.value).collect()
        }
    };
    let per_minute = section.integer("per_minute", LEAST_PER_MINUTE..=1_000_000).or(usual(kind));
    Some(Target { name: name.to_owned(), sink: sink?.value, to, per_minute, fallback: None })
}

fn kind_of(
    section: &Section<'_>,
    sink: &Written<String>,
    sinks: &BTreeMap<String, &'static str>,
) -> Option<&'static str> {
    let kind = sinks.get(&sink.value).copied();
    if kind.is_none() {
        let message = format!("names the sink `{}`, which is not configured", sink.value);
        let help = if sinks.is_empty() {
            "add one, such as `[sink.console.terminal]`".to_owned()
        } else {
            suggestion(&sink.value, sinks.keys().map(String::as_str))
        };
        section.reader.fault(&sink.spot, message, help);
    }
    kind
}

pub(super) fn check_address(section: &Section<'_>, kind: &str, address: &Written<String>) {
    let text = address.value.as_str();
    let nick = text.strip_prefix("account:").unwrap_or(text);
    if kind == "irc" && !is_channel(text) && !is_nick(nick) {
        let message = format!("has `{text}`, which is neither a channel nor a nick");
        section.reader.fault(
            &address.spot,
            message,
            "a channel is like \"#ops\", without space or comma; several are a list",
        );
    }
    if kind == "email"
        && let Err(cause) = text.parse::<lettre::Address>()
    {
        let message = format!("has `{text}`, which is no mail address: {cause}");
        section.reader.fault(&address.spot, message, "write it like \"dba@example.org\"; several are a list");
    }
}

/// RFC 2812, section 1.3, without its limit of fifty characters.
pub(super) fn is_channel(text: &str) -> bool {
    let allowed = |character: char| !character.is_control() && !character.is_whitespace() && character != ',';
    text.len() > 1 && text.len() <= 200 && text.starts_with(['#', '&', '+', '!']) && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_as_irc_has_them() {
        for (text, expected) in [
            ("#ops", true),
            ("##ops", true),
            ("&local", true),
            ("#öps", true),
            ("#", false),
            ("ops", false),
            ("#o ps", false),
            ("#ops,#dba", false),
            ("#ops\r\nQUIT", false),
            ("#ops\u{7}", false),
        ] {
            assert_eq!(is_channel(text), expected, "{text:?}");
        }
    }
}
