//! The world speaks to us: sources of inputs.
//!
//! Owns: the connections to each Icinga, and the reading of recordings.
//! Promises: hands over each line once, in order, decoded; says by a log line what
//! it could not read, and counts it. Never: decides anything, keeps rule state,
//! or waits for a sink.

pub mod calendar;
pub mod desk;
pub mod http;
pub mod icinga;
pub mod mailbox;
pub mod post;
pub mod replay;

use crate::model::Input;
use futures_util::future::BoxFuture;
use std::error::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The innermost cause, which is the one that says something.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A place inputs come from.
pub trait Source: Send {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// Hands over inputs until `stop` is cancelled or the source is at its end.
    ///
    /// The channel is bounded. What a source does while it is full is its own
    /// matter and stands in its documentation.
    fn run(
        self: Box<Self>,
        inputs: mpsc::Sender<Input>,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<(), SourceError>>;
}

/// Why a source ended, where nothing but a person can mend it.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A recording could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// An object file is not an answer of `/v1/objects`.
    #[error("{path} is not an answer of Icinga's /v1/objects: {reason}")]
    Objects {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting can never work, such as a CA file without a certificate.
    #[error("icinga `{name}`: {reason}")]
    Setting {
        /// Which Icinga.
        name: String,
        /// What is wrong and how to mend it.
        reason: String,
    },
}
