//! Reading a command: words in, a typed request or how to write it out.

use super::request::Request;
use super::verbs::{self, Verb};
use super::words::Words;
use crate::model::Timestamp;
use jiff::tz::TimeZone;

/// A command that was understood.
#[derive(Clone)]
pub struct Command {
    /// Which built-in command it is; `None` for [`Request::Other`].
    pub verb: Option<&'static Verb>,
    /// What is asked.
    pub request: Request,
}

/// Reads a line without the prefix. `Err` holds what to answer.
///
/// A service may be written `host!service`; names are taken as one word.
pub fn parse(line: &str, now: Timestamp, zone: &TimeZone) -> Result<Command, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let names: Vec<String> = words.iter().take(2).map(|word| word.to_ascii_lowercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if let Some((verb, used)) = verbs::find_front(&names) {
        let request = (verb.read)(&mut Words::new(verb.usage(), &words[used..], now, zone))?;
        return Ok(Command { verb: Some(verb), request });
    }
    let name = names.first().map_or(String::new(), |name| (*name).to_owned());
    let arguments = words.iter().skip(1).map(|word| (*word).to_owned()).collect();
    Ok(Command { verb: None, request: Request::Other { name, arguments } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Request, String> {
        parse(line, Timestamp::from_second(1_700_000_000).expect("a moment"), &TimeZone::UTC)
            .map(|command| command.request)
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
            ("dead", Request::Dead(None)),
            ("dead ops", Request::Dead(Some("ops".to_owned()))),
            ("dead replay D12 d13", Request::ReplayDead(vec![12, 13])),
            ("diff", Request::Diff(std::time::Duration::from_secs(86_400))),
            ("diff 2h", Request::Diff(std::time::Duration::from_secs(7200))),
            ("problems db", Request::Problems(Some("db".to_owned()))),
            ("ack #1 looking into it", ack("looking into it", None, false)),
            ("ack #1 for 2h looking", ack("looking", Some(in_seconds(7200)), false)),
            ("ack #1 sticky 2h looking", ack("looking", Some(in_seconds(7200)), true)),
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
            ("dead replay", "write: dead replay D12"),
            ("dead replay ops", "`ops` is no number of a delivery"),
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
            for name in std::iter::once(&verb.name).chain(verb.aliases) {
                let line = format!("{name} a 1h b");
                assert!(!matches!(read(&line), Ok(Request::Other { .. })), "{name}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in ".{0,200}") {
            let _ = read(&line);
        }
    }
}
