//! All capabilities, one module each.

mod common;
mod config;
mod decode;
mod email;
mod exec;
mod icinga;
mod icinga_faults;
mod irc;
mod outbox;
mod replay_source;
mod store;
mod templates;
mod webhook;
mod writer;
