//! Commands: from a line of chat to something that can be answered.
//!
//! Owns: the one table of verbs, their grammar, and who may use them. Promises:
//! parsing is pure; what was not understood is answered with how to write it.
//! Never: does what was asked; the engine decides, the store keeps, Icinga acts.

pub mod code;
pub mod complete;
pub mod parse;
pub mod permit;
pub mod rate;
mod reading;
pub mod request;
pub mod right;
pub mod verbs;
pub mod when;
pub mod words;

pub use complete::complete;
pub use parse::{Command, parse};
pub use permit::{Caller, Permit, caller};
pub use request::{MuteAsked, Request};
pub use right::Right;
pub use verbs::{VERBS, Verb};
pub use when::moment;
