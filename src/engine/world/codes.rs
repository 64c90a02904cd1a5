//! What was made of the one-time codes of each person.
//!
//! Promises: kept with what a code led to, so that none counts twice, not even over a crash.

use super::World;
use super::durable::Entry;
use crate::command::code::{CodeError, Used};
use crate::model::Timestamp;

impl World {
    /// Takes a code of this person, if it is right and was not taken before.
    pub fn take_code(
        &mut self,
        person: &str,
        secret: &[u8],
        code: &str,
        now: Timestamp,
    ) -> Result<(), CodeError> {
        self.change(|| Entry::Code(person.to_owned()));
        self.codes.entry(person.to_owned()).or_default().take(secret, code, now)
    }

    /// Moves the moments of wrong codes.
    pub(super) fn set_back_codes(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        let persons: Vec<String> = self.codes.keys().cloned().collect();
        self.codes.values_mut().for_each(|used: &mut Used| used.move_by(&back));
        persons.into_iter().for_each(|person| self.change(|| Entry::Code(person)));
    }
}
