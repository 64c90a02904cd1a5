//! What a drill plays: which state of which object, and which escalation besides.

use crate::config::Policy;
use crate::engine::answers::asked::Asked;
use crate::engine::answers::forecast::{state_names, state_of};
use crate::model::{ObjectKey, State, Timestamp};

/// What is played.
pub(super) struct Part {
    /// The object.
    pub(super) key: ObjectKey,
    /// The state it comes into.
    pub(super) state: State,
    /// Whether it has this state already: then only the escalation is played.
    pub(super) stands: bool,
    /// Which escalation is called.
    pub(super) policy: Option<Policy>,
    /// Who asked for it, by the name Icinga knows.
    pub(super) author: String,
    /// When.
    pub(super) now: Timestamp,
}

/// Reads what is to be played; the worst state where none is named. `Err` holds what to answer.
pub(super) fn read(
    asked: &Asked<'_>,
    key: ObjectKey,
    state: Option<&str>,
    policy: Option<&str>,
) -> Result<Part, String> {
    let worst = if key.is_host() { State::Down } else { State::Critical };
    let played = state.map_or(Ok(worst), |text| state_of(&key, text))?;
    let policy =
        policy.map(|name| asked.stage_ref().policy(name)).transpose().map_err(|why| match state {
            Some(_) => why,
            None => format!("{why}; the states of {key} are {}", state_names(&key)),
        })?;
    if policy.is_some() && !played.is_problem() {
        return Err(format!("people are called about problems, and {played} is none"));
    }
    let status = asked.world().status(&key);
    let stands = status.hard && status.state == Some(played);
    if stands && policy.is_none() {
        return Err(format!(
            "nobody would be told: {key} is {played} already; name another state, or an escalation to play"
        ));
    }
    Ok(Part { key, state: played, stands, policy, author: asked.author(), now: asked.now })
}
