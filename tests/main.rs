//! All capabilities, one module each.

mod common;
