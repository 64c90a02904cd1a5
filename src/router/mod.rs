//! The router: a judged event and a target in, finished deliveries out.
//!
//! Owns: the templates, the words people read, and the way from a target's name
//! to addresses. Promises: a message always comes out, whatever a template or a
//! plugin's output holds, and nothing from outside can act as more than text in
//! it. Never: decides who is told, sends, stores, reads a clock, or does I/O but
//! reading the templates folder at load. On a crash: holds nothing worth keeping.

mod check;
mod complaint;
pub mod escape;
mod filters;
mod load;
mod part;
mod plain;
mod render;
pub mod samples;
pub mod targets;
mod value;

pub use load::Templates;
pub use plain::{plain_event, plain_line};
pub use targets::{deliveries, notice, route, storm};
