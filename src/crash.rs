//! Crash points: named places where the process can be told to die, so that a test
//! dies exactly there.
//!
//! Owns: nothing. Promises: without the feature `failpoints`, which no build for use
//! has, nothing of it is in the program. Never: does anything but end the process at
//! once, as `kill -9` would.
//!
//! `FAILPOINTS="commit.inside=3*off->return"` ends `watchbell run` at the fourth
//! passage. The names and what each proves: docs/RELIABILITY.md.

/// Here the process ends, if the environment says so.
#[cfg(feature = "failpoints")]
pub fn point(name: &str) {
    fail::fail_point!(name, |_| std::process::abort());
}

/// Here the process would end, had it been built for that.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn point(_name: &str) {}

/// Reads from the environment where to end; holds while the value lives.
#[cfg(feature = "failpoints")]
#[must_use]
pub fn arm() -> impl Sized {
    fail::FailScenario::setup()
}

/// There is nothing to read.
#[cfg(not(feature = "failpoints"))]
#[must_use]
pub fn arm() -> impl Sized {}
