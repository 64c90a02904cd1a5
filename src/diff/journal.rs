//! A comparison on what this Watchbell took in itself: its journal.
//!
//! Promises: reads what is committed now, through a connection of its own; changes
//! nothing. Never: disturbs the Watchbell that writes the journal.

use super::{Report, Trial};
use crate::config::Config;
use crate::engine::world::RestoreError;
use crate::engine::{Settings, World};
use crate::load::Set;
use crate::model::Timestamp;
use crate::store::StoreError;
use crate::store::sqlite::{Journal, SqliteReader};

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// The journal cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The copy of the state cannot be used.
    #[error("the state in the journal is of no use to this Watchbell: {0}")]
    State(#[from] RestoreError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// There is no journal.
    #[error("there is no journal yet; `watchbell run` keeps one, unless `[journal] keep` is \"0s\"")]
    Empty,
}

/// What came of a comparison on the journal.
#[derive(Debug)]
pub struct OnJournal {
    /// What differs.
    pub report: Report,
    /// Where the journal begins, if that is after the time that was asked for.
    pub begins_late: Option<Timestamp>,
    /// How many inputs a newer Watchbell wrote, which this one left out.
    pub unread: u64,
}

/// Opens the journal of a configuration at `since`, with the world at its beginning.
///
/// # Errors
/// [`DiffError::Empty`] where nothing was kept yet, and what reading it may give.
pub fn open(config: &Config, since: Timestamp) -> Result<(World, Journal), DiffError> {
    let mut journal = SqliteReader::open(&config.store)?.journal(since)?.ok_or(DiffError::Empty)?;
    let world = World::restore(std::mem::take(&mut journal.state))?.for_trial();
    Ok((world, journal))
}

/// Compares two sets on all that came in since a moment.
///
/// # Errors
/// As [`open`].
pub fn compare(
    config: &Config,
    (current, candidate): (&Set, &Set),
    since: Timestamp,
    stopped: impl Fn() -> bool + Sync,
) -> Result<OnJournal, DiffError> {
    let (world, mut journal) = open(config, since)?;
    let trial = Trial {
        settings: Settings::of(config),
        current: current.rules.clone(),
        candidate: candidate.rules.clone(),
        since,
    };
    let inputs = journal.inputs.by_ref().map(|input| input.map_err(DiffError::from));
    let report = trial.run(&world, inputs, stopped)?;
    let begins_late = Some(journal.begins).filter(|begins| *begins > since);
    Ok(OnJournal { report, begins_late, unread: journal.inputs.unread() })
}
