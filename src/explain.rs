//! Why somebody heard of something, or did not: the audit told in words, for the command
//! line and for chat.
//!
//! Owns: those words. Promises: what is past is told newest first, everywhere; text from outside stays inside of
//! its line. Never: reads the store, decides; what it says was kept when it was decided.

mod absence;
mod digest;
mod drill;
mod forecast;
mod letters;
mod story;
mod words;

pub use absence::{absence, brief_absence};
pub use drill::{drill, is_ended};
pub use forecast::forecast;
pub use letters::{NO_LETTERS, became, brief_letters, given_up, letter, no_number, revived, whole_letter};
pub use story::{brief_story, history, nothing, story};
pub use words::moment;

/// How many decisions `why-not` looks back over.
pub const LOOK_BACK: usize = 200;
