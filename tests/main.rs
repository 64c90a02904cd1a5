//! All capabilities, one module each.

mod common;
mod config;
mod store;
mod writer;
