//! Answers by mail: who is believed, what an answer does, and what a mailbox full of harm does not.

mod engine;
mod mailbox;
mod settings;
mod whole;
