//! All capabilities, one module each.

mod common;
mod config;
mod email;
mod exec;
mod irc;
mod store;
mod webhook;
mod writer;
