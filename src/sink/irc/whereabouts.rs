//! Where is somebody? Finds the nick under which an account is on the network now. Pure; time
//! is an argument.
//!
//! Owns: the delivery that waits for the answer, and the nicks that accounts were seen under.
//! Promises: nothing is said to a nick unless the network has just named (330) the account
//! that it is for, and nobody came, went or changed under that nick since. Never: grows without
//! bound, takes a nick for an identity.

use super::delivery::Job;
use super::names::CaseMapping;
use crate::sink::{Receipt, SendError};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::oneshot::Sender;
use tokio::time::Instant;

/// What stands in front of an account in a recipient.
const MARK: &str = "account:";
/// How long the answer may take, our own waiting for a turn included.
const DEADLINE: Duration = Duration::from_secs(15);
/// How many accounts are remembered.
const MOST_SEEN: usize = 1000;

/// The account that a recipient names, if it names one.
pub(super) fn account(recipient: &str) -> Option<&str> {
    recipient.strip_prefix(MARK)
}

/// Somebody who is being looked for.
struct Search {
    account: String,
    nick: String,
    job: Job,
    deadline: Instant,
    asked: bool,
    found: bool,
    spoilt: bool,
}

/// What came of a search.
pub(super) enum Found {
    /// They are here, under the nick that the job now names.
    Here(Job),
    /// They are not.
    Nowhere(Sender<Result<Receipt, SendError>>, String),
}

/// Who is looked for, and who was seen.
pub(super) struct Whereabouts {
    mapping: CaseMapping,
    search: Option<Search>,
    /// The newest nick of each account, by the account in small letters.
    seen: BTreeMap<String, String>,
}

impl Whereabouts {
    /// Nobody was seen yet.
    pub(super) fn new(mapping: CaseMapping) -> Whereabouts {
        Whereabouts { mapping, search: None, seen: BTreeMap::new() }
    }

    /// The network says that an account speaks under this nick.
    pub(super) fn seen(&mut self, account: &str, nick: &str) {
        let account = account.to_lowercase();
        if self.seen.len() < MOST_SEEN || self.seen.contains_key(&account) {
            self.seen.insert(account, nick.to_owned());
        }
    }

    /// Whether nobody is looked for.
    pub(super) fn is_idle(&self) -> bool {
        self.search.is_none()
    }

    /// Looks for the account that a job is for.
    pub(super) fn look_for(&mut self, account: &str, job: Job, now: Instant) {
        // Who was never seen is most likely there under the name of the account.
        let nick = self.seen.get(&account.to_lowercase()).map_or(account, String::as_str).to_owned();
        let account = account.to_owned();
        let deadline = now + DEADLINE;
        self.search =
            Some(Search { account, nick, job, deadline, asked: false, found: false, spoilt: false });
    }

    /// The nick to ask for, once.
    pub(super) fn next_nick(&mut self) -> Option<String> {
        let search = self.search.as_mut().filter(|search| !search.asked)?;
        search.asked = true;
        Some(search.nick.clone())
    }

    /// Takes a numeric reply; what it settles.
    pub(super) fn numeric(&mut self, number: u16, parameters: &[String]) -> Option<Found> {
        let (mapping, nick) = (self.mapping, parameters.get(1)?);
        let search =
            self.search.as_mut().filter(|search| search.asked && mapping.same(&search.nick, nick))?;
        match number {
            // RPL_WHOISACCOUNT: <nick> <account> :is logged in as
            330 => {
                search.found =
                    parameters.get(2).is_some_and(|name| name.eq_ignore_ascii_case(&search.account));
                None
            }
            // RPL_ENDOFWHOIS
            318 => self.search.take().map(Search::settle),
            _ => None,
        }
    }

    /// Somebody with this nick left, changed name or changed account.
    pub(super) fn changed(&mut self, nick: &str) {
        let mapping = self.mapping;
        self.seen.retain(|_, seen| !mapping.same(seen, nick));
        self.spoil(nick);
    }

    /// What is answered of this nick from now on may be about somebody else.
    pub(super) fn spoil(&mut self, nick: &str) {
        let mapping = self.mapping;
        if let Some(search) = self.search.as_mut().filter(|search| mapping.same(&search.nick, nick)) {
            search.spoilt = true;
        }
    }

    /// Somebody goes by another nick now; who they are has not changed.
    pub(super) fn renamed(&mut self, old: &str, new: &str) {
        let mapping = self.mapping;
        self.seen.values_mut().filter(|seen| mapping.same(seen, old)).for_each(|seen| new.clone_into(seen));
    }

    /// Gives up a search that took too long.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Found> {
        let late = self.search.take_if(|search| search.deadline <= now)?;
        Some(Search { found: false, ..late }.settle())
    }

    /// When [`Whereabouts::expire`] has something to do.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.search.as_ref().map(|search| search.deadline)
    }
}

impl Search {
    fn settle(self) -> Found {
        if self.found && !self.spoilt {
            return Found::Here(Job { target: self.nick, ..self.job });
        }
        let reason = format!("{} is not on the network under that account", self.account);
        Found::Nowhere(self.job.answer, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    /// Looks for alice, hears this, and says under which nick she was found.
    fn found_after(seen: Option<&str>, numerics: &[(u16, &str)], changed: Option<&str>) -> Option<String> {
        let mut whereabouts = Whereabouts::new(CaseMapping::Rfc1459);
        seen.iter().for_each(|nick| whereabouts.seen("Alice", nick));
        let (answer, _result) = oneshot::channel();
        let job = Job { target: "account:alice".to_owned(), text: "x".to_owned(), answer };
        whereabouts.look_for("alice", job, Instant::now());
        assert_eq!(whereabouts.next_nick().as_deref(), Some(seen.unwrap_or("alice")));
        assert_eq!(whereabouts.next_nick(), None, "asked once");
        changed.iter().for_each(|nick| whereabouts.changed(nick));
        let settled = numerics.iter().find_map(|(number, text)| whereabouts.numeric(*number, &words(text)));
        match settled.expect("it is settled") {
            Found::Here(job) => Some(job.target),
            Found::Nowhere(..) => None,
        }
    }

    #[test]
    fn somebody_is_where_the_network_names_their_account_and_nowhere_else() {
        let end = (318, "me alice End");
        let account = (330, "me alice Alice is");
        assert_eq!(found_after(None, &[account, end], None).as_deref(), Some("alice"));
        assert_eq!(found_after(None, &[(330, "me alice mallory is"), end], None), None, "an impostor");
        assert_eq!(found_after(None, &[(311, "me alice u h * real"), end], None), None, "not logged in");
        assert_eq!(found_after(None, &[(401, "me alice No"), end], None), None, "not there");
        assert_eq!(found_after(None, &[account, end], Some("ALICE")), None, "changed hands meanwhile");
        let elsewhere = [(330, "me al alice is"), (318, "me al End")];
        assert_eq!(found_after(Some("al"), &elsewhere, None).as_deref(), Some("al"));
    }

    #[test]
    fn a_search_without_an_answer_ends() {
        let mut whereabouts = Whereabouts::new(CaseMapping::Ascii);
        let (answer, _result) = oneshot::channel();
        let (start, target) = (Instant::now(), "account:alice".to_owned());
        whereabouts.look_for("alice", Job { target, text: "x".to_owned(), answer }, start);
        assert!(!whereabouts.is_idle() && whereabouts.expire(start).is_none());
        assert!(matches!(whereabouts.expire(start + DEADLINE), Some(Found::Nowhere(..))));
        assert!(whereabouts.is_idle());
    }
}
