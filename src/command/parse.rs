//! Reading a command: words in, a typed request or how to write it out.

use super::verbs;
use super::when;
use crate::model::time::{later, parse_duration};
use crate::model::{About, DeliveryId, Timestamp};
use jiff::tz::TimeZone;

/// What somebody asks for. Objects are still as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// `help`, all or of one command.
    Help(Option<String>),
    /// `ping`.
    Ping,
    /// `whoami`.
    Whoami,
    /// `i2status`.
    Status,
    /// `host`.
    Host(String),
    /// `service`.
    Service(String),
    /// `problems`, all or those whose name holds a part.
    Problems(Option<String>),
    /// `mutes`.
    Mutes,
    /// `rules`.
    Rules,
    /// `why`, of an object, an incident or a delivery.
    Why(String),
    /// `why-not`.
    WhyNot {
        /// Which object.
        object: String,
        /// Which target heard nothing.
        target: String,
    },
    /// `dead`, all or of one target.
    Dead(Option<String>),
    /// `dead replay`, by the numbers of deliveries.
    ReplayDead(Vec<DeliveryId>),
    /// `ack`.
    Acknowledge {
        /// Which.
        object: String,
        /// What is being done about it.
        comment: String,
        /// When it ends by itself.
        expiry: Option<Timestamp>,
        /// Whether it survives a change between problem states.
        sticky: bool,
    },
    /// `unack`.
    RemoveAcknowledgement(String),
    /// `comment`.
    Comment {
        /// On which.
        object: String,
        /// The text.
        text: String,
    },
    /// `recheck`.
    Recheck(String),
    /// `mute`.
    Mute {
        /// What: an object or a wildcard pattern.
        what: String,
        /// Until when.
        until: Timestamp,
        /// Why; may be empty.
        reason: String,
    },
    /// `unmute`.
    Unmute(String),
    /// `reload`.
    Reload {
        /// Whether a set is taken whose own tests fail.
        force: bool,
    },
    /// `diff`: how far back.
    Diff(std::time::Duration),
    /// A command that is none of ours: perhaps one of a rule file.
    Other {
        /// The first word.
        name: String,
        /// The words behind it.
        arguments: Vec<String>,
    },
}

/// How long a mute lasts unless it is said.
const MUTE_UNLESS_SAID: std::time::Duration = std::time::Duration::from_secs(3600);

/// How far back rules are compared unless it is said.
const COMPARED_UNLESS_SAID: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Reads a line without the prefix. `Err` holds what to answer.
///
/// A service may be written `host!service`; names are taken as one word.
pub fn parse(line: &str, now: Timestamp, zone: &TimeZone) -> Result<Request, String> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or("").to_ascii_lowercase();
    let rest: Vec<&str> = words.collect();
    let object = || match rest.first() {
        Some(object) => Ok((*object).to_owned()),
        None => Err(usage(&name)),
    };
    let optional = || (!rest.is_empty()).then(|| rest.join(" "));
    match name.as_str() {
        "help" => Ok(Request::Help(rest.first().map(|word| word.to_ascii_lowercase()))),
        "ping" => Ok(Request::Ping),
        "whoami" => Ok(Request::Whoami),
        "i2status" => Ok(Request::Status),
        "host" => Ok(Request::Host(object()?)),
        // `service HOST SERVICE` is what people type first.
        "service" if rest.len() == 2 => Ok(Request::Service(rest.join("!"))),
        "service" => Ok(Request::Service(object()?)),
        "problems" => Ok(Request::Problems(optional())),
        "mutes" => Ok(Request::Mutes),
        "rules" => Ok(Request::Rules),
        "why" => Ok(Request::Why(object()?)),
        "why-not" if rest.len() > 1 => Ok(Request::WhyNot { object: object()?, target: rest[1].to_owned() }),
        "why-not" => Err(usage("why-not")),
        "dead" => dead(&rest),
        "ack" => acknowledge(&object()?, &rest[1..], now, zone),
        "unack" => Ok(Request::RemoveAcknowledgement(object()?)),
        "comment" if rest.len() > 1 => Ok(Request::Comment { object: object()?, text: rest[1..].join(" ") }),
        "comment" => Err(usage("comment")),
        "recheck" => Ok(Request::Recheck(object()?)),
        "mute" => mute(&object()?, &rest[1..], now, zone),
        "unmute" => Ok(Request::Unmute(object()?)),
        "reload" if rest.is_empty() => Ok(Request::Reload { force: false }),
        "reload" if rest == ["force"] => Ok(Request::Reload { force: true }),
        "reload" => Err(usage("reload")),
        "diff" => diff(rest.first().copied()),
        _ => Ok(Request::Other { name, arguments: rest.iter().map(|word| (*word).to_owned()).collect() }),
    }
}

fn usage(name: &str) -> String {
    verbs::find(name)
        .map_or(String::new(), |verb| format!("write: {} {} - {}", verb.name, verb.form, verb.help))
}

fn dead(words: &[&str]) -> Result<Request, String> {
    match words {
        [] => Ok(Request::Dead(None)),
        ["replay", numbers @ ..] if !numbers.is_empty() => {
            let number = |text: &&str| match About::parse(text) {
                About::Delivery(id) => Ok(id),
                _ => Err(format!("`{text}` is no number of a delivery. {}", usage("dead"))),
            };
            numbers.iter().map(number).collect::<Result<_, _>>().map(Request::ReplayDead)
        }
        [target] if *target != "replay" => Ok(Request::Dead(Some((*target).to_owned()))),
        _ => Err(usage("dead")),
    }
}

fn acknowledge(object: &str, words: &[&str], now: Timestamp, zone: &TimeZone) -> Result<Request, String> {
    let mut words = words;
    let mut expiry = None;
    let mut sticky = false;
    loop {
        if words.first() == Some(&"sticky") {
            sticky = true;
            words = &words[1..];
        } else if let (None, Some((moment, used))) =
            (expiry, when::take(words, now, zone).map_err(|error| error.to_string())?)
        {
            expiry = Some(moment);
            words = &words[used..];
        } else {
            break;
        }
    }
    if words.is_empty() {
        return Err(format!("say in a few words what you do about it. {}", usage("ack")));
    }
    Ok(Request::Acknowledge { object: object.to_owned(), comment: words.join(" "), expiry, sticky })
}

fn mute(what: &str, words: &[&str], now: Timestamp, zone: &TimeZone) -> Result<Request, String> {
    let taken = when::take(words, now, zone).map_err(|error| error.to_string())?;
    let (until, used) = taken.unwrap_or((later(now, MUTE_UNLESS_SAID), 0));
    Ok(Request::Mute { what: what.to_owned(), until, reason: words[used..].join(" ") })
}

fn diff(length: Option<&str>) -> Result<Request, String> {
    let length = length.map_or(Ok(COMPARED_UNLESS_SAID), parse_duration);
    length.map(Request::Diff).map_err(|error| format!("{error}. {}", usage("diff")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Request, String> {
        parse(line, Timestamp::from_second(1_700_000_000).expect("a moment"), &TimeZone::UTC)
    }

    fn in_seconds(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).expect("a moment")
    }

    #[test]
    fn each_command_is_read() {
        let ack = |comment: &str, expiry, sticky| Request::Acknowledge {
            object: "#1".to_owned(),
            comment: comment.to_owned(),
            expiry,
            sticky,
        };
        for (line, wanted) in [
            ("ping", Request::Ping),
            ("PING", Request::Ping),
            ("help ack", Request::Help(Some("ack".to_owned()))),
            ("service db1 postgres", Request::Service("db1!postgres".to_owned())),
            ("problems", Request::Problems(None)),
            ("reload", Request::Reload { force: false }),
            ("reload force", Request::Reload { force: true }),
            ("diff", Request::Diff(std::time::Duration::from_secs(86_400))),
            ("diff 2h", Request::Diff(std::time::Duration::from_secs(7200))),
            ("problems db", Request::Problems(Some("db".to_owned()))),
            ("ack #1 looking into it", ack("looking into it", None, false)),
            ("ack #1 for 2h looking", ack("looking", Some(in_seconds(7200)), false)),
            ("ack #1 sticky 2h looking", ack("looking", Some(in_seconds(7200)), true)),
            (
                "mute host2 1h flaky",
                Request::Mute {
                    what: "host2".to_owned(),
                    until: in_seconds(3600),
                    reason: "flaky".to_owned(),
                },
            ),
            (
                "mute host2",
                Request::Mute { what: "host2".to_owned(), until: in_seconds(3600), reason: String::new() },
            ),
            (
                "comment db1 moved to rack 7",
                Request::Comment { object: "db1".to_owned(), text: "moved to rack 7".to_owned() },
            ),
            (
                "freeze dba now",
                Request::Other {
                    name: "freeze".to_owned(),
                    arguments: vec!["dba".to_owned(), "now".to_owned()],
                },
            ),
        ] {
            assert_eq!(read(line), Ok(wanted), "{line}");
        }
    }

    #[test]
    fn what_is_incomplete_is_answered_with_its_form() {
        for (line, words) in [
            ("ack", "write: ack OBJECT"),
            ("ack #1", "say in a few words"),
            ("ack #1 for 2h", "say in a few words"),
            ("ack #1 for ever", "`ever` is not a time"),
            ("comment db1", "write: comment OBJECT TEXT"),
            ("host", "write: host HOST"),
            ("unmute", "write: unmute"),
            ("reload forse", "write: reload [force]"),
            ("why", "write: why OBJECT|#N|D12"),
            ("why-not db1", "write: why-not OBJECT TARGET"),
            ("diff soon", "write: diff [24h]"),
        ] {
            let answer = read(line).expect_err(line);
            assert!(answer.contains(words), "{line}: {answer}");
        }
    }

    #[test]
    fn every_command_of_the_table_is_read_as_itself() {
        for verb in verbs::VERBS {
            let line = format!("{} a 1h b", verb.name);
            assert!(!matches!(read(&line), Ok(Request::Other { .. })), "{}", verb.name);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in ".{0,200}") {
            let _ = read(&line);
        }
    }
}
