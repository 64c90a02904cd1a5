//! Who we are to others: our nick, and how long our name is. Pure; time is an
//! argument.
//!
//! Owns: the nick as the server sees it, and the wish for the one in the settings.
//! Promises: only what the server said counts, not what we asked for. Never: asks
//! for a nick more often than [`AGAIN`], unless it has just become free.

use super::line::ASSUMED_PREFIX_BYTES;
use super::names::CaseMapping;
use super::words::Source;
use std::time::Duration;
use tokio::time::Instant;

/// How often we try to get the wanted nick.
pub(super) const AGAIN: Duration = Duration::from_secs(60);

/// Our own name on one connection.
#[derive(Debug)]
pub(super) struct Me {
    mapping: CaseMapping,
    nick: String,
    wanted: String,
    again_at: Instant,
    /// Our `user@host` as others see it, once we saw it.
    user_host: Option<String>,
}

impl Me {
    /// As welcomed under `nick`, and wishing for `wanted`.
    pub(super) fn new(nick: String, wanted: &str, mapping: CaseMapping, now: Instant) -> Me {
        Me { mapping, nick, wanted: wanted.to_owned(), again_at: now + AGAIN, user_host: None }
    }

    /// Whether this is our nick.
    pub(super) fn is(&self, nick: &str) -> bool {
        self.mapping.same(nick, &self.nick)
    }

    /// The server calls us so from now on.
    pub(super) fn renamed(&mut self, nick: String) {
        self.nick = nick;
    }

    /// Nobody else has this nick any more; if it is the wanted one, it is time to ask.
    pub(super) fn is_free(&mut self, nick: &str, now: Instant) {
        if self.mapping.same(nick, &self.wanted) {
            self.again_at = now;
        }
    }

    /// The nick to ask for now, if any.
    pub(super) fn next_nick(&mut self, now: Instant) -> Option<String> {
        if self.next_at()? > now {
            return None;
        }
        self.again_at = now + AGAIN;
        Some(self.wanted.clone())
    }

    /// When [`Me::next_nick`] has one.
    pub(super) fn next_at(&self) -> Option<Instant> {
        (!self.is(&self.wanted)).then_some(self.again_at)
    }

    /// This is how others see us.
    pub(super) fn seen_as(&mut self, source: &Source) {
        if !source.host.is_empty() {
            self.user_host = Some(format!("{}@{}", source.user, source.host));
        }
    }

    /// Others see us differently now, and we do not know how.
    pub(super) fn disguised(&mut self) {
        self.user_host = None;
    }

    /// Length of our `nick!user@host`, as others see it; the most there can be
    /// while we do not know.
    pub(super) fn prefix_bytes(&self) -> usize {
        let known = self.user_host.as_ref();
        known.map_or(ASSUMED_PREFIX_BYTES, |user_host| self.nick.len() + "!".len() + user_host.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_nick_is_asked_for_when_free_or_after_a_while() {
        let start = Instant::now();
        let mut me = Me::new("bell_".to_owned(), "bell", CaseMapping::Rfc1459, start);
        assert!(me.is("BELL_") && !me.is("bell"));
        assert_eq!(me.next_nick(start), None);
        me.is_free("other", start);
        assert_eq!(me.next_nick(start), None);
        me.is_free("Bell", start);
        assert_eq!(me.next_nick(start).as_deref(), Some("bell"));
        assert_eq!(me.next_nick(start), None);
        assert_eq!(me.next_nick(start + AGAIN).as_deref(), Some("bell"));
        me.renamed("Bell".to_owned());
        assert_eq!(me.next_at(), None);
    }

    #[test]
    fn our_length_is_known_or_the_most() {
        let mut me = Me::new("bell".to_owned(), "bell", CaseMapping::Ascii, Instant::now());
        assert_eq!(me.prefix_bytes(), ASSUMED_PREFIX_BYTES);
        let source = Source { nick: "bell".to_owned(), user: "u".to_owned(), host: "h.t".to_owned() };
        me.seen_as(&source);
        assert_eq!(me.prefix_bytes(), "bell!u@h.t".len());
        me.disguised();
        assert_eq!(me.prefix_bytes(), ASSUMED_PREFIX_BYTES);
    }
}
