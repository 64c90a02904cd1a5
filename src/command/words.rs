//! The words behind a command's name, read one after the other.

use super::when;
use crate::model::Timestamp;
use jiff::tz::TimeZone;

/// What is left to read of a command, and when and where it was said.
pub struct Words<'a> {
    usage: String,
    left: &'a [&'a str],
    now: Timestamp,
    zone: &'a TimeZone,
}

impl<'a> Words<'a> {
    /// The words behind the name of a command that is used so.
    pub fn new(usage: String, left: &'a [&'a str], now: Timestamp, zone: &'a TimeZone) -> Words<'a> {
        Words { usage, left, now, zone }
    }

    /// How the command is written; the answer where a word is missing.
    pub fn usage(&self) -> String {
        self.usage.clone()
    }

    /// What is answered to words that the command has no use for.
    pub fn too_much(&self) -> String {
        format!("`{}` is too much. {}", self.left.join(" "), self.usage)
    }

    /// When the command was said.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// How many words are left.
    pub fn len(&self) -> usize {
        self.left.len()
    }

    /// The next word, which stays.
    pub fn peek(&self) -> Option<&'a str> {
        self.left.first().copied()
    }

    /// The next word, if there is one.
    pub fn optional(&mut self) -> Option<&'a str> {
        let (first, rest) = self.left.split_first()?;
        self.left = rest;
        Some(first)
    }

    /// The next word. `Err` says how the command is written.
    pub fn one(&mut self) -> Result<String, String> {
        self.optional().map(str::to_owned).ok_or_else(|| self.usage())
    }

    /// Takes this word, if it is the next one.
    pub fn took(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(word);
        if is_next {
            self.left = &self.left[1..];
        }
        is_next
    }

    /// Takes these two words, if they are the next ones.
    pub fn took_both(&mut self, first: &str, second: &str) -> bool {
        let next = self.left.get(..2).unwrap_or_default();
        let are_next = matches!(next, [one, other] if one.eq_ignore_ascii_case(first) && other.eq_ignore_ascii_case(second));
        if are_next {
            self.left = &self.left[2..];
        }
        are_next
    }

    /// All that is left, which stays.
    pub fn left(&self) -> &'a [&'a str] {
        self.left
    }

    /// Takes so many words; fewer where there are fewer.
    pub fn take(&mut self, count: usize) -> &'a [&'a str] {
        let (taken, left) = self.left.split_at(count.min(self.left.len()));
        self.left = left;
        taken
    }

    /// A time, if one is next: `for 2h`, `2h`, `until fri 9:00`.
    pub fn time(&mut self) -> Result<Option<Timestamp>, String> {
        self.time_from(self.now)
    }

    /// The moment behind this word, such as `from fri 18:00`, if the word is next.
    pub fn moment_after(&mut self, word: &str) -> Result<Option<Timestamp>, String> {
        if !self.took(word) {
            return Ok(None);
        }
        self.moment().map(Some)
    }

    /// The moment that is next, such as `fri 3:00`.
    pub fn moment(&mut self) -> Result<Timestamp, String> {
        let taken = when::take_moment(self.left, self.now, self.zone);
        let (moment, used) = taken.map_err(|error| error.to_string())?;
        self.left = &self.left[used..];
        Ok(moment)
    }

    /// A time, if one is next, counted from another moment than now.
    pub fn time_from(&mut self, from: Timestamp) -> Result<Option<Timestamp>, String> {
        let taken = when::take(self.left, from, self.zone).map_err(|error| match error {
            when::WhenError::Past(end) if from != self.now => before_its_beginning(&end),
            error => error.to_string(),
        })?;
        Ok(taken.map(|(moment, used)| {
            self.left = &self.left[used..];
            moment
        }))
    }

    /// Whether a moment behind this word is next, which stays.
    pub fn is_moment_after(&self, word: &str) -> bool {
        let is_moment = |rest| when::beginning(rest, self.now, self.zone).is_ok();
        self.left.split_first().is_some_and(|(first, rest)| *first == word && is_moment(rest))
    }

    /// A span of time, if one is next: from now on as [`Words::time`] has it, or
    /// `from 22:00` and then until when.
    pub fn span(&mut self) -> Result<Option<(Timestamp, Timestamp)>, String> {
        if !self.took("from") {
            return Ok(self.time()?.map(|end| (self.now, end)));
        }
        let (start, used) =
            when::beginning(self.left, self.now, self.zone).map_err(|error| error.to_string())?;
        self.left = &self.left[used..];
        match when::take(self.left, start, self.zone) {
            Ok(Some((end, used))) => {
                self.left = &self.left[used..];
                Ok(Some((start, end)))
            }
            Ok(None) => Err("say until when, as in from 22:00 until 23:30 or from 22:00 for 2h".to_owned()),
            Err(when::WhenError::Past(end)) => Err(before_its_beginning(&end)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// All that is left as one text; empty where nothing is.
    pub fn rest(&mut self) -> String {
        std::mem::take(&mut self.left).join(" ")
    }

    /// All that is left, word by word.
    pub fn all(&mut self) -> &'a [&'a str] {
        std::mem::take(&mut self.left)
    }
}

fn before_its_beginning(end: &str) -> String {
    format!("{end} lies before its beginning")
}
