//! `[deadman]`: who outside is told that all is well.

use super::webhook::url;
use crate::config::Deadman;
use crate::config::keys::DEADMAN;
use crate::config::raw::Section;

/// Who is told; `None` where nobody is, or where faults were noted.
pub(super) fn deadman(root: &Section<'_>) -> Option<Deadman> {
    if !root.has("deadman") {
        return None;
    }
    let section = root.section("deadman", &DEADMAN)?;
    let every = section.duration("every");
    Some(Deadman { url: url(&section)?, every: every? })
}
