//! Who is this? Lines that wait until `WHOIS` has named their speaker's account,
//! on networks that do not tell it with each line. Pure; time is an argument.
//!
//! Owns: the lines that wait. Promises: each line comes out again, at the latest
//! after the deadline; with an account only if the
//! network named it (330) for the very `user@host` that spoke, and nobody came,
//! went or changed under that nick meanwhile. An answer that comes too late is never
//! taken for that to a later question. Never: grows without bound.

use super::names::{CaseMapping, is_account};
use super::words::Source;
use crate::model::Utterance;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// How long an answer may take, our own waiting for a turn included.
const DEADLINE: Duration = Duration::from_secs(15);
/// How many speakers may wait, and how many lines of each.
const MOST_SPEAKERS: usize = 8;
const MOST_LINES: usize = 8;
/// How long an answer may be late; a connection that is slower is given up.
const LATEST: Duration = Duration::from_secs(120);

/// RPL_ENDOFWHOIS: `<nick> :End of /WHOIS list`
const END_OF_WHOIS: u16 = 318;

/// One speaker who is being looked up.
#[derive(Debug)]
struct Lookup {
    source: Source,
    lines: Vec<Utterance>,
    deadline: Instant,
    asked: bool,
    /// Whether the network described the same `user@host` (311).
    same_host: bool,
    account: Option<String>,
    /// Whether the nick changed hands or account while we asked.
    spoilt: bool,
}

/// All speakers who are being looked up, the oldest first.
#[derive(Debug)]
pub(super) struct Lookups {
    mapping: CaseMapping,
    waiting: VecDeque<Lookup>,
    /// Nicks that were asked for and whose lines wait no longer: an answer may still come,
    /// until this moment.
    late: Vec<(String, Instant)>,
}

impl Lookups {
    /// Nobody yet.
    pub(super) fn new(mapping: CaseMapping) -> Lookups {
        Lookups { mapping, waiting: VecDeque::new(), late: Vec::new() }
    }

    /// Takes a line whose speaker is to be looked up. Gives it back, unknown as
    /// the speaker is, if too many wait.
    pub(super) fn add(&mut self, source: Source, line: Utterance, now: Instant) -> Option<Utterance> {
        if let Some(lookup) = self.waiting.iter_mut().find(|lookup| lookup.source == source) {
            if lookup.lines.len() >= MOST_LINES {
                return Some(line);
            }
            lookup.lines.push(line);
            return None;
        }
        if self.waiting.len() >= MOST_SPEAKERS {
            return Some(line);
        }
        self.waiting.push_back(Lookup {
            source,
            lines: vec![line],
            deadline: now + DEADLINE,
            asked: false,
            same_host: false,
            account: None,
            spoilt: false,
        });
        None
    }

    /// The next nick to ask for.
    pub(super) fn next_nick(&mut self) -> Option<String> {
        let lookup = self.waiting.iter_mut().find(|lookup| !lookup.asked)?;
        lookup.asked = true;
        Some(lookup.source.nick.clone())
    }

    /// Takes a numeric reply; gives out the lines that are settled by it.
    pub(super) fn numeric(&mut self, number: u16, parameters: &[String]) -> Vec<Utterance> {
        let Some(nick) = parameters.get(1) else { return Vec::new() };
        let (mapping, third) = (self.mapping, parameters.get(2));
        if let Some(at) = self.late.iter().position(|(late, _)| mapping.same(late, nick)) {
            if number == END_OF_WHOIS {
                self.late.remove(at);
            }
            return Vec::new();
        }
        let Some(at) =
            self.waiting.iter().position(|lookup| lookup.asked && mapping.same(&lookup.source.nick, nick))
        else {
            return Vec::new();
        };
        let lookup = &mut self.waiting[at];
        match number {
            // RPL_WHOISUSER: <nick> <user> <host> * :<real name>
            311 => {
                lookup.same_host =
                    third == Some(&lookup.source.user) && parameters.get(3) == Some(&lookup.source.host);
            }
            // RPL_WHOISACCOUNT: <nick> <account> :is logged in as
            330 => lookup.account = third.filter(|account| is_account(account)).cloned(),
            END_OF_WHOIS => return self.waiting.remove(at).map(Lookup::settle).unwrap_or_default(),
            _ => {}
        }
        Vec::new()
    }

    /// Somebody with this nick left, changed name or changed account.
    pub(super) fn changed(&mut self, nick: &str) {
        let mapping = self.mapping;
        for lookup in self.waiting.iter_mut().filter(|lookup| mapping.same(&lookup.source.nick, nick)) {
            lookup.spoilt = true;
        }
    }

    /// Gives out the lines that have waited too long, without an account.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Utterance> {
        let mut out = Vec::new();
        while self.waiting.front().is_some_and(|lookup| lookup.deadline <= now) {
            let Some(lookup) = self.waiting.pop_front() else { break };
            if lookup.asked {
                self.late.push((lookup.source.nick, now + LATEST));
            }
            out.extend(lookup.lines);
        }
        self.late.retain(|(_, until)| *until > now);
        out
    }

    /// When [`Lookups::expire`] has something to do.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.waiting.front().map(|lookup| lookup.deadline)
    }
}

impl Lookup {
    fn settle(self) -> Vec<Utterance> {
        let account = self.account.filter(|_| self.same_host && !self.spoilt);
        let mut lines = self.lines;
        for line in &mut lines {
            line.speaker.account.clone_from(&account);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Speaker, Timestamp};

    fn source(nick: &str) -> Source {
        Source { nick: nick.to_owned(), user: "u".to_owned(), host: "h".to_owned() }
    }

    fn line(nick: &str, text: &str) -> Utterance {
        Utterance {
            sink: "lab".to_owned(),
            room: "#ops".to_owned(),
            private: false,
            speaker: Speaker { nick: nick.to_owned(), account: None, local: false },
            text: text.to_owned(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    /// Plays the numerics after one line of `alice` and says which account came out.
    fn account_after(numerics: &[(u16, &str)], spoil: Option<&str>) -> Option<String> {
        let mut lookups = Lookups::new(CaseMapping::Rfc1459);
        assert_eq!(lookups.add(source("alice"), line("alice", "!ack"), Instant::now()), None);
        assert_eq!(lookups.next_nick().as_deref(), Some("alice"));
        assert_eq!(lookups.next_nick(), None);
        if let Some(nick) = spoil {
            lookups.changed(nick);
        }
        let out: Vec<_> = numerics
            .iter()
            .flat_map(|(number, parameters)| lookups.numeric(*number, &words(parameters)))
            .collect();
        assert_eq!(out.len(), 1);
        out[0].speaker.account.clone()
    }

    #[test]
    fn an_account_needs_the_networks_word_for_this_very_speaker() {
        let user = (311, "me alice u h * real");
        let account = (330, "me Alice ally is");
        let end = (318, "me alice End");
        assert_eq!(account_after(&[user, account, end], None).as_deref(), Some("ally"));
        assert_eq!(account_after(&[user, account, end], Some("bob")).as_deref(), Some("ally"));
        assert_eq!(account_after(&[user, end], None), None, "not logged in");
        assert_eq!(account_after(&[user, (307, "me alice is_registered"), end], None), None, "307");
        assert_eq!(account_after(&[(311, "me alice u other * real"), account, end], None), None, "host");
        assert_eq!(account_after(&[account, end], None), None, "no host");
        assert_eq!(account_after(&[user, account, end], Some("ALICE")), None, "changed hands");
        assert_eq!(account_after(&[(401, "me alice No"), end], None), None, "gone");
    }

    #[test]
    fn lines_that_wait_too_long_come_out_unknown_and_in_order() {
        let start = Instant::now();
        let mut lookups = Lookups::new(CaseMapping::Ascii);
        lookups.add(source("alice"), line("alice", "one"), start);
        lookups.add(source("alice"), line("alice", "two"), start + DEADLINE / 2);
        assert_eq!(lookups.next_at(), Some(start + DEADLINE));
        assert_eq!(lookups.expire(start), []);
        let out = lookups.expire(start + DEADLINE);
        assert_eq!(out, [line("alice", "one"), line("alice", "two")]);
        assert_eq!(lookups.next_at(), None);
    }

    #[test]
    fn an_answer_that_comes_too_late_is_none_to_the_next_question() {
        let start = Instant::now();
        let mut lookups = Lookups::new(CaseMapping::Ascii);
        lookups.add(source("alice"), line("alice", "one"), start);
        lookups.next_nick();
        assert_eq!(lookups.expire(start + DEADLINE).len(), 1);
        // Somebody else has the nick by now, behind the same host.
        let late = start + DEADLINE;
        lookups.add(source("alice"), line("alice", "two"), late);
        assert_eq!(lookups.next_nick().as_deref(), Some("alice"));
        let answer = |lookups: &mut Lookups, account: Option<&str>| {
            lookups.numeric(311, &words("me alice u h * real"));
            if let Some(account) = account {
                lookups.numeric(330, &words(&format!("me alice {account} is")));
            }
            lookups.numeric(318, &words("me alice End"))
        };
        assert_eq!(answer(&mut lookups, Some("ally")), [], "the answer to the first question");
        let out = answer(&mut lookups, None);
        assert_eq!((out.len(), out[0].speaker.account.as_deref()), (1, None));
        // What never comes is not waited for.
        lookups.add(source("alice"), line("alice", "three"), late);
        lookups.next_nick();
        lookups.expire(late + DEADLINE);
        lookups.expire(late + DEADLINE + LATEST);
        lookups.add(source("alice"), line("alice", "four"), late + DEADLINE + LATEST);
        lookups.next_nick();
        assert_eq!(answer(&mut lookups, Some("ally"))[0].speaker.account.as_deref(), Some("ally"));
    }

    #[test]
    fn a_name_that_stands_for_nobody_is_no_account() {
        let end = (318, "me alice End");
        for nobody in ["*", "0"] {
            let account = format!("me alice {nobody} is");
            assert_eq!(account_after(&[(311, "me alice u h * real"), (330, &account), end], None), None);
        }
    }

    #[test]
    fn a_crowd_is_not_looked_up_without_bound() {
        let mut lookups = Lookups::new(CaseMapping::Ascii);
        let now = Instant::now();
        let back: Vec<_> = (0..20)
            .filter_map(|number| {
                let nick = format!("n{number}");
                lookups.add(source(&nick), line(&nick, "x"), now)
            })
            .collect();
        assert_eq!(back.len(), 20 - MOST_SPEAKERS);
    }
}
