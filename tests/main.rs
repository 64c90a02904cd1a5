//! All capabilities, one module each.

mod catch_up;
mod check;
mod commands;
mod common;
mod config;
mod decode;
mod docs;
mod email;
mod end_to_end;
mod exec;
mod house;
mod icinga;
mod icinga_faults;
mod irc;
mod outbox;
mod owed;
mod reload;
mod replay;
mod replay_source;
mod rules;
mod shipped_rules;
mod store;
mod templates;
mod webhook;
mod why;
mod writer;
