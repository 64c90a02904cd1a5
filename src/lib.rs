//! Watchbell routes what Icinga 2 reports to the people who should hear of it.
//!
//! ```text
//!  source ─▶ engine ─▶ outbox ─▶ sink ─▶ people
//!    ▲         ▲                          │
//!    │         └──────── command ◀────────┘
//!    └── actions (ack, downtime, comment, re-check)
//! ```
//! Values travel left to right. The rooms, from the floor up:
//! - `model`, `span`, `config`: the words. `crash`: where tests let the process die.
//! - `oncall`: who is on call when.
//! - `engine`, `router`, `command`, `source`, `store`, `sink`: each knows the words only.
//! - `explain`: what was decided, in words.
//! - `pipeline`, `trial`, `outbox`, `reload`, `inquiry`: join rooms, decide nothing.
//! - `app`, `cli`: build everything, and the edge of the process.

pub mod app;
pub mod assets;
pub mod backoff;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod crash;
pub mod diagnostic;
pub mod diff;
pub mod distress;
pub mod engine;
pub mod explain;
pub mod inquiry;
pub mod lag;
pub mod load;
pub mod model;
pub mod oncall;
pub mod outbox;
pub mod patience;
pub mod pipeline;
pub mod reload;
pub mod router;
pub mod sink;
pub mod source;
pub mod span;
pub mod store;
pub mod supervise;
pub mod tls;
pub mod token;
pub mod trial;
