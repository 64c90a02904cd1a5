//! Mutes that are to stand in Icinga, too: which of them can, and whether who asks for them may do that.
//!
//! Promises: nobody has Icinga do by a mute what they may not have it do by `downtime` or `ack`.
//! Who asks for it is refused, and nothing is done; where the configuration asks for it, the mute
//! stands in Watchbell alone, and that is said.

use super::asked::Asked;
use crate::command::permit::Length;
use crate::engine::mute::Mute;
use crate::model::ObjectKey;
use std::collections::BTreeSet;

/// The object that is put in downtime or acknowledged in Icinga, too.
pub(super) fn object(
    mute: &Mute,
    object: Option<ObjectKey>,
    is_asked: bool,
    is_usual: bool,
) -> Result<Option<ObjectKey>, String> {
    if !is_asked && !is_usual {
        return Ok(None);
    }
    let can_be = (mute.until.is_some() || mute.until_ok) && mute.every.is_none();
    match object.filter(|_| can_be) {
        None if is_asked => {
            Err("only a mute of one object that ends at a time or with `until ok` can have a \
                                 downtime or an acknowledgement in Icinga"
                .to_owned())
        }
        object => Ok(object),
    }
}

/// Whether what these mutes do in Icinga may be done there: a downtime of this length, or without
/// one acknowledgements. Why they are to stand in Watchbell alone, where nobody asked for more.
/// `Err`: somebody did.
pub(super) fn permit(
    asked: &mut Asked<'_>,
    objects: &BTreeSet<ObjectKey>,
    downtime: Option<Length>,
    is_asked: bool,
) -> Result<Option<String>, String> {
    if objects.is_empty() {
        return Ok(None);
    }
    let command = if downtime.is_some() { "downtime" } else { "ack" };
    match asked.permit_also(command, objects, downtime.unwrap_or(Length::Open)) {
        Ok(()) => Ok(None),
        Err(why) if is_asked => {
            Err(asked.deny(format!("`mirror` does in Icinga what `{command}` does: {why}")))
        }
        Err(why) => Ok(Some(format!("not in Icinga as well, which would be as by `{command}`: {why}"))),
    }
}

/// Whether mutes that stand in Icinga as well may last longer there. `Err` holds what to answer.
pub(super) fn permit_longer(
    asked: &mut Asked<'_>,
    objects: &BTreeSet<ObjectKey>,
    downtime: Length,
) -> Result<(), String> {
    permit(asked, objects, Some(downtime), true).map(drop)
}
