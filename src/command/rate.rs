//! How many commands are answered: a bucket for each who asks, and for all of them.
//!
//! Promises: who asks too much hears that once, then nothing until it is over; those whom nobody
//! vouches for cannot take the place of persons. Never: grows without bound, reads a clock.

use crate::model::Timestamp;
use std::collections::BTreeMap;

/// A person: 20 commands at once, and then 10 in 30 s.
const PERSON: Limit = Limit { most: 20.0, per_second: 10.0 / 30.0 };
/// Somebody nobody vouches for: 10 at once, and as many again in 30 s.
const STRANGER: Limit = Limit { most: 10.0, per_second: 10.0 / 30.0 };
/// All together: 60 a minute.
const ALL: Limit = Limit { most: 30.0, per_second: 1.0 };
/// Those of them whom the network does not vouch for: 20 a minute.
const STRANGERS: Limit = Limit { most: 15.0, per_second: 1.0 / 3.0 };
/// How long a bucket that ran dry stays closed, in seconds.
pub const CLOSED: u64 = 20;
/// How many who ask are known at once; a bucket that is full need not be.
const MOST: usize = 1000;

/// How much a bucket holds, and how fast it fills.
#[derive(Clone, Copy)]
struct Limit {
    most: f64,
    per_second: f64,
}

/// Who asks, as far as it counts here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asker {
    /// A person, wherever they speak.
    Person(String),
    /// Somebody who writes a code of this person, right or wrong.
    Claimed(String),
    /// A nick that nobody vouches for, on the network of a sink.
    Stranger(String, String),
}

impl Asker {
    fn limit(&self) -> Limit {
        match self {
            Asker::Person(_) => PERSON,
            Asker::Claimed(_) | Asker::Stranger(..) => STRANGER,
        }
    }
}

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is answered.
    Answer,
    /// It is too much, which is said: none is answered for so many seconds.
    TooMuch(u64),
    /// It is too much, which was said before.
    Silence,
}

impl Turn {
    /// The same, said each time: to whom it is not said, what they wrote is lost.
    pub fn said_each_time(self) -> Turn {
        match self {
            Turn::Silence => Turn::TooMuch(CLOSED),
            other => other,
        }
    }
}

/// All buckets.
#[derive(Debug, Clone)]
pub struct Rates {
    each: BTreeMap<Asker, Bucket>,
    strangers: Bucket,
    all: Bucket,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Timestamp,
    closed_until: Option<Timestamp>,
}

impl Default for Rates {
    fn default() -> Rates {
        let full = |limit: Limit| Bucket { left: limit.most, at: Timestamp::UNIX_EPOCH, closed_until: None };
        Rates { each: BTreeMap::new(), strangers: full(STRANGERS), all: full(ALL) }
    }
}

impl Rates {
    /// Whether a command of this one is answered now.
    pub fn turn(&mut self, asker: Asker, now: Timestamp) -> Turn {
        if self.each.len() >= MOST && !self.each.contains_key(&asker) {
            self.each.retain(|asker, bucket| !bucket.is_full(asker.limit(), now));
            if self.each.len() >= MOST {
                return Turn::Silence;
            }
        }
        let is_stranger = matches!(asker, Asker::Stranger(..));
        let limit = asker.limit();
        let new = Bucket { left: limit.most, at: now, closed_until: None };
        let own = self.each.entry(asker).or_insert(new);
        let mut turn = own.look(limit, now);
        if turn == Turn::Answer && is_stranger {
            turn = self.strangers.look(STRANGERS, now);
        }
        if turn == Turn::Answer {
            turn = self.all.look(ALL, now);
        }
        if turn == Turn::Answer {
            own.left -= 1.0;
            self.all.left -= 1.0;
            if is_stranger {
                self.strangers.left -= 1.0;
            }
        }
        turn
    }
}

impl Bucket {
    /// Fills it up to now, and says whether there is something in it.
    fn look(&mut self, limit: Limit, now: Timestamp) -> Turn {
        // A clock that was set back fills nothing, and keeps nothing closed.
        let passed = now.duration_since(self.at).as_secs_f64();
        if passed < 0.0 {
            self.closed_until = None;
        }
        self.left = (self.left + passed.max(0.0) * limit.per_second).min(limit.most);
        self.at = now;
        if self.closed_until.is_some_and(|until| until > now) {
            return Turn::Silence;
        }
        self.closed_until = None;
        if self.left >= 1.0 {
            return Turn::Answer;
        }
        self.closed_until = Some(now + jiff::SignedDuration::from_secs(CLOSED as i64));
        Turn::TooMuch(CLOSED)
    }

    fn is_full(&self, limit: Limit, now: Timestamp) -> bool {
        let passed = now.duration_since(self.at).as_secs_f64();
        self.left + passed * limit.per_second >= limit.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).expect("a moment")
    }

    fn person(name: &str) -> Asker {
        Asker::Person(name.to_owned())
    }

    fn stranger(name: &str) -> Asker {
        Asker::Stranger("irc".to_owned(), name.to_owned())
    }

    /// How many of so many commands, one each millisecond, are answered, and how often it is said
    /// that they are too many.
    fn flood(rates: &mut Rates, count: i64, who: impl Fn(i64) -> Asker) -> (usize, usize) {
        let turns: Vec<Turn> = (0..count).map(|number| rates.turn(who(number), at(number))).collect();
        let answered = turns.iter().filter(|turn| **turn == Turn::Answer).count();
        let said = turns.iter().filter(|turn| matches!(turn, Turn::TooMuch(_))).count();
        (answered, said)
    }

    #[test]
    fn who_asks_too_much_hears_it_once_and_may_ask_again_later() {
        let mut rates = Rates::default();
        for _ in 0..20 {
            assert_eq!(rates.turn(person("alice"), at(0)), Turn::Answer);
        }
        assert_eq!(rates.turn(person("alice"), at(0)), Turn::TooMuch(20));
        assert_eq!(rates.turn(person("alice"), at(19_000)), Turn::Silence);
        assert_eq!(rates.turn(person("bob"), at(19_000)), Turn::Answer, "it is alice's own matter");
        assert_eq!(rates.turn(person("alice"), at(20_000)), Turn::Answer);
    }

    #[test]
    fn a_thousand_commands_a_second_get_few_answers() {
        let minute = 60_000;
        let (answered, said) = flood(&mut Rates::default(), minute, |_| person("alice"));
        assert!(answered <= 40 && said <= 3, "{answered} {said}");
        let ten = |number: i64| stranger(&format!("n{}", number % 10));
        let (answered, said) = flood(&mut Rates::default(), minute, ten);
        assert!(answered <= 35 && said <= 10, "{answered} {said}");
        let ever_new = |number: i64| stranger(&format!("n{number}"));
        let (answered, said) = flood(&mut Rates::default(), minute, ever_new);
        assert!(answered <= 35 && said <= 4, "{answered} {said}");
    }

    #[test]
    fn strangers_leave_room_for_persons() {
        let mut rates = Rates::default();
        flood(&mut rates, 20_000, |number| stranger(&format!("n{}", number % 500)));
        assert_eq!(rates.turn(person("alice"), at(20_000)), Turn::Answer);
    }

    #[test]
    fn those_who_ask_are_not_remembered_without_bound() {
        let mut rates = Rates::default();
        flood(&mut rates, 100_000, |number| stranger(&format!("n{number}")));
        assert!(rates.each.len() <= MOST);
    }

    #[test]
    fn a_clock_that_is_set_back_closes_nobody_out() {
        let mut rates = Rates::default();
        flood(&mut rates, 1000, |_| person("alice"));
        rates.turn(person("alice"), at(-86_400_000));
        assert_eq!(rates.turn(person("alice"), at(-86_400_000 + 20_000)), Turn::Answer);
    }
}
