//! Reading a command: words in, a typed request or how to write it out.

use super::request::Request;
use super::verbs::{self, Verb};
use super::words::Words;
use crate::model::Timestamp;
use jiff::tz::TimeZone;

/// Commands that end with their objects, of which there may be several.
const TAKE_LISTS: &[&str] = &["unack", "undowntime", "recheck", "unmute"];
/// How these are written.
const SEVERAL: &str = "; several are joined with commas, such as #1,#2";

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
        let mut words = Words::new(verb.usage(), &words[used..], now, zone);
        let request = (verb.read)(&mut words)?;
        // Whoever writes two objects means both. To a command that takes no words they are talk.
        if !verb.form.is_empty() && !words.is_empty() {
            let several = if TAKE_LISTS.contains(&verb.name) { SEVERAL } else { "" };
            return Err(words.too_much() + several);
        }
        return Ok(Command { verb: Some(verb), request });
    }
    let name = names.first().map_or(String::new(), |name| (*name).to_owned());
    let arguments = words.iter().skip(1).map(|word| (*word).to_owned()).collect();
    Ok(Command { verb: None, request: Request::Other { name, arguments } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::request::{Acknowledging, Scheduling};

    fn read(line: &str) -> Result<Request, String> {
        parse(line, Timestamp::from_second(1_700_000_000).expect("a moment"), &TimeZone::UTC)
            .map(|command| command.request)
    }

    fn in_seconds(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).expect("a moment")
    }

    #[test]
    fn each_command_is_read() {
        let ack = |comment: &str, expiry, sticky| {
            let (objects, comment) = ("#1".to_owned(), comment.to_owned());
            Request::Acknowledge(Acknowledging { objects, comment, expiry, sticky, notify: true })
        };
        let downtime = |start, end| {
            let (objects, comment) = ("db1".to_owned(), "new disks".to_owned());
            let (start, end) = (in_seconds(start), in_seconds(end));
            Scheduling { objects, comment, start, end, flexible: None, services: false, children: false }
        };
        for (line, wanted) in [
            ("ping", Request::Ping),
            ("PING", Request::Ping),
            ("help ack", Request::Help(Some("ack".to_owned()))),
            ("service db1 postgres", Request::Service("db1!postgres".to_owned())),
            ("problems", Request::Problems(vec![])),
            ("reload", Request::Reload { force: false }),
            ("reload force", Request::Reload { force: true }),
            ("dead", Request::Dead(None)),
            ("dead ops", Request::Dead(Some("ops".to_owned()))),
            ("dead replay D12 d13", Request::ReplayDead(vec![12, 13])),
            ("diff", Request::Diff(std::time::Duration::from_secs(86_400))),
            ("diff 2h", Request::Diff(std::time::Duration::from_secs(7200))),
            ("problems db critical", Request::Problems(vec!["db".to_owned(), "critical".to_owned()])),
            ("history #3", Request::History { object: "#3".to_owned(), count: 5 }),
            ("history db1 9", Request::History { object: "db1".to_owned(), count: 9 }),
            // 1 700 000 000 is 22:13:20.
            ("downtime db1 new disks", Request::Downtime(downtime(0, 3600))),
            ("downtime db1 for 2h new disks", Request::Downtime(downtime(0, 7200))),
            ("downtime db1 from now until 23:13 new disks", Request::Downtime(downtime(0, 3580))),
            ("downtime db1 from 23:13 until 23:43 new disks", Request::Downtime(downtime(3580, 5380))),
            ("downtime db1 from 23:13 for 2h new disks", Request::Downtime(downtime(3580, 10_780))),
            (
                "downtime db1 services flexible 30m children 2h new disks",
                Request::Downtime(Scheduling {
                    flexible: Some(std::time::Duration::from_secs(1800)),
                    services: true,
                    children: true,
                    ..downtime(0, 7200)
                }),
            ),
            ("downtimes db", Request::Downtimes(Some("db".to_owned()))),
            ("undowntime db1!x", Request::RemoveDowntimes("db1!x".to_owned())),
            ("notify db1 call me", Request::Notify { objects: "db1".to_owned(), text: "call me".to_owned() }),
            ("yes", Request::Yes),
            ("again", Request::Again),
            ("!", Request::Again),
            ("ack #1 looking into it", ack("looking into it", None, false)),
            ("ack #1 for 2h looking", ack("looking", Some(in_seconds(7200)), false)),
            ("ack #1 sticky 2h looking", ack("looking", Some(in_seconds(7200)), true)),
            ("ack #1 for 2h", ack("", Some(in_seconds(7200)), false)),
            (
                "ack db1,db2 quiet looking",
                Request::Acknowledge(Acknowledging {
                    objects: "db1,db2".to_owned(),
                    comment: "looking".to_owned(),
                    expiry: None,
                    sticky: false,
                    notify: false,
                }),
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
            ("history db1 0", "say how many, from 1 to 9"),
            ("history db1 many", "say how many, from 1 to 9"),
            ("downtime db1 for 2h", "say in a few words why"),
            ("downtime db1 from 23:00 new disks", "say until when"),
            ("downtime db1 from 2020-01-01 9:00 until 10:00 x", "2020-01-01 9:00 is in the past"),
            ("downtime db1 from 2030-01-02 9:00 until 2030-01-01 x", "2030-01-01 lies before its beginning"),
            ("downtime db1 flexible soon x", "`soon` is not"),
            ("downtime db1 until 22:00 from 21:00 x", "say when it begins before it ends, as in from 22:00"),
            ("downtime db1 -2h x", "`-2h` is not a time"),
            ("ack #1 0m x", "`0m` is not a time"),
            ("quiet 0m", "`0m` is not a time"),
            ("notify db1", "write: notify OBJECT TEXT"),
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
            (
                "recheck db1 db2",
                "`db2` is too much. write: recheck OBJECT - check it now; several are joined",
            ),
            (
                "unmute m1 m2 m3",
                "`m2 m3` is too much. write: unmute M3|OBJECT - hear of it again; several are joined with commas",
            ),
            ("override cancel o1 o2", "`o2` is too much. write: override cancel O3"),
            ("override dba bob from 2030-01-02 until 2030-01-01", "2030-01-01 lies before its beginning"),
            ("override dba bob until 2001-01-01", "2001-01-01 is in the past"),
            ("unack db1 please", "`please` is too much"),
            ("watch db1 db2", "`db2` is too much"),
            ("quiet 2h db1", "`db1` is too much"),
            ("take #1 #2", "`#2` is too much"),
            ("test ops dba", "`dba` is too much"),
            ("why db1 dba", "`dba` is too much"),
            (
                "mute db1 state!=DOWN 4h",
                "`state!=DOWN` is a condition, and `db1` is none. write: mute OBJECT",
            ),
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
