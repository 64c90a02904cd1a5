//! Commands: from a line of chat to something that can be answered.
//!
//! Owns: the one table of verbs, their grammar, and who may use them. Promises:
//! parsing is pure; what was not understood is answered with how to write it.
//! Never: does what was asked; the engine decides, the store keeps, Icinga acts.

pub mod parse;
pub mod permit;
pub mod verbs;
pub mod when;

pub use parse::{Request, parse};
pub use permit::{Caller, caller};
pub use verbs::{VERBS, VerbHelp};
pub use when::moment;
