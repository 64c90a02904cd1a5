//! `watchbell backup`: a whole copy of the database, also while Watchbell runs.

use super::print::out;
use crate::store::sqlite::SqliteReader;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn backup(path: &Path, to: &Path) -> anyhow::Result<ExitCode> {
    let config = match super::load(path) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let bytes = SqliteReader::back_up(&config.store, to)?;
    out(&format!("{} is a copy of {}: {bytes} bytes, checked", to.display(), config.store.display()));
    Ok(ExitCode::SUCCESS)
}
