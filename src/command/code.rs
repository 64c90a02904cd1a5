//! One-time codes: proof of who somebody is, where the network knows no accounts (TOTP, RFC 6238).
//!
//! Promises: each code counts once; after some wrong ones none counts for a time; a refusal does
//! not tell whether there is such a person. Never: shows a code or a secret, reads a clock.

use crate::model::Timestamp;
use crate::model::time::later;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use totp_rs::{Builder, Secret, Totp};

/// The word that a code stands behind.
const WORD: &str = "code";
/// How to write it.
pub const FORM: &str = "PERSON CODE COMMAND";
/// What is shown instead of a code.
const BLANK: &str = "******";

/// How many digits a code has, and how long it counts, in seconds: what every app takes.
const DIGITS: u8 = 6;
const STEP: u64 = 30;
/// How many steps a clock may be off.
const SKEW: u16 = 1;

/// So many wrong codes within this time, and none counts for as long again.
const MOST_WRONG: usize = 5;
const WRONG_WITHIN: Duration = Duration::from_secs(600);

/// A command behind a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coded<'a> {
    /// Whose code it is said to be.
    pub person: &'a str,
    /// The code.
    pub code: &'a str,
    /// The command.
    pub command: &'a str,
}

/// Takes apart a line that begins with `code`; `None` for any other. `Err` says how it is written.
pub fn split(line: &str) -> Option<Result<Coded<'_>, String>> {
    let (word, rest) = first_word(line)?;
    if !word.eq_ignore_ascii_case(WORD) {
        return None;
    }
    let coded = first_word(rest).and_then(|(person, rest)| {
        let (code, command) = first_word(rest)?;
        let command = command.trim();
        (!command.is_empty()).then_some(Coded { person, code, command })
    });
    Some(coded.ok_or_else(|| format!("write: {WORD} {FORM} - such as {WORD} alice 123456 ack #1 looking")))
}

fn first_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// The line as it may be kept and shown: without its code, even where it is written wrongly.
pub fn blanked(line: &str) -> String {
    let Some(split) = split(line) else { return line.to_owned() };
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).count();
    let looks_like_one = |word: &str| digits(word) >= usize::from(DIGITS);
    let shown = |(place, word): (usize, &str)| match place {
        2 if split.is_ok() => BLANK.to_owned(),
        1 | 2 if looks_like_one(word) => BLANK.to_owned(),
        _ => word.to_owned(),
    };
    line.split_whitespace().enumerate().map(shown).collect::<Vec<_>>().join(" ")
}

/// What was made of a person's codes so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The step of the last code that was taken.
    pub last_step: Option<u64>,
    /// When wrong ones were written lately.
    pub wrong: Vec<Timestamp>,
    /// Until when none counts.
    pub refused_until: Option<Timestamp>,
}

/// Why a code does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// It is no code of this person now.
    #[error("this is no code that counts now")]
    Wrong,
    /// It, or a later one, was taken already.
    #[error("this code was used already; the next one comes within 30 s")]
    UsedUp,
    /// There were too many wrong ones.
    #[error("there were too many wrong codes; none counts before {} UTC", .0.strftime("%H:%M"))]
    TooMany(Timestamp),
}

impl Used {
    /// Takes a code, if it is right and was not taken before.
    pub fn take(&mut self, secret: &[u8], code: &str, now: Timestamp) -> Result<(), CodeError> {
        if let Some(until) = self.refused_until.filter(|until| *until > now) {
            return Err(CodeError::TooMany(until));
        }
        self.refused_until = None;
        let Some(step) = step_of(secret, code, now) else {
            self.note_wrong(now);
            return Err(CodeError::Wrong);
        };
        if self.last_step.is_some_and(|last| last >= step) {
            return Err(CodeError::UsedUp);
        }
        self.last_step = Some(step);
        self.wrong.clear();
        Ok(())
    }

    fn note_wrong(&mut self, now: Timestamp) {
        self.wrong.retain(|at| later(*at, WRONG_WITHIN) > now);
        self.wrong.push(now);
        if self.wrong.len() >= MOST_WRONG {
            self.wrong.clear();
            self.refused_until = Some(later(now, WRONG_WITHIN));
        }
    }

    /// Moves the moments in it.
    pub fn move_by(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        self.wrong.iter_mut().for_each(|at| *at = back(*at));
        self.refused_until = self.refused_until.map(back);
    }
}

/// The step that a code belongs to, if it counts now.
fn step_of(secret: &[u8], code: &str, now: Timestamp) -> Option<u64> {
    let seconds = u64::try_from(now.as_second()).ok()?;
    totp(secret, DIGITS).check(code, seconds)
}

fn totp(secret: &[u8], digits: u8) -> Totp {
    // The configuration has refused secrets that are too short.
    Builder::new()
        .with_secret(Secret::from(secret.to_vec()))
        .with_digits(digits)
        .with_skew(SKEW)
        .with_step_duration(STEP)
        .build_noncompliant()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the secret of SHA-1.
    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a moment")
    }

    fn code_at(seconds: i64) -> String {
        totp(SECRET, DIGITS).generate(seconds.cast_unsigned()).to_string()
    }

    /// RFC 6238, appendix B, of SHA-1; a code of six digits is the end of one of eight.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, expected) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(totp(SECRET, 8).generate(seconds).to_string(), expected);
            assert_eq!(Used::default().take(SECRET, &expected[2..], at(seconds.cast_signed())), Ok(()));
        }
    }

    #[test]
    fn a_code_counts_once_and_none_before_it_does_after_it() {
        let mut used = Used::default();
        let (before, code) = (code_at(1_000_000_000), code_at(1_000_000_030));
        let now = at(1_000_000_030);
        assert_eq!(used.take(SECRET, &code, now), Ok(()));
        assert_eq!(used.take(SECRET, &code, now), Err(CodeError::UsedUp));
        assert_eq!(used.take(SECRET, &before, now), Err(CodeError::UsedUp));
        let kept = serde_json::to_string(&used).expect("plain data");
        let mut restarted: Used = serde_json::from_str(&kept).expect("as it was written");
        assert_eq!(restarted.take(SECRET, &code, now), Err(CodeError::UsedUp));
        assert_eq!(restarted.take(SECRET, &code_at(1_000_000_060), at(1_000_000_060)), Ok(()));
    }

    #[test]
    fn a_clock_may_be_off_by_a_step_and_not_by_two() {
        let code = code_at(1_000_000_020);
        for (seconds, counts) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
            let took = Used::default().take(SECRET, &code, at(1_000_000_020 + seconds));
            assert_eq!(took.is_ok(), counts, "{seconds}");
        }
    }

    #[test]
    fn after_five_wrong_ones_none_counts_for_ten_minutes() {
        let mut used = Used::default();
        let now = 1_000_000_000;
        for second in 0..5 {
            assert_eq!(used.take(SECRET, "000000", at(now + second)), Err(CodeError::Wrong));
        }
        let until = at(now + 4 + 600);
        assert_eq!(used.take(SECRET, &code_at(now + 5), at(now + 5)), Err(CodeError::TooMany(until)));
        assert_eq!(used.take(SECRET, &code_at(now + 605), at(now + 605)), Ok(()));
        for minutes in 0..20 {
            let at = at(now + 1000 + minutes * 151);
            assert_eq!(used.take(SECRET, "000000", at), Err(CodeError::Wrong), "one in 151 s");
        }
    }

    #[test]
    fn what_is_no_code_is_wrong() {
        for code in ["", "12345", "1234567", "abcdef", "12 456", "١٢٣٤٥٦", "-12345", "99999999999999999999"]
        {
            assert_eq!(Used::default().take(SECRET, code, at(59)), Err(CodeError::Wrong), "{code}");
        }
    }

    #[test]
    fn a_line_is_taken_apart_and_shown_without_its_code() {
        let coded = Coded { person: "alice", code: "123456", command: "ack #1 at 123456" };
        let line = "CODE  alice 123456  ack #1 at 123456";
        assert_eq!(split(line), Some(Ok(coded)));
        assert_eq!(blanked(line), "CODE alice ****** ack #1 at 123456");
        assert_eq!(split("codes alice 123456 x"), None);
        assert_eq!(blanked("ack #1  123456"), "ack #1  123456");
        for (line, shown) in [
            ("code", "code"),
            ("code alice 123456", "code alice ******"),
            ("code 123456 alice", "code ****** alice"),
            ("code 123456", "code ******"),
            ("code alice abc ack", "code alice ****** ack"),
            ("code 123456 alice ack", "code ****** ****** ack"),
        ] {
            assert_eq!(blanked(line), shown);
        }
        assert!(split("code alice 123456").is_some_and(|split| split.is_err()));
    }
}
