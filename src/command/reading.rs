//! Reading what stands behind the name of a command, where that is more than a word.

use super::request::Request;
use super::words::Words;
use crate::model::About;
use crate::model::time::{later, parse_duration};
use std::time::Duration;

/// How long a mute lasts unless it is said.
const MUTE_UNLESS_SAID: Duration = Duration::from_secs(3600);

/// How far back rules are compared unless it is said.
const COMPARED_UNLESS_SAID: Duration = Duration::from_secs(86_400);

type Reading = Result<Request, String>;

/// `service HOST!SERVICE`; `service HOST SERVICE` is what people type first.
pub(super) fn service(words: &mut Words<'_>) -> Reading {
    if words.len() == 2 {
        return Ok(Request::Service(words.all().join("!")));
    }
    Ok(Request::Service(words.one()?))
}

pub(super) fn replay_dead(words: &mut Words<'_>) -> Reading {
    if words.is_empty() {
        return Err(words.usage());
    }
    let usage = words.usage();
    let number = |text: &&str| match About::parse(text) {
        About::Delivery(id) => Ok(id),
        _ => Err(format!("`{text}` is no number of a delivery. {usage}")),
    };
    words.all().iter().map(number).collect::<Result<_, _>>().map(Request::ReplayDead)
}

pub(super) fn acknowledge(words: &mut Words<'_>) -> Reading {
    let object = words.one()?;
    let mut expiry = None;
    let mut sticky = false;
    loop {
        if words.took("sticky") {
            sticky = true;
        } else if expiry.is_none()
            && let Some(moment) = words.time()?
        {
            expiry = Some(moment);
        } else {
            break;
        }
    }
    if words.is_empty() {
        return Err(format!("say in a few words what you do about it. {}", words.usage()));
    }
    Ok(Request::Acknowledge { object, comment: words.rest(), expiry, sticky })
}

pub(super) fn comment(words: &mut Words<'_>) -> Reading {
    let object = words.one()?;
    if words.is_empty() {
        return Err(words.usage());
    }
    Ok(Request::Comment { object, text: words.rest() })
}

pub(super) fn mute(words: &mut Words<'_>) -> Reading {
    let what = words.one()?;
    let until = words.time()?.unwrap_or_else(|| later(words.now(), MUTE_UNLESS_SAID));
    Ok(Request::Mute { what, until, reason: words.rest() })
}

pub(super) fn reload(words: &mut Words<'_>) -> Reading {
    let force = words.took("force");
    if words.is_empty() { Ok(Request::Reload { force }) } else { Err(words.usage()) }
}

pub(super) fn diff(words: &mut Words<'_>) -> Reading {
    let length = words.optional().map_or(Ok(COMPARED_UNLESS_SAID), parse_duration);
    length.map(Request::Diff).map_err(|error| format!("{error}. {}", words.usage()))
}
