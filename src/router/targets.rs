//! From a target's name to finished deliveries.
//!
//! Owns: who gets a message, and a delivery's key. Promises: a notification is
//! never lost for a wrong target name; it goes to the default target and says so.

use super::Templates;
use crate::config::{Config, SinkSettings, Target};
use crate::model::event::Digest;
use crate::model::identity::digest;
use crate::model::{Brief, Delivery, Detail, Event, Message, Scene, State, Status, Timestamp};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// What stands for the type of event in what Watchbell says of itself.
const NOTICE: &str = "Notice";

/// Where a target's messages go.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// The target that is told.
    pub target: &'a Target,
    /// The sink it goes through.
    pub sink: &'a SinkSettings,
    /// Whether this is the default target because the name asked for is unknown.
    pub astray: bool,
}

/// Finds the target with this name, or else the default one. `default` means the
/// default one unless a target is called so. `None` only where the configuration
/// breaks its promise that the default target and all sinks exist.
pub fn route<'a>(config: &'a Config, name: &str) -> Option<Route<'a>> {
    let named = config.targets.get(name);
    let target = named.or_else(|| config.targets.get(&config.default_target))?;
    let sink = config.sinks.get(&target.sink)?;
    Some(Route { target, sink, astray: named.is_none() && name != "default" })
}

/// What a storm is told as, through this sink.
pub fn storm(
    digest: Digest,
    templates: &Templates,
    sink: &SinkSettings,
    zone: &TimeZone,
    now: Timestamp,
) -> Message {
    let event = Event::ours(now, Detail::Digest(digest));
    let status = Arc::<Status>::default();
    let host_status = status.clone();
    let scene = Scene { event, now, host: None, service: None, status, host_status, incident: None };
    templates.render(&Arc::new(scene), &sink.name, sink.kind.name(), zone)
}

/// Renders an event once for a target and addresses it to each of its recipients,
/// in the configuration's order. `rule` says who decided it: `file:line name`.
///
/// The same event, rule, target and recipient yield the same key whenever it is
/// decided again. `template` is said instead of the one of the event's type.
pub fn deliveries(
    scene: &Arc<Scene>,
    target: &str,
    rule: &str,
    templates: &Templates,
    config: &Config,
    at: Timestamp,
    template: Option<&str>,
) -> Vec<Delivery> {
    let Some(route) = route(config, target).map(|route| past_the_fault(config, route, &scene.event)) else {
        tracing::error!(target, rule, "there is neither this target nor a default one; nobody is told");
        return Vec::new();
    };
    let mut message = message(scene, route.target, route.sink, templates, config, template);
    if route.astray {
        let name = super::escape::one_line(target);
        message.append(&format!(" [there is no target `{name}`; `{}` is told instead]", route.target.name));
    }
    let event = &scene.event;
    let identity = event.identity();
    let brief = Brief::of(scene);
    let address = |recipient: &String| Delivery {
        id: 0,
        key: digest(&[&identity, rule, &route.target.name, recipient]),
        at,
        sink: route.sink.name.clone(),
        target: route.target.name.clone(),
        recipient: recipient.clone(),
        event: event.event_type().name().to_owned(),
        object: event.object.as_ref().map_or_else(String::new, |object| object.name().to_owned()),
        incident: scene.incident.as_ref().map(|incident| incident.id.0),
        rule: rule.to_owned(),
        message: message.clone(),
        brief: brief.clone(),
        attempts: 0,
        revived: None,
    };
    route.target.to.iter().map(address).collect()
}

/// What Watchbell has to say of itself in its own words, for the default target: neither
/// rules nor templates are asked, so that nothing can be wrong with them.
pub fn notice(config: &Config, subject: &str, words: &str, at: Timestamp) -> Vec<Delivery> {
    let Some(route) = route(config, &config.default_target) else { return Vec::new() };
    let severity = State::Critical.severity();
    let message = Message {
        text: format!("Watchbell: {}", super::escape::one_line(words)),
        subject: Some(format!("Watchbell: {subject}")),
        severity,
        ..Message::default()
    };
    let address = |recipient: &String| Delivery {
        id: 0,
        key: digest(&[NOTICE, words, &at.to_string(), recipient]),
        at,
        sink: route.sink.name.clone(),
        target: route.target.name.clone(),
        recipient: recipient.clone(),
        event: NOTICE.to_owned(),
        object: String::new(),
        incident: None,
        rule: "watchbell".to_owned(),
        message: message.clone(),
        brief: Brief::default(),
        attempts: 0,
        revived: None,
    };
    route.target.to.iter().map(address).collect()
}

/// What an event says to a target, and besides to the target's fallback, each as its own
/// sink says it.
fn message(
    scene: &Arc<Scene>,
    target: &Target,
    sink: &SinkSettings,
    templates: &Templates,
    config: &Config,
    template: Option<&str>,
) -> Message {
    let mut message = templates.render_as(template, scene, &sink.name, sink.kind.name(), &config.zone);
    let fallback = fallback(config, target).and_then(|next| Some((next, config.sinks.get(&next.sink)?)));
    message.fallback =
        fallback.map(|(next, sink)| Box::new(self::message(scene, next, sink, templates, config, template)));
    message
}

fn fallback<'a>(config: &'a Config, target: &Target) -> Option<&'a Target> {
    config.targets.get(&target.fallback.as_ref()?.target)
}

/// What tells a fault of a sink goes past that sink: to the nearest fallback with another,
/// or else to the first target by name with another; where there is none, as it was meant.
fn past_the_fault<'a>(config: &'a Config, route: Route<'a>, event: &Event) -> Route<'a> {
    let Some(faulty) = event.faulty_sink().filter(|faulty| *faulty == route.sink.name) else { return route };
    let fallbacks = std::iter::successors(fallback(config, route.target), |target| fallback(config, target));
    let other = fallbacks.chain(config.targets.values()).find(|target| target.sink != faulty);
    let found =
        other.and_then(|target| Some(Route { target, sink: config.sinks.get(&target.sink)?, ..route }));
    found.unwrap_or(route)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConsoleSettings, Fallback, SinkKind};
    use crate::model::Detail;
    use crate::router::samples;
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    fn config() -> Config {
        let kind = SinkKind::Console(ConsoleSettings { zone: jiff::tz::TimeZone::UTC });
        let sink = SinkSettings { name: "screen".to_owned(), kind };
        let target = |name: &str, to: &[&str]| {
            let to = to.iter().map(|address| (*address).to_owned()).collect();
            let sink = "screen".to_owned();
            (name.to_owned(), Target { name: name.to_owned(), sink, to, per_minute: None, fallback: None })
        };
        Config {
            sinks: BTreeMap::from([("screen".to_owned(), sink)]),
            targets: BTreeMap::from([target("ops", &["#ops", "#noc"]), target("dba", &["#dba"])]),
            default_target: "ops".to_owned(),
            mirror_mutes: false,
            zone: jiff::tz::TimeZone::UTC,
            ..crate::config::builtin(PathBuf::new(), PathBuf::new())
        }
    }

    fn decide(target: &str, rule: &str) -> Vec<Delivery> {
        let templates = Templates::built_in().expect("the shipped templates are sound");
        let scene = &samples::all()[0].scene;
        deliveries(scene, target, rule, &templates, &config(), scene.now, None)
    }

    #[test]
    fn every_recipient_gets_a_delivery_with_a_key_of_its_own() {
        let decided = decide("ops", "50-route.rhai:3 all to ops");
        let recipients: Vec<&str> = decided.iter().map(|delivery| &*delivery.recipient).collect();
        assert_eq!(recipients, ["#ops", "#noc"]);
        assert_ne!(decided[0].key, decided[1].key);
        assert_eq!(decided[0].key.len(), 64);
    }

    #[test]
    fn deciding_again_yields_the_same_keys_and_another_rule_others() {
        let (first, again, other) = (decide("ops", "a:1 a"), decide("ops", "a:1 a"), decide("ops", "a:2 b"));
        assert_eq!(first, again);
        assert_ne!(first[0].key, other[0].key);
        assert_ne!(first[0].key, decide("dba", "a:1 a")[0].key);
    }

    /// `screen` and `door` are sinks, `ops` and `dba` go by the first, `boss` by the other.
    fn with_two_sinks(fallback: Option<&str>) -> Config {
        let mut config = config();
        let door = SinkSettings { name: "door".to_owned(), ..config.sinks["screen"].clone() };
        config.sinks.insert("door".to_owned(), door);
        for name in ["boss", "aunt"] {
            let other =
                Target { name: name.to_owned(), sink: "door".to_owned(), ..config.targets["dba"].clone() };
            config.targets.insert(name.to_owned(), other);
        }
        let fallback = fallback.map(|target| Fallback { target: target.to_owned(), after: 5 });
        config.targets.get_mut("ops").expect("it is there").fallback = fallback;
        config
    }

    #[test]
    fn a_fault_of_a_sink_is_told_past_that_sink() {
        let templates = Templates::built_in().expect("the shipped templates are sound");
        let tells = |name: &str, sink: &str, config: &Config| {
            let samples = samples::all();
            let sample = samples.iter().find(|sample| sample.scene.event.event_type().name() == name);
            let mut scene = (*sample.expect("there is one").scene).clone();
            match &mut scene.event.detail {
                Detail::SinkOutage(outage) => outage.sink = sink.to_owned(),
                Detail::DeliveryFailed(failed) => failed.sink = sink.to_owned(),
                _ => {}
            }
            let decided =
                deliveries(&Arc::new(scene), "ops", "a:1 a", &templates, config, Timestamp::UNIX_EPOCH, None);
            (decided[0].target.clone(), decided[0].sink.clone())
        };
        for (name, sink, fallback, expected) in [
            ("SinkOutage", "screen", Some("boss"), "boss"),
            ("SinkOutage", "screen", None, "aunt"),
            ("SinkOutage", "screen", Some("dba"), "aunt"),
            ("SinkOutage", "door", Some("boss"), "ops"),
            ("DeliveryFailed", "screen", Some("boss"), "boss"),
            ("DeliveryFailed", "door", None, "ops"),
            ("StateChange", "screen", Some("boss"), "ops"),
        ] {
            let (target, by) = tells(name, sink, &with_two_sinks(fallback));
            assert_eq!(target, expected, "{name} of {sink} with {fallback:?}");
            assert_eq!(by, if expected == "ops" { "screen" } else { "door" });
        }
        assert_eq!(tells("SinkOutage", "screen", &config()).0, "ops", "there is no other sink");
    }

    #[test]
    fn a_target_with_a_fallback_has_the_words_for_it_ready() {
        let templates = Templates::built_in().expect("the shipped templates are sound");
        let scene = &samples::all()[0].scene;
        let decided =
            |config: &Config| deliveries(scene, "ops", "a:1 a", &templates, config, scene.now, None);
        let message = decided(&with_two_sinks(Some("boss")))[0].message.clone();
        assert_eq!(message.fallback.expect("it is ready").text, message.text);
        assert_eq!(decided(&with_two_sinks(None))[0].message.fallback, None);
    }

    #[test]
    fn an_unknown_target_is_no_silence() {
        let decided = decide("opps", "a:1 a");
        assert_eq!(decided[0].target, "ops");
        assert!(decided[0].message.text.ends_with("[there is no target `opps`; `ops` is told instead]"));
        assert!(!decide("default", "a:1 a")[0].message.text.contains("there is no target"));
    }
}
