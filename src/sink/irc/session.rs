//! One registered connection: what each line means, and what to say next. Does no
//! I/O; time is an argument.
//!
//! Owns: our nick, our channels, the delivery under way, the lines that wait for
//! their speaker's account. Promises: nothing but `PONG` and `PING`
//! overtakes the pace; joins come before talk, and `WHOIS` gets a share of it. Never: connects, sleeps, or decides what a line of a person means.

use super::channels::{Attend, Channels};
use super::delivery::{Job, Underway, is_refusal, refusal};
use super::ears::Ears;
use super::error::IrcError;
use super::line;
use super::lookup::Lookups;
use super::me::Me;
use super::names::{ACCOUNT_TAG, AccountSource, CaseMapping};
use super::pace::Pace;
use super::pings::{ANSWER_WITHIN, Pings};
use super::register::Welcome;
use super::whereabouts::{self, Found, Whereabouts};
use super::words::{Heard, Line, Said, Source};
use crate::config::IrcSettings;
use crate::model::{Speaker, Timestamp, Utterance};
use crate::sink::SendError;
use std::collections::BTreeSet;
use tokio::time::Instant;

/// While there is both to do, one `WHOIS` goes out after so many lines: a command
/// is answered soon, and a delivery of the most lines still makes its deadline.
const LINES_PER_LOOKUP: u32 = 4;

/// Marks a private protocol inside a text (CTCP), first byte.
const CTCP: char = '\u{1}';

/// One registered connection.
pub(super) struct Session<'a> {
    sink: &'a str,
    prefix: &'a str,
    most_lines: usize,
    echoes: bool,
    mapping: CaseMapping,
    accounts: AccountSource,
    me: Me,
    channels: Channels,
    ears: Ears,
    lookups: Lookups,
    whereabouts: Whereabouts,
    pings: Pings,
    pace: Pace,
    lines_since_lookup: u32,
    underway: Option<Underway>,
    out: Vec<Said>,
    utterances: Vec<Utterance>,
}

impl<'a> Session<'a> {
    /// Begins right after the welcome. Named by its sink; hears what begins with the
    /// prefix of commands, and all that is private.
    pub(super) fn new(
        (sink, prefix): (&'a str, &'a str),
        settings: &IrcSettings,
        channels: &BTreeSet<String>,
        welcome: Welcome,
        now: Instant,
    ) -> Session<'a> {
        let mapping = welcome.network.case_mapping();
        Session {
            sink,
            prefix,
            most_lines: most_lines(settings.lines_per_second),
            echoes: welcome.network.agreed.contains("echo-message"),
            mapping,
            accounts: welcome.network.account_source(),
            me: Me::new(welcome.nick, &settings.nick, mapping, now),
            channels: Channels::new(channels.iter(), mapping, now),
            ears: Ears::default(),
            lookups: Lookups::new(mapping),
            whereabouts: Whereabouts::new(mapping),
            pings: Pings::new(now),
            pace: Pace::new(settings.burst, settings.lines_per_second, now),
            lines_since_lookup: LINES_PER_LOOKUP,
            underway: None,
            out: Vec::new(),
            utterances: Vec::new(),
        }
    }

    /// How this network tells who speaks.
    pub(super) fn accounts(&self) -> AccountSource {
        self.accounts
    }

    /// Whether deliveries can come: each channel took or refused us.
    pub(super) fn is_settled(&self) -> bool {
        self.channels.are_settled()
    }

    /// Whether the next delivery may come.
    pub(super) fn is_idle(&self) -> bool {
        self.underway.is_none() && self.whereabouts.is_idle()
    }

    /// What is to be said now.
    pub(super) fn take_out(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.out)
    }

    /// What people said, ready to be handed over.
    pub(super) fn take_utterances(&mut self) -> Vec<Utterance> {
        std::mem::take(&mut self.utterances)
    }

    /// The connection is over.
    pub(super) fn end(self) {
        if let Some(underway) = self.underway {
            underway.lost();
        }
    }

    /// Takes the next delivery; only while idle.
    pub(super) fn begin(&mut self, job: Job, now: Instant) {
        if let Some(account) = whereabouts::account(&job.target).map(str::to_owned) {
            return self.look_for(&account, job, now);
        }
        let Job { target, text, answer } = job;
        if let Some(refusal) = self.absence(&target, now) {
            let _ = answer.send(Err(refusal));
            return;
        }
        let lines = line::lines(&text, &target, self.me.prefix_bytes(), self.most_lines);
        if lines.is_empty() {
            let reason = format!("{target}: the text holds nothing that can be shown in IRC");
            let _ = answer.send(Err(SendError::Rejected(reason)));
            return;
        }
        self.underway = Some(Underway::new(target, lines, self.echoes, answer));
    }

    /// Takes a delivery for whoever is here under this account.
    fn look_for(&mut self, account: &str, job: Job, now: Instant) {
        match self.accounts {
            AccountSource::Nobody => {
                let reason = format!("this network knows no accounts, so nobody is surely {account}");
                let _ = job.answer.send(Err(SendError::Rejected(reason)));
            }
            AccountSource::Tag | AccountSource::Whois => self.whereabouts.look_for(account, job, now),
        }
    }

    fn found(&mut self, found: Found, now: Instant) {
        match found {
            Found::Here(job) => self.begin(job, now),
            Found::Nowhere(answer, reason) => {
                let _ = answer.send(Err(SendError::Rejected(reason)));
            }
        }
    }

    /// Is in a channel from now on, or no longer.
    pub(super) fn attend(&mut self, attend: &Attend, now: Instant) {
        if attend.stays {
            self.channels.add(&attend.room, now);
        } else if self.channels.remove(&attend.room) {
            self.out.push(Said::Part(attend.room.clone()));
        }
    }

    /// Does what is due.
    pub(super) fn advance(&mut self, now: Instant) -> Result<(), IrcError> {
        if self.pings.is_dead(now) {
            return Err(IrcError::Silent(ANSWER_WITHIN.as_secs()));
        }
        self.channels.expire(now);
        self.utterances.extend(self.lookups.expire(now));
        if let Some(nowhere) = self.whereabouts.expire(now) {
            self.found(nowhere, now);
        }
        while self.pace.ready(now) {
            let Some(said) = self.next_paced(now) else { break };
            self.pace.spend();
            self.out.push(said);
        }
        self.ping(now);
        Ok(())
    }

    /// When [`Session::advance`] is to be called again, if nothing happens before.
    pub(super) fn next_at(&mut self, now: Instant) -> Instant {
        let mut next = self.pings.next_at();
        let waits = [self.lookups.next_at(), self.whereabouts.next_at()];
        for at in waits.into_iter().chain([self.channels.next_at(), self.me.next_at()]).flatten() {
            next = next.min(at);
        }
        if self.pace.ready(now) {
            return next;
        }
        // What is due already waits for its turn; waking for it now would be a hot loop.
        let turn = self.pace.next_at();
        if next <= now { turn } else { next.min(turn) }
    }

    /// Takes one line of the server.
    pub(super) fn hear(&mut self, line: Line, now: Instant) -> Result<(), IrcError> {
        let Line { account, source, heard } = line;
        match (heard, source) {
            (Heard::Ping(token), _) => self.out.push(Said::Pong(token)),
            (Heard::Pong(token), _) => self.pong(&token),
            (Heard::Error(words), _) => return Err(IrcError::Ended(words)),
            (Heard::Numeric(number, parameters), _) => self.numeric(number, &parameters, now),
            (Heard::Privmsg { target, text }, Some(source)) => {
                self.privmsg(source, account, &target, text, now);
            }
            (Heard::Join(channel), Some(source)) if self.me.is(&source.nick) => {
                self.me.seen_as(&source);
                self.channels.joined(&channel, now);
            }
            (Heard::Part(channel), Some(source)) if self.me.is(&source.nick) => {
                self.channels.lost(&channel, 0, "made to leave it", now);
            }
            // Who left a channel may change hands unseen by us.
            (Heard::Part(_), Some(source)) => self.lookups.changed(&source.nick),
            (Heard::Kick { channel, nick, reason }, _) if self.me.is(&nick) => {
                self.channels.lost(&channel, 0, &format!("kicked out: {reason}"), now);
            }
            (Heard::Kick { nick, .. }, _) => self.changed(&nick),
            (Heard::Cap { verb, names, .. }, _) if verb == "DEL" => self.lost_capabilities(&names),
            (Heard::Nick(nick), Some(source)) => self.renamed(&source.nick, nick, now),
            (Heard::Quit, Some(source)) => self.gone(&source.nick, now),
            (Heard::Account, Some(source)) => self.changed(&source.nick),
            (Heard::Chghost, Some(source)) if self.me.is(&source.nick) => self.me.disguised(),
            _ => {}
        }
        Ok(())
    }

    /// Asks for proof of a delivery, or whether the server is still there.
    fn ping(&mut self, now: Instant) {
        let wanted = self.underway.as_mut().filter(|underway| underway.wants_proof());
        if wanted.is_none() && !self.pings.is_due(now) {
            return;
        }
        let (token, said) = self.pings.ping(now);
        self.out.push(said);
        if let Some(underway) = wanted {
            underway.asked_for_proof(token);
        }
    }

    fn pong(&mut self, token: &str) {
        let Some(token) = self.pings.pong(token) else { return };
        if let Some(underway) = self.underway.take_if(|underway| underway.is_proved_by(token)) {
            underway.settle();
        }
    }

    /// The next thing that has to keep the pace, if there is any.
    fn next_paced(&mut self, now: Instant) -> Option<Said> {
        if let Some(list) = self.channels.next_list(now) {
            return Some(Said::Join(list));
        }
        if let Some(nick) = self.me.next_nick(now) {
            return Some(Said::Nick(nick));
        }
        if self.lines_since_lookup < LINES_PER_LOOKUP {
            return self.next_line().or_else(|| self.next_lookup());
        }
        self.next_lookup().or_else(|| self.next_line())
    }

    fn next_lookup(&mut self) -> Option<Said> {
        let nick = self.whereabouts.next_nick().or_else(|| self.lookups.next_nick())?;
        self.lines_since_lookup = 0;
        Some(Said::Whois(nick))
    }

    fn next_line(&mut self) -> Option<Said> {
        let underway = self.underway.as_mut()?;
        let text = underway.next_line()?;
        self.lines_since_lookup = self.lines_since_lookup.saturating_add(1);
        Some(Said::Privmsg { target: underway.target().to_owned(), text })
    }

    fn numeric(&mut self, number: u16, parameters: &[String], now: Instant) {
        // RPL_HOSTHIDDEN: we look different to others from now on.
        if number == 396 {
            self.me.disguised();
        }
        let named = self.lookups.numeric(number, parameters);
        named.iter().for_each(|utterance| self.seen(utterance));
        self.utterances.extend(named);
        if let Some(found) = self.whereabouts.numeric(number, parameters) {
            self.found(found, now);
        }
        let (Some(about), Some(words)) = (parameters.get(1), parameters.last()) else { return };
        if !is_refusal(number) {
            return;
        }
        if self.channels.is_asked(about) {
            tracing::warn!(sink = self.sink, channel = about, number, words, "could not join; trying again");
            self.channels.lost(about, number, words, now);
        } else if self.underway.as_ref().is_some_and(|underway| self.mapping.same(underway.target(), about)) {
            self.refused(number, words, now);
        }
    }

    /// The server refused a line of the delivery under way.
    fn refused(&mut self, number: u16, words: &str, now: Instant) {
        let Some(target) = self.underway.as_ref().map(|underway| underway.target().to_owned()) else {
            return;
        };
        // ERR_NOSUCHCHANNEL, ERR_NOTONCHANNEL: we thought to be in, and are not.
        if matches!(number, 403 | 442) {
            self.channels.lost(&target, 0, words, now);
        }
        let refusal = self.absence(&target, now).unwrap_or_else(|| refusal(&target, number, words));
        if let Some(underway) = &mut self.underway {
            underway.refuse(refusal);
        }
    }

    /// Why nothing can be said to this channel of ours now.
    fn absence(&self, target: &str, now: Instant) -> Option<SendError> {
        let absence = self.channels.absence(target, now)?;
        Some(match absence.is_final {
            true => SendError::Rejected(absence.reason),
            false => SendError::PutOff { reason: absence.reason, after: Some(absence.next_try) },
        })
    }

    fn privmsg(&mut self, source: Source, account: Option<String>, target: &str, text: String, now: Instant) {
        if self.me.is(&source.nick) {
            self.me.seen_as(&source);
            self.echoed(target);
            return;
        }
        let is_ctcp = text.starts_with(CTCP);
        // Colours and the like are no part of what is said, nor of a comment in Icinga.
        let text = line::clean(&text);
        let private = self.me.is(target);
        let from_person = !source.user.is_empty() && !source.host.is_empty();
        // What people say to each other is none of our business, and not worth a lookup.
        let to_us = private || (line::is_channel(target) && text.trim_start().starts_with(self.prefix));
        if !from_person || is_ctcp || !to_us || !self.ears.hear(&source, now) {
            return;
        }
        let nick = source.nick.clone();
        let room = if private { &nick } else { self.channels.name(target).unwrap_or(target) };
        let room = room.to_owned();
        let speaker = Speaker { nick, account: None, local: false };
        let at = Timestamp::now();
        let utterance = Utterance { sink: self.sink.to_owned(), room, private, speaker, text, at };
        self.identify(source, account, utterance, now);
    }

    /// A line of ours came back.
    fn echoed(&mut self, target: &str) {
        let underway = self.underway.as_mut();
        if let Some(underway) = underway.filter(|underway| self.mapping.same(underway.target(), target)) {
            underway.echoed();
        }
    }

    /// Names the speaker's account as far as this network vouches for it.
    fn identify(&mut self, source: Source, tag: Option<String>, mut utterance: Utterance, now: Instant) {
        utterance.speaker.account = match self.accounts {
            AccountSource::Tag => tag,
            AccountSource::Nobody => None,
            AccountSource::Whois => {
                self.utterances.extend(self.lookups.add(source, utterance, now));
                return;
            }
        };
        self.seen(&utterance);
        self.utterances.push(utterance);
    }

    /// Without the tag, who speaks is to be asked for: no line is believed by its silence.
    fn lost_capabilities(&mut self, names: &[String]) {
        if self.accounts == AccountSource::Tag && names.iter().any(|name| name == ACCOUNT_TAG) {
            self.accounts = AccountSource::Whois;
        }
    }

    /// Notes under which nick an account speaks.
    fn seen(&mut self, utterance: &Utterance) {
        if let Some(account) = &utterance.speaker.account {
            self.whereabouts.seen(account, &utterance.speaker.nick);
        }
    }

    /// Somebody with this nick left, changed name or changed account.
    fn changed(&mut self, nick: &str) {
        self.lookups.changed(nick);
        self.whereabouts.changed(nick);
    }

    fn renamed(&mut self, old: &str, new: String, now: Instant) {
        self.whereabouts.renamed(old, &new);
        self.lookups.changed(old);
        self.lookups.changed(&new);
        self.whereabouts.spoil(old);
        self.whereabouts.spoil(&new);
        if self.me.is(old) {
            self.me.renamed(new);
        } else {
            self.gone(old, now);
        }
    }

    fn gone(&mut self, nick: &str, now: Instant) {
        self.changed(nick);
        self.me.is_free(nick, now);
    }
}

/// How many lines a delivery may have: ten, or what the pace lets through in time;
/// a delivery of more could never finish before its deadline. The line that counts
/// the rest is left room for.
pub(super) fn most_lines(per_second: f64) -> usize {
    const MOST: f64 = 10.0;
    /// The rest of the time is for lookups and for the server's answer.
    const SHARE_OF_TIME: f64 = 0.75;
    let in_time = super::SEND_WITHIN.as_secs_f64() * SHARE_OF_TIME * per_second - 1.0;
    // Between 1 and 10, so only a fraction is lost.
    in_time.clamp(1.0, MOST) as usize
}

#[cfg(test)]
mod tests;
