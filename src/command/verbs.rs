//! The one table of built-in commands: name, aliases, form, help, who may, and how it is read.
//!
//! A new command is one entry here, one variant in `Request`, and one arm in the file of
//! `engine/answers/` whose topic it is.

use super::code;
use super::reading;
use super::request::Request;
use super::right::Right;
use super::words::Words;

/// One built-in command.
#[derive(Clone, Copy)]
pub struct Verb {
    /// Its name: one word, or two such as `dead replay`.
    pub name: &'static str,
    /// Other names that mean the same.
    pub aliases: &'static [&'static str],
    /// What follows the name.
    pub form: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// Who may use it.
    pub right: Right<'static>,
    /// How one writes it, for the reference; may be empty.
    pub example: &'static str,
    /// What may stand behind the name. `Err` holds what to answer.
    pub read: fn(&mut Words<'_>) -> Result<Request, String>,
}

type Read = fn(&mut Words<'_>) -> Result<Request, String>;

const fn verb(
    right: Right<'static>,
    name: &'static str,
    form: &'static str,
    help: &'static str,
    read: Read,
) -> Verb {
    Verb { name, aliases: &[], form, help, right, example: "", read }
}

const fn reads(name: &'static str, form: &'static str, help: &'static str, read: Read) -> Verb {
    verb(Right::Reads, name, form, help, read)
}

const fn admin(name: &'static str, form: &'static str, help: &'static str, read: Read) -> Verb {
    verb(Right::Admin, name, form, help, read)
}

const fn operator(name: &'static str, form: &'static str, help: &'static str, read: Read) -> Verb {
    verb(Right::Operator, name, form, help, read)
}

impl Verb {
    /// The same by other names, too.
    const fn also(self, aliases: &'static [&'static str]) -> Verb {
        Verb { aliases, ..self }
    }

    /// The same with an example for the reference.
    const fn such_as(self, example: &'static str) -> Verb {
        Verb { example, ..self }
    }

    /// Its name and form, as one writes it without the prefix.
    pub fn written(&self) -> String {
        if self.form.is_empty() { self.name.to_owned() } else { format!("{} {}", self.name, self.form) }
    }

    /// How it is written and what it does: the answer where a word is missing.
    pub fn usage(&self) -> String {
        format!("write: {} - {}", self.written(), self.help)
    }

    /// Whether it goes by this name.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// The name of the command that has done what waits for it.
pub const YES: &str = "yes";
/// The name of the command that says the last one again.
pub const AGAIN: &str = "again";
/// The same as one types it behind a prefix that is `!`, too.
pub const SHOUTED: &str = "!";

/// All built-in commands, in the order of `help`.
pub static VERBS: &[Verb] = &[
    reads("help", "[COMMAND]", "the commands you may use, or one of them in full", |words| {
        Ok(Request::Help((!words.is_empty()).then(|| words.rest().to_ascii_lowercase())))
    })
    .such_as("help ack"),
    reads("ping", "", "answers at once", |_| Ok(Request::Ping)),
    reads("whoami", "", "who you are to Watchbell, and what you may do", |_| Ok(Request::Whoami)),
    reads(
        "code",
        code::FORM,
        "do something as this person, whom a one-time code proves you to be",
        |words| Err(words.usage()),
    ),
    reads("i2status", "", "counts of hosts and services, what is not handled, and how Watchbell is", |_| {
        Ok(Request::Status)
    }),
    reads("host", "HOST", "state of a host and its services in trouble", |words| {
        Ok(Request::Host(words.one()?))
    })
    .such_as("host db1"),
    reads("service", "HOST!SERVICE", "state of a service", reading::service)
    .such_as("service db1!postgres"),
    reads(
        "problems",
        "[PART | STATE | unhandled | FIELD=VALUE ...]",
        "what is broken now, worst first; of it, what fits each word",
        |words| Ok(Request::Problems(words.all().iter().map(|word| (*word).to_owned()).collect())),
    )
    .such_as("problems critical host.vars.team=shop"),
    reads(
        "history",
        "OBJECT [N]",
        "what happened to it lately, and what was done with each",
        reading::history,
    )
    .such_as("history #42 9"),
    reads("downtimes", "[PART]", "the downtimes there are, by whom, why and until when", |words| {
        Ok(Request::Downtimes((!words.is_empty()).then(|| words.rest())))
    })
    .such_as("downtimes db"),
    reads("mutes", "", "what is muted, by whom, why and until when", |_| Ok(Request::Mutes)),
    reads("rules", "", "the rules in force", |_| Ok(Request::Rules)),
    reads("why", "OBJECT|#N|D12", "what was decided, by which rule, and who was told", |words| {
        Ok(Request::Why(words.one()?))
    })
    .such_as("why #42"),
    reads("why-not", "OBJECT TARGET", "why a target did not hear of the newest problem", |words| {
        Ok(Request::WhyNot { object: words.one()?, target: words.one()? })
    })
    .such_as("why-not db1 dba"),
    reads("route", "OBJECT STATE", "who would be told if this state came now, and what would follow within 1h", |words| {
        Ok(Request::Route { object: words.one()?, state: words.one()? })
    })
    .such_as("route db1 DOWN"),
    reads("dead", "[TARGET]", "what was given up", |words| {
        let target = words.optional().map(str::to_owned);
        if words.is_empty() { Ok(Request::Dead(target)) } else { Err(words.usage()) }
    })
    .such_as("dead ops"),
    operator("dead replay", "D12 ...", "send after all what was given up", reading::replay_dead)
    .such_as("dead replay d12 d13"),
    operator(
        "ack",
        "OBJECT [for 2h | until fri 9:00] [sticky] [quiet] COMMENT",
        "acknowledge a problem in Icinga, or with a time extend that; quiet: Icinga tells nobody",
        reading::acknowledge,
    )
    .also(&["acknowledge"])
    .such_as("ack #42 for 2h looking into it"),
    operator("unack", "OBJECT", "remove an acknowledgement", |words| {
        Ok(Request::RemoveAcknowledgement(words.one()?))
    })
    .such_as("unack #42"),
    operator("comment", "OBJECT TEXT", "add a comment in Icinga", reading::comment)
    .such_as("comment db1 moved to rack 7"),
    operator(
        "downtime",
        "OBJECT [for 2h | from 22:00 until 23:30] [flexible 30m] [services] [children] COMMENT",
        "a downtime in Icinga, of an hour unless said; with its services, with what depends on it",
        reading::downtime,
    )
    .such_as("downtime db1 from 22:00 until 23:30 services new disks"),
    operator(
        "undowntime",
        "OBJECT|NAME",
        "remove the downtimes of an object, or one by its full name",
        |words| Ok(Request::RemoveDowntimes(words.one()?)),
    )
    .such_as("undowntime db1"),
    operator("recheck", "OBJECT", "check it now", |words| Ok(Request::Recheck(words.one()?)))
    .such_as("recheck #1,#2"),
    operator("notify", "OBJECT TEXT", "have Icinga tell its own users something of it", reading::notify)
    .such_as("notify db1 please call me"),
    operator(
        "mute",
        "OBJECT|PATTERN|FIELD=VALUE ... [1h | until 18:00 | until ok] [every tue 02:00-04:00] [unused 7d] [mirror] [REASON]",
        "hear nothing of it for a time; a host's services with it",
        reading::mute,
    )
    .such_as("mute db1 until 18:00 reboots"),
    operator("unmute", "M3|OBJECT", "hear of it again", |words| Ok(Request::Unmute(words.one()?)))
    .such_as("unmute m3"),
    reads(
        "watch",
        "[OBJECT]",
        "hear of each change of it in private until it is well; alone, what you watch",
        reading::watch,
    ),
    reads("unwatch", "OBJECT|all", "watch it no longer", |words| Ok(Request::Unwatch(words.one()?))),
    reads("quiet", "2h|off", "hear in private only what is CRITICAL or DOWN", reading::quiet),
    reads(
        "oncall",
        "[SCHEDULE] [at fri 3:00]",
        "who is on call, until when, and who is next",
        reading::oncall,
    ),
    reads("overrides", "", "who is on call out of turn, by whom, and until when", |_| Ok(Request::Overrides)),
    reads(
        "override",
        "SCHEDULE PERSON [from fri 18:00] until 18:00|for 2h [REASON]",
        "have somebody on call out of turn; members of the schedule and operators may",
        reading::override_turn,
    ),
    reads(
        "override cancel",
        "O3",
        "take that back; members of the schedule and operators may",
        reading::cancel_override,
    ),
    reads(
        "swap",
        "SCHEDULE PERSON PERSON [fri]",
        "trade two turns; members of the schedule and operators may",
        reading::swap,
    )
    .also(&["cover"]),
    operator("escalate", "OBJECT [POLICY]", "call the next step now, or begin an escalation", |words| {
        Ok(Request::Escalate { object: words.one()?, policy: words.optional().map(str::to_owned) })
    }),
    operator("take", "OBJECT", "work on a problem: nobody else is called until you release it", |words| {
        Ok(Request::Take(words.one()?))
    }),
    operator("release", "OBJECT", "work on it no more: the next step is called", |words| {
        Ok(Request::Release(words.one()?))
    }),
    operator(
        "page",
        "WHO TEXT",
        "call people now: a person, schedule:NAME, role:NAME or a target",
        reading::page,
    ),
    operator(
        "reload",
        "[force]",
        "read rules and templates again now; by force, even if their tests fail",
        reading::reload,
    )
    .such_as("reload"),
    admin("test", "TARGET", "tell a target that this is a test", |words| Ok(Request::Test(words.one()?)))
    .such_as("test ops"),
    admin(
        "drill",
        "OBJECT [STATE] [POLICY]",
        "tell all who would hear of a state, the worst unless said, that it is a drill; who was reached is said then",
        reading::drill,
    )
    .such_as("drill db1 DOWN dba"),
    admin("join", "#ROOM", "come into a room of this network, until the next start", |words| {
        Ok(Request::Join(words.one()?))
    })
    .such_as("join #dev"),
    admin("part", "#ROOM", "leave a room that was joined so", |words| Ok(Request::Part(words.one()?)))
    .such_as("part #dev"),
    reads(YES, "", "do what was shown and waits for it, within 60 s", |_| Ok(Request::Yes)),
    reads(AGAIN, "", "your last command here once more", |_| Ok(Request::Again)).also(&[SHOUTED]),
    operator(
        "diff",
        "[24h]",
        "what the candidate rules would have told otherwise in this time",
        reading::diff,
    )
    .such_as("diff 24h"),
];

/// Finds a command by its name or by another name of it.
pub fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.is_called(name))
}

/// Finds the command that a line begins with, in lower case: the longest name that fits,
/// and how many words it takes.
pub fn find_front(words: &[&str]) -> Option<(&'static Verb, usize)> {
    (1..=words.len().min(2)).rev().find_map(|count| Some((find(&words[..count].join(" "))?, count)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_name_means_two_commands() {
        let mut seen = BTreeSet::new();
        for name in VERBS.iter().flat_map(|verb| std::iter::once(&verb.name).chain(verb.aliases)) {
            assert!(seen.insert(*name), "`{name}` means two commands");
            assert_eq!(name.to_ascii_lowercase(), *name, "commands are read in lower case");
        }
    }

    #[test]
    fn every_example_is_read_as_what_it_is_for() {
        for verb in VERBS.iter().filter(|verb| !verb.example.is_empty()) {
            let words: Vec<&str> = verb.example.split(' ').collect();
            let (found, used) = find_front(&words).expect(verb.example);
            assert_eq!(found.name, verb.name, "{}", verb.example);
            let zone = jiff::tz::TimeZone::UTC;
            let mut words = Words::new(verb.usage(), &words[used..], jiff::Timestamp::UNIX_EPOCH, &zone);
            assert!((verb.read)(&mut words).is_ok(), "{}", verb.example);
        }
    }

    #[test]
    fn the_longest_name_is_meant() {
        let found = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            find_front(&words).map(|(verb, used)| (verb.name, used))
        };
        assert_eq!(found("dead replay D1"), Some(("dead replay", 2)));
        assert_eq!(found("dead ops"), Some(("dead", 1)));
        assert_eq!(found("acknowledge db1"), Some(("ack", 1)));
        assert_eq!(found("replay dead"), None);
    }
}
