//! A promise kept: every delivery that was decided is sent, or ends as dead with
//! a reason that somebody hears.
//!
//! Owns: when a delivery is tried, and when it is given up. One [`Worker`] per
//! sink takes no input: it asks the store what is due and does that, so start,
//! restart and everyday life use the same path.
//! Promises: deliveries of one lane leave one after the other, in the order they
//! were decided. A sink that is slow, dead or panics delays nobody but itself.
//! Never: renders, routes, drops a duplicate or talks to the engine except to say
//! that a delivery was given up.
//! After a crash, what was under way is sent again: it may be heard twice. A
//! delivery that was given up in the instant before is `dead` in the store and not
//! yet `heard`: the engine is told of it at the next start.

pub mod actions;
pub mod backoff;
pub mod worker;

mod attempt;
mod breaker;
mod budget;
mod due;
mod fallback;
mod fold;
mod outage;

pub use actions::{Act, ActionWorker};
pub use backoff::BackoffPolicy;
pub use fallback::Fallbacks;
pub use fold::{Storms, WriteDigest};
pub use worker::Worker;
